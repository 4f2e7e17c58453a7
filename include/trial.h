/* trial.h - one trial: what a method proposes, what the harness learns of it. Plain data: nothing
 * to own, copied whole. */
#ifndef NASTUNE_TRIAL_H
#define NASTUNE_TRIAL_H

#include "space.h"

#define TRIAL_MAX_OBJECTIVES 4
#define TRIAL_MAX_CONSTRAINTS 4
#define TRIAL_DETAIL_MAX 200 /* bytes, NUL included */
#define TRIAL_ORIGIN_MAX 16

enum trial_status {
    TRIAL_ASKED,   /* proposed or running */
    TRIAL_DONE,    /* has a result */
    TRIAL_FAILED,  /* the solver gave up, or its process exited with a code other than 0 */
    TRIAL_CRASHED, /* its process was ended by a signal */
    TRIAL_TIMEOUT, /* it passed the study's `timeout` */
    TRIAL_INVALID, /* it returned no point, a non-finite objective, or something unreadable */
    TRIAL_STATUSES
};

/* One point in the study's terms. */
struct result {
    double objective[TRIAL_MAX_OBJECTIVES];   /* (n_objectives) each to be minimised */
    double constraint[TRIAL_MAX_CONSTRAINTS]; /* (n_constraints) a cap holds when <= 0, a target
                                                 when = 0 */
};

struct trial {
    int id;                   /* from 0, within its run */
    int parent;               /* the trial of this run whose checkpoint it continues, or -1 */
    double x[SPACE_MAX_DIMS]; /* (space n) canonical */
    double fidelity; /* in the solver's unit (epochs), to be reached; 1 for a solver without one */
    char origin[TRIAL_ORIGIN_MAX]; /* how the method came to it: "default", "design", "model",
                                      "random", ... */

    enum trial_status status;
    double cost; /* fidelity units charged to the budget: new epochs only when the parent was really
                    continued */
    struct result result; /* DONE: the point the objective chose */
    double violation;     /* DONE: sum of the constraints' relative violations, 0 = feasible */
    char detail[TRIAL_DETAIL_MAX]; /* not DONE: why, one line */
};

const char *trial_status_name(enum trial_status status); /* "done", "failed", ... */
int trial_status_find(const char *name);                 /* -1: no such status */

#endif
