/* cells.c - the cells and lines of nastune's CSV files (cells.h). */
#include "cells.h"
#include "fail.h"
#include <csv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void separate(struct buffer *line) {
    if (line->length > 0 && line->data[line->length - 1] != '\n')
        buffer_add(line, ",", 1);
}

void cells_text(struct buffer *line, const char *text) {
    separate(line);
    if (!text)
        text = "";
    size_t length = strlen(text), quoted = 2 * length + 2;
    char *cell = malloc(quoted);
    if (!cell) {
        line->failed = true;
        return;
    }
    buffer_add(line, cell, csv_write(cell, quoted, text, length));
    free(cell);
}

void cells_number(struct buffer *line, double number) {
    char cell[32] = "";
    for (int digits = 15; !isnan(number) && digits <= 17; digits++) {
        snprintf(cell, sizeof cell, "%.*g", digits, number);
        double back = strtod(cell, NULL); /* compared as bits: subnormals may count as zero */
        if (memcmp(&back, &number, sizeof back) == 0)
            break;
    }
    separate(line);
    buffer_add(line, cell, strlen(cell));
}

void cells_integer(struct buffer *line, long number) {
    separate(line);
    buffer_print(line, "%ld", number);
}

void cells_end(struct buffer *line) {
    buffer_add(line, "\r\n", 2);
}

/* ---- reading ---- */

static void take_cell(void *bytes, size_t length, void *context) {
    struct cells *cells = context;
    if (cells->count == cells->room) {
        int room = cells->room ? 2 * cells->room : 32;
        char **grown = realloc(cells->cell, (size_t)room * sizeof *grown);
        if (!grown) {
            cells->bytes.failed = true;
            return;
        }
        cells->cell = grown;
        cells->room = room;
    }
    /* The bytes may still move as they grow: note the offset, turned into a pointer at the end. */
    cells->cell[cells->count++] = (char *)(uintptr_t)cells->bytes.length;
    buffer_add(&cells->bytes, bytes, length);
    buffer_add(&cells->bytes, "", 1);
}

static void take_row(int end, void *context) {
    (void)end, (void)context;
}

int cells_split(struct cells *cells, const char *line, size_t length) {
    struct csv_parser parser;
    cells->count = 0;
    buffer_clear(&cells->bytes);
    if (memchr(line, 0, length))
        return fail("a NUL byte");
    if (memchr(line, '\r', length) || memchr(line, '\n', length))
        return fail("a line break within");
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL))
        return fail("csv_init failed");
    bool good = csv_parse(&parser, line, length, take_cell, take_row, cells) == length &&
                csv_fini(&parser, take_cell, take_row, cells) == 0;
    csv_free(&parser);
    if (!good)
        return fail("bad quoting");
    if (buffer_check(&cells->bytes))
        return -1;
    for (int i = 0; i < cells->count; i++)
        cells->cell[i] = cells->bytes.data + (uintptr_t)cells->cell[i];
    return 0;
}

void cells_free(struct cells *cells) {
    free(cells->cell);
    buffer_free(&cells->bytes);
    *cells = (struct cells){0};
}

int cells_read_number(const char *cell, double *number) {
    char *end;
    *number = NAN;
    if (!*cell)
        return 0;
    *number = strtod(cell, &end);
    return end == cell || *end ? fail("'%s' is no number", cell) : 0;
}

/* Bytes of the UTF-8 character at `c`, 0 when there is none (overlong forms and surrogates are
 * none). */
static int character_length(const unsigned char *c) {
    int n = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) || (*c == 0xf0 && c[1] < 0x90) ||
        (*c == 0xf4 && c[1] > 0x8f))
        return 0;
    return n;
}

void cells_sanitize(char *text, size_t size) {
    size_t length = strlen(text);
    if (*text && strchr("=+-@", *text) && size > 1) {
        if (length + 1 >= size)
            length = size - 2;
        memmove(text + 1, text, length);
        text[length + 1] = 0;
        *text = '\'';
    }
    for (unsigned char *c = (unsigned char *)text; *c;) {
        int n = character_length(c);
        if (n == 0)
            *c = '?';
        else if (n == 1 && (*c < 0x20 || *c == 0x7f))
            *c = ' ';
        c += n ? n : 1;
    }
}
