/* conduct.h - conducts a study: opens its results, keeps the executor busy with trials of all its
 * runs, commits what ends, and merges the CSV files at the end, however it ends. */
#ifndef NASTUNE_CONDUCT_H
#define NASTUNE_CONDUCT_H

#include "study.h"

enum conduct_end {
    CONDUCT_DONE = 0,
    CONDUCT_FAILED = -1, /* fail_message() says why */
    CONDUCT_BUSY = -2,   /* another process works on this study; fail_message() names it */
    CONDUCT_STOPPED = 1  /* by a signal; everything committed is on disk */
};

struct conduct_options {
    int jobs;           /* trials at a time, >= 1 */
    const char *parent; /* folder in which the study's folder is, or is made */
    bool quiet;         /* no progress, no table */
};

/* INT, TERM and HUP stop what runs (executor_interrupt); a broken pipe or a full quota is an error
 * of write. */
void conduct_handle_signals(void);

enum conduct_end conduct_study(const struct study *study, const struct conduct_options *options);

#endif
