/* test_expression.c - the arithmetic of objectives: values, precedence, units, and where an error
 * is. */
#include "check.h"
#include "expression.h"
#include "fail.h"
#include <math.h>
#include <string.h>

#define LENGTH(A) (sizeof(A) / sizeof *(A))

static const char *const names[] = {"accuracy", "loss", "runtime", "a.b_1"};
static const double quantity[] = {0.9, 0.4, 160, -3};

static void values(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
        const char *canonical; /* NULL: the text itself */
    } cases[] = {
        {"accuracy", 0.9, NULL},
        {"accuracy + loss * 2", 0.9 + 0.4 * 2, NULL},
        {"(accuracy+loss)*2", (0.9 + 0.4) * 2, "(accuracy + loss) * 2"},
        {"loss - 1 - 2", 0.4 - 1 - 2, NULL},
        {"runtime / 4 / 2", 20, NULL},
        {"-a.b_1^2", -9, NULL},
        {"(-a.b_1)^3", 27, NULL},
        {"2^a.b_1^2", 512, NULL},
        {"loss * -2", -0.8, NULL},
        {"2^-1 * runtime", 80, NULL},
        {"--loss", 0.4, NULL},
        {" \n loss\t+ |ln ( runtime/80 ms )| ", 0.4 + M_LN2, "loss + |ln(runtime / 80 ms)|"},
        {"|a.b_1|", 3, NULL},
        {"|a.b_1 * |a.b_1||", 9, NULL},
        {"exp(loss)", 1.4918246976412703, NULL},
        {"sqrt(runtime + 9)", 13, NULL},
        {"abs(a.b_1)", 3, NULL},
        {"min(runtime,2,a.b_1)", -3, "min(runtime, 2, a.b_1)"},
        {"max(loss, accuracy)", 0.9, NULL},
        {"runtime / 0.08 s", 2, NULL},
        {"runtime / 80000us", 2, "runtime / 80000 us"},
        {"accuracy - 90%", 0, "accuracy - 90 %"},
        {"runtime * 5 K / 2M", 0.4, "runtime * 5 K / 2 M"},
        {"runtime / 1 G", 1.6e-7, NULL},
        {"accuracy * (runtime/80 ms)^-0.07", 0.8573741982395436,
         "accuracy * (runtime / 80 ms)^-0.07"}, /* 0.9 * 2^-0.07 */
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct expression e, again;
        int column;
        if (expression_parse(&e, cases[i].text, names, LENGTH(names), &column))
            fail_msg("%s: %s", cases[i].text, fail_message());
        double value = expression_value(&e, quantity);
        if (!(fabs(value - cases[i].value) <= 1e-9 * fmax(1e-6, fabs(cases[i].value))))
            fail_msg("%s is %.17g, not %.17g", cases[i].text, value, cases[i].value);
        assert_string_equal(e.text, cases[i].canonical ? cases[i].canonical : cases[i].text);
        assert_int_equal(expression_parse(&again, e.text, names, LENGTH(names), &column), 0);
        assert_string_equal(again.text, e.text);
        assert_true(expression_value(&again, quantity) == value);
    }
}

static void what_is_not_known_stays_unknown(void **state) {
    (void)state;
    static const double unknown[] = {NAN, 0.4, 0, 1};
    static const char *const texts[] = {
        "accuracy",    "min(accuracy, loss)", "max(accuracy, loss)", "max(loss, accuracy)",
        "ln(runtime)", "1 / runtime",         "sqrt(-loss)"};
    for (size_t i = 0; i < LENGTH(texts); i++) {
        struct expression e;
        int column;
        assert_int_equal(expression_parse(&e, texts[i], names, LENGTH(names), &column), 0);
        assert_false(isfinite(expression_value(&e, unknown)));
    }
}

static void errors_say_where(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int column;
        const char *why;
    } cases[] = {
        {"", 0, "the expression ends where"},
        {"loss +", 6, "the expression ends where"},
        {"loss + * 2", 7, "a number, a quantity or '(' is expected"},
        {"loss loss", 5, "an operator (+ - * / ^) is expected"},
        {"(loss", 5, "the expression ends where ')' is expected"},
        {"(loss]", 5, "')' is expected"},
        {"|loss", 5, "the expression ends where '|' is expected"},
        {"loss + acuracy", 7, "no quantity 'acuracy'; did you mean 'accuracy'?"},
        {"test_accuracy", 0, "test_accuracy is for reports"},
        {"log(loss)", 0, "'log' is no function (ln, exp"},
        {"loss * 80 sec", 7, "'sec' is no unit"},
        {"loss * 1e999", 7, "a number is expected"},
        {"min(loss)", 8, "min and max take two or more"},
        {"ln(loss, 2)", 7, "')' is expected"},
        {"1 + 2", 0, "names no quantity"},
        {"loss + \xc3\xa9", 7, "a number, a quantity or '('"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct expression e;
        int column = -1;
        assert_int_equal(expression_parse(&e, cases[i].text, names, LENGTH(names), &column), -1);
        if (!strstr(fail_message(), cases[i].why))
            fail_msg("%s: '%s' is not in '%s'", cases[i].text, cases[i].why, fail_message());
        if (column != cases[i].column)
            fail_msg("%s: column %d, not %d", cases[i].text, column, cases[i].column);
    }
}

static void depth_and_length_are_bounded(void **state) {
    (void)state;
    static const char *const parts[] = {"(", "-", "|", "2^", "ln(", "loss+", "1+"};
    static char text[100001];
    for (size_t i = 0; i < LENGTH(parts); i++) {
        struct expression e;
        int column;
        size_t n = strlen(parts[i]);
        for (size_t k = 0; k + n < sizeof text; k += n)
            memcpy(text + k, parts[i], n + 1);
        assert_int_equal(expression_parse(&e, text, names, LENGTH(names), &column), -1);
        assert_non_null(strstr(fail_message(), i < 5 ? "deep" : "more than"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(what_is_not_known_stays_unknown),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(depth_and_length_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
