/* progress.h - what a person sees while a study runs: one line, redrawn, on a terminal; otherwise a
 * plain line now and then. Goes to standard error, so that standard output stays clean. */
#ifndef NASTUNE_PROGRESS_H
#define NASTUNE_PROGRESS_H

#include "run.h"

struct progress {
    bool quiet, terminal;
    double started, shown; /* monotonic */
    double first_share;    /* of the budget, when this process began */
    int shown_trials;      /* told when the last line was written */
};

void progress_open(struct progress *progress, bool quiet);

/* Shows where the runs are, if it is time to. Call it only with rows that are on disk. */
void progress_show(struct progress *progress, const struct run *runs, int n_runs);

/* Ends the line on a terminal. */
void progress_close(struct progress *progress, const struct run *runs, int n_runs);

/* "2 h 05 min", "48 s" into buffer; returns buffer. */
char *progress_duration(double seconds, char *buffer, size_t size);

#endif
