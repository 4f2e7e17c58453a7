/* expression.h - arithmetic over named quantities, as written in a study's objective.
 *
 *     expression = term { (+|-) term }            term  = factor { (*|/) factor }
 *     factor     = - factor | primary [ ^ factor ]
 *     primary    = number [unit] | name | name ( expression {, expression} ) | ( expression )
 *                | '|' expression '|'
 *
 * Functions: ln exp sqrt abs (one argument), min max (two or more). Units turn a number into the
 * base unit of its quantity: % into a share; us ms s into ms; K M G into ones. */
#ifndef NASTUNE_EXPRESSION_H
#define NASTUNE_EXPRESSION_H

#include <stddef.h>

#define EXPRESSION_TEXT_MAX 512 /* bytes of its canonical text, NUL included */
#define EXPRESSION_MAX_STEPS 128
#define EXPRESSION_MAX_DEPTH 32 /* parentheses, signs and powers within each other */
#define EXPRESSION_NAME_MAX 64

enum expression_unit { UNIT_NONE, UNIT_SHARE, UNIT_TIME, UNIT_COUNT };

enum expression_op {
    STEP_NUMBER,
    STEP_QUANTITY,
    STEP_ADD,
    STEP_SUBTRACT,
    STEP_MULTIPLY,
    STEP_DIVIDE,
    STEP_POWER,
    STEP_MIN,
    STEP_MAX, /* up to here: two operands */
    STEP_NEGATE,
    STEP_ABS,
    STEP_LN,
    STEP_EXP,
    STEP_SQRT
};

/* A program for a stack: numbers and quantities push, the rest takes its operands from the top. */
struct expression {
    int count;
    struct expression_step {
        enum expression_op op;
        double number; /* NUMBER: in base units */
        int quantity;  /* QUANTITY: index into the names */
    } step[EXPRESSION_MAX_STEPS];
    char text[EXPRESSION_TEXT_MAX]; /* canonical: same program, same text */
};

/* Reads a whole text. `names` (n_names) are the quantities. On failure *column is the offset
 * (bytes, from 0) in the text that the message is about. */
int expression_parse(struct expression *expression, const char *text, const char *const *names,
                     int n_names, int *column);

/* The value for quantities (n_names). May be NAN or infinite: ln of 0, an unknown quantity. */
double expression_value(const struct expression *expression, const double *quantity);

/* Reads a number with an optional unit at *at, moves *at past it and blanks, and writes it in
 * canonical form to text (size), its unit kept. Fails with *at unmoved. */
int expression_number(const char **at, double *value, enum expression_unit *unit, char *text,
                      size_t size);

/* Reads a name at *at: a letter or '_', then letters, digits, '_', '.'; moves *at past it and
 * blanks. Returns its index in names, or -1 with a message saying what there is. */
int expression_name(const char **at, const char *const *names, int n_names);

#endif
