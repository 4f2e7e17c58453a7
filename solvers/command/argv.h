/* argv.h - a command line with placeholders, filled in. No shell is involved: a value is put into
 * the one argument its placeholder stands in, and is never split or looked at again. */
#ifndef NASTUNE_SOLVERS_COMMAND_ARGV_H
#define NASTUNE_SOLVERS_COMMAND_ARGV_H

#include "setting.h"

/* What placeholders stand for: {NAME} for a setting, or one of argv_names, in that order. */
enum {
    ARGV_FIDELITY,
    ARGV_SEED,
    ARGV_TRIAL_DIR,
    ARGV_CHECKPOINT,
    ARGV_RESUME_FROM,
    ARGV_POINTS,
    ARGV_THREADS,
    ARGV_NAMES
};
extern const char *const argv_names[ARGV_NAMES]; /* "fidelity", "seed", ... */

struct argv_values {
    const struct config *settings; /* a setting without a value stands as "..." */
    const char *text[ARGV_NAMES];  /* NULL: stands as "..." */
};

/* The arguments of `lines`, one a line, with {NAME} filled in and {{ }} meaning { }. *out, NULL-
 * terminated, is the caller's: argv_free. Fails on an unknown name, on a brace that is not closed,
 * and on an argument that is nothing but a placeholder whose value begins with a '-' and is no
 * number: the program would take it for an option. */
int argv_fill(char ***out, const char *lines, const struct argv_values *values);
void argv_free(char **argv); /* NULL is fine */

#endif
