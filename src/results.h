/* results.h - the folder of a study's results: one writer at a time, one study for ever.
 *
 *     <results>/<study>/study.resolved.yaml            the study, every default filled in
 *                       trials.csv points.csv timing.csv   all runs, merged in a fixed order
 *                       runs/<method>-<repeat>/...      the journal of each run (journal.h)
 *                       lock                             held while somebody writes; names who */
#ifndef NASTUNE_RESULTS_H
#define NASTUNE_RESULTS_H

#include "study.h"

#define RESULTS_BUSY (-2) /* another process works on this study */

struct results {
    char folder[400];   /* <results>/<study> */
    char resolved[448]; /* its study.resolved.yaml */
    int lock;           /* descriptor; -1: none */
};

/* Makes or opens the study's folder under `parent` and takes the lock. Fails when the folder cannot
 * be written, or holds results of another study (naming the difference); RESULTS_BUSY, with a
 * message naming the other process, when it is locked. */
int results_open(struct results *results, const struct study *study, const char *parent);
/* The same for a study's folder that is there already, without looking at its study. */
int results_open_folder(struct results *results, const char *folder);
/* Looks at a study's folder without locking or changing it. `holder` (size): who works on it, as
 * the lock says; "" when nobody does. */
int results_look(struct results *results, const char *folder, char *holder, size_t size);
void results_close(struct results *results);

/* The folder of a run, into `path`. */
void results_run_folder(const struct results *results, const struct study *study, int method,
                        int repeat, char *path, size_t size);

/* Writes the merged files from the journals of all runs: by methods and repeats in the study's
 * order. A reader sees the old file or the new one, never a part. */
int results_merge(const struct results *results, const struct study *study);

/* Brings a new folder's entry onto the disk, as fsync of a file in it does not. */
int results_sync_folder(const char *folder);

#endif
