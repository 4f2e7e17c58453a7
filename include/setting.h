/* setting.h - the table in which a solver or a method lists its settings, and the values read from
 * it.
 *
 * One table parses, checks, defaults and documents: `nastune solvers NAME` prints it, the study
 * reader checks against it, and the solver reads its values by name. A table ends with {0}:
 *
 *     static const struct setting settings[] = {
 *         {.name = "lambda", .type = SETTING_REAL, .lo = 1e-6, .hi = 10, .scale = SETTING_LOG,
 * .preset = "0.02", .help = "weight of ln(runtime) in the loss"},
 *         {.name = "optimizer", .type = SETTING_CHOICE, .choices = "rmsprop|momentum|sgd", .preset
 * = "rmsprop", ...},
 *         {.name = "decay", .type = SETTING_REAL, .lo = 0, .hi = 1, .preset = "0.9", .when =
 * "optimizer=rmsprop", ...}, {0}};
 */
#ifndef NASTUNE_SETTING_H
#define NASTUNE_SETTING_H

#include <stdbool.h>
#include <stddef.h>

enum setting_type {
    SETTING_END, /* closes a table */
    SETTING_REAL,
    SETTING_INT,    /* whole numbers up to 2^53 */
    SETTING_CHOICE, /* one of `choices`; "no|yes" makes a switch */
    SETTING_TEXT,   /* any text (a file, a folder); cannot be searched */
    SETTING_LINES   /* a list of texts without line breaks ("command: [sh, run.sh]"); kept as one
                       text, '\n' between them, "" being the empty list; cannot be searched */
};
enum setting_scale { SETTING_LINEAR, SETTING_LOG };

struct setting {
    const char *name;
    enum setting_type type;
    double lo, hi;            /* REAL, INT: limits, both inclusive */
    enum setting_scale scale; /* how a searched range is laid onto [0,1]; LOG needs lo > 0 */
    const char *preset;  /* the default, as a study would write it; NULL: the study must give it */
    const char *choices; /* CHOICE: "a|b|c" */
    const char *unit;    /* "epochs", "ms"; NULL: a pure number */
    const char *when; /* "other=a|b": only matters while setting `other` is a or b; NULL: always */
    const char *help; /* one line, no full stop */
};

/* The values of one table. Owns its memory; config_free releases it. */
struct config {
    const struct setting *table; /* borrowed */
    int count;                   /* settings in the table */
    double *number; /* (count) REAL, INT: the value; CHOICE: index into the choices; else 0 */
    char **text;    /* (count) the value as text, in canonical form; NULL: not given, no default */
};

/* How many settings a table holds; which one has this name, or -1. */
int setting_count(const struct setting *table);
int setting_find(const struct setting *table, const char *name);

/* Reads `text` as a value of this setting: type, limits, choices. On failure says what is allowed
 * (the caller adds where and which setting). `number` as in struct config. */
int setting_parse(const struct setting *setting, const char *text, double *number);

/* Writes a value in canonical form ("%.17g" shortened to the fewest digits that read back the same,
 * or the choice) into buffer; returns buffer. TEXT and LINES settings have no number: not allowed
 * here. */
char *setting_format(const struct setting *setting, double number, char *buffer, size_t size);

/* The number of choices of a CHOICE, and the i-th, copied into buffer (cut to size). */
int setting_choice_count(const struct setting *setting);
char *setting_choice(const struct setting *setting, int index, char *buffer, size_t size);

/* All of a table's defaults. -1 only when memory is out or a preset does not fit its own setting.
 */
int config_open(struct config *config, const struct setting *table);
void config_free(struct config *config); /* fine on a zeroed one */
int config_copy(struct config *to, const struct config *from);

/* Sets by name from text. Unknown names and bad values fail with a full message ("did you mean").
 */
int config_set(struct config *config, const char *name, const char *text);

/* Sets the i-th setting to a number (REAL, INT, CHOICE) that is known to be allowed. -1: memory. */
int config_set_number(struct config *config, int i, double number);

/* Whether the i-th setting matters, given the values of the settings it depends on (`when`,
 * followed upwards). */
bool config_active(const struct config *config, int i);

/* Fails, naming it, when a setting that matters was not given and has no default. */
int config_complete(const struct config *config);

/* Values by name. The name must be in the table and of that type: the program guarantees it, so it
 * is asserted. */
double config_real(const struct config *config, const char *name);
long config_int(const struct config *config, const char *name);
int config_choice(const struct config *config, const char *name); /* index */
bool config_flag(const struct config *config, const char *name);  /* "no|yes" */
const char *config_text(const struct config *config,
                        const char *name); /* any type; borrowed; may be NULL */

/* The candidate nearest to a mistyped word (edit distance with transpositions), or NULL when none
 * is near. `candidate(context, i)` gives the i-th, NULL past the end. */
const char *setting_suggest(const char *word, const char *(*candidate)(const void *context, int i),
                            const void *context);

#endif
