/* journal_read.c - the committed trials of a run, read back, and the repair of its files' ends
 * (journal.h). */
#include "cells.h"
#include "fail.h"
#include "journal_rows.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The lines of a file: offsets[i] .. offsets[i+1], the header being line 0; an unfinished last line
 * is not among them. Returns the number of lines. */
static int find_lines(const struct buffer *text, size_t **offsets) {
    int count = 0, room = 0;
    *offsets = NULL;
    for (size_t at = 0;;) {
        if (count + 2 > room) {
            room = room ? 2 * room : 1024;
            size_t *grown = realloc(*offsets, (size_t)room * sizeof *grown);
            if (!grown)
                return fail("out of memory");
            *offsets = grown;
        }
        (*offsets)[count] = at;
        char *end = at < text->length ? memchr(text->data + at, '\n', text->length - at) : NULL;
        if (!end)
            return count;
        if (end == text->data + at || end[-1] != '\r')
            return fail("line %d does not end in CR LF", count + 1);
        at = (size_t)(end - text->data) + 1;
        count++;
    }
}

static int read_file(int fd, const char *name, struct buffer *text, size_t **offsets, int *lines) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    *offsets = NULL;
    if (buffer_read_file(text, path, JOURNAL_FILE_LIMIT) ||
        (*lines = find_lines(text, offsets)) < 0)
        return fail_within("%s", name);
    return 0;
}

static int check_header(const struct journal *journal, enum journal_file file,
                        const struct buffer *text) {
    struct buffer header = {0};
    journal_header(journal->study, file, &header);
    bool same =
        text->length >= header.length && memcmp(text->data, header.data, header.length) == 0;
    buffer_free(&header);
    return same ? 0
                : fail("%s: its first line is not this study's header", journal_file_name[file]);
}

static int read_points(const struct journal *journal, const struct buffer *text,
                       const size_t *offsets, int first, int count, int trial,
                       struct outcome *outcome) {
    struct cells cells = {0};
    struct point point;
    int status = 0;
    for (int i = first; i < first + count && status == 0; i++)
        if (cells_split(&cells, text->data + offsets[i], offsets[i + 1] - offsets[i] - 2) ||
            journal_point_row_read(journal, &cells, trial, &point) || outcome_add(outcome, &point))
            status = fail_within("%s:%d", journal_file_name[JOURNAL_POINTS], i + 1);
    cells_free(&cells);
    return status;
}

struct contents {
    struct buffer text[JOURNAL_FILES];
    size_t *offsets[JOURNAL_FILES];
    int lines[JOURNAL_FILES];
};

static void contents_free(struct contents *contents) {
    for (int f = 0; f < JOURNAL_FILES; f++) {
        buffer_free(&contents->text[f]);
        free(contents->offsets[f]);
    }
}

static int contents_read(struct journal *journal, struct contents *contents) {
    for (int f = 0; f < JOURNAL_FILES; f++)
        if (read_file(journal->fd[f], journal_file_name[f], &contents->text[f],
                      &contents->offsets[f], &contents->lines[f]) ||
            check_header(journal, (enum journal_file)f, &contents->text[f]))
            return -1;
    return 0;
}

/* Reads the trials and their points; *point_lines: how many lines of points.csv belong to them. */
static int read_entries(struct journal *journal, const struct contents *contents,
                        struct journal_entry *entries, int count, int *point_lines) {
    const struct buffer *text = &contents->text[JOURNAL_TRIALS];
    const size_t *offsets = contents->offsets[JOURNAL_TRIALS];
    struct cells cells = {0};
    int status = 0, points;
    *point_lines = 1;
    for (int i = 0; i < count && status == 0; i++) {
        size_t from = offsets[i + 1], to = offsets[i + 2] - 2;
        points = 0;
        if (cells_split(&cells, text->data + from, to - from) ||
            journal_trial_read(journal, &cells, i, &entries[i], &points))
            status = fail_within("%s:%d", journal_file_name[JOURNAL_TRIALS], i + 2);
        else if (points > contents->lines[JOURNAL_POINTS] - *point_lines)
            status = fail("%s: the points of trial %d are missing",
                          journal_file_name[JOURNAL_POINTS], i);
        else
            status = read_points(journal, &contents->text[JOURNAL_POINTS],
                                 contents->offsets[JOURNAL_POINTS], *point_lines, points, i,
                                 &entries[i].outcome);
        *point_lines += points;
    }
    cells_free(&cells);
    return status;
}

void journal_entries_free(struct journal_entry *entries, int count) {
    for (int i = 0; i < count && entries; i++)
        outcome_free(&entries[i].outcome);
    free(entries);
}

/* Cuts a file after its first `lines` lines, or leaves it as it is when that is all of it. */
static int cut(struct journal *journal, const struct contents *contents, enum journal_file file,
               int lines) {
    if (lines > contents->lines[file]) /* timings are a service: missing ones are no fault */
        lines = contents->lines[file];
    size_t size = lines > 0 ? contents->offsets[file][lines] : 0;
    if (size == contents->text[file].length)
        return 0;
    if (ftruncate(journal->fd[file], (off_t)size) || fdatasync(journal->fd[file]))
        return fail("%s: %s", journal_file_name[file], strerror(errno));
    return 0;
}

int journal_read(struct journal *journal, struct journal_entry **out, int *count) {
    struct contents contents = {0};
    int status = contents_read(journal, &contents), point_lines = 1;
    *out = NULL;
    *count = 0;
    if (status == 0 && contents.lines[JOURNAL_TRIALS] > 1) {
        *count = contents.lines[JOURNAL_TRIALS] - 1;
        *out = calloc((size_t)*count, sizeof **out);
        status = *out ? read_entries(journal, &contents, *out, *count, &point_lines)
                      : fail("out of memory");
    }
    if (status == 0 && !journal->reader)
        status = cut(journal, &contents, JOURNAL_TRIALS, *count + 1) ||
                         cut(journal, &contents, JOURNAL_POINTS, point_lines) ||
                         cut(journal, &contents, JOURNAL_TIMING, *count + 1)
                     ? -1
                     : 0;
    contents_free(&contents);
    journal->trials = *count;
    return status;
}
