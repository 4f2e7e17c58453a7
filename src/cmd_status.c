/* cmd_status.c - nastune status: how far a study is. */
#include "cmd.h"
#include "status.h"
#include <string.h>

static int status_main(const struct cmd *cmd, int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return cmd_help(cmd);
    if (argc != 2 || argv[1][0] == '-')
        return cmd_misused(cmd, "one folder of results is wanted");
    return status_print(argv[1], stdout) ? cmd_failed(EXIT_FAILED) : EXIT_FINE;
}

const struct cmd cmd_status = {
    .name = "status",
    .usage = "status RESULTS",
    .about = "Show how far a study is, also while it runs",
    .details =
        "RESULTS is a study's folder (results/<study>). Shows who works on it, how many trials of\n"
        "each method ended how, the budget spent, the best feasible trial so far, why the last\n"
        "failed ones failed, and how much trial time is left. Only reads: it can be called at any\n"
        "time, by anybody who may read the folder.\n",
    .main = status_main,
};
