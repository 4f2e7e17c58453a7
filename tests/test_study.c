/* test_study.c - study files: what a good one becomes, and where and why a bad one is refused. */
#include "check.h"
#include "fail.h"
#include "study_read.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LENGTH(A) (sizeof(A) / sizeof *(A))

/* ---- helpers ---- */

static struct study *load(const char *text) {
    struct study *study;
    char *faults;
    if (study_load_text("t.yaml", text, strlen(text), &study, &faults))
        fail_msg("%s", faults);
    return study;
}

/* The faults of a text that must have some; the caller frees them. */
static char *faults_of(const char *text, size_t size) {
    struct study *study;
    char *faults;
    assert_int_equal(study_load_text("t.yaml", text, size, &study, &faults), -1);
    assert_null(study);
    assert_non_null(faults);
    return faults;
}

static int count(const char *text, const char *word) {
    int n = 0;
    while ((text = strstr(text, word))) {
        n++;
        text += strlen(word);
    }
    return n;
}

static void assert_has(const char *text, const char *wanted) {
    if (!strstr(text, wanted))
        fail_msg("'%s' is not in:\n%s", wanted, text);
}

/* One fault, and this one. */
static void assert_fault(const char *text, const char *wanted) {
    char *faults = faults_of(text, strlen(text));
    assert_has(faults, wanted);
    if (count(faults, ": error: ") != 1)
        fail_msg("one fault was expected:\n%s", faults);
    free(faults);
}

static char *resolved(const struct study *study) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(study_resolve(study, out), 0);
    fclose(out);
    return text;
}

#define HEAD "study: s\nbudget: 100 epochs\n"
#define BOWL HEAD "solver:\n  name: bowl\n"

/* ---- good studies ---- */

static void defaults(void **state) {
    (void)state;
    struct study *study = load("study: s\nsolver: {name: bowl}\nbudget: 10\n");
    assert_string_equal(study->name, "s");
    assert_int_equal(study->seed, 1);
    assert_int_equal(study->repeats, 1);
    assert_int_equal(study->pending, 1);
    assert_true(study->timeout == 0 && !study->isolate);
    assert_int_equal(study->space.n, 0);
    assert_true(study->has_fidelity && study->fidelity_min == 8 && study->fidelity_max == 8);
    assert_int_equal(study->n_methods, 1);
    assert_string_equal(study->method[0].label, "random");
    assert_true(study->budget == 10 && study->budget_in_trials);
    assert_string_equal(objective_goal_text(study->objective, 0), "accuracy");
    assert_true(objective_maximizes(study->objective, 0));
    study_free(study);
}

static const char *const full = "# a question\n"
                                "study: full-1.x\n"
                                "seed: 9007199254740992\n"
                                "repeats: 5\n"
                                "pending: 3\n"
                                "timeout: 10 min\n"
                                "isolate: yes\n"
                                "solver:\n"
                                "  fault: [nan, none, fail]\n"
                                "  fault_above: -1 .. 1\n"
                                "  name: bowl\n"
                                "  epochs: 1 epoch .. 8 epochs\n"
                                "  x0: -1e0 .. 3\n"
                                "  x1: [2, -0.5, 1]\n"
                                "  x2: 0.5\n"
                                "  x3: 1e-4 .. 1 log\n"
                                "objective:\n"
                                "  maximize: accuracy * (runtime/80 ms)^-0.07\n"
                                "  subject to: [runtime <= 0.1 s, accuracy >= 90 %]\n"
                                "  target: params = 5 M\n"
                                "methods: [random, {name: random, label: again}]\n"
                                "budget: 240 epochs\n";

static void everything(void **state) {
    (void)state;
    struct study *study = load(full);
    assert_true(study->seed == (uint64_t)1 << 53);
    assert_int_equal(study->repeats, 5);
    assert_int_equal(study->pending, 3);
    assert_true(study->timeout == 600 && study->isolate);
    assert_true(study->fidelity_min == 1 && study->fidelity_max == 8);
    assert_int_equal(study->space.n, 5); /* in the order of the table */
    const struct space_dim *dim = study->space.dim;
    assert_string_equal(dim[0].name, "x0");
    assert_true(dim[0].kind == SPACE_REAL && dim[0].lo == -1 && dim[0].hi == 3 &&
                dim[0].scale == SETTING_LINEAR && dim[0].parent == -1);
    assert_true(dim[1].kind == SPACE_LIST && dim[1].levels == 3 && dim[1].level[0] == -0.5 &&
                dim[1].level[1] == 1 && dim[1].level[2] == 2);
    assert_true(dim[2].scale == SETTING_LOG && dim[2].lo == 1e-4);
    assert_string_equal(dim[3].name, "fault");
    assert_true(dim[3].kind == SPACE_CHOICE && dim[3].levels == 3 && dim[3].level[0] == 0 &&
                dim[3].level[1] == 1 && dim[3].level[2] == 6);
    assert_true(dim[4].parent == 3 && dim[4].parent_levels == 6); /* fail and nan, not none */
    assert_true(config_real(&study->settings, "x2") == 0.5);
    assert_true(config_real(&study->settings, "epochs") == 8);
    assert_int_equal(objective_constraints(study->objective), 3);
    assert_true(objective_constraint_kind(study->objective, 2) == HPO_TARGET);
    assert_string_equal(study->method[1].label, "again");
    assert_true(study->budget == 240 && !study->budget_in_trials);
    study_free(study);
}

static void resolved_is_a_fixed_point(void **state) {
    (void)state;
    static const char *const texts[] = {
        "study: s\nsolver: {name: bowl}\nbudget: 10\n", NULL,
        "study: s\nsolver: {name: bowl, x0: -5 .. 5}\nbudget: 1 trial\nobjective: [maximize "
        "accuracy, 'minimize |ln(runtime/80 ms)|']\n",
        "study: s\nsolver: {name: bowl, epochs: 3, x4: 0.1}\nbudget: 3 epoch\nobjective: minimize "
        "loss\ntimeout: 0.5 s\n",
        "study: s\nsolver: {name: bowl}\nbudget: 9\nobjective: {goals: [maximize accuracy, "
        "minimize runtime], target: [runtime = 80 ms]}\n"};
    for (size_t i = 0; i < LENGTH(texts); i++) {
        struct study *study = load(texts[i] ? texts[i] : full);
        char *once = resolved(study);
        struct study *again = load(once);
        char *twice = resolved(again);
        assert_string_equal(once, twice);
        assert_int_equal(study_continues(again, study), 0);
        free(once);
        free(twice);
        study_free(study);
        study_free(again);
    }
}

static void resolved_has_one_order(void **state) {
    (void)state;
    struct study *study = load("budget: 20 trials\nsolver: {x1: [1, 0], fault: [nan, none], name: "
                               "bowl, epochs: 2 .. 4}\nstudy: s\n");
    char *text = resolved(study);
    assert_string_equal(text, "study: s\nseed: 1\nrepeats: 1\npending: 1\ntimeout: none\n"
                              "isolate: no\nsolver:\n  name: bowl\n  x0: 0\n  x1: [0, 1]\n  x2: 0\n"
                              "  x3: 0\n  x4: 0\n  epochs: 2 .. 4\n  fault: [none, nan]\n"
                              "  fault_above: -5\nobjective:\n  goals:\n    - maximize accuracy\n"
                              "methods:\n  - name: random\n    label: random\n"
                              "budget: 20 trials\n");
    free(text);
    study_free(study);
}

static void conditions_follow_pinned_parents(void **state) {
    (void)state;
    struct study *study = load(BOWL "  fault: fail\n  fault_above: -1 .. 1\n");
    assert_true(study->space.n == 1 && study->space.dim[0].parent == -1);
    study_free(study);
    study = load(BOWL "  fault: [fail, nan]\n  fault_above: -1 .. 1\n"); /* matters under both */
    assert_true(study->space.n == 2 && study->space.dim[1].parent == -1);
    study_free(study);
}

/* ---- trials and tasks ---- */

static void trial_settings(void **state) {
    (void)state;
    struct study *study = load(full);
    struct trial trial = {.fidelity = 4};
    double value[SPACE_MAX_DIMS] = {2.5, 2, 0.01, 0, NAN};
    struct config config;
    space_encode(&study->space, value, trial.x);
    assert_int_equal(study_trial_settings(study, &trial, &config), 0);
    assert_true(fabs(config_real(&config, "x0") - 2.5) < 1e-12);
    assert_true(config_real(&config, "x1") == 2 && config_real(&config, "x2") == 0.5);
    assert_true(config_real(&config, "epochs") == 4 && config_real(&config, "fault_above") == -5);
    assert_string_equal(config_text(&config, "fault"), "none");
    config_free(&config);
    study_free(study);
}

static void tasks(void **state) {
    (void)state;
    struct study *study = load(full);
    struct hpo_task a, b, c;
    study_hpo_task(study, 0, 2, &a);
    study_hpo_task(study, 1, 2, &b);
    study_hpo_task(study, 0, 3, &c);
    assert_true(a.seed == b.seed && a.seed != c.seed);
    assert_true(a.fidelity_min == 1 && a.fidelity_max == 8 && a.fidelity_integral && !a.resumable);
    assert_true(a.n_objectives == 1 && a.n_constraints == 3);
    assert_true(a.constraint_kind[0] == HPO_CAP && a.constraint_kind[2] == HPO_TARGET);
    assert_ptr_equal(b.settings, &study->method[1].settings);
    assert_false(a.has_start); /* the default of x1, 0, is not in its list */
    assert_true(study_trial_seed(study, 0, 1) != study_trial_seed(study, 0, 2));
    assert_true(study_trial_seed(study, 0, 1) != study_trial_seed(study, 1, 0));
    study_free(study);
}

static void start_is_the_defaults(void **state) {
    (void)state;
    struct hpo_task task;
    double value[SPACE_MAX_DIMS];
    struct study *study =
        load(BOWL "  x0: -5 .. 3\n  x1: [1, 0]\n  fault: [none, nan]\n  fault_above: 1 .. 2\n");
    study_hpo_task(study, 0, 0, &task);
    assert_true(task.has_start); /* fault_above has no default in range, but does not matter */
    space_decode(&study->space, task.start, value);
    assert_true(fabs(value[0]) < 1e-12 && value[1] == 0 && value[2] == 0 && isnan(value[3]));
    study_free(study);
    study = load(BOWL "  x0: 1 .. 3\n");
    study_hpo_task(study, 0, 0, &task);
    assert_false(task.has_start);
    study_free(study);
}

/* ---- bad studies ---- */

static void faults_in_the_study(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {BOWL "trails: 4\n", "t.yaml:5:1: error: unknown key 'trails' in the study"},
        {BOWL "repeat: 4\n", "t.yaml:5:1: error: unknown key 'repeat' in the study; did you mean "
                             "'repeats'? (study, seed, repeats, pending, timeout"},
        {BOWL "  x9: 4\n", "t.yaml:5:3: error: unknown key 'x9' in solver bowl; did you mean 'x0'? "
                           "(name, x0, x1"},
        {BOWL "  settings: {}\n", "t.yaml:5:3: error: unknown key 'settings' in solver bowl"},
        {BOWL "methods: [{nam: random, name: random}]\n",
         "t.yaml:5:12: error: unknown key 'nam' in method random; did you mean 'name'? (name, "
         "label)"},
        {BOWL "objective: {maximise: loss, minimize: loss}\n",
         "t.yaml:5:13: error: unknown key 'maximise' in objective; did you mean 'maximize'?"},
        {BOWL "seed: {a: 1}\n", "t.yaml:5:7: error: seed must be a single value, not a map"},
        {BOWL "seed: [1]\n", "t.yaml:5:7: error: seed must be a single value, not a list"},
        {BOWL "seed:\n", "t.yaml:5:1: error: seed has no value"},
        {BOWL "seed: -1\n", "t.yaml:5:7: error: seed: -1 is outside 0 .. "},
        {BOWL "seed: 1.5\n", "t.yaml:5:7: error: seed: 1.5 is no whole number"},
        {BOWL "repeats: many\n", "t.yaml:5:10: error: repeats: 'many' is no whole number; allowed: "
                                 "1 .. 10000"},
        {BOWL "pending: 65\n", "t.yaml:5:10: error: pending: 65 is outside 1 .. 64"},
        {BOWL "timeout: 600\n", "t.yaml:5:10: error: timeout: '600' is no time; write 'none', '600 "
                                "s'"},
        {BOWL "timeout: -1 s\n", "t.yaml:5:10: error: timeout: '-1 s' is no time"},
        {BOWL "timeout: nan s\n", "t.yaml:5:10: error: timeout: 'nan s' is no time"},
        {BOWL "isolate: maybe\n", "t.yaml:5:10: error: isolate: 'maybe' is neither no nor yes"},
        {BOWL "seed: 1\nseed: 2\n",
         "t.yaml:6:1: error: duplicate key 'seed'; it is already given on line 5"},
        {BOWL "  x0: 1\n  x0: 2\n", "t.yaml:6:3: error: duplicate key 'x0'"},
        {"solver: {name: bowl}\nbudget: 9\n",
         "t.yaml:1:1: error: the study has no 'study'; write study: a-name"},
        {"study: s\nbudget: 9\n", "t.yaml:1:1: error: the study has no 'solver'"},
        {"study: s\nsolver: {name: bowl}\n", "t.yaml:1:1: error: the study has no 'budget'"},
        {HEAD "solver: {x0: 1}\n", "t.yaml:3:1: error: solver: 'name' is missing"},
        {HEAD "solver: bowl\n",
         "t.yaml:3:9: error: solver must be a map of keys and values, not a text"},
        {HEAD "solver: {name: bowel}\n", "t.yaml:3:16: error: no solver 'bowel'; did you mean "
                                         "'bowl'? ("},
        {HEAD "solver: {name: zzzzzzzz}\n",
         "t.yaml:3:16: error: no solver 'zzzzzzzz'; there are "},
        {BOWL "methods: [randon]\n",
         "t.yaml:5:11: error: no method 'randon'; did you mean 'random'? ("},
        {BOWL "methods: zzzzzzzz\n", "t.yaml:5:10: error: no method 'zzzzzzzz'; there are random"},
        {BOWL "methods: []\n", "t.yaml:5:10: error: methods: the list is empty"},
        {BOWL "methods: [{label: a}]\n", "t.yaml:5:11: error: a method without 'name'"},
        {BOWL "methods: [random, random]\n",
         "t.yaml:5:19: error: two methods are called 'random'; give one another label"},
        {BOWL "methods: [{name: random, label: =a}]\n",
         "t.yaml:5:33: error: '=a' is no name for a label"},
        {"study: .s\nbudget: 9\nsolver: {name: bowl}\n",
         "t.yaml:1:8: error: '.s' is no name for a study: 1 to 64 letters"},
        {"study: a/b\nbudget: 9\nsolver: {name: bowl}\n", "t.yaml:1:8: error: 'a/b' is no name"},
        {"- a\n- b\n", "t.yaml:1:1: error: a study must be a map of keys and values, not a list"},
        {"hello\n", "t.yaml:1:1: error: a study must be a map of keys and values, not a text"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_fault(cases[i].text, cases[i].fault);
}

static void faults_in_settings(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {BOWL "  x0: 3 .. -1\n", "t.yaml:5:7: error: x0: the range is upside down; write -1 .. 3"},
        {BOWL "  x0: 3 .. 3\n",
         "t.yaml:5:7: error: x0: the range holds one value; write 3 to pin it"},
        {BOWL "  x0: -1 .. 9\n", "t.yaml:5:13: error: x0: 9 is outside -5 .. 5"},
        {BOWL "  x0: -9 .. 1\n", "t.yaml:5:7: error: x0: -9 is outside -5 .. 5"},
        {BOWL "  x0: 9\n", "t.yaml:5:7: error: x0: 9 is outside -5 .. 5"},
        {BOWL "  x0: -1 .. 1 log\n",
         "t.yaml:5:7: error: x0: a log scale needs a range above 0; write"},
        {BOWL "  x0: -1 .. \n", "t.yaml:5:12: error: x0: '' is no number; allowed: -5 .. 5"},
        {BOWL "  x0: abc\n", "t.yaml:5:7: error: x0: 'abc' is no number; allowed: -5 .. 5"},
        {BOWL "  x0: 1 epochs\n", "t.yaml:5:7: error: x0: '1 epochs' is no number"},
        {BOWL "  x0: {a: 1}\n", "t.yaml:5:7: error: x0 must be a single value, not a map"},
        {BOWL "  x0: [1]\n",
         "t.yaml:5:7: error: x0: a list holds 2 to 64 values; this one holds 1"},
        {BOWL "  x0: [1, 2, 1.0]\n", "t.yaml:5:14: error: x0: '1.0' is in the list twice"},
        {BOWL "  x0: [1, 7]\n", "t.yaml:5:11: error: x0: 7 is outside -5 .. 5"},
        {BOWL "  x0: [1, [2]]\n", "t.yaml:5:11: error: x0 must be a single value, not a list"},
        {BOWL "  fault: nun\n",
         "t.yaml:5:10: error: fault: 'nun' is none of none|fail|exit|abort|"},
        {BOWL "  fault: nun\n  fault_above: 1 .. 2\n", "t.yaml:5:10: error: fault: 'nun'"},
        {BOWL "  fault: a .. b\n", "t.yaml:5:10: error: fault: 'a .. b' is none of none|fail"},
        {BOWL "  epochs: [1, 2]\n",
         "t.yaml:5:11: error: epochs is the fidelity: a value or a range"},
        {BOWL "  epochs: 1 .. 2000\n",
         "t.yaml:5:16: error: epochs: 2000 is outside 1 .. 1000 epochs"},
        {BOWL "  epochs: 1.5\n", "t.yaml:5:11: error: epochs: 1.5 is no whole number"},
        {BOWL "  fault_above: 1 .. 2\n",
         "t.yaml:5:16: error: fault_above is searched but never matters while fault is none"},
        {HEAD "solver: {name: bowl, epochs: 1 .. 200}\n",
         "t.yaml:2:9: error: budget: 100 epochs is less than one full trial (200)"},
        {"study: s\nsolver: {name: bowl}\nbudget: 9 hours\n",
         "t.yaml:3:11: error: budget: 'hours' is no unit of solver bowl; write 'epochs' or"},
        {"study: s\nsolver: {name: bowl}\nbudget: lots\n",
         "t.yaml:3:9: error: budget: 'lots' is no amount; write '100 trials' or '100 epochs'"},
        {"study: s\nsolver: {name: bowl}\nbudget: 0\n", "t.yaml:3:9: error: budget: 0 trials"},
        {"study: s\nsolver: {name: bowl}\nbudget: 1.5 trials\n",
         "t.yaml:3:9: error: budget: 1.5 trials; it must be a whole number"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_fault(cases[i].text, cases[i].fault);
}

static void methods_have_settings(void **state) {
    (void)state;
    struct study *study =
        load(BOWL "methods: [bo, {name: bo, label: b, design: 4 trials, start: design}, random]\n");
    assert_int_equal(study->n_methods, 3);
    assert_int_equal(config_int(&study->method[0].settings, "design"), 0);
    assert_int_equal(config_int(&study->method[1].settings, "design"), 4);
    assert_string_equal(config_text(&study->method[1].settings, "start"), "design");
    struct study *before = load(BOWL "methods: [bo, {name: bo, label: b, design: 5, start: "
                                     "design}]\n");
    assert_int_equal(study_continues(study, before), -1);
    assert_string_equal(fail_message(), "design of method b: 5 there, 4 here");
    assert_int_equal(study_continues(before, study), -1);
    assert_has(fail_message(), "method 3: random there, nothing here");
    study_free(before);
    study_free(study);
    assert_fault(BOWL "methods: {name: bo, desing: 4}\n",
                 "t.yaml:5:21: error: unknown key 'desing' in method bo; did you mean 'design'?");
    assert_fault(BOWL "methods: {name: bo, start: defualt}\n",
                 "t.yaml:5:28: error: start: 'defualt' is none of default|design; did you mean");
    assert_fault(BOWL "methods: {name: bo, design: 4 .. 9}\n",
                 "t.yaml:5:29: error: design: a method's setting takes one value; to compare");
    assert_fault(BOWL "methods: {name: bo, design: [4, 9]}\n",
                 "t.yaml:5:29: error: design: a method's setting takes one value");
}

static void faults_in_objectives(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {BOWL "objective: accuracy\n",
         "t.yaml:5:12: error: a goal starts with 'maximize' or 'minimize'"},
        {BOWL "objective: maximize acuracy\n",
         "t.yaml:5:21: error: no quantity 'acuracy'; did you mean 'accuracy'?"},
        {BOWL "objective:\n  maximize: accuracy * foo\n",
         "t.yaml:6:24: error: no quantity 'foo'; there are accuracy, loss, runtime"},
        {BOWL "objective:\n  maximize: \"accuracy * foo\"\n", "t.yaml:6:25: error: no quantity"},
        {BOWL "objective:\n  maximize: accuracy )\n",
         "t.yaml:6:22: error: an operator (+ - * / ^) is expected here"},
        {BOWL "objective:\n  maximize: accuracy\n  minimize: loss\n",
         "t.yaml:7:3: error: 'maximize' and 'minimize' at once; for several goals write goals:"},
        {BOWL "objective:\n  target: runtime = 80 ms\n",
         "t.yaml:5:1: error: objective: nothing to maximize or minimize"},
        {BOWL "objective:\n  maximize: accuracy\n  subject to: runtime < 80 ms\n",
         "t.yaml:7:23: error: '<=' or '>=' is expected here"},
        {BOWL
         "objective:\n  maximize: accuracy\n  subject to: [params <= 1 M, runtime <= 80 sec]\n",
         "t.yaml:7:42: error: 'sec' is no unit"},
        {BOWL "objective: []\n", "t.yaml:5:12: error: a list of goals needs one"},
        {BOWL "objective: [maximize accuracy, maximize  accuracy]\n",
         "t.yaml:5:42: error: 'accuracy' is a goal already"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_fault(cases[i].text, cases[i].fault);
}

static void faults_of_yaml(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"", "t.yaml:1:1: error: the study is empty"},
        {"# nothing\n\n", "t.yaml:1:1: error: the study is empty"},
        {HEAD "solver: {name: bowl\nseed: 1\n", "t.yaml:4:5: error: missing comma in flow mapping"},
        {"study: \"s\n", "error: "},
        {"study: &a s\n", "t.yaml:1:9: error: anchors (&name) have no place in a study"},
        {"study: *a\n", "t.yaml:1:9: error: aliases (*name) have no place in a study"},
        {"study: !!str s\n", "t.yaml:1:8: error: tags (!name) have no place in a study"},
        {"? [a, b]\n: c\n", "t.yaml:1:3: error: a key must be a plain word, not a list"},
        {"? {a: b}\n: c\n", "t.yaml:1:3: error: a key must be a plain word, not a map"},
        {"study: s\n---\nstudy: t\n", "t.yaml:2:1: error: a second document"},
        {"a: [[[[[[[[1]]]]]]]]\n", "t.yaml:1:11: error: lists and maps more than 8 deep"},
        {"study: s\r\n", "t.yaml:1:9: error: a carriage return; save the file with plain line"},
        {"a: b\nc: \x01\n", "t.yaml:2:4: error: a control character (byte 0x01)"},
        {"a: b\n\xc3\xa9: \xff\n", "t.yaml:2:4: error: this is not UTF-8 text (byte 0xff)"},
        {"a: \xc0\x80\n", "t.yaml:1:4: error: this is not UTF-8 text (byte 0xc0)"},
        {"a: \xed\xa0\x80\n", "t.yaml:1:4: error: this is not UTF-8 text"},
        {"study: \"a\\0b\"\n", "t.yaml:1:9: error: a control character in a text"},
        {"study: \"a\\eb\"\n", "t.yaml:1:9: error: a control character in a text"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_fault(cases[i].text, cases[i].fault);
}

/* The class of bytes on which libfyaml 0.7.12 loops for ever: complex keys, NUL, invalid UTF-8. */
static void bytes_that_hang_the_parser(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {{"? \0\xff\n: a\n", 8},      {"{? [\0]: \xfe}", 10},  {"\xff\xfe? a", 5},
                 {"? |\n \x00\x80\n? b", 11}, {"\0\0\0\0\0\0\0\0", 8}, {"a: \xe2\x28\xa1", 6}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char *faults = faults_of(cases[i].bytes, cases[i].size);
        assert_int_equal(count(faults, ": error: "), 1);
        free(faults);
    }
}

static void large_inputs_are_bounded(void **state) {
    (void)state;
    size_t size = 2 << 20;
    char *text = malloc(size);
    memset(text, 'a', size);
    char *faults = faults_of(text, size);
    assert_has(faults, "t.yaml: error: the file is larger than a study may be (1048576 bytes)");
    free(faults);
    for (size_t i = 0; i + 1 < (1 << 20); i += 2) /* a list of half a million values */
        memcpy(text + i, i ? "a," : "[a", 2);
    faults = faults_of(text, 1 << 20);
    assert_has(faults, "error: more than 8192 values in one study");
    free(faults);
    memset(text, '[', 1 << 20);
    faults = faults_of(text, 1 << 20);
    assert_has(faults, "deep");
    assert_true(strlen(faults) < 4000);
    free(faults);
    free(text);
}

static void all_faults_in_line_order(void **state) {
    (void)state;
    const char *text = "budget: 9 eons\n"
                       "sed: 3\n"
                       "study: s\n"
                       "solver:\n"
                       "  name: bowl\n"
                       "  x1: 3 .. 1\n"
                       "  x0: b\n"
                       "methods: [rendom]\n";
    char *faults = faults_of(text, strlen(text));
    static const char *const wanted[] = {
        "t.yaml:1:11: error: budget: 'eons'", "t.yaml:2:1: error: unknown key 'sed'",
        "t.yaml:6:7: error: x1: the range", "t.yaml:7:7: error: x0: 'b'",
        "t.yaml:8:11: error: no method"};
    const char *at = faults;
    for (size_t i = 0; i < LENGTH(wanted); i++) {
        at = strstr(at, wanted[i]);
        if (!at)
            fail_msg("'%s' is missing or out of order in\n%s", wanted[i], faults);
    }
    assert_int_equal(count(faults, ": error: "), 5);
    assert_string_equal(fail_message(), "t.yaml: 5 faults");
    free(faults);
}

static void faults_show_the_line_and_a_caret(void **state) {
    (void)state;
    const char *text =
        "study: s\nsolver: {name: bowl, \"\xc3\xb6\": 1, x0: \xc3\xa9\xc3\xa9t\xc3\xa9}"
        " # \xc3\xa9\nbudget: 9\n";
    char *faults = faults_of(text, strlen(text));
    assert_has(faults, "t.yaml:2:34: error: x0: '\xc3\xa9\xc3\xa9t\xc3\xa9' is no number; "
                       "allowed: -5 .. 5\n"
                       "solver: {name: bowl, \"\xc3\xb6\": 1, x0: \xc3\xa9\xc3\xa9t\xc3\xa9} # "
                       "\xc3\xa9\n"
                       "                                 ^~~~\n");
    free(faults);
}

static void long_lines_are_cut_around_the_fault(void **state) {
    (void)state;
    char text[3000] = BOWL "methods: [", *end = text + strlen(text);
    for (int i = 0; i < 20; i++)
        end += sprintf(end, "{name: random, label: a_rather_long_label_%03d}, ", i);
    strcpy(end, "{name: rando}]\n");
    char *faults = faults_of(text, strlen(text));
    assert_has(faults, "did you mean 'random'?");
    assert_has(faults, "\n...");
    assert_has(faults, "{name: rando}]\n");
    const char *line = strchr(faults, '\n') + 1, *caret = strchr(line, '\n') + 1;
    assert_memory_equal(line + strcspn(caret, "^"), "rando}", 6);
    free(faults);
}

static void files(void **state) {
    (void)state;
    struct study *study;
    char *faults, path[] = "study-test-XXXXXX";
    assert_int_equal(study_load("no/such/file.yaml", &study, &faults), -1);
    assert_string_equal(faults, "no/such/file.yaml: error: cannot be read: No such file or "
                                "directory\n");
    free(faults);
    assert_int_equal(study_load(".", &study, &faults), -1);
    assert_string_equal(faults, ".: error: cannot be read: it is a folder, not a file\n");
    free(faults);
    assert_int_equal(study_load("/dev/zero", &study, &faults), -1);
    assert_has(faults, "it is a device or pipe, not a file");
    free(faults);
    int file = mkstemp(path);
    assert_true(file >= 0 && write(file, full, strlen(full)) == (ssize_t)strlen(full));
    assert_int_equal(study_load(path, &study, &faults), 0);
    assert_null(faults);
    study_free(study);
    assert_int_equal(ftruncate(file, 2 << 20), 0);
    assert_int_equal(study_load(path, &study, &faults), -1);
    assert_has(faults, "the file is larger than a study may be");
    free(faults);
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(study_load(path, &study, &faults), -1);
    assert_has(faults, ":1:1: error: the study is empty");
    free(faults);
    close(file);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
    assert_int_equal(study_load(path, &study, &faults), -1);
    assert_has(faults, "a device or pipe");
    free(faults);
    unlink(path);
}

/* ---- declared settings, over a solver of the test's own ---- */

static const struct setting own_settings[] = {
    {.name = "file", .type = SETTING_TEXT, .help = "recorded results"},
    {.name = "epochs", .type = SETTING_INT, .lo = 1, .hi = 200, .preset = "12", .unit = "epochs"},
    {.name = "mode", .type = SETTING_CHOICE, .choices = "a|b", .preset = "a"},
    {.name = "depth", .type = SETTING_INT, .lo = 1, .hi = 9, .when = "mode=b"},
    {0}};
static const struct solver_ops recorder = {
    .name = "recorder", .settings = own_settings, .fidelity = "epochs", .declares = true};

/* Reads a solver map for `recorder`; *faults (owned by the caller) is "" when all is well. */
static struct study *read_declared(const char *text, char **faults) {
    struct faults found = {.path = "t.yaml", .source = text, .size = strlen(text)};
    struct yaml *root = yaml_parse(&found);
    assert_non_null(root);
    struct study *study = calloc(1, sizeof *study);
    study->solver = &recorder;
    study_read_settings(study, root, &found);
    *faults = faults_text(&found);
    faults_free(&found);
    yaml_free(root);
    return study;
}

static void declared_settings(void **state) {
    (void)state;
    char *faults;
    struct study *study = read_declared(
        "name: recorder\nfile: a..b\nepochs: 12 .. 200\nsettings:\n"
        "  width: 0.01 .. 1 log\n  op: [conv, skip]\n  layers: [8, 2]\n"
        "  op0: {type: choice, choices: [0, 1, 2], default: 1, search: no}\n"
        "  rate: {type: real, range: 1e-5 .. 1, scale: log, default: 5 ms, unit: ms, search: no}\n"
        "  n: {type: int, range: 1 .. 9, default: 3}\n"
        "  kind: {choices: ['x, y', z]}\n"
        "  note: {type: text, default: \"hello: world\"}\n",
        &faults);
    assert_has(faults, "t.yaml:9:61: error: rate: 5 is outside 1e-05 .. 1 ms\n");
    assert_int_equal(count(faults, ": error: "), 1);
    assert_int_equal(study->n_solver_settings, 4);
    assert_int_equal(study->settings.count, 4 + 7);
    assert_int_equal(study->space.n, 5);
    const struct space_dim *dim = study->space.dim;
    assert_true(dim[0].kind == SPACE_REAL && dim[0].scale == SETTING_LOG && dim[0].hi == 1);
    assert_true(dim[1].kind == SPACE_CHOICE && dim[1].levels == 2);
    assert_true(dim[2].kind == SPACE_LIST && dim[2].level[0] == 2 && dim[2].level[1] == 8);
    assert_true(dim[3].kind == SPACE_INT && dim[3].lo == 1 && dim[3].hi == 9);
    assert_true(dim[4].kind == SPACE_CHOICE);
    assert_string_equal(config_text(&study->settings, "op0"), "1");
    assert_string_equal(config_text(&study->settings, "file"), "a..b");
    assert_string_equal(config_text(&study->settings, "note"), "hello: world");
    free(faults);
    study_free(study);
}

/* What a declared setting is written as reads back to the same. */
static void declared_settings_resolve(void **state) {
    (void)state;
    static const struct {
        const char *given, *written;
    } cases[] = {
        {"0.01 .. 1 log", "{type: real, range: 0.01 .. 1, scale: log, search: yes}"},
        {"[b, a]", "{type: choice, choices: [b, a], search: yes}"},
        {"[8, 2]", "{type: real, choices: [2, 8], search: yes}"},
        {"{type: choice, choices: [0, 1], default: 1, search: no}",
         "{type: choice, choices: [0, 1], default: 1, search: no}"},
        {"{type: int, range: 1 .. 90, default: 3 kg, unit: kg}",
         "{type: int, range: 1 .. 90, scale: linear, default: 3, unit: kg, search: yes}"},
        {"{choices: ['x, y', \"q\\\"z\"]}",
         "{type: choice, choices: [\"x, y\", \"q\\\"z\"], search: yes}"},
        {"{type: text, default: 'a: b'}", "{type: text, default: \"a: b\", search: no}"},
        {"{choices: [-1, -2.5]}", "{type: choice, choices: [-1, -2.5], search: yes}"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        for (int again = 0; again < 2; again++) {
            char text[500], *faults;
            snprintf(text, sizeof text, "file: f\nsettings:\n  s: %s\n",
                     again ? cases[i].written : cases[i].given);
            struct study *study = read_declared(text, &faults);
            assert_string_equal(faults, "");
            char *written = study_setting_text(study, 4);
            assert_string_equal(written, cases[i].written);
            free(written);
            free(faults);
            study_free(study);
        }
}

static void faults_in_declared_settings(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"=cmd(): [a, b]", "t.yaml:3:3: error: '=cmd()' is no name for a setting"},
        {"0a: [a, b]", "t.yaml:3:3: error: '0a' is no name for a setting"},
        {"epochs: [a, b]", "t.yaml:3:3: error: 'epochs' is already a setting of solver recorder"},
        {"name: [a, b]", "t.yaml:3:3: error: 'name' is already a setting of solver recorder"},
        {"s: [a, =b]", "t.yaml:3:10: error: '=b' cannot be a choice"},
        {"s: [a, -b]", "t.yaml:3:10: error: '-b' cannot be a choice"},
        {"s: [a, '@b']", "t.yaml:3:11: error: '@b' cannot be a choice"},
        {"s: [a, +1]", "t.yaml:3:10: error: '+1' cannot be a choice"},
        {"s: ['a|b', c]", "t.yaml:3:8: error: 'a|b' cannot be a choice"},
        {"s: [a, a]", "t.yaml:3:10: error: s: 'a' is in the list twice"},
        {"s: [a]", "t.yaml:3:6: error: s: a list holds 2 to 64 values; this one holds 1"},
        {"s: 5",
         "t.yaml:3:6: error: s: a declared setting is a range 'lo .. hi', a list, or a map"},
        {"s: 5 .. 1", "t.yaml:3:6: error: s: the range is upside down"},
        {"s: {typ: real}", "t.yaml:3:7: error: unknown key 'typ' in a declared setting; did you"},
        {"s: {type: rael, range: 1 .. 2}",
         "t.yaml:3:13: error: type: 'rael' is none of real|int|choice|text; did you mean 'real'?"},
        {"s: {type: real}", "t.yaml:3:3: error: s: to be searched it needs a range or choices"},
        {"s: {type: real, range: 1 .. 2, search: no}",
         "t.yaml:3:3: error: s: search is no, so it needs a default"},
        {"s: {type: text, default: a, search: yes}", "t.yaml:3:3: error: s is a text"},
        {"s: {type: int, range: 1 .. 2.5}", "error: s: 2.5 is no whole number"},
        {"s: {type: choice, range: 1 .. 2, choices: [a, b]}",
         "error: s: a range or choices, not both"},
        {"s: {choices: [a, b], default: c}", "t.yaml:3:33: error: s: 'c' is none of a|b"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char text[500], *faults;
        snprintf(text, sizeof text, "file: f\nsettings:\n  %s\n", cases[i].text);
        struct study *study = read_declared(text, &faults);
        assert_has(faults, cases[i].fault);
        free(faults);
        study_free(study);
    }
}

/* The same through the whole road, with the solver that has them. */
static void declared_settings_of_a_table(void **state) {
    (void)state;
    const char *text = "study: t\n"
                       "solver:\n"
                       "  name: table\n"
                       "  file: nb.csv\n"
                       "  key: ops={op0}{op1}, seed=1\n"
                       "  accuracy: val / 100\n"
                       "  epochs: 12 .. 200\n"
                       "  settings:\n"
                       "    op0: [none, skip, conv]\n"
                       "    op1: {type: choice, choices: [none, skip], default: skip}\n"
                       "    width: [16, 64, 32]\n"
                       "    seed: {type: int, range: 0 .. 9, default: 3, search: no}\n"
                       "budget: 600 epochs\n";
    struct study *study = load(text);
    assert_int_equal(study->space.n, 3);
    assert_string_equal(config_text(&study->settings, "key"), "ops={op0}{op1}, seed=1");
    assert_true(config_int(&study->settings, "seed") == 3);
    struct trial trial = {.x = {0.9, 0.1, 0.5}, .fidelity = 12};
    struct config config;
    assert_int_equal(study_trial_settings(study, &trial, &config), 0);
    assert_string_equal(config_text(&config, "op0"), "conv");
    assert_string_equal(config_text(&config, "op1"), "none");
    assert_string_equal(config_text(&config, "width"), "32");
    assert_string_equal(config_text(&config, "epochs"), "12");
    config_free(&config);
    char *once = resolved(study);
    struct study *again = load(once);
    char *twice = resolved(again);
    assert_string_equal(once, twice);
    assert_int_equal(study_continues(again, study), 0);
    study_free(again);
    again = load("study: t\nsolver:\n  name: table\n  file: nb.csv\n  settings: {op0: [none, "
                 "skip]}\nbudget: 600 epochs\n");
    assert_int_equal(study_continues(again, study), -1);
    assert_has(fail_message(), "op0: {type: choice, choices: [none, skip, conv], search: yes} "
                               "there, {type: choice, choices: [none, skip], search: yes} here");
    assert_has(fail_message(), "seed: {type: int, range: 0 .. 9, scale: linear, default: 3, "
                               "search: no} there, nothing here");
    study_free(again);
    study_free(study);
    free(once);
    free(twice);
    assert_fault(HEAD "solver:\n  name: table\n  settings: {op0: [a, b]}\n",
                 "t.yaml:3:1: error: solver table needs 'file'");
}

static void missing_and_text_settings(void **state) {
    (void)state;
    char *faults;
    struct study *study = read_declared("name: recorder\n", &faults);
    assert_has(faults, "t.yaml:1:1: error: solver recorder needs 'file': recorded results");
    assert_int_equal(count(faults, "error: "), 1); /* depth does not matter while mode is a */
    free(faults);
    study_free(study);
    study = read_declared("file: [a, b]\nmode: [a, b]\n", &faults);
    assert_has(faults, "t.yaml:1:7: error: file is a text: it can be pinned, not searched");
    assert_has(faults, "error: solver recorder needs 'depth'");
    assert_int_equal(count(faults, "error: "), 2);
    free(faults);
    study_free(study);
}

static void too_many_searched(void **state) {
    (void)state;
    char text[2000] = "file: f\nsettings:\n", *end = text + strlen(text), *faults;
    for (int i = 0; i < SPACE_MAX_DIMS + 1; i++)
        end += sprintf(end, "  s%02d: 0 .. 1\n", i);
    struct study *study = read_declared(text, &faults);
    assert_has(faults, "t.yaml:43:8: error: s40: more than 40 settings are searched");
    assert_int_equal(count(faults, "error: "), 1);
    free(faults);
    study_free(study);
}

/* ---- going on ---- */

static void continues(void **state) {
    (void)state;
    static const struct {
        const char *now, *why; /* NULL: may go on */
    } cases[] = {
        {"study: s\nsolver: {name: bowl, x0: 0 .. 1}\nbudget: 99\nrepeats: 2\nmethods: [random]\n",
         NULL},
        {"study: s\nsolver: {name: bowl, x0: 0 .. 1}\nbudget: 100\nrepeats: 7\ntimeout: 1 "
         "s\nisolate: yes\nmethods: [random, {name: random, label: b}]\n",
         NULL},
        {"study: s\nseed: 2\nsolver: {name: bowl, x0: 0 .. 1}\nbudget: 99\nrepeats: 2\n",
         "seed: 1 there, 2 here"},
        {"study: s\nsolver: {name: bowl, x0: 0 .. 2, x1: 3}\nbudget: 99\nrepeats: 2\n",
         "x0: 0 .. 1 linear there, 0 .. 2 linear here; x1: 0 there, 3 here"},
        {"study: s\nsolver: {name: bowl, x0: 0 .. 1}\nbudget: 98\nrepeats: 1\n",
         "repeats (may only grow): 2 there, 1 here; budget (may only grow): 99 there, 98 here"},
        {"study: s\nsolver: {name: bowl, x0: 0 .. 1}\nbudget: 99 epochs\nrepeats: 2\n",
         "unit of the budget: trials there, epochs here"},
        {"study: s\nsolver: {name: bowl, x0: 0 .. 1}\nbudget: 99\nrepeats: 2\nobjective: minimize "
         "loss\n",
         "objective: maximize accuracy there, minimize loss here"},
        {"study: s\nsolver: {name: bowl, x0: 0 .. 1}\nbudget: 99\nrepeats: 2\nobjective: "
         "{maximize: accuracy, subject to: runtime <= 80 ms}\n",
         "constraint: nothing there, runtime <= 80 ms here"},
        {"study: s\nsolver: {name: bowl, x0: 0 .. 1}\nbudget: 99\nrepeats: 2\nmethods: {name: "
         "random, label: b}\n",
         "method 1: random there, b here"},
        {"study: s\nsolver: {name: bowl, x0: 0 .. 1, epochs: 1 .. 8}\nbudget: 99\nrepeats: "
         "2\npending: 2\n",
         "pending: 1 there, 2 here; epochs: 8 there, 1 .. 8 here"},
    };
    struct study *before = load(cases[0].now);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct study *now = load(cases[i].now);
        int status = study_continues(now, before);
        assert_int_equal(status, cases[i].why ? -1 : 0);
        if (cases[i].why)
            assert_string_equal(fail_message(), cases[i].why);
        study_free(now);
    }
    study_free(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(everything),
        cmocka_unit_test(resolved_is_a_fixed_point),
        cmocka_unit_test(resolved_has_one_order),
        cmocka_unit_test(conditions_follow_pinned_parents),
        cmocka_unit_test(trial_settings),
        cmocka_unit_test(tasks),
        cmocka_unit_test(start_is_the_defaults),
        cmocka_unit_test(faults_in_the_study),
        cmocka_unit_test(faults_in_settings),
        cmocka_unit_test(methods_have_settings),
        cmocka_unit_test(faults_in_objectives),
        cmocka_unit_test(faults_of_yaml),
        cmocka_unit_test(bytes_that_hang_the_parser),
        cmocka_unit_test(large_inputs_are_bounded),
        cmocka_unit_test(all_faults_in_line_order),
        cmocka_unit_test(faults_show_the_line_and_a_caret),
        cmocka_unit_test(long_lines_are_cut_around_the_fault),
        cmocka_unit_test(files),
        cmocka_unit_test(declared_settings),
        cmocka_unit_test(declared_settings_resolve),
        cmocka_unit_test(faults_in_declared_settings),
        cmocka_unit_test(declared_settings_of_a_table),
        cmocka_unit_test(missing_and_text_settings),
        cmocka_unit_test(too_many_searched),
        cmocka_unit_test(continues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
