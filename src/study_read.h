/* study_read.h - the readers of a study file's parts. Inside the study module only.
 *
 * Each reads one part of the tree into the study and notes what is wrong with it; none stops the
 * others. */
#ifndef NASTUNE_STUDY_READ_H
#define NASTUNE_STUDY_READ_H

#include "study.h"
#include "study_yaml.h"

#define STUDY_VALUE_MAX 128 /* bytes of a number, unit or choice as written, NUL included */

/* solver: its settings, pinned or searched, into table, settings, space, fidelity. */
void study_read_solver(struct study *study, const struct yaml *solver, struct faults *faults);
/* The same once study->solver is set: the entries of the map but `name`. */
void study_read_settings(struct study *study, const struct yaml *solver, struct faults *faults);
/* The extra columns of the points: the solver's, or the names in one of its settings. */
void study_read_columns(struct study *study, const struct yaml *solver, struct faults *faults);
/* objective:, or the default when NULL. Without a solver only the default is read. */
void study_read_objective(struct study *study, const struct yaml *node, struct faults *faults);
/* methods:, or the default when NULL. */
void study_read_methods(struct study *study, const struct yaml *node, struct faults *faults);
/* A map of pinned settings (of a method, of the final training) into a config; `more` (at most 3,
 * NULL at the end) are further keys that are allowed, `where` names the map in messages. */
#define STUDY_MAX_BLOCK 60 /* settings of such a map */
void study_read_values(struct config *settings, const struct yaml *map, const char *const *more,
                       const char *where, struct faults *faults);
/* final:, after the solver, or its defaults when NULL. */
void study_read_final(struct study *study, const struct yaml *node, struct faults *faults);
/* budget:, after the solver. */
void study_read_budget(struct study *study, const struct yaml *node, struct faults *faults);

/* A name that may become a folder or a column: [A-Za-z0-9._-]{1,64}, not starting with . or -. */
bool study_read_label(char label[STUDY_NAME_MAX], const struct yaml *value, const char *what,
                      struct faults *faults);

/* The word for the fidelity, "epochs": its unit, or its name. NULL: the solver has none. */
const char *study_fidelity_word(const struct study *study);

/* A pinned value into the i-th setting of a config, its unit allowed. False: a fault was noted. */
bool study_read_pinned(struct config *config, int i, const struct yaml *value,
                       struct faults *faults);

/* A range "lo .. hi", each with the setting's unit or not, then perhaps "log" or "linear". */
struct study_range {
    double lo, hi; /* lo < hi, within the setting's limits */
    enum setting_scale scale;
};
bool study_is_range(const struct setting *setting, const struct yaml *value);
bool study_read_range(const struct setting *setting, const struct yaml *value,
                      struct study_range *range, struct faults *faults);

/* A list of two or more values into a LIST or CHOICE dimension's levels, rising. */
bool study_read_list(const struct setting *setting, const struct yaml *list, struct space_dim *dim,
                     struct faults *faults);

/* The settings a study declares (`settings:` of a solver that allows it), appended to study->table:
 *     width: 0.01 .. 1                                        a searched real
 *     op: [conv, skip]      layers: [2, 4, 8]                 a searched choice; searched numbers
 *     op: {type: choice, choices: [0, 1, 2], default: 0, search: no}
 *     rate: {type: real, range: 1e-5 .. 1, scale: log, default: 0.1, unit: ms, search: yes}
 * with type real, int, choice or text; a real or int has a range, or choices that are numbers. */
void study_declare(struct study *study, const struct yaml *settings, struct faults *faults);
/* The range or list over which declared setting i is searched, NULL when it is pinned. */
const struct yaml *study_declared_search(const struct study *study, int i,
                                         const struct yaml *settings);
void study_declared_free(struct study *study);

/* Where a setting of the table is given, if it is. */
struct study_given {
    const struct yaml *value;
    bool faulty; /* a fault of its own was noted: what follows from its value is not known */
};

/* Connects the searched settings to the searched settings that decide whether they matter. given
 * has an entry for every setting of the table. */
void study_read_conditions(struct study *study, const struct study_given *given,
                           struct faults *faults);
/* Whether setting i matters in some trial of the study. */
bool study_may_matter(struct study *study, int i);

/* "lo .. hi log", "[a, b]", or the pinned value as YAML: what stands behind setting i in a study
 * file. Owned by the caller; "" when it has no value and needs none; NULL: out of memory.
 */
char *study_setting_text(const struct study *study, int i);
/* A text as a YAML value, in quotes where it needs them. */
void study_write_text(const char *text, FILE *out);
void study_write_number(double number, FILE *out);

#endif
