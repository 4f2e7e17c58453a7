/* cmd_outside.c - nastune ask and nastune tell: the loop driven from outside. */
#include "cells.h"
#include "cmd.h"
#include "fail.h"
#include "outside.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_LIMIT = 64 << 20 };

/* ---- ask ---- */

static void print_json_text(const char *text) {
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    putchar('"');
}

static void print_settings(const struct config *settings) {
    const char *separator = "";
    printf("\"settings\": {");
    for (int i = 0; i < settings->count; i++) {
        enum setting_type type = settings->table[i].type;
        if (!settings->text[i] || !config_active(settings, i))
            continue;
        fputs(separator, stdout);
        print_json_text(settings->table[i].name);
        fputs(": ", stdout);
        if (type == SETTING_REAL || type == SETTING_INT)
            fputs(settings->text[i], stdout);
        else
            print_json_text(settings->text[i]);
        separator = ", ";
    }
    puts("}}");
}

static int print_trial(const struct run *run, const struct job *job) {
    const struct study *study = run->study;
    struct config settings;
    if (study_trial_settings(study, &job->trial, &settings))
        return cmd_failed(EXIT_FAILED);
    printf("{\"method\": ");
    print_json_text(study->method[run->method].label);
    printf(", \"repeat\": %d, \"trial\": %d, \"fidelity\": %.17g, \"seed\": %lu, ", run->repeat,
           job->trial.id, job->trial.fidelity,
           (unsigned long)(study_trial_seed(study, run->repeat, job->trial.id) & 0x7fffffff));
    print_settings(&settings);
    config_free(&settings);
    return EXIT_FINE;
}

static int ask(const struct study *study, const char *parent) {
    struct outside outside;
    struct run *run;
    struct job *job;
    int code = EXIT_FINE, status = outside_open(&outside, study, parent);
    if (status)
        code = cmd_failed(status == RESULTS_BUSY ? EXIT_BUSY : EXIT_FAILED);
    else if ((status = outside_ask(&outside, &run, &job)) == OUTSIDE_TRIAL)
        code = print_trial(run, job);
    else if (status == OUTSIDE_OVER)
        puts("{\"done\": true}");
    else if (status == OUTSIDE_WAIT) {
        fputs("nastune: every trial that may be in flight is handed out; tell one first\n", stderr);
        code = EXIT_BUSY;
    } else
        code = cmd_failed(EXIT_FAILED);
    outside_close(&outside);
    return code;
}

/* ---- tell ---- */

struct telling {
    const char *parent, *method, *points, *failed;
    int repeat, trial;
};

/* The names of a point's cells, in the order of journal_point_read: the i-th, or NULL. */
static const char *cell_name(const struct study *study, int i, char name[SPACE_NAME_MAX]) {
    static const char *const names[] = {"epoch",         "final",   "accuracy", "loss",
                                        "test_accuracy", "runtime", "params",   "flops"};
    enum { NAMES = sizeof names / sizeof *names };
    int extra = journal_extra_columns(study);
    if (i < NAMES)
        return names[i];
    if (i >= NAMES + extra)
        return i == NAMES + extra ? "arch" : NULL;
    const char *column = study->columns;
    for (i -= NAMES; i > 0; i--)
        column = strchr(column, '|') + 1;
    snprintf(name, SPACE_NAME_MAX, "%.*s", (int)strcspn(column, "|"), column);
    return name;
}

/* Columns of points.csv that say which point it is: passed over. */
static bool is_identity(const char *name) {
    static const char *const names[] = {"method", "repeat", "trial", "point", "chosen"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* For each cell of a point, the column of the file it stands in, or -1. */
static int match_header(const struct study *study, const struct cells *header, int *column) {
    char room[SPACE_NAME_MAX];
    const char *name;
    int known = 0;
    for (int i = 0; (name = cell_name(study, i, room)); i++) {
        column[i] = -1;
        for (int c = 0; c < header->count; c++)
            if (strcmp(header->cell[c], name) == 0) {
                column[i] = c;
                known++;
            }
    }
    for (int c = 0; c < header->count; c++)
        known += is_identity(header->cell[c]);
    return known == header->count ? 0 : fail("a column that no point has, or one twice");
}

static int read_row(const struct study *study, const struct cells *cells, const int *column,
                    struct outcome *outcome) {
    char *cell[16 + POINT_MAX_EXTRA];
    int n = journal_point_cell_count(journal_extra_columns(study));
    struct point point;
    for (int i = 0; i < n; i++) {
        const char *otherwise = i == 1 ? "1" : ""; /* final, when it does not say */
        cell[i] =
            column[i] >= 0 && *cells->cell[column[i]] ? cells->cell[column[i]] : (char *)otherwise;
    }
    return journal_point_read(cell, journal_extra_columns(study), &point) ||
                   outcome_add(outcome, &point)
               ? -1
               : 0;
}

static int read_rows(const struct study *study, char *text, struct outcome *outcome) {
    struct cells header = {0}, cells = {0};
    int column[16 + POINT_MAX_EXTRA], status = 0, number = 0;
    char *rest = text, *line;
    while (status == 0 && (line = strsep(&rest, "\n"))) {
        size_t length = strcspn(line, "\r");
        number++;
        if (number == 1)
            status = cells_split(&header, line, length) || match_header(study, &header, column);
        else if (length > 0 && cells_split(&cells, line, length) == 0)
            status = cells.count == header.count
                         ? read_row(study, &cells, column, outcome)
                         : fail("%d cells instead of %d", cells.count, header.count);
        else if (length > 0)
            status = -1;
    }
    cells_free(&header);
    cells_free(&cells);
    return status ? fail_within("line %d", number) : 0;
}

static int read_points(const struct study *study, const char *path, struct outcome *outcome) {
    struct buffer text = {0};
    int status =
        buffer_read_file(&text, strcmp(path, "-") == 0 ? "/dev/stdin" : path, POINTS_LIMIT);
    if (status == 0)
        status = text.length ? read_rows(study, text.data, outcome) : fail("it is empty");
    buffer_free(&text);
    return status ? fail_within("%s", path) : 0;
}

static int find_method(const struct study *study, const char *label) {
    for (int m = 0; m < study->n_methods; m++)
        if (strcmp(study->method[m].label, label) == 0)
            return m;
    return fail("the study has no method '%s'", label);
}

static int tell(const struct study *study, const struct telling *telling) {
    struct outside outside;
    struct outcome outcome = {0};
    int method = find_method(study, telling->method);
    if (method < 0 || telling->repeat >= study->repeats)
        return method < 0
                   ? cmd_failed(EXIT_USAGE)
                   : (fail("the study has no repeat %d", telling->repeat), cmd_failed(EXIT_USAGE));
    int status = telling->points ? read_points(study, telling->points, &outcome) : 0;
    if (status == 0) {
        status = outside_open(&outside, study, telling->parent);
        if (status == 0)
            status = outside_tell(&outside, method, telling->repeat, telling->trial, &outcome,
                                  telling->failed);
        outside_close(&outside);
    }
    outcome_free(&outcome);
    return status == 0 ? EXIT_FINE : cmd_failed(status == RESULTS_BUSY ? EXIT_BUSY : EXIT_FAILED);
}

/* ---- both ---- */

static int count_from(const char *text) {
    char *end;
    long number = strtol(text, &end, 10);
    return *end || end == text || number < 0 || number > 1000000000 ? -1 : (int)number;
}

static int outside_main(const struct cmd *cmd, int argc, char **argv) {
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'},    {"method", required_argument, NULL, 'm'},
        {"repeat", required_argument, NULL, 'r'}, {"trial", required_argument, NULL, 't'},
        {"points", required_argument, NULL, 'p'}, {"failed", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},         {0}};
    bool tells = cmd == &cmd_tell;
    struct telling telling = {.parent = "results", .trial = -1};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        if (c == 'h')
            return cmd_help(cmd);
        else if (c == 'o')
            telling.parent = optarg;
        else if (tells && c == 'm')
            telling.method = optarg;
        else if (tells && c == 'r')
            telling.repeat = count_from(optarg);
        else if (tells && c == 't')
            telling.trial = count_from(optarg);
        else if (tells && c == 'p')
            telling.points = optarg;
        else if (tells && c == 'f')
            telling.failed = optarg;
        else
            return cmd_misused(cmd, "bad option");
    if (argc - optind != 1)
        return cmd_misused(cmd, "one study file is wanted");
    if (tells && (!telling.method || telling.repeat < 0 || telling.trial < 0))
        return cmd_misused(cmd, "--method, --trial and perhaps --repeat say which trial");
    if (tells && !telling.points == !(telling.failed && *telling.failed))
        return cmd_misused(cmd, "either --points FILE or --failed WHY is wanted");
    struct study *study = cmd_load_study(argv[optind]);
    if (!study)
        return EXIT_STUDY;
    int code = tells ? tell(study, &telling) : ask(study, telling.parent);
    study_free(study);
    return code;
}

const struct cmd cmd_ask = {
    .name = "ask",
    .usage = "ask [--out DIR] STUDY",
    .about = "Hand out a trial, for a loop of your own",
    .details =
        "Prints one line of JSON: method, repeat, trial, fidelity, seed and settings of a trial "
        "to\n"
        "be carried out, or {\"done\": true}. What came of it is given back with 'nastune tell'. "
        "As\n"
        "many trials as the study's 'pending' says can be handed out for each method and repeat;\n"
        "exit code 75 when all are. Any number of processes may ask and tell at once.\n",
    .main = outside_main,
};

const struct cmd cmd_tell = {
    .name = "tell",
    .usage = "tell [--out DIR] --method M [--repeat R] --trial N (--points FILE | --failed WHY) "
             "STUDY",
    .about = "Give back what came of a trial that was handed out",
    .details =
        "  --method M --repeat R --trial N   the trial, as 'nastune ask' named it (repeat: 0)\n"
        "  --points FILE   a CSV file with a header line: any of epoch, final, accuracy, loss,\n"
        "                  test_accuracy, runtime, params, flops, arch, and the study's own\n"
        "                  columns; '-': standard input\n"
        "  --failed WHY    there is no result, and why\n"
        "\n"
        "Results go to the same files as with 'nastune run'; trials may be told in any order and\n"
        "are committed in trial order.\n",
    .main = outside_main,
};
