/* sheet.h - a CSV file with a header line, in memory, and the rows of a sheet found by key.
 *
 * RFC 4180, read strictly: quotes only around whole fields, the same number of fields in every row,
 * spaces are part of a field. Empty lines are skipped. A file may be gzipped. Every fault names
 * FILE:LINE. */
#ifndef NASTUNE_SHEET_H
#define NASTUNE_SHEET_H

#include <stdbool.h>
#include <stddef.h>

#define SHEET_BYTES_MAX (1u << 30) /* of a file, unpacked */

struct sheet {
    char *name;   /* what messages call it: its path; owned */
    int columns;  /* >= 1 */
    int rows;     /* without the header */
    char *text;   /* every field, NUL-terminated, one behind the other; the header's first */
    size_t *cell; /* ((1 + rows) * columns) where in `text` each field starts */
    int *line;    /* (1 + rows) line of the file on which each row ends, from 1 */
};

/* Reads a file, plain or gzipped; or `size` bytes of text that messages shall call `name`. */
int sheet_read(struct sheet **out, const char *path);
int sheet_parse(struct sheet **out, const char *name, const char *text, size_t size);
void sheet_free(struct sheet *sheet); /* NULL is fine */

/* The column of this name; fails ("did you mean") when there is none. */
int sheet_column(const struct sheet *sheet, const char *name, int *column);
bool sheet_has(const struct sheet *sheet, const char *name);
const char *sheet_column_name(const struct sheet *sheet, int column); /* borrowed */

/* A field as text (borrowed) and as a finite number; an empty field is NAN. Row 0 is the first
 * below the header. */
char *sheet_cell(const struct sheet *sheet, int row, int column);
int sheet_number(const struct sheet *sheet, int row, int column, double *number);

/* Cuts the white space off both ends of a text; returns where it starts now. */
char *sheet_trim(char *text);

/* One column of a key. `text` (without `exact`): two fields are equal when both are numbers of the
 * same value, or the same text. */
struct sheet_key {
    int column;
    bool exact; /* equal as text only: 012 is not 12 */
};
struct sheet_index;

/* An index over rows by the fields of `key` (n), hashed. Keeps the sheet borrowed. */
int sheet_index_open(struct sheet_index **out, const struct sheet *sheet,
                     const struct sheet_key *key, int n);
void sheet_index_free(struct sheet_index *index); /* NULL is fine */

/* The same for files that are opened again and again: read and indexed once a process, and again
 * when the file was replaced. Borrowed for the life of the process; safe to call from threads. The
 * sheet of sheet_cached_index is one of sheet_cached's, n <= SHEET_KEYS. */
#define SHEET_KEYS 40
int sheet_cached(const struct sheet **out, const char *path);
int sheet_cached_index(const struct sheet_index **out, const struct sheet *sheet,
                       const struct sheet_key *key, int n);

/* First row whose key fields equal value[0 .. n), and the next one after `row` with the same key,
 * in file order; -1: none. */
int sheet_index_find(const struct sheet_index *index, const char *const *value);
int sheet_index_next(const struct sheet_index *index, int row);

#endif
