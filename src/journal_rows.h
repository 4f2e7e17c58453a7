/* journal_rows.h - the rows of a journal's files, to text and back. Used by the journal alone; the
 * cells of a point, which others need, are in journal.h. */
#ifndef NASTUNE_JOURNAL_ROWS_H
#define NASTUNE_JOURNAL_ROWS_H

#include "cells.h"
#include "journal.h"

#define JOURNAL_FILE_LIMIT ((size_t)1 << 30) /* bytes a file may have to be read back */

/* One row, with its line end, onto `line`. */
void journal_trial_row(const struct journal *journal, struct buffer *line,
                       const struct trial *trial, int known, int points, int chosen);
void journal_point_row(const struct journal *journal, struct buffer *line, int trial, int index,
                       bool chosen, const struct point *point);
void journal_timing_row(const struct journal *journal, struct buffer *line, int trial,
                        const struct timing *timing);

/* The row of trial `id` (checked); *points: how many points it counts. */
int journal_trial_read(const struct journal *journal, const struct cells *cells, int id,
                       struct journal_entry *entry, int *points);

/* A point's row, of trial `trial` (checked). arch is borrowed from the cells. */
int journal_point_row_read(const struct journal *journal, const struct cells *cells, int trial,
                           struct point *point);

#endif
