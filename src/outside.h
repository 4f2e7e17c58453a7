/* outside.h - a study whose trials are carried out by somebody else, a notebook or a cluster's own
 * scheduler: `nastune ask` hands one out, `nastune tell` takes what came of it.
 *
 * Every call takes the study's lock, replays the journals, does one thing and lets go; so several
 * processes may call at once. Proposals are a function of what is committed, so a trial that was
 * handed out needs no more than a mark (RUN/asked/TRIAL); what was told out of order waits on disk
 * (RUN/told/TRIAL, as the answer of a trial's process) until the trials before it are told. */
#ifndef NASTUNE_OUTSIDE_H
#define NASTUNE_OUTSIDE_H

#include "results.h"
#include "run.h"

struct outside {
    const struct study *study; /* borrowed */
    struct results results;
    struct run *runs; /* (n_runs) by methods and repeats */
    int n_runs;
};

/* Opens the study's results under `parent`, waiting a while for the lock; RESULTS_BUSY when it
 * stays taken. Commits what was told and can be. */
int outside_open(struct outside *outside, const struct study *study, const char *parent);
void outside_close(struct outside *outside);

enum outside_answer { OUTSIDE_TRIAL, OUTSIDE_WAIT, OUTSIDE_OVER };

/* A trial that nobody has yet, marked as handed out: OUTSIDE_TRIAL, with its run and job borrowed.
 * OUTSIDE_WAIT: all that may be in flight are handed out. OUTSIDE_OVER: the study is done. -1:
 * failed. */
int outside_ask(struct outside *outside, struct run **run, struct job **job);

/* Takes the result of a trial that was handed out: its points, or why it has none (NULL: it has).
 */
int outside_tell(struct outside *outside, int method, int repeat, int trial,
                 const struct outcome *outcome, const char *why);

#endif
