/* report.c - points from a command's lines and its CSV file (report.h). */
#include "report.h"
#include "fail.h"
#include "setting.h"
#include "sheet/sheet.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 64 << 20 }; /* bytes */

static const char *const names[] = {"epoch",  "accuracy", "loss",  "test_accuracy", "runtime",
                                    "params", "flops",    "final", "arch"};
enum { NUMBERS = 7, FINAL = 7, ARCH = 8, NAMES = 9 };

static double *number_of(struct point *point, int i) {
    double *const numbers[NUMBERS] = {&point->epoch,         &point->accuracy, &point->loss,
                                      &point->test_accuracy, &point->runtime,  &point->params,
                                      &point->flops};
    return numbers[i];
}

/* The i-th name there is: the common ones, then the study's, copied into name. */
static bool name_at(const struct report *report, int i, char name[64]) {
    *name = 0;
    if (i < NAMES)
        strcpy(name, names[i]);
    const char *line = report->columns;
    for (i -= NAMES; i >= 0 && line && *line; i--) {
        if (i == 0)
            snprintf(name, 64, "%.*s", (int)strcspn(line, "\n"), line);
        line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
    }
    return *name;
}

struct name_list {
    char name[NAMES + POINT_MAX_EXTRA + 1][64];
};

static const char *candidate(const void *context, int i) {
    const struct name_list *list = context;
    return *list->name[i] ? list->name[i] : NULL;
}

static int find_name(const struct report *report, const char *name, int *index) {
    struct name_list list = {{{0}}};
    for (int i = 0; i < NAMES + POINT_MAX_EXTRA && name_at(report, i, list.name[i]); i++)
        if (strcmp(name, list.name[i]) == 0) {
            *index = i;
            return 0;
        }
    const char *meant = setting_suggest(name, candidate, &list);
    return meant ? fail("'%.60s' is none of a point's names; did you mean '%s'?", name, meant)
                 : fail("'%.60s' is none of a point's names; further ones are listed in the study "
                        "under 'columns'",
                        name);
}

static int read_number(const char *name, const char *text, double *number) {
    char *end;
    *number = *text ? strtod(text, &end) : NAN;
    if (*text && (*end || end == text))
        return fail("%s: '%.60s' is no number", name, text);
    return 0;
}

/* Sets what has this name. arch is borrowed. */
static int set_value(struct report *report, struct point *point, const char *name, char *value) {
    int i;
    double number;
    if (find_name(report, name, &i))
        return -1;
    if (i == ARCH) {
        point->arch = *value ? value : NULL;
        return 0;
    }
    if (read_number(name, value, &number))
        return -1;
    if (i == FINAL) {
        if (number != 0 && number != 1)
            return fail("final: '%.60s' is neither 0 nor 1", value);
        point->final = number == 1;
        report->marked = true;
    } else
        *(i < NUMBERS ? number_of(point, i) : &point->extra[i - NAMES]) = number;
    return 0;
}

static int read_words(struct report *report, char *text, struct outcome *out) {
    struct point point = point_none();
    int words = 0;
    point.final = false;
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t"), words++) {
        char *name = text, *value = strchr(text, '=');
        if (!value || value > text + strcspn(text, " \t"))
            return fail("'%.60s': NAME=VALUE is wanted", text);
        *value++ = 0;
        size_t n = strcmp(name, "arch") == 0 ? strlen(value) : strcspn(value, " \t");
        text = value + n + (value[n] != 0);
        value[n] = 0;
        if (set_value(report, &point, name, value))
            return -1;
    }
    return words ? outcome_add(out, &point) : fail("nothing in it");
}

int report_line(struct report *report, const char *line, struct outcome *out) {
    size_t prefix = strlen(REPORT_PREFIX);
    if (strncmp(line, REPORT_PREFIX, prefix) != 0)
        return 0;
    char *copy = strdup(line + prefix);
    if (!copy)
        return fail("out of memory");
    int status = read_words(report, copy, out);
    free(copy);
    return status ? fail_within("its line '%.60s'", line) : 0;
}

static int read_rows(struct report *report, const struct sheet *sheet, struct outcome *out) {
    for (int row = 0; row < sheet->rows; row++) {
        struct point point = point_none();
        point.final = false;
        for (int c = 0; c < sheet->columns; c++)
            if (set_value(report, &point, sheet_column_name(sheet, c), sheet_cell(sheet, row, c)))
                return fail_within("%s:%d", sheet->name, sheet->line[row + 1]);
        if (outcome_add(out, &point))
            return fail_within("%s:%d", sheet->name, sheet->line[row + 1]);
    }
    return 0;
}

int report_file(struct report *report, const char *path, struct outcome *out) {
    struct stat there;
    struct sheet *sheet;
    if (lstat(path, &there))
        return errno == ENOENT ? 0 : fail("%s: %s", path, strerror(errno));
    if (!S_ISREG(there.st_mode))
        return fail("%s is no file", path);
    if (there.st_size > FILE_MAX)
        return fail("%s: more than %d MB of points", path, FILE_MAX >> 20);
    if (there.st_size == 0)
        return 0;
    if (sheet_read(&sheet, path))
        return -1;
    int status = read_rows(report, sheet, out);
    sheet_free(sheet);
    return status;
}

void report_end(const struct report *report, struct outcome *out) {
    if (!report->marked && out->count > 0)
        out->point[out->count - 1].final = true;
}
