/* test_study_declared.c - settings that a study declares itself. */
#include "check_study.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declared_settings),
        cmocka_unit_test(declared_settings_resolve),
        cmocka_unit_test(faults_in_declared_settings),
        cmocka_unit_test(declared_settings_of_a_table),
        cmocka_unit_test(missing_and_text_settings),
        cmocka_unit_test(too_many_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
