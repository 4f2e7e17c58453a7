/* cmd_solve.c - nastune solve: one search by hand; and nastune trial, one search by order. */
#include "cells.h"
#include "cmd.h"
#include "fail.h"
#include "journal.h"
#include "platform.h"
#include "solver.h"
#include "worker.h"
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct solve {
    const struct solver_ops *solver;
    struct config settings;
    struct solver_task task;
    const char *load, *save;
};

static int set_one(struct solve *solve, char *assignment) {
    char *value = strchr(assignment, '=');
    if (!value)
        return fail("--set %s: NAME=VALUE is wanted", assignment);
    *value++ = 0;
    return config_set(&solve->settings, assignment, value);
}

/* The names of its extra columns, "a|b", into the text. */
static char *extra_columns(const struct solve *solve) {
    const char *setting = solve->solver->columns_setting;
    const char *columns = setting ? config_text(&solve->settings, setting) : solve->solver->columns;
    char *copy = columns && *columns ? strdup(columns) : NULL;
    for (char *c = copy; c && *c; c++)
        if (*c == '\n')
            *c = '|';
    return copy;
}

static void print_points(const struct solve *solve, const struct outcome *outcome) {
    struct study study = {.solver = solve->solver, .columns = extra_columns(solve)};
    struct buffer text = {0};
    int extra = journal_extra_columns(&study);
    buffer_print(&text, "point,epoch,final,accuracy,loss,test_accuracy,runtime,params,flops");
    for (const char *c = study.columns; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        buffer_print(&text, ",%.*s", (int)strcspn(c, "|"), c);
    buffer_print(&text, ",arch\r\n");
    for (int i = 0; i < outcome->count; i++) {
        cells_integer(&text, i);
        journal_point_cells(&text, &outcome->point[i], extra);
        cells_end(&text);
    }
    if (text.length)
        fwrite(text.data, 1, text.length, stdout);
    buffer_free(&text);
    free(study.columns);
}

static int search(struct solve *solve) {
    struct outcome outcome = {0};
    const struct solver_ops *solver = solve->solver;
    if (config_complete(&solve->settings) || (solver->check && solver->check(&solve->settings)))
        return cmd_failed(EXIT_FAILED);
    solve->task.settings = &solve->settings;
    solve->task.fidelity = solver->fidelity ? config_real(&solve->settings, solver->fidelity) : 1;
    if (solve->task.fidelity_max < solve->task.fidelity)
        solve->task.fidelity_max = solve->task.fidelity;
    int status = worker_solve(solver, &solve->task, solve->load, solve->save, &outcome);
    print_points(solve, &outcome);
    outcome_free(&outcome);
    return status ? cmd_failed(EXIT_FAILED) : EXIT_FINE;
}

static int read_options(const struct cmd *cmd, int argc, char **argv, struct solve *solve) {
    static const struct option options[] = {{"set", required_argument, NULL, 's'},
                                            {"seed", required_argument, NULL, 'r'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"full", required_argument, NULL, 'f'},
                                            {"load", required_argument, NULL, 'l'},
                                            {"save", required_argument, NULL, 'v'},
                                            {0}};
    char *end = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        end = NULL;
        if (c == 's' && set_one(solve, optarg))
            return cmd_failed(EXIT_USAGE);
        else if (c == 'r')
            solve->task.seed = strtoull(optarg, &end, 10);
        else if (c == 't')
            solve->task.threads = (int)strtol(optarg, &end, 10);
        else if (c == 'f')
            solve->task.fidelity_max = strtod(optarg, &end);
        else if (c == 'l')
            solve->load = optarg;
        else if (c == 'v')
            solve->save = optarg;
        else if (c == '?')
            return cmd_misused(cmd, "bad option");
        if (end && (*end || end == optarg))
            return cmd_misused(cmd, "a number is wanted");
    }
    if (optind != argc)
        return cmd_misused(cmd, "settings are given as --set NAME=VALUE");
    if (solve->task.threads < 1)
        return cmd_misused(cmd, "--threads takes a whole number from 1");
    if ((*solve->load || *solve->save) && !solve->solver->save)
        return cmd_misused(cmd, "this solver has no checkpoints");
    return EXIT_FINE;
}

static int solve_main(const struct cmd *cmd, int argc, char **argv) {
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return cmd_help(cmd);
    if (argc < 2 || argv[1][0] == '-')
        return cmd_misused(cmd, "the solver's name is wanted first");
    struct solve solve = {
        .solver = solver_find(argv[1]), .task = {.seed = 1, .threads = 1}, .load = "", .save = ""};
    if (!solve.solver)
        return cmd_misused(cmd, "no such solver; 'nastune solvers' lists them");
    if (config_open(&solve.settings, solve.solver->settings))
        return cmd_failed(EXIT_FAILED);
    int code = read_options(cmd, argc - 1, argv + 1, &solve);
    if (code == EXIT_FINE)
        code = search(&solve);
    config_free(&solve.settings);
    return code;
}

const struct cmd cmd_solve = {
    .name = "solve",
    .usage = "solve SOLVER [--set NAME=VALUE]... [--seed N] [--threads N]",
    .about = "Run one search by hand; its points go to standard output as CSV",
    .details =
        "  --set NAME=VALUE  a setting (see 'nastune solvers SOLVER'); the others have their "
        "default\n"
        "  --seed N          seed of the search (default 1)\n"
        "  --threads N       threads it may use (default 1); they do not change its points\n"
        "  --full Z          horizon of the schedule when the fidelity truncates it (default: the\n"
        "                    fidelity itself)\n"
        "  --save FILE       leave a checkpoint\n"
        "  --load FILE       go on from one\n",
    .main = solve_main,
};

static int trial_main(const struct cmd *cmd, int argc, char **argv) {
    return argc == 2 ? worker_main(argv[1]) : cmd_misused(cmd, "this is for nastune itself");
}

const struct cmd cmd_trial = {
    .name = "trial",
    .usage = "trial RESOLVED < ORDER",
    .about = NULL,
    .details = "",
    .main = trial_main,
};
