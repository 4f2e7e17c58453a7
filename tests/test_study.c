/* test_study.c - what a good study file becomes: values, space, resolved text, trials, tasks; and
 * which studies go on in the results of which. */
#include "check_study.h"

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

static void compressed_schedules_are_not_resumed(void **state) {
    (void)state;
    static const struct {
        const char *fidelity;
        bool resumable;
    } cases[] = {{"truncate", true}, {"rescale", false}, {"[truncate, rescale]", false}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "study: s\nseed: 1\nsolver:\n  name: single-path\n  lambda: 1e-4 .. 1\n"
                 "  fidelity: %s\n  epochs: 1 .. 8\nobjective: {maximize: accuracy}\n"
                 "methods: [random]\nbudget: 8 trials\n",
                 cases[i].fidelity);
        struct study *study = load(text);
        struct hpo_task task;
        study_hpo_task(study, 0, 0, &task);
        assert_int_equal(task.resumable, cases[i].resumable);
        study_free(study);
    }
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
        cmocka_unit_test(compressed_schedules_are_not_resumed),
        cmocka_unit_test(start_is_the_defaults),
        cmocka_unit_test(continues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
