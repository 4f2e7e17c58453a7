/* figure.h - a figure of a recorded table: which columns hold it, at which fidelity, on what scale.
 *
 *     COLUMN                                    as recorded
 *     COLUMN / NUMBER, COLUMN * NUMBER          scaled: "val_acc / 100"
 *     COLUMN|COLUMN|COLUMN                      repeats of one measurement
 *     12: COLUMN, 200: COLUMN / 100             one column a fidelity */
#ifndef NASTUNE_SHEET_FIGURE_H
#define NASTUNE_SHEET_FIGURE_H

#include "rng.h"
#include "sheet/sheet.h"

enum { SHEET_ENTRIES = 32, SHEET_REPEATS = 32 };

/* One column, or several repeats of it, from one fidelity on. */
struct sheet_entry {
    double from;            /* epochs; 0: at any fidelity */
    double factor, divisor; /* one of them is 1: 63.4 / 100 is to be 0.634, not 63.4 * 0.01 */
    int columns, column[SHEET_REPEATS];
};
struct sheet_figure {
    int entries; /* 0: not recorded */
    struct sheet_entry entry[SHEET_ENTRIES];
};

/* An empty text has no entries. */
int sheet_figure_parse(const struct sheet *sheet, const char *text, struct sheet_figure *figure);

/* The figure at this row and fidelity; NAN where it was not recorded. Of several repeats the seed
 * picks one, and the next one there is where that is empty. */
int sheet_figure_read(const struct sheet_figure *figure, const struct sheet *sheet, int row,
                      double epoch, uint64_t seed, double *out);

/* One of n repeats: the same for every figure of a trial. */
int sheet_figure_pick(uint64_t seed, int n);

/* The lowest fidelity above `after` that the figure names; INFINITY: none. */
double sheet_figure_next(const struct sheet_figure *figure, double after);

#endif
