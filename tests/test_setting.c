/* test_setting.c - tables of settings: parsing, limits, canonical text, conditions, suggestions. */
#include "check.h"
#include "fail.h"
#include "setting.h"
#include <stdio.h>
#include <string.h>

static const struct setting table[] = {
    {.name = "lambda",
     .type = SETTING_REAL,
     .lo = 1e-6,
     .hi = 10,
     .scale = SETTING_LOG,
     .preset = "0.02",
     .help = "weight"},
    {.name = "epochs",
     .type = SETTING_INT,
     .lo = 1,
     .hi = 1000,
     .preset = "8",
     .unit = "epochs",
     .help = "length"},
    {.name = "optimizer",
     .type = SETTING_CHOICE,
     .choices = "rmsprop|momentum|sgd",
     .preset = "rmsprop",
     .help = "which"},
    {.name = "decay",
     .type = SETTING_REAL,
     .lo = 0,
     .hi = 1,
     .when = "optimizer=rmsprop|momentum",
     .help = "of the average"},
    {.name = "nesterov",
     .type = SETTING_CHOICE,
     .choices = "no|yes",
     .preset = "no",
     .when = "optimizer=momentum",
     .help = "look ahead"},
    {.name = "shift",
     .type = SETTING_INT,
     .lo = -9,
     .hi = 9,
     .preset = "0",
     .when = "nesterov=yes",
     .help = "how far"},
    {.name = "file", .type = SETTING_TEXT, .preset = "", .help = "a path"},
    {0}};

static void assert_refused(const char *name, const char *text, const char *why) {
    double number;
    assert_int_equal(setting_parse(&table[setting_find(table, name)], text, &number), -1);
    if (!strstr(fail_message(), why)) {
        print_error("'%s' is not in '%s'\n", why, fail_message());
        assert_true(!"the reason");
    }
}

static void values_are_checked(void **state) {
    (void)state;
    double number;
    assert_int_equal(setting_parse(&table[0], "2e-2", &number), 0);
    assert_true(number == 0.02);
    assert_int_equal(setting_parse(&table[0], "1e-6", &number), 0);
    assert_int_equal(setting_parse(&table[0], "10", &number), 0);
    assert_refused("lambda", "10.001", "outside 1e-06 .. 10");
    assert_refused("lambda", "9.9e-7", "outside");
    assert_refused("lambda", "", "no number");
    assert_refused("lambda", "nan", "no number");
    assert_refused("lambda", "inf", "no number");
    assert_refused("lambda", "1e999", "no number");
    assert_refused("lambda", " 1", "no number");
    assert_refused("lambda", "1 ", "no number");
    assert_refused("lambda", "0.1x", "no number");
    assert_refused("epochs", "2.5", "no whole number");
    assert_refused("epochs", "0", "outside 1 .. 1000 epochs");
    assert_refused("epochs", "many", "1 .. 1000 epochs");
    assert_refused("optimizer", "rmsporp", "did you mean 'rmsprop'");
    assert_refused("optimizer", "sg", "none of rmsprop|momentum|sgd");
    assert_refused("optimizer", "", "none of");
    assert_refused("optimizer", "rmsprop|momentum", "none of");
}

static void choices_are_counted(void **state) {
    (void)state;
    char text[16];
    assert_int_equal(setting_choice_count(&table[2]), 3);
    assert_string_equal(setting_choice(&table[2], 2, text, sizeof text), "sgd");
    assert_string_equal(setting_choice(&table[2], 1, text, 4), "mom");
    assert_int_equal(setting_count(table), 7);
    assert_int_equal(setting_find(table, "epoch"), -1);
}

static void numbers_have_one_text(void **state) {
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0.02, "0.02"},
                 {240, "240"},
                 {1e-6, "1e-06"},
                 {1.0 / 3, "0.3333333333333333"},
                 {-2.5, "-2.5"},
                 {1e15, "1e+15"},
                 {0, "0"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {123456789012345, "123456789012345"}};
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(setting_format(&table[0], cases[i].number, text, sizeof text),
                            cases[i].text);
    assert_string_equal(setting_format(&table[1], 8, text, sizeof text), "8");
    assert_string_equal(setting_format(&table[2], 1, text, sizeof text), "momentum");
}

static void values_by_name(void **state) {
    (void)state;
    struct config config, copy;
    assert_int_equal(config_open(&config, table), 0);
    assert_true(config_real(&config, "lambda") == 0.02);
    assert_int_equal(config_int(&config, "epochs"), 8);
    assert_int_equal(config_choice(&config, "optimizer"), 0);
    assert_false(config_flag(&config, "nesterov"));
    assert_string_equal(config_text(&config, "file"), "");
    assert_null(config_text(&config, "decay"));

    assert_int_equal(config_set(&config, "lambda", "1e-1"), 0);
    assert_string_equal(config_text(&config, "lambda"), "0.1");
    assert_int_equal(config_set(&config, "file", "a b"), 0);
    assert_int_equal(config_set(&config, "lamda", "1"), -1);
    assert_string_equal(fail_message(), "no setting 'lamda'; did you mean 'lambda'?");
    assert_int_equal(config_set(&config, "lambda", "100"), -1);
    assert_true(strncmp(fail_message(), "lambda: 100 is outside", 22) == 0);
    assert_true(config_real(&config, "lambda") == 0.1); /* a refused value changes nothing */

    assert_int_equal(config_copy(&copy, &config), 0);
    config_free(&config);
    assert_string_equal(config_text(&copy, "file"), "a b");
    assert_true(config_real(&copy, "lambda") == 0.1);
    config_free(&copy);
}

static void conditions_are_followed_upwards(void **state) {
    (void)state;
    struct config config;
    assert_int_equal(config_open(&config, table), 0);
    int decay = setting_find(table, "decay"), shift = setting_find(table, "shift");
    assert_true(config_active(&config, decay));
    assert_int_equal(config_complete(&config), -1);
    assert_non_null(strstr(fail_message(), "'decay' must be given"));
    config_set(&config, "optimizer", "sgd");
    assert_false(config_active(&config, decay));
    assert_int_equal(config_complete(&config), 0);
    config_set(&config, "nesterov", "yes");
    assert_false(config_active(&config, shift)); /* nesterov itself does not matter under sgd */
    config_set(&config, "optimizer", "momentum");
    assert_true(config_active(&config, shift));
    config_free(&config);
}

static void bad_presets_are_found(void **state) {
    (void)state;
    static const struct setting bad[] = {
        {.name = "x", .type = SETTING_REAL, .lo = 0, .hi = 1, .preset = "2"}, {0}};
    struct config config;
    assert_int_equal(config_open(&config, bad), -1);
    config_free(&config);
}

static const char *word(const void *context, int i) {
    return ((const char *const *)context)[i];
}

static const char *suggest(const char *typed) {
    static const char *const words[] = {"trials", "budget", "repeats", "single-path", "bo", NULL};
    return setting_suggest(typed, word, words);
}

static void slips_are_understood(void **state) {
    (void)state;
    assert_string_equal(suggest("trails"), "trials"); /* two neighbours swapped: one edit */
    assert_string_equal(suggest("Budget"), "budget");
    assert_string_equal(suggest("buget"), "budget");
    assert_string_equal(suggest("singlepath"), "single-path");
    assert_string_equal(suggest("bo"), "bo");
    assert_string_equal(suggest("b"), "bo");
    assert_null(suggest("learning-rate"));
    assert_null(suggest("xyz"));
    assert_null(suggest(""));
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_null(suggest(longest));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(choices_are_counted),
        cmocka_unit_test(numbers_have_one_text),
        cmocka_unit_test(values_by_name),
        cmocka_unit_test(conditions_are_followed_upwards),
        cmocka_unit_test(bad_presets_are_found),
        cmocka_unit_test(slips_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
