/* hpo.h - the contract of an outer method. A new method is one file and one line in hpo/registry.c.
 *
 * The harness allocates and zeroes `state_size` bytes and calls open, then ask / asked / tell in
 * turn, then close. A method sees the unit cube, a fidelity and the results; never the budget, the
 * clock, the file system or the solver.
 *
 * The rule that makes a killed study resume byte by byte: what ask proposes is a function of the
 * task and of the calls of `asked` and `tell` before it. ask itself changes nothing that shows (it
 * may cache); `asked` notes a proposal as running; `tell` brings its result. On resume the harness
 * replays the committed trials through asked and tell, without asking. Random numbers come from
 * rng_make(task->seed, stream, trial id). */
#ifndef NASTUNE_HPO_H
#define NASTUNE_HPO_H

#include "rng.h"
#include "trial.h"

enum hpo_constraint {
    HPO_CAP,   /* constraint <= 0 wanted */
    HPO_TARGET /* constraint = 0 wanted: a log ratio to a target, approached from both sides */
};

struct hpo_task {
    const struct space *space; /* borrowed for the method's life */
    double fidelity_min;       /* in the solver's unit; both 1 for a solver without a fidelity */
    double fidelity_max;       /* full fidelity: what counts */
    bool fidelity_integral;    /* only whole fidelities */
    bool resumable; /* a trial may continue the checkpoint of its parent and is charged for the new
                       part only */
    int n_objectives; /* >= 1 */
    int n_constraints;
    enum hpo_constraint constraint_kind[TRIAL_MAX_CONSTRAINTS]; /* (n_constraints) */
    double
        start[SPACE_MAX_DIMS]; /* (space n) the solver's defaults, canonical: a good first trial */
    bool has_start;            /* false: the defaults lie outside what is searched */
    const struct config *settings; /* the method's own */
    uint64_t seed;                 /* of this repeat; equal for all methods, so that repeats pair */
};

enum hpo_answer {
    HPO_TRIAL, /* x, fidelity, parent and origin of the trial are filled in; x will be made
                  canonical */
    HPO_WAIT,  /* nothing to propose until a running trial is told */
    HPO_DONE   /* nothing more to propose, ever: a finite space is used up */
};

/* A rung of a method that plans its fidelities ahead: so many trials, each trained to a fidelity;
 * `continued` of it has been trained before, on the rung below (0: none), and is not charged for
 * when a trial can be resumed. Rungs of one bracket stand together, lowest first. */
struct hpo_rung {
    int bracket; /* 0, 1 ... in the order they run */
    int trials;
    double fidelity, continued; /* in the solver's unit */
};
#define HPO_MAX_RUNGS 256

struct hpo_ops {
    const char *name;  /* "bo": as in study files */
    const char *about; /* one line */
    const char *paper;
    const struct setting *settings; /* {0}-terminated */
    size_t state_size;              /* bytes */

    int (*open)(void *state,
                const struct hpo_task *task); /* task is borrowed for the method's life */
    /* trial->id is set (0, 1, 2 ...), parent -1, fidelity fidelity_max, the rest zero. */
    enum hpo_answer (*ask)(void *state, struct trial *trial);
    void (*asked)(void *state, const struct trial *trial); /* optional; in trial order */
    /* In trial order. `front` (n_front): with one objective the trial's result; with several, all
     * its non-dominated points. n_front is 0 when the trial is not DONE. */
    void (*tell)(void *state, const struct trial *trial, const struct result *front, int n_front);
    void (*close)(void *state);
    /* Optional, needs no state: the rungs of one sweep, in the order they run; how many. After them
     * the method starts over. */
    int (*plan)(const struct hpo_task *task, struct hpo_rung rung[HPO_MAX_RUNGS]);
};

/* {NULL}-terminated. */
extern const struct hpo_ops *const hpo_registry[];
const struct hpo_ops *hpo_find(const char *name); /* NULL: none */

/* Switches off GSL's error handler, which would end the program, and sets one BLAS thread, so that
 * proposals do not depend on the machine's cores. main calls it once, before any method is opened.
 */
void hpo_prepare(void);

#endif
