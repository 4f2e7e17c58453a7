/* cmd_check.c - nastune check: validates a study and prints it with every default filled in. */
#include "cmd.h"
#include "fail.h"
#include "study.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* What a trial in the middle of the space would do, as comments, so that the whole stays a study.
 */
static int describe(const struct study *study) {
    struct trial trial = {.fidelity = study->fidelity_max};
    struct config settings;
    char text[8192];
    for (int d = 0; d < study->space.n; d++)
        trial.x[d] = 0.5;
    space_canonical(&study->space, trial.x);
    if (study_trial_settings(study, &trial, &settings))
        return -1;
    int status = study->solver->describe(&settings, text, sizeof text);
    config_free(&settings);
    for (char *line = strtok(status == 0 ? text : NULL, "\n"); status == 0 && line;
         line = strtok(NULL, "\n"))
        printf("# %s\n", line);
    return status;
}

static int check_main(const struct cmd *cmd, int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return cmd_help(cmd);
    if (argc != 2 || argv[1][0] == '-')
        return cmd_misused(cmd, "one study file is wanted");
    struct study *study = cmd_load_study(argv[1]);
    if (!study)
        return EXIT_STUDY;
    int code = EXIT_FINE;
    if (study_resolve(study, stdout) ||
        (study->solver->check && study->solver->check(&study->settings)) ||
        (study->solver->describe && describe(study)))
        code = cmd_failed(EXIT_FAILED);
    study_free(study);
    return code;
}

const struct cmd cmd_check = {
    .name = "check",
    .usage = "check STUDY",
    .about = "Check a study and print it resolved, every default filled in",
    .details =
        "Every fault is shown as FILE:LINE:COL with the line and what is allowed; exit code 65\n"
        "then. What the study needs (its data, its files) is looked for, too; exit code 1 when it "
        "is\n"
        "missing. What is printed is a study file again; for a solver that is a command\n"
        "it ends with the arguments that a trial would run.\n",
    .main = check_main,
};
