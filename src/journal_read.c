/* journal_read.c - the committed trials of a run, read back, and the repair of its files' ends
 * (journal.h). */
#include "cells.h"
#include "fail.h"
#include "journal_rows.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The lines of a file: offsets[i] .. offsets[i+1], the header being line 0; an unfinished last line
 * is not among them. Fails at the first line that ends in another way; those before it are there.
 */
static int find_lines(const struct buffer *text, size_t **offsets, int *lines) {
    int count = 0, room = 0;
    *offsets = NULL;
    *lines = 0;
    for (size_t at = 0;;) {
        if (count + 2 > room) {
            room = room ? 2 * room : 1024;
            size_t *grown = realloc(*offsets, (size_t)room * sizeof *grown);
            if (!grown)
                return fail("out of memory");
            *offsets = grown;
        }
        (*offsets)[count] = at;
        *lines = count;
        char *end = at < text->length ? memchr(text->data + at, '\n', text->length - at) : NULL;
        if (!end)
            return 0;
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
    if (buffer_read_file(text, path, JOURNAL_FILE_LIMIT) || find_lines(text, offsets, lines))
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
    for (int f = 0; f < JOURNAL_FILES; f++) {
        if (read_file(journal->fd[f], journal_file_name[f], &contents->text[f],
                      &contents->offsets[f], &contents->lines[f]))
            return -1;
        bool beginning = journal->reader && contents->lines[f] == 0; /* its writer is about to */
        if (!beginning && check_header(journal, (enum journal_file)f, &contents->text[f]))
            return -1;
    }
    return 0;
}

/* Reads the trials and their points; *good: how many there are before the first bad one,
 * *point_lines: how many lines of points.csv belong to them. */
static int read_entries(struct journal *journal, const struct contents *contents,
                        struct journal_entry *entries, int count, int *good, int *point_lines) {
    const struct buffer *text = &contents->text[JOURNAL_TRIALS];
    const size_t *offsets = contents->offsets[JOURNAL_TRIALS];
    struct cells cells = {0};
    int status = 0, points;
    *point_lines = 1;
    *good = 0;
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
        if (status == 0) {
            *point_lines += points;
            *good = i + 1;
        }
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

/* Cuts all files after the given number of trials and their points. */
static int cut_all(struct journal *journal, const struct contents *contents, int trials,
                   int point_lines) {
    return cut(journal, contents, JOURNAL_TRIALS, trials + 1) ||
                   cut(journal, contents, JOURNAL_POINTS, point_lines) ||
                   cut(journal, contents, JOURNAL_TIMING, trials + 1)
               ? -1
               : 0;
}

int journal_read(struct journal *journal, struct journal_entry **out, int *count) {
    struct contents contents = {0};
    int status = contents_read(journal, &contents), good = 0, point_lines = 1;
    *out = NULL;
    *count = 0;
    if (status == 0 && contents.lines[JOURNAL_TRIALS] > 1) {
        *count = contents.lines[JOURNAL_TRIALS] - 1;
        *out = calloc((size_t)*count, sizeof **out);
        status = *out ? read_entries(journal, &contents, *out, *count, &good, &point_lines)
                      : fail("out of memory");
    }
    if (status == 0 && !journal->reader)
        status = cut_all(journal, &contents, *count, point_lines);
    contents_free(&contents);
    journal->trials = *count;
    return status;
}

/* ---- repair ---- */

/* A copy of a file beside it, under a name that nothing else reads. */
static int set_aside(const char *folder, enum journal_file file, const struct buffer *text) {
    char path[640];
    snprintf(path, sizeof path, "%s/%s.before-repair", folder, journal_file_name[file]);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return fail("%s: %s", path, strerror(errno));
    bool good = buffer_write(fd, text->data, text->length) == 0 && fsync(fd) == 0;
    int why = errno;
    close(fd);
    return good ? 0 : fail("%s: %s", path, strerror(why));
}

/* Whether a file begins as it must; if not, nothing in it can be told apart. */
static bool headers_good(struct journal *journal, struct contents *contents) {
    bool good = true;
    for (int f = 0; f < JOURNAL_FILES; f++) {
        bool read = read_file(journal->fd[f], journal_file_name[f], &contents->text[f],
                              &contents->offsets[f], &contents->lines[f]) == 0;
        if (!read && f != JOURNAL_TIMING)
            good = false; /* a line that ends badly: the lines before it are there all the same */
        if (contents->lines[f] == 0 ||
            check_header(journal, (enum journal_file)f, &contents->text[f]))
            contents->lines[f] = 0;
    }
    return good;
}

int journal_repair(struct journal *journal, const char *folder, bool cut_it, int *good, int *rows) {
    struct contents contents = {0};
    int point_lines = 1, status = 0;
    *good = 0;
    bool whole = headers_good(journal, &contents);
    *rows = contents.lines[JOURNAL_TRIALS] > 0 ? contents.lines[JOURNAL_TRIALS] - 1 : 0;
    bool headed = contents.lines[JOURNAL_TRIALS] > 0 && contents.lines[JOURNAL_POINTS] > 0 &&
                  contents.lines[JOURNAL_TIMING] > 0;
    struct journal_entry *entries = calloc((size_t)*rows + 1, sizeof *entries);
    if (!entries)
        status = fail("out of memory");
    else if (headed && read_entries(journal, &contents, entries, *rows, good, &point_lines) == 0 &&
             whole)
        cut_it = false; /* nothing is bad */
    else
        status = 1;
    for (int f = 0; f < JOURNAL_FILES && status == 1 && cut_it; f++)
        if (set_aside(folder, (enum journal_file)f, &contents.text[f]))
            status = -1;
    if (status == 1 && cut_it)
        status = cut_all(journal, &contents, *good, point_lines) ? -1 : 1;
    journal_entries_free(entries, *rows);
    contents_free(&contents);
    return status;
}
