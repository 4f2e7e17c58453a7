/* test_study_faults.c - where and why a study file is refused. */
#include "check_study.h"

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
        {HEAD "solver: {name: zzzzzzzz}\n", "t.yaml:3:16: error: no solver 'zzzzzzzz'; there are "},
        {BOWL "methods: [randon]\n",
         "t.yaml:5:11: error: no method 'randon'; did you mean 'random'? ("},
        {BOWL "methods: zzzzzzzz\n", "t.yaml:5:10: error: no method 'zzzzzzzz'; there are "},
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

/* A solver that costs something runs in processes of its own, whatever the study says. */
static void only_instant_solvers_run_inside(void **state) {
    (void)state;
    struct study *study = load(HEAD "solver: {name: single-path}\n");
    assert_true(study->isolate);
    study_free(study);
    assert_fault(HEAD "isolate: no\nsolver: {name: single-path}\n",
                 "t.yaml:3:10: error: isolate: solver single-path always runs in processes");
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
                 "t.yaml:5:29: error: design of method bo takes one value; only the solver's");
    assert_fault(BOWL "methods: {name: bo, design: [4, 9]}\n",
                 "t.yaml:5:29: error: design of method bo takes one value");
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_in_the_study),
        cmocka_unit_test(only_instant_solvers_run_inside),
        cmocka_unit_test(faults_in_settings),
        cmocka_unit_test(methods_have_settings),
        cmocka_unit_test(faults_in_objectives),
        cmocka_unit_test(all_faults_in_line_order),
        cmocka_unit_test(faults_show_the_line_and_a_caret),
        cmocka_unit_test(long_lines_are_cut_around_the_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
