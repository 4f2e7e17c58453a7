/* journal_rows.c - the headers and rows of a journal's files, to text and back (journal_rows.h). */
#include "journal_rows.h"
#include "fail.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const journal_file_name[JOURNAL_FILES] = {"trials.csv", "points.csv", "timing.csv"};

enum {
    /* Cells of trials.csv before the objectives, and after them before the settings. */
    LEADING_CELLS = 9,
    MIDDLE_CELLS = 3,
    POINT_LEADING_CELLS = 5, /* method, repeat, trial, point, chosen */
    POINT_CELLS = 9,         /* epoch, final, 6 quantities, arch */
    COUNT_MAX = 1000000000,
    NEEDED = -2 /* for cell_count: the cell may not be empty */
};

int journal_extra_columns(const struct study *study) {
    int n = 0;
    const char *columns = study->columns;
    for (; columns; n++) {
        columns = strchr(columns, '|');
        columns = columns ? columns + 1 : NULL;
    }
    return n;
}

/* ---- headers ---- */

static void names(struct buffer *line, const char *list) {
    while (*list) {
        size_t n = strcspn(list, " |");
        buffer_print(line, "%s%.*s", line->length ? "," : "", (int)n, list);
        list += n + (list[n] != 0);
    }
}

static bool is_fixed_column(const char *name) {
    static const char *const fixed[] = {"method", "repeat",   "trial",     "parent", "known",
                                        "origin", "fidelity", "cost",      "status", "violation",
                                        "points", "chosen",   "objective", "detail"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(name, fixed[i]) == 0)
            return true;
    return false;
}

static void trials_header(const struct study *study, struct buffer *line) {
    names(line, "method repeat trial parent known origin fidelity cost status");
    int goals = objective_goals(study->objective);
    for (int i = 0; i < goals; i++)
        goals == 1 ? names(line, "objective") : buffer_print(line, ",objective_%d", i + 1);
    names(line, "violation points chosen");
    for (int d = 0; d < study->space.n; d++) {
        const char *name = study->space.dim[d].name;
        buffer_print(line, ",%s%s", is_fixed_column(name) ? "setting_" : "", name);
    }
    names(line, "detail");
}

void journal_header(const struct study *study, enum journal_file file, struct buffer *line) {
    struct buffer header = {0};
    if (file == JOURNAL_TRIALS)
        trials_header(study, &header);
    else if (file == JOURNAL_POINTS) {
        names(&header, "method repeat trial point chosen epoch final accuracy loss test_accuracy "
                       "runtime params flops");
        if (study->columns)
            names(&header, study->columns);
        names(&header, "arch");
    } else
        names(&header, "method repeat trial started seconds cpu_seconds peak_memory_mb "
                       "ask_seconds tell_seconds host");
    buffer_add(line, header.data, header.length);
    buffer_add(line, "\r\n", 2);
    line->failed |= header.failed;
    buffer_free(&header);
}

/* ---- points ---- */

int journal_point_cell_count(int extra) {
    return POINT_CELLS + extra;
}

void journal_point_cells(struct buffer *line, const struct point *point, int extra) {
    cells_number(line, point->epoch);
    cells_integer(line, point->final);
    const double quantity[] = {point->accuracy, point->loss,   point->test_accuracy,
                               point->runtime,  point->params, point->flops};
    for (size_t i = 0; i < sizeof quantity / sizeof *quantity; i++)
        cells_number(line, quantity[i]);
    for (int i = 0; i < extra; i++)
        cells_number(line, point->extra[i]);
    cells_text(line, point->arch);
}

int journal_point_read(char *const *cell, int extra, struct point *point) {
    *point = point_none();
    double final;
    double *const number[] = {
        &point->epoch,         &final,          &point->accuracy, &point->loss,
        &point->test_accuracy, &point->runtime, &point->params,   &point->flops};
    int n = (int)(sizeof number / sizeof *number);
    for (int i = 0; i < n; i++)
        if (cells_read_number(cell[i], number[i]))
            return -1;
    if (final != 0 && final != 1)
        return fail("'%s' is neither 0 nor 1", cell[1]);
    point->final = final == 1;
    for (int i = 0; i < extra; i++)
        if (cells_read_number(cell[n + i], &point->extra[i]))
            return -1;
    char *arch = cell[n + extra];
    point->arch = *arch ? arch : NULL;
    return 0;
}

/* ---- writing ---- */

static void identity_cells(const struct journal *journal, struct buffer *line, int trial) {
    cells_text(line, journal->study->method[journal->method].label);
    cells_integer(line, journal->repeat);
    cells_integer(line, trial);
}

static int setting_cells(const struct journal *journal, struct buffer *line,
                         const struct trial *trial) {
    const struct space *space = &journal->study->space;
    double value[SPACE_MAX_DIMS];
    space_decode(space, trial->x, value);
    for (int d = 0; d < space->n; d++) {
        const struct setting *setting = &journal->study->table[space->dim[d].setting];
        char text[SPACE_NAME_MAX];
        if (setting->type == SETTING_CHOICE && !isnan(value[d]))
            cells_text(line, setting_choice(setting, (int)value[d], text, sizeof text));
        else
            cells_number(line, value[d]);
    }
    return 0;
}

void journal_trial_row(const struct journal *journal, struct buffer *line,
                       const struct trial *trial, int known, int points, int chosen) {
    const struct study *study = journal->study;
    bool done = trial->status == TRIAL_DONE;
    char detail[TRIAL_DETAIL_MAX]; /* anybody's text: a line break in it would make two rows */
    snprintf(detail, sizeof detail, "%s", trial->detail);
    cells_sanitize(detail, sizeof detail);
    identity_cells(journal, line, trial->id);
    cells_number(line, trial->parent < 0 ? NAN : trial->parent);
    cells_integer(line, known);
    cells_text(line, trial->origin);
    cells_number(line, trial->fidelity);
    cells_number(line, trial->cost);
    cells_text(line, trial_status_name(trial->status));
    for (int i = 0; i < objective_goals(study->objective); i++)
        cells_number(line,
                     done ? objective_shown(study->objective, i, trial->result.objective[i]) : NAN);
    cells_number(line, done ? trial->violation : NAN);
    cells_integer(line, points);
    cells_number(line, chosen < 0 ? NAN : chosen);
    setting_cells(journal, line, trial);
    cells_text(line, detail);
    cells_end(line);
}

void journal_timing_row(const struct journal *journal, struct buffer *line, int trial,
                        const struct timing *timing) {
    char started[40] = "", host[256] = "";
    time_t second = (time_t)timing->started;
    struct tm utc;
    if (gmtime_r(&second, &utc))
        strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    gethostname(host, sizeof host - 1);
    identity_cells(journal, line, trial);
    cells_text(line, started);
    cells_number(line, timing->seconds);
    cells_number(line, timing->cpu_seconds);
    cells_number(line, timing->peak_memory);
    cells_number(line, timing->ask_seconds);
    cells_number(line, timing->tell_seconds);
    cells_text(line, host);
    cells_end(line);
}

void journal_point_row(const struct journal *journal, struct buffer *line, int trial, int index,
                       bool chosen, const struct point *point) {
    identity_cells(journal, line, trial);
    cells_integer(line, index);
    cells_integer(line, chosen);
    journal_point_cells(line, point, journal_extra_columns(journal->study));
    cells_end(line);
}

/* ---- reading ---- */

/* A whole number from 0; `empty` for an empty cell, or a failure where that is below -1. */
static int cell_count(const char *cell, int empty, int *out) {
    double number;
    if (cells_read_number(cell, &number))
        return -1;
    *out = empty;
    if (!*cell && empty >= -1)
        return 0;
    if (!(number >= 0 && number <= COUNT_MAX && number == floor(number)))
        return fail("'%s' is no whole number from 0", cell);
    *out = (int)number;
    return 0;
}

/* The cells that every row starts with. */
static int check_identity(const struct journal *journal, char *const *cell, int trial) {
    const char *label = journal->study->method[journal->method].label;
    int repeat, id;
    if (cell_count(cell[1], NEEDED, &repeat) || cell_count(cell[2], NEEDED, &id))
        return -1;
    if (strcmp(cell[0], label) != 0 || repeat != journal->repeat)
        return fail("a row of method %s, repeat %d, where one of %s, %d should stand", cell[0],
                    repeat, label, journal->repeat);
    return id == trial ? 0 : fail("trial %d where trial %d should stand", id, trial);
}

static int read_settings(const struct study *study, char *const *cell, double *x) {
    double value[SPACE_MAX_DIMS];
    for (int d = 0; d < study->space.n; d++) {
        value[d] = NAN;
        if (*cell[d] &&
            setting_parse(&study->table[study->space.dim[d].setting], cell[d], &value[d]))
            return fail_within("%s", study->space.dim[d].name);
    }
    space_encode(&study->space, value, x);
    for (int d = 0; d < study->space.n; d++)
        if (isnan(value[d]) && space_active(&study->space, x, d))
            return fail("%s: a value is missing", study->space.dim[d].name);
    return 0;
}

/* What replay and the methods rely on. */
static int check_trial(const struct study *study, const struct trial *trial) {
    if (trial->status == TRIAL_ASKED)
        return fail("a trial that is only asked");
    if (trial->parent >= trial->id)
        return fail("parent %d of trial %d", trial->parent, trial->id);
    if (!(trial->fidelity >= study->fidelity_min && trial->fidelity <= study->fidelity_max))
        return fail("a fidelity of %g", trial->fidelity);
    if (!(trial->cost >= 0 && trial->cost <= trial->fidelity))
        return fail("a cost of %g", trial->cost);
    return 0;
}

int journal_trial_read(const struct journal *journal, const struct cells *cells, int id,
                       struct journal_entry *entry, int *points) {
    const struct study *study = journal->study;
    int goals = objective_goals(study->objective), n = study->space.n, chosen;
    if (cells->count != LEADING_CELLS + goals + MIDDLE_CELLS + n + 1)
        return fail("%d cells instead of %d", cells->count,
                    LEADING_CELLS + goals + MIDDLE_CELLS + n + 1);
    char *const *cell = cells->cell;
    struct trial *trial = &entry->trial;
    if (check_identity(journal, cell, id) || cell_count(cell[3], -1, &trial->parent) ||
        cell_count(cell[4], NEEDED, &entry->known) ||
        cells_read_number(cell[6], &trial->fidelity) || cells_read_number(cell[7], &trial->cost))
        return -1;
    trial->id = id;
    int status = trial_status_find(cell[8]);
    if (status < 0)
        return fail("no status '%s'", cell[8]);
    trial->status = (enum trial_status)status;
    snprintf(trial->origin, sizeof trial->origin, "%s", cell[5]);
    snprintf(trial->detail, sizeof trial->detail, "%s", cell[cells->count - 1]);
    cell += LEADING_CELLS + goals;
    if (cells_read_number(cell[0], &trial->violation) || cell_count(cell[1], NEEDED, points) ||
        cell_count(cell[2], -1, &chosen) || check_trial(study, trial))
        return -1;
    return read_settings(study, cell + MIDDLE_CELLS, trial->x);
}

int journal_point_row_read(const struct journal *journal, const struct cells *cells, int trial,
                           struct point *point) {
    int extra = journal_extra_columns(journal->study);
    int wanted = POINT_LEADING_CELLS + journal_point_cell_count(extra);
    if (cells->count != wanted)
        return fail("%d cells instead of %d", cells->count, wanted);
    if (check_identity(journal, cells->cell, trial))
        return -1;
    return journal_point_read(cells->cell + POINT_LEADING_CELLS, extra, point);
}
