/* cmd_retrain.c - nastune retrain: final training of what a study found. */
#include "cmd.h"
#include "conduct.h"
#include "executor.h"
#include "fail.h"
#include "results.h"
#include "retrain.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wish {
    struct study *study;
    struct retrain_plan plan;
    const char *folder;
    int seeds, jobs;
};

static int set_final(struct study *study, char *assignment) {
    char *value = strchr(assignment, '=');
    if (!value)
        return fail("--set %s: NAME=VALUE is wanted", assignment);
    *value++ = 0;
    return config_set(&study->final, assignment, value);
}

/* Which architectures, and settings: after the study is known. */
static int read_wishes(int argc, char **argv, const struct option *options, struct wish *wish) {
    int status = 0;
    optind = 1;
    for (int c; status == 0 && (c = getopt_long(argc, argv, "j:h", options, NULL)) != -1;) {
        if (c == 's')
            status = set_final(wish->study, optarg);
        else if (c == 't')
            status = retrain_add_trial(&wish->plan, wish->study, wish->folder, optarg);
        else if (c == 'a')
            status = retrain_add_arch(&wish->plan, optarg);
        else if (c == 'f')
            status = retrain_add_front(&wish->plan, wish->study, wish->folder);
    }
    if (status == 0 && wish->plan.count == 0)
        status = retrain_add_front(&wish->plan, wish->study, wish->folder);
    return status;
}

static int carry_out(int argc, char **argv, const struct option *options, struct wish *wish) {
    char resolved[512];
    snprintf(resolved, sizeof resolved, "%.480s/study.resolved.yaml", wish->folder);
    if (!(wish->study = cmd_load_study(resolved)))
        return EXIT_STUDY;
    int status = wish->study->solver->retrain
                     ? read_wishes(argc, argv, options, wish)
                     : fail("solver %s has no final training", wish->study->solver->name);
    if (status == 0) {
        conduct_handle_signals();
        status = retrain_run(&wish->plan, wish->study, wish->folder, wish->seeds, wish->jobs);
    }
    retrain_plan_free(&wish->plan);
    study_free(wish->study);
    if (status == 1) {
        fputs("nastune: stopped; the same command again goes on\n", stderr);
        return 128 + executor_interrupted();
    }
    return status == 0 ? EXIT_FINE : cmd_failed(status == RESULTS_BUSY ? EXIT_BUSY : EXIT_FAILED);
}

static bool read_count(const char *text, int most, int *out) {
    char *end;
    long number = strtol(text, &end, 10);
    *out = (int)number;
    return *text && !*end && number >= 1 && number <= most;
}

static int retrain_main(const struct cmd *cmd, int argc, char **argv) {
    static const struct option options[] = {
        {"front", no_argument, NULL, 'f'},       {"trial", required_argument, NULL, 't'},
        {"arch", required_argument, NULL, 'a'},  {"set", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'n'}, {"jobs", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},        {0}};
    struct wish *wish = calloc(1, sizeof *wish);
    if (!wish)
        return EXIT_FAILED;
    wish->seeds = 3;
    wish->jobs = 1;
    int code = -1;
    for (int c; code < 0 && (c = getopt_long(argc, argv, "j:h", options, NULL)) != -1;) {
        if (c == 'h')
            code = cmd_help(cmd);
        else if (c == '?')
            code = cmd_misused(cmd, "bad option");
        else if (c == 'n' && !read_count(optarg, 1000, &wish->seeds))
            code = cmd_misused(cmd, "--seeds takes a whole number from 1 to 1000");
        else if (c == 'j' && !read_count(optarg, 1024, &wish->jobs))
            code = cmd_misused(cmd, "-j takes a whole number from 1 to 1024");
    }
    if (code < 0 && argc - optind != 1)
        code = cmd_misused(cmd, "one folder of results is wanted");
    if (code < 0) {
        wish->folder = argv[optind];
        code = carry_out(argc, argv, options, wish);
    }
    free(wish);
    return code;
}

const struct cmd cmd_retrain = {
    .name = "retrain",
    .usage = "retrain [--front | --trial METHOD:REPEAT:TRIAL[:POINT] | --arch TEXT]... [--seeds N] "
             "[-j N] [--set NAME=VALUE]... RESULTS",
    .about = "Train architectures that a study found from scratch, and test them",
    .details =
        "  --front      those that no other one beats in both accuracy and runtime (default)\n"
        "  --trial T    the architectures of one trial, or one of its points\n"
        "  --arch TEXT  any architecture of the solver's space, such as a published one\n"
        "  --seeds N    so many trainings of each (default 3)\n"
        "  -j, --jobs N so many at a time (default 1)\n"
        "  --set N=V    a setting of the final training, over the study's `final:` block\n"
        "\n"
        "The test set is looked at once, at the end of each training. Rows go to "
        "RESULTS/final.csv:\n"
        "test accuracy beside the search's validation accuracy. A training that is there already "
        "is\n"
        "not done again, so the same command goes on after a stop. The closing table has means "
        "and\n"
        "deviations over seeds, and the rank correlation of search and test accuracy.\n",
    .main = retrain_main,
};
