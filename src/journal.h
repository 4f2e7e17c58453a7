/* journal.h - what one run (a method and a repeat) has committed: three CSV files in a folder of
 * its own, written by one process only.
 *
 *     trials.csv   one row a committed trial, in trial order: the commit record
 *     points.csv   the points of those trials, on disk before the row that counts them
 *     timing.csv   everything a clock or a machine had a say in; outside the promise of equal bytes
 *
 * Recovery cuts an unfinished last line, and points and timings of a trial whose row never came. A
 * bad row before the last is an error, never dropped. results/README.md names the columns. */
#ifndef NASTUNE_JOURNAL_H
#define NASTUNE_JOURNAL_H

#include "buffer.h"
#include "point.h"
#include "study.h"

enum journal_file { JOURNAL_TRIALS, JOURNAL_POINTS, JOURNAL_TIMING, JOURNAL_FILES };
extern const char *const journal_file_name[JOURNAL_FILES];

/* What a clock and the machine say of one trial. */
struct timing {
    double started;      /* s since 1970, UTC */
    double seconds;      /* wall clock of the trial; NAN: unknown */
    double cpu_seconds;  /* user + system of its process; NAN when it had none */
    double peak_memory;  /* MB of its process; NAN when it had none */
    double ask_seconds;  /* the method's time to propose it */
    double tell_seconds; /* the method's time to learn the trials before it */
};

struct journal {
    const struct study *study; /* borrowed */
    int method, repeat;
    int fd[JOURNAL_FILES];
    struct buffer pending[JOURNAL_FILES]; /* appended, not yet on disk */
    int trials;                           /* committed, those still pending included */
    bool reader;                          /* only read: nothing is made, repaired or appended */
};

/* A committed trial as read back. */
struct journal_entry {
    struct trial trial;     /* without ->result, which the objective makes from the points */
    int known;              /* results the method had been told when it proposed this one */
    struct outcome outcome; /* owned; entry_free */
};

/* The header line of a file of this study (with its CR LF) onto `line`. */
void journal_header(const struct study *study, enum journal_file file, struct buffer *line);

/* Opens or makes the journal of a run in `folder` (which exists), repairing an unfinished tail.
 * The committed trials are read by journal_read. */
int journal_open(struct journal *journal, const struct study *study, int method, int repeat,
                 const char *folder);
/* For reading only, safe while another process writes: an unfinished end is passed over. */
int journal_open_reader(struct journal *journal, const struct study *study, int method, int repeat,
                        const char *folder);
void journal_close(struct journal *journal); /* drops what is pending; fine on a zeroed one */

/* The committed trials, in order. *out (count) is the caller's: journal_entries_free. */
int journal_read(struct journal *journal, struct journal_entry **out, int *count);
void journal_entries_free(struct journal_entry *entries, int count);

/* Of a journal that journal_read refuses: *good, how many of its first trials can be read, of *rows
 * in all. With cut_it all files are cut behind them, after a copy of each was left beside it
 * (NAME.before- repair). 1: something was bad, and fail_message() says what; 0: nothing was; -1: it
 * cannot be done.
 */
int journal_repair(struct journal *journal, const char *folder, bool cut_it, int *good, int *rows);

/* Appends a committed trial to memory; journal_sync brings all that was appended onto the disk:
 * points first. After a failed sync the files are as they were before it, and the journal must not
 * be used further. `chosen`: index of the point the objective took, or -1. */
int journal_append(struct journal *journal, const struct trial *trial, int known,
                   const struct outcome *outcome, int chosen, const struct timing *timing);
int journal_sync(struct journal *journal);

/* The cells of a point (epoch, final, ..., extra columns, arch), shared by points.csv and the pipe
 * from a trial's process; the number of cells for a solver with n extra columns; and back. */
void journal_point_cells(struct buffer *line, const struct point *point, int extra);
int journal_point_cell_count(int extra);
int journal_point_read(char *const *cell, int extra, struct point *point); /* arch is borrowed */

/* How many columns of its own the study's solver has. */
int journal_extra_columns(const struct study *study);

#endif
