/* expression.c - a recursive-descent parser to a stack program, and its evaluation (expression.h).
 */
#include "expression.h"
#include "fail.h"
#include "setting.h"
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void skip_blanks(const char **at) {
    while (**at == ' ' || **at == '\t' || **at == '\n')
        ++*at;
}

/* ---- numbers and names ---- */

static const struct unit {
    const char *name;
    enum expression_unit unit;
    double factor; /* to the base unit */
} units[] = {{"%", UNIT_SHARE, 0.01}, {"us", UNIT_TIME, 1e-3}, {"ms", UNIT_TIME, 1},
             {"s", UNIT_TIME, 1e3},   {"K", UNIT_COUNT, 1e3},  {"M", UNIT_COUNT, 1e6},
             {"G", UNIT_COUNT, 1e9}};

static size_t name_length(const char *at) {
    size_t n = 0;
    if (isalpha((unsigned char)at[0]) || at[0] == '_')
        while (isalnum((unsigned char)at[n]) || at[n] == '_' || at[n] == '.')
            n++;
    return n;
}

int expression_number(const char **at, double *value, enum expression_unit *unit, char *text,
                      size_t size) {
    char *end;
    double number = strtod(*at, &end);
    if (end == *at || !isfinite(number))
        return fail("a number is expected here");
    const char *rest = end;
    skip_blanks(&rest);
    size_t length = *rest == '%' ? 1 : name_length(rest);
    const struct unit *found = NULL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, rest, length) == 0)
            found = &units[i];
    if (length && !found)
        return fail("'%.*s' is no unit (%%, us, ms, s, K, M, G); or an operator is missing before "
                    "it",
                    length < 40 ? (int)length : 40, rest);
    char digits[64];
    const struct setting real = {.type = SETTING_REAL};
    setting_format(&real, number, digits, sizeof digits);
    snprintf(text, size, "%s%s%s", digits, found ? " " : "", found ? found->name : "");
    *unit = found ? found->unit : UNIT_NONE;
    /* 80 ms must be 80 to the last bit, and 90 % the double nearest to 0.9 */
    *value = found ? found->factor < 1 ? number / round(1 / found->factor) : number * found->factor
                   : number;
    *at = rest + length;
    skip_blanks(at);
    return 0;
}

struct names {
    const char *const *name;
    int count;
};

static const char *name_candidate(const void *context, int i) {
    const struct names *names = context;
    return i < names->count ? names->name[i] : NULL;
}

int expression_name(const char **at, const char *const *names, int n_names) {
    size_t length = name_length(*at);
    if (length == 0)
        return fail("a quantity is expected here");
    for (int i = 0; i < n_names; i++)
        if (strlen(names[i]) == length && memcmp(names[i], *at, length) == 0) {
            *at += length;
            skip_blanks(at);
            return i;
        }
    char word[EXPRESSION_NAME_MAX], list[512] = "";
    snprintf(word, sizeof word, "%.*s", length < 60 ? (int)length : 60, *at);
    size_t used = 0;
    for (int i = 0; i < n_names && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    const struct names context = {names, n_names};
    const char *meant = setting_suggest(word, name_candidate, &context);
    if (strcmp(word, "test_accuracy") == 0)
        return fail("test_accuracy is for reports and steers nothing; use accuracy (validation)");
    return meant ? fail("no quantity '%s'; did you mean '%s'? (%s)", word, meant, list)
                 : fail("no quantity '%s'; there are %s", word, list);
}

/* ---- the parser ---- */

struct parser {
    const char *at;
    struct expression *out;
    const char *const *names;
    int n_names;
    int depth;
};

static int parse_sum(struct parser *p);

static int emit(struct parser *p, enum expression_op op, double number, int quantity) {
    if (p->out->count == EXPRESSION_MAX_STEPS)
        return fail("an expression of more than %d parts", EXPRESSION_MAX_STEPS);
    p->out->step[p->out->count++] = (struct expression_step){op, number, quantity};
    return 0;
}

static int write(struct parser *p, const char *text) {
    size_t used = strlen(p->out->text);
    if (used + strlen(text) >= EXPRESSION_TEXT_MAX)
        return fail("an expression of more than %d characters", EXPRESSION_TEXT_MAX - 1);
    strcpy(p->out->text + used, text);
    return 0;
}

/* Steps over a character that must come next, and writes it. */
static int expect(struct parser *p, char c, const char *written) {
    if (*p->at != c)
        return fail(*p->at ? "'%c' is expected here" : "the expression ends where '%c' is expected",
                    c);
    p->at++;
    skip_blanks(&p->at);
    return write(p, written);
}

static int parse_number(struct parser *p) {
    double value;
    enum expression_unit unit;
    char text[80];
    if (expression_number(&p->at, &value, &unit, text, sizeof text) || write(p, text))
        return -1;
    return emit(p, STEP_NUMBER, value, 0);
}

/* The arguments of min and max; folded two by two. */
static int parse_arguments(struct parser *p, enum expression_op op) {
    if (parse_sum(p))
        return -1;
    int n = 1;
    for (; *p->at == ',' && op <= STEP_MAX; n++)
        if (expect(p, ',', ", ") || parse_sum(p) || emit(p, op, 0, 0))
            return -1;
    if (op <= STEP_MAX && n < 2)
        return fail("min and max take two or more arguments: ',' is expected here");
    return op > STEP_MAX ? emit(p, op, 0, 0) : 0;
}

static const struct {
    const char *name;
    enum expression_op op;
} functions[] = {{"ln", STEP_LN},   {"exp", STEP_EXP}, {"sqrt", STEP_SQRT},
                 {"abs", STEP_ABS}, {"min", STEP_MIN}, {"max", STEP_MAX}};

static int parse_name(struct parser *p) {
    size_t length = name_length(p->at);
    const char *after = p->at + length;
    skip_blanks(&after);
    for (size_t i = 0; *after == '(' && i < sizeof functions / sizeof *functions; i++)
        if (strlen(functions[i].name) == length && memcmp(functions[i].name, p->at, length) == 0) {
            p->at = after;
            return write(p, functions[i].name) || expect(p, '(', "(") ||
                           parse_arguments(p, functions[i].op) || expect(p, ')', ")")
                       ? -1
                       : 0;
        }
    if (*after == '(')
        return fail("'%.*s' is no function (ln, exp, sqrt, abs, min, max)",
                    length < 40 ? (int)length : 40, p->at);
    int quantity = expression_name(&p->at, p->names, p->n_names);
    if (quantity < 0 || write(p, p->names[quantity]))
        return -1;
    return emit(p, STEP_QUANTITY, 0, quantity);
}

static int parse_primary(struct parser *p) {
    char c = *p->at;
    if (c == '(')
        return expect(p, '(', "(") || parse_sum(p) || expect(p, ')', ")") ? -1 : 0;
    if (c == '|')
        return expect(p, '|', "|") || parse_sum(p) || expect(p, '|', "|") || emit(p, STEP_ABS, 0, 0)
                   ? -1
                   : 0;
    if (isdigit((unsigned char)c) || c == '.')
        return parse_number(p);
    if (name_length(p->at))
        return parse_name(p);
    return fail(c ? "a number, a quantity or '(' is expected here"
                  : "the expression ends where a number, a quantity or '(' is expected");
}

/* Every recursion passes here. */
static int parse_factor(struct parser *p) {
    if (p->depth == EXPRESSION_MAX_DEPTH)
        return fail("parentheses, signs and powers more than %d deep", EXPRESSION_MAX_DEPTH);
    p->depth++;
    int status;
    if (*p->at == '-')
        status = expect(p, '-', "-") || parse_factor(p) || emit(p, STEP_NEGATE, 0, 0) ? -1 : 0;
    else {
        status = parse_primary(p);
        if (!status && *p->at == '^')
            status = expect(p, '^', "^") || parse_factor(p) || emit(p, STEP_POWER, 0, 0) ? -1 : 0;
    }
    p->depth--;
    return status;
}

static int parse_product(struct parser *p) {
    int status = parse_factor(p);
    while (!status && (*p->at == '*' || *p->at == '/')) {
        bool times = *p->at == '*';
        status = expect(p, *p->at, times ? " * " : " / ") || parse_factor(p) ||
                         emit(p, times ? STEP_MULTIPLY : STEP_DIVIDE, 0, 0)
                     ? -1
                     : 0;
    }
    return status;
}

static int parse_sum(struct parser *p) {
    int status = parse_product(p);
    while (!status && (*p->at == '+' || *p->at == '-')) {
        bool plus = *p->at == '+';
        status = expect(p, *p->at, plus ? " + " : " - ") || parse_product(p) ||
                         emit(p, plus ? STEP_ADD : STEP_SUBTRACT, 0, 0)
                     ? -1
                     : 0;
    }
    return status;
}

int expression_parse(struct expression *expression, const char *text, const char *const *names,
                     int n_names, int *column) {
    expression->count = 0;
    expression->text[0] = '\0';
    struct parser p = {.at = text, .out = expression, .names = names, .n_names = n_names};
    skip_blanks(&p.at);
    int status = parse_sum(&p);
    if (!status && *p.at)
        status = fail("an operator (+ - * / ^) is expected here");
    bool varies = false;
    for (int i = 0; i < expression->count; i++)
        varies |= expression->step[i].op == STEP_QUANTITY;
    if (!status && !varies) {
        p.at = text;
        status = fail("the expression names no quantity");
    }
    *column = (int)(p.at - text);
    return status;
}

/* ---- evaluation ---- */

static double apply(enum expression_op op, double a, double b) {
    switch (op) {
    case STEP_ADD:
        return a + b;
    case STEP_SUBTRACT:
        return a - b;
    case STEP_MULTIPLY:
        return a * b;
    case STEP_DIVIDE:
        return a / b;
    case STEP_POWER:
        return pow(a, b);
    case STEP_MIN: /* fmin and fmax would drop a NAN */
        return isnan(a) || a < b ? a : b;
    case STEP_MAX:
        return isnan(a) || a > b ? a : b;
    case STEP_NEGATE:
        return -a;
    case STEP_ABS:
        return fabs(a);
    case STEP_LN:
        return log(a);
    case STEP_EXP:
        return exp(a);
    default:
        return sqrt(a);
    }
}

double expression_value(const struct expression *expression, const double *quantity) {
    double stack[EXPRESSION_MAX_STEPS];
    int top = 0; /* numbers on the stack */
    for (int i = 0; i < expression->count; i++) {
        const struct expression_step *step = &expression->step[i];
        if (step->op == STEP_NUMBER)
            stack[top++] = step->number;
        else if (step->op == STEP_QUANTITY)
            stack[top++] = quantity[step->quantity];
        else if (step->op <= STEP_MAX) {
            top--;
            stack[top - 1] = apply(step->op, stack[top - 1], stack[top]);
        } else
            stack[top - 1] = apply(step->op, stack[top - 1], 0);
    }
    assert(top == 1);
    return stack[0];
}
