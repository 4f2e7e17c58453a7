/* cmd_repair.c - nastune repair: what can be saved of results that cannot be read. */
#include "cmd.h"
#include "fail.h"
#include "journal.h"
#include "results.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct repair {
    struct study *study;
    struct results results;
    bool cut;
    int bad; /* runs */
};

static int repair_run(struct repair *repair, int method, int repeat) {
    const struct study *study = repair->study;
    struct journal journal;
    char folder[512];
    int good, rows, status;
    results_run_folder(&repair->results, study, method, repeat, folder, sizeof folder);
    if (access(folder, F_OK))
        return 0;
    status = journal_open(&journal, study, method, repeat, folder);
    if (status == 0)
        status = journal_repair(&journal, folder, repair->cut, &good, &rows);
    if (status == 0)
        printf("%s: good, %d trials\n", folder, good);
    else if (status == 1) {
        repair->bad++;
        printf("%s: %s\n  %d of %d trials before it are good%s\n", folder, fail_message(), good,
               rows, repair->cut ? "; the rest was cut and will run again" : "");
    }
    journal_close(&journal);
    return status < 0 ? -1 : 0;
}

static int repair_all(struct repair *repair) {
    for (int m = 0; m < repair->study->n_methods; m++)
        for (int r = 0; r < repair->study->repeats; r++)
            if (repair_run(repair, m, r))
                return cmd_failed(EXIT_FAILED);
    if (repair->bad == 0)
        return EXIT_FINE;
    puts(repair->cut ? "\nWhat was there before is beside each file, in *.before-repair. Run the "
                       "study again to go on."
                     : "\nNothing was changed. 'nastune repair --cut' keeps the good trials and "
                       "sets the files aside.");
    return repair->cut ? EXIT_FINE : EXIT_FAILED;
}

static int repair_folder(struct repair *repair, const char *folder) {
    char *faults = NULL;
    int status = results_open_folder(&repair->results, folder);
    if (status)
        return cmd_failed(status == RESULTS_BUSY ? EXIT_BUSY : EXIT_FAILED);
    int code;
    if (study_load(repair->results.resolved, &repair->study, &faults)) {
        fputs(faults ? faults : "", stderr);
        free(faults);
        code = cmd_failed(EXIT_FAILED);
    } else {
        code = repair_all(repair);
        study_free(repair->study);
    }
    results_close(&repair->results);
    return code;
}

static int repair_main(const struct cmd *cmd, int argc, char **argv) {
    static const struct option options[] = {
        {"cut", no_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct repair repair = {.cut = false};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        if (c == 'c')
            repair.cut = true;
        else
            return c == 'h' ? cmd_help(cmd) : cmd_misused(cmd, "bad option");
    if (argc - optind != 1)
        return cmd_misused(cmd, "one folder of results is wanted");
    return repair_folder(&repair, argv[optind]);
}

const struct cmd cmd_repair = {
    .name = "repair",
    .usage = "repair [--cut] RESULTS",
    .about = "Look for bad rows in results, and save what is before them",
    .details =
        "RESULTS is a study's folder (results/<study>). An unfinished end, as a kill leaves it, "
        "is\n"
        "no fault: 'nastune run' repairs it by itself. A bad row before the end is: the file was\n"
        "edited, or the disk is failing. repair names the first bad row of each run and changes\n"
        "nothing.\n"
        "\n"
        "  --cut  keep the trials before the first bad row; those after it run again with the "
        "next\n"
        "         'nastune run'. The files as they were stay beside, in *.before-repair.\n",
    .main = repair_main,
};
