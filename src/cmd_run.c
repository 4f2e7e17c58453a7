/* cmd_run.c - nastune run: conducts a study, or goes on with it. */
#include "cmd.h"
#include "conduct.h"
#include "executor.h"
#include "fail.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS_MAX = 1024 };
static const char default_parent[] = "results";

static int report_stopped(const struct study *study, const struct conduct_options *how,
                          const char *path) {
    fprintf(stderr,
            "nastune: stopped; every trial of '%s' that was shown is on disk.\n"
            "To go on, run the same command again: nastune run",
            study->name);
    if (how->jobs > 1)
        fprintf(stderr, " -j %d", how->jobs);
    if (strcmp(how->parent, default_parent) != 0)
        fprintf(stderr, " --out %s", how->parent);
    fprintf(stderr, " %s\n", path);
    return 128 + executor_interrupted();
}

static int report_end(enum conduct_end end, const struct study *study,
                      const struct conduct_options *how, const char *path) {
    switch (end) {
    case CONDUCT_DONE:
        return EXIT_FINE;
    case CONDUCT_STOPPED:
        return report_stopped(study, how, path);
    case CONDUCT_BUSY:
        return cmd_failed(EXIT_BUSY);
    default:
        return cmd_failed(EXIT_FAILED);
    }
}

static int run_main(const struct cmd *cmd, int argc, char **argv) {
    static const struct option options[] = {{"jobs", required_argument, NULL, 'j'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct conduct_options how = {.jobs = 1, .parent = default_parent};
    char *end;
    for (int c; (c = getopt_long(argc, argv, "j:o:qh", options, NULL)) != -1;)
        switch (c) {
        case 'j':
            how.jobs = (int)strtol(optarg, &end, 10);
            if (*end || how.jobs < 1 || how.jobs > JOBS_MAX)
                return cmd_misused(cmd, "-j takes a whole number from 1 to 1024");
            break;
        case 'o':
            how.parent = optarg;
            break;
        case 'q':
            how.quiet = true;
            break;
        case 'h':
            return cmd_help(cmd);
        default:
            return cmd_misused(cmd, "bad option");
        }
    if (argc - optind != 1)
        return cmd_misused(cmd, "one study file is wanted");
    struct study *study = cmd_load_study(argv[optind]);
    if (!study)
        return EXIT_STUDY;
    int code = report_end(conduct_study(study, &how), study, &how, argv[optind]);
    study_free(study);
    return code;
}

const struct cmd cmd_run = {
    .name = "run",
    .usage = "run [-j N] [--out DIR] [--quiet] STUDY",
    .about = "Run a study, or go on with one that was stopped",
    .details =
        "  -j, --jobs N   train N trials at a time (default 1); trials of different runs first.\n"
        "                 It changes how long the study takes, never its CSV files.\n"
        "  --out DIR      put the study's folder into DIR (default: results)\n"
        "  --quiet        no progress, no closing table\n"
        "\n"
        "Results go to DIR/<study>/: trials.csv (a row a trial), points.csv (a row an\n"
        "architecture), timing.csv (all that a clock measured), study.resolved.yaml (the study\n"
        "with every default filled in). A trial that crashes, hangs or returns nonsense is a row\n"
        "with its reason, and the study goes on. Ctrl-C, or a kill, loses nothing that was\n"
        "shown: the same command again goes on, and ends with the same bytes.\n"
        "\n"
        "Exit codes: 0 done, 64 usage, 65 the study file has faults, 75 another process works on\n"
        "the study, 128+n stopped by signal n, 1 anything else.\n",
    .main = run_main,
};
