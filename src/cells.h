/* cells.h - the cells and lines of nastune's CSV files (RFC 4180 through libcsv).
 *
 * Text is always quoted, numbers never; a number is written with the fewest of 15 to 17 significant
 * digits that read back as the same double; what is unknown (NAN) is an empty cell. Lines end in
 * CR LF, and no cell holds a line break, so a line is a row and an unfinished row can never look
 * whole. */
#ifndef NASTUNE_CELLS_H
#define NASTUNE_CELLS_H

#include "buffer.h"

/* Cells onto the end of a line; they put the comma in front themselves. */
void cells_text(struct buffer *line, const char *text); /* NULL: an empty cell */
void cells_number(struct buffer *line, double number);
void cells_integer(struct buffer *line, long number);
void cells_end(struct buffer *line);

/* One line of a CSV file as cells. cells_free releases it; a struct may be used again and
 * again. */
struct cells {
    char **cell; /* (count) NUL-terminated, unquoted */
    int count, room;
    struct buffer bytes;
};

/* Splits a line (without its line end). Fails on bad quoting and on NUL bytes. */
int cells_split(struct cells *cells, const char *line, size_t length);
void cells_free(struct cells *cells);

/* A cell as a number: NAN for an empty one. Fails when it is anything else. */
int cells_read_number(const char *cell, double *number);

/* Makes text fit for a cell, in place: control bytes become spaces, bytes that are no UTF-8 (a
 * character cut in two is not) question marks, and a leading character that a spreadsheet takes for
 * a formula gets an apostrophe in front, for which the end may be cut (size as in snprintf). */
void cells_sanitize(char *text, size_t size);

#endif
