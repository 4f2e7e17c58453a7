/* cmd.c - what the commands share. */
#include "cmd.h"
#include "fail.h"
#include "study.h"
#include <stdio.h>
#include <stdlib.h>

int cmd_help(const struct cmd *cmd) {
    printf("nastune %s\n\n%s.\n\n%s", cmd->usage, cmd->about, cmd->details);
    return EXIT_FINE;
}

int cmd_misused(const struct cmd *cmd, const char *why) {
    fprintf(stderr, "nastune %s: %s\nusage: nastune %s\n'nastune %s --help' says more\n", cmd->name,
            why, cmd->usage, cmd->name);
    return EXIT_USAGE;
}

int cmd_failed(int code) {
    fprintf(stderr, "nastune: %s\n", fail_message());
    return code;
}

struct study *cmd_load_study(const char *path) {
    struct study *study;
    char *faults = NULL;
    if (study_load(path, &study, &faults) == 0)
        return study;
    if (faults)
        fprintf(stderr, "%s", faults);
    cmd_failed(0);
    free(faults);
    return NULL;
}
