/* sheet.c - reading a CSV file, plain or gzipped, through zlib and libcsv (sheet.h). */
#include "sheet/sheet.h"
#include "fail.h"
#include "setting.h"
#include <csv.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { READ_CHUNK = 1 << 16, FIRST_ROOM = 1 << 12 };

/* ---- bytes of a file ---- */

static int read_all(gzFile file, const char *path, char **text, size_t *size) {
    size_t room = 0;
    *text = NULL;
    *size = 0;
    for (;;) {
        if (room - *size < READ_CHUNK) {
            room = room ? 2 * room : 4 * READ_CHUNK;
            char *grown = realloc(*text, room);
            if (!grown)
                return fail("%s: out of memory for %zu bytes", path, room);
            *text = grown;
        }
        int got = gzread(file, *text + *size, READ_CHUNK);
        if (got < 0) {
            int code;
            const char *why = gzerror(file, &code);
            return fail("%s: cannot be read: %s", path, code == Z_ERRNO ? strerror(errno) : why);
        }
        if (got == 0)
            return 0;
        *size += (size_t)got;
        if (*size > SHEET_BYTES_MAX)
            return fail("%s: more than %u MiB", path, SHEET_BYTES_MAX >> 20);
    }
}

static int read_file(const char *path, char **text, size_t *size) {
    *text = NULL;
    errno = 0;
    gzFile file = gzopen(path, "rb");
    if (!file)
        return fail("%s: %s", path, errno ? strerror(errno) : "out of memory");
    int status = read_all(file, path, text, size);
    int closed = gzclose(file);
    if (!status && closed != Z_OK)
        status = fail("%s: the gzip file is cut short or damaged", path);
    return status;
}

/* ---- fields ---- */

struct reader {
    struct sheet *sheet;
    size_t used, text_room;  /* bytes */
    size_t cells, cell_room; /* fields read so far */
    int line, lines_room;    /* current line; room for rows in sheet->line */
    int fields;              /* of the row being read */
    bool failed;
};

static void *grow(struct reader *reader, void *old, size_t count, size_t size) {
    void *grown = realloc(old, count * size);
    if (!grown) {
        fail("%s: out of memory for %zu bytes", reader->sheet->name, count * size);
        reader->failed = true;
    }
    return grown;
}

static bool reserve(struct reader *reader, size_t length) {
    struct sheet *sheet = reader->sheet;
    if (reader->used + length + 1 > reader->text_room) {
        size_t room = 2 * (reader->used + length + FIRST_ROOM);
        char *text = grow(reader, sheet->text, room, 1);
        if (!text)
            return false;
        sheet->text = text;
        reader->text_room = room;
    }
    if (reader->cells == reader->cell_room) {
        size_t room = 2 * reader->cells + FIRST_ROOM;
        size_t *cell = grow(reader, sheet->cell, room, sizeof *cell);
        if (!cell)
            return false;
        sheet->cell = cell;
        reader->cell_room = room;
    }
    return true;
}

static void on_field(void *field, size_t length, void *context) {
    struct reader *reader = context;
    if (reader->failed || !reserve(reader, length))
        return;
    if (memchr(field, 0, length)) {
        fail("%s:%d: a NUL byte; this is no CSV text", reader->sheet->name, reader->line);
        reader->failed = true;
        return;
    }
    struct sheet *sheet = reader->sheet;
    sheet->cell[reader->cells++] = reader->used;
    memcpy(sheet->text + reader->used, field, length);
    sheet->text[reader->used + length] = 0;
    reader->used += length + 1;
    reader->fields++;
}

static void on_row(int terminator, void *context) {
    (void)terminator;
    struct reader *reader = context;
    struct sheet *sheet = reader->sheet;
    if (reader->failed)
        return;
    if (sheet->rows < 0)
        sheet->columns = reader->fields;
    if (reader->fields != sheet->columns) {
        fail("%s:%d: %d fields, but the header has %d", sheet->name, reader->line, reader->fields,
             sheet->columns);
        reader->failed = true;
        return;
    }
    if (sheet->rows + 1 == reader->lines_room) {
        int room = 2 * reader->lines_room + FIRST_ROOM;
        int *line = grow(reader, sheet->line, (size_t)room, sizeof *line);
        if (!line)
            return;
        sheet->line = line;
        reader->lines_room = room;
    }
    sheet->line[++sheet->rows] = reader->line;
    reader->fields = 0;
}

static int no_space(unsigned char c) {
    (void)c;
    return 0;
}

/* The parser is fed a line at a time, so that the line of every fault is known. */
static int parse_lines(struct reader *reader, struct csv_parser *parser, const char *text,
                       size_t size) {
    const char *name = reader->sheet->name;
    for (size_t at = 0; at < size; reader->line++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) + 1 - at : size - at;
        if (csv_parse(parser, text + at, length, on_field, on_row, reader) != length)
            return fail("%s:%d: %s", name, reader->line,
                        csv_error(parser) == CSV_EPARSE
                            ? "a quote inside a field that is not quoted as a whole (RFC 4180)"
                            : csv_strerror(csv_error(parser)));
        if (reader->failed)
            return -1;
        at += length;
    }
    if (csv_fini(parser, on_field, on_row, reader))
        return fail("%s:%d: a quoted field is not closed", name, reader->line);
    return reader->failed ? -1 : 0;
}

static int check_header(const struct sheet *sheet) {
    if (sheet->rows < 0)
        return fail("%s:1: empty; a header line with the names of the columns is needed",
                    sheet->name);
    for (int a = 0; a < sheet->columns; a++)
        for (int b = 0; b < a; b++)
            if (strcmp(sheet_column_name(sheet, a), sheet_column_name(sheet, b)) == 0)
                return fail("%s:%d: two columns are called '%s'", sheet->name, sheet->line[0],
                            sheet_column_name(sheet, a));
    return 0;
}

int sheet_parse(struct sheet **out, const char *name, const char *text, size_t size) {
    *out = NULL;
    struct sheet *sheet = calloc(1, sizeof *sheet);
    struct csv_parser parser;
    if (!sheet || !(sheet->name = strdup(name)) ||
        csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL)) {
        sheet_free(sheet);
        return fail("%s: out of memory", name);
    }
    csv_set_space_func(&parser, no_space);
    sheet->rows = -1; /* the header is row -1 */
    struct reader reader = {.sheet = sheet, .line = 1};
    int status =
        size > INT_MAX ? fail("%s: too large", name) : parse_lines(&reader, &parser, text, size);
    csv_free(&parser);
    if (!status)
        status = check_header(sheet);
    if (status)
        sheet_free(sheet);
    else
        *out = sheet;
    return status;
}

int sheet_read(struct sheet **out, const char *path) {
    *out = NULL;
    char *text;
    size_t size = 0;
    int status = read_file(path, &text, &size);
    if (!status)
        status = sheet_parse(out, path, text, size);
    free(text);
    return status;
}

void sheet_free(struct sheet *sheet) {
    if (!sheet)
        return;
    free(sheet->name);
    free(sheet->text);
    free(sheet->cell);
    free(sheet->line);
    free(sheet);
}

/* ---- what it holds ---- */

char *sheet_trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = 0;
    return text;
}

const char *sheet_column_name(const struct sheet *sheet, int column) {
    return sheet->text + sheet->cell[column];
}

char *sheet_cell(const struct sheet *sheet, int row, int column) {
    return sheet->text + sheet->cell[(size_t)(row + 1) * (size_t)sheet->columns + (size_t)column];
}

static const char *column_candidate(const void *context, int i) {
    const struct sheet *sheet = context;
    return i < sheet->columns ? sheet_column_name(sheet, i) : NULL;
}

static int find_column(const struct sheet *sheet, const char *name) {
    for (int i = 0; i < sheet->columns; i++)
        if (strcmp(sheet_column_name(sheet, i), name) == 0)
            return i;
    return -1;
}

bool sheet_has(const struct sheet *sheet, const char *name) {
    return find_column(sheet, name) >= 0;
}

int sheet_column(const struct sheet *sheet, const char *name, int *column) {
    *column = find_column(sheet, name);
    if (*column >= 0)
        return 0;
    const char *meant = setting_suggest(name, column_candidate, sheet);
    return meant ? fail("%s:%d: no column '%s'; did you mean '%s'?", sheet->name, sheet->line[0],
                        name, meant)
                 : fail("%s:%d: no column '%s'", sheet->name, sheet->line[0], name);
}

int sheet_number(const struct sheet *sheet, int row, int column, double *number) {
    const char *text = sheet_cell(sheet, row, column);
    char *end;
    *number = *text ? strtod(text, &end) : NAN;
    if (*text && (end == text || *end || !isfinite(*number)))
        return fail("%s:%d: column '%s': '%s' is no number", sheet->name, sheet->line[row + 1],
                    sheet_column_name(sheet, column), text);
    return 0;
}
