/* study.h - a study file, read, checked and resolved. The format is explained in README.md. */
#ifndef NASTUNE_STUDY_H
#define NASTUNE_STUDY_H

#include "hpo.h"
#include "objective.h"
#include "solver.h"
#include <stdio.h>

#define STUDY_NAME_MAX                                                                             \
    65 /* bytes, NUL included: [A-Za-z0-9._-]{1,64}, not starting with . or -                      \
        */
#define STUDY_MAX_METHODS 32
#define STUDY_FILE_MAX (1 << 20) /* bytes of a study file */

struct study_method {
    const struct hpo_ops *ops;
    char label[STUDY_NAME_MAX]; /* column `method`; the method's name unless the study gives one;
                                   unique */
    struct config settings;
};

struct study {
    char name[STUDY_NAME_MAX];
    uint64_t seed;  /* 0 .. 2^53 */
    int repeats;    /* >= 1 */
    int pending;    /* trials a run may have in flight, >= 1 */
    double timeout; /* s a trial may take; 0: any time */
    bool isolate;   /* a process for every trial even when the solver is instant */

    const struct solver_ops *solver;
    struct setting *table;  /* the solver's settings, then those the study declares; owned */
    int n_solver_settings;  /* how many are the solver's; the texts of the others are owned too */
    struct config settings; /* pinned values and defaults, over `table` */
    struct space space;     /* the searched ones */
    char *columns;     /* "a|b": extra columns of the points, the solver's or as the study names
                          them; NULL: none; owned */
    bool has_fidelity; /* the solver has one */
    double fidelity_min, fidelity_max; /* equal when pinned; 1 and 1 without one */

    struct config final; /* of the final training; without a table where the solver has none */

    struct objective *objective;
    int n_methods;
    struct study_method method[STUDY_MAX_METHODS];
    double budget;         /* of each method and repeat */
    bool budget_in_trials; /* else in the solver's fidelity unit */
};

/* Reads and checks a study. On failure *faults (owned by the caller, free) is the whole text to
 * show: every fault as "FILE:LINE:COL: error: why", the line, a caret; fail_message() has a
 * one-line summary. */
int study_load(const char *path, struct study **out, char **faults);
/* The same from text in memory; `path` is for the messages only. */
int study_load_text(const char *path, const char *text, size_t size, struct study **out,
                    char **faults);
void study_free(struct study *study); /* NULL is fine */

/* Writes the study with every default filled in: a study file again, in a fixed order, the same
 * text for the same study. */
int study_resolve(const struct study *study, FILE *out);

/* Whether a study may go on in the results of an older one: equal but for what may grow (budget,
 * repeats, methods added at the end) and what is not part of the experiment (timeout, isolate).
 * Fails with what differs: "seed: 1 there, 2 here; ...". */
int study_continues(const struct study *now, const struct study *before);

/* Settings for one trial: the pinned ones, with the searched ones as x (space n) says and the
 * fidelity put in. */
int study_trial_settings(const struct study *study, const struct trial *trial, struct config *out);

/* The task of repeat `repeat` (0 ..) of a method: everything but ->settings of another method is
 * shared. */
void study_hpo_task(const struct study *study, int method, int repeat, struct hpo_task *out);

/* Seed of trial `trial` in repeat `repeat`: the same for every method, so that repeats pair. */
uint64_t study_trial_seed(const struct study *study, int repeat, int trial);

#endif
