/* study_faults.c - collecting the faults of a study file and laying them out. */
#include "study_faults.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WHY_MAX = 2048,
    LINE_SHOWN = 160, /* bytes of a source line that are shown */
    LEAD_SHOWN = 100  /* of them at most before the fault */
};

/* C0, DEL, and C1 as UTF-8 writes it (C2 80 .. C2 9F). */
static void hide_control_bytes(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        if (c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0)
            c[0] = c[1] = '?';
    }
}

void faults_add(struct faults *faults, int line, int column, int width, const char *format, ...) {
    if (faults->count == FAULTS_MAX) {
        faults->uncounted++;
        return;
    }
    char why[WHY_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    hide_control_bytes(why);
    char *copy = strdup(why);
    if (!copy) {
        faults->out_of_memory = true;
        return;
    }
    faults->fault[faults->count++] = (struct fault){line, column, width, copy};
}

bool faults_none(const struct faults *faults) {
    return faults->count == 0 && !faults->out_of_memory;
}

/* By line, then column; faults of one place stay in the order they were found (insertion sort). */
static void sort(struct fault *fault, int count) {
    for (int i = 1; i < count; i++) {
        struct fault moved = fault[i];
        int j = i;
        for (; j > 0 && (fault[j - 1].line > moved.line ||
                         (fault[j - 1].line == moved.line && fault[j - 1].column > moved.column));
             j--)
            fault[j] = fault[j - 1];
        fault[j] = moved;
    }
}

static bool continues_character(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* The start of the n-th line (from 1), and its length; NULL past the end. */
static const char *line_at(const struct faults *faults, int n, size_t *length) {
    const char *end = faults->source + faults->size, *at = faults->source;
    for (; n > 1; n--) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            return NULL;
        at++;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    *length = (size_t)((newline ? newline : end) - at);
    return at;
}

/* The byte at which the n-th character (from 1) of a line starts. */
static size_t byte_of_column(const char *line, size_t length, int column) {
    size_t byte = 0;
    for (int c = 1; c < column && byte < length; c++) {
        byte++;
        while (byte < length && continues_character(line[byte]))
            byte++;
    }
    return byte;
}

/* The source line (of a long one, the part around the fault), and the caret under it. */
static void show_line(const struct faults *faults, const struct fault *fault, FILE *out) {
    size_t length;
    const char *line = line_at(faults, fault->line, &length);
    if (!line)
        return;
    size_t at = byte_of_column(line, length, fault->column), from = 0;
    if (length > LINE_SHOWN && at > LEAD_SHOWN)
        from = at - LEAD_SHOWN;
    while (from > 0 && continues_character(line[from]))
        from--;
    size_t shown = length - from < LINE_SHOWN ? length - from : LINE_SHOWN;
    while (from + shown < length && continues_character(line[from + shown]))
        shown--;
    const char *dots = from > 0 ? "..." : "";
    fprintf(out, "%s%.*s%s\n%*s", dots, (int)shown, line + from, from + shown < length ? "..." : "",
            (int)strlen(dots), "");
    for (size_t b = from; b < at; b++)
        if (!continues_character(line[b]))
            fputc(line[b] == '\t' ? '\t' : ' ', out);
    fputc('^', out);
    size_t b = at + 1;
    for (int c = 1; c < fault->width && b < from + shown; b++)
        if (!continues_character(line[b])) {
            fputc('~', out);
            c++;
        }
    fputc('\n', out);
}

char *faults_text(struct faults *faults) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    sort(faults->fault, faults->count);
    for (int i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->fault[i];
        if (fault->line > 0)
            fprintf(out, "%s:%d:%d: error: %s\n", faults->path, fault->line, fault->column,
                    fault->why);
        else
            fprintf(out, "%s: error: %s\n", faults->path, fault->why);
        if (fault->line > 0 && faults->source)
            show_line(faults, fault, out);
    }
    if (faults->uncounted)
        fprintf(out, "%s: error: and %d more\n", faults->path, faults->uncounted);
    if (faults->out_of_memory)
        fprintf(out, "%s: error: out of memory\n", faults->path);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}

void faults_free(struct faults *faults) {
    for (int i = 0; i < faults->count; i++)
        free(faults->fault[i].why);
    faults->count = 0;
}
