/* solver.h - the contract of a NAS solver. A new solver is one file and one line in
 * solvers/registry.c.
 *
 * The harness allocates and zeroes `state_size` bytes, then calls open, train (once; or load, then
 * train, to continue a checkpoint), perhaps save, and close, which is called even after a failed
 * open. Each trial lives in a process of its own, so a solver may crash or leak without harm to the
 * study, and may use `threads` threads.
 *
 * A solver must be deterministic: its points depend on the settings, the seed and the fidelity, not
 * on the clock, the number of threads, or what ran before. It draws random numbers through rng.h
 * only. It prints nothing. */
#ifndef NASTUNE_SOLVER_H
#define NASTUNE_SOLVER_H

#include "point.h"
#include "rng.h"
#include "setting.h"

struct solver_task {
    const struct config
        *settings;   /* all values, defaults filled in; borrowed for the solver's life */
    uint64_t seed;   /* of this trial */
    double fidelity; /* what this trial will be trained to (settings hold the same under
                        ops->fidelity) */
    double
        fidelity_max;   /* the study's full fidelity: the horizon of a schedule that is truncated */
    const char *folder; /* an existing folder of the trial's own; NULL: none (nastune solve) */
    int threads;        /* >= 1 */
};

/* The final training of one architecture, from scratch. */
struct final_task {
    const struct config *settings; /* of the solver: data set, space; borrowed */
    const struct config *final;    /* of the final training, over ops->final_settings; borrowed */
    const char *arch;              /* as a point of this solver has it */
    uint64_t seed;
    int threads; /* >= 1 */
};

struct solver_ops {
    const char *name;               /* "single-path": as in study files */
    const char *about;              /* one line */
    const char *paper;              /* what it implements, or "" */
    const struct setting *settings; /* {0}-terminated */
    const char *fidelity; /* name of the setting that is its fidelity ("epochs"); NULL: none */
    const char *columns;  /* "entropy|skips": extra columns of its points; NULL: none */
    const char *columns_setting; /* name of a LINES setting in which a study names such columns,
                                    where `columns` is NULL; NULL: none */
    const char *resume_setting;  /* name of a "no|yes" setting that says whether save and load work;
                                    NULL: they do */
    bool declares;     /* a study may declare settings of its own for it (table, command) */
    bool instant;      /* microseconds a trial: run inside the harness, without a process */
    size_t state_size; /* bytes */

    /* Optional. Before a study starts: is everything there that the settings name (data, files)?
     * Fails as open would. */
    int (*check)(const struct config *settings);
    /* Optional. What a trial with these settings would do, as lines of text (cut to size), for
     * `nastune check`. */
    int (*describe)(const struct config *settings, char *text, size_t size);
    int (*open)(void *state, const struct solver_task *task);
    /* Goes on until `fidelity` units have been trained in all; appends points, at least one of them
     * final. Failure = a failed trial, with the message as its reason. */
    int (*train)(void *state, double fidelity, struct outcome *out);
    int (*save)(void *state,
                const char *path); /* optional, both or neither: everything needed to continue, */
    int (*load)(void *state,
                const char *path); /* such that load + train gives the bytes of training through */
    void (*close)(void *state);

    /* Optional, both or neither: trains an architecture from scratch and adds one final point with
     * its test accuracy. Deterministic as train is. */
    const struct setting *final_settings; /* {0}-terminated: what `final:` of a study may hold */
    int (*retrain)(const struct final_task *task, struct outcome *out);
};

/* {NULL}-terminated. */
extern const struct solver_ops *const solver_registry[];
const struct solver_ops *solver_find(const char *name); /* NULL: none */

/* What a schedule-driven solver does with less than the full fidelity; a line for its table of
 * settings. truncate: follow the full schedule and stop early. rescale: compress the schedule so
 * that it ends there. */
enum solver_schedule { SOLVER_TRUNCATE, SOLVER_RESCALE };
#define SOLVER_SCHEDULE_SETTING                                                                    \
    {                                                                                              \
        .name = "fidelity", .type = SETTING_CHOICE, .choices = "truncate|rescale",                 \
        .preset = "truncate",                                                                      \
        .help = "below full fidelity: stop the full schedule early, or compress it"                \
    }

#endif
