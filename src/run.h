/* run.h - one run: a method and a repeat, its journal, and the trials it has in flight. */
#ifndef NASTUNE_RUN_H
#define NASTUNE_RUN_H

#include "executor.h"
#include "journal.h"
#include "study.h"

enum flight_state { FLIGHT_FREE, FLIGHT_READY, FLIGHT_RUNNING, FLIGHT_ENDED };

/* A trial on its way from ask to tell. */
struct flight {
    enum flight_state state;
    int known;      /* results told when it was asked */
    bool committed; /* in the journal already: read back from it */
    struct job job;
};

/* What a run has reached, for progress and the closing table. */
struct run_best {
    bool any; /* false: no feasible DONE trial yet, and the rest is not set */
    int trial;
    double value; /* of the first objective, in the study's own direction */
    double after; /* budget spent when it came */
};

struct run {
    const struct study *study; /* borrowed */
    int method, repeat;
    char folder[512];
    struct hpo_task task;
    void *state; /* of the method */
    struct journal journal;
    struct flight *flight; /* (study->pending) trial t lives in flight[t % pending] */
    int asked, told;
    double asked_cost, told_cost; /* budget given out, and of told trials */
    bool waiting;                 /* the method answered WAIT since the last tell */
    bool finished;                /* asks no more: budget spent or method done */
    bool exhausted;               /* finished because the method is DONE */
    struct run_best best;
    int count[TRIAL_STATUSES]; /* told trials by status */
    double *cost_of;           /* (asked) fidelity reached by each trial, for resumed ones; grows */
    double ask_seconds, tell_seconds, trial_seconds; /* sums over this process's trials */
    int timed;                                       /* trials in those sums */
};

/* Opens the run in `folder` (made if missing) and replays what its journal holds. */
int run_open(struct run *run, const struct study *study, int method, int repeat,
             const char *folder);
void run_close(struct run *run); /* fine on a zeroed one */

/* Asks for as many trials as may be in flight, commits and tells those that ended, in trial order,
 * until nothing more can be done without another trial ending. */
int run_advance(struct run *run);

/* A trial that is ready to start, or NULL. */
struct flight *run_ready(struct run *run);
int run_running(const struct run *run);

/* Whether everything asked is told and nothing more will be. */
bool run_over(const struct run *run);

/* The share of its budget that is spent, 0 .. 1 (1 when over). */
double run_share(const struct run *run);

#endif
