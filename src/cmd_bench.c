/* cmd_bench.c - nastune bench: the methods on problems with known answers. */
#include "bench_methods.h"
#include "bench_problems.h"
#include "cmd.h"
#include <stdio.h>
#include <string.h>

static int list_problems(void) {
    for (const struct bench_problem *problem = bench_problems; problem->name; problem++)
        printf("%-16s %s\n", problem->name, problem->about);
    return EXIT_FINE;
}

static int bench_main(const struct cmd *cmd, int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return cmd_help(cmd);
    if (argc == 2 && strcmp(argv[1], "problems") == 0)
        return list_problems();
    if (argc < 2 || strcmp(argv[1], "methods") != 0)
        return cmd_misused(cmd, "'methods' or 'problems' is wanted first");
    return bench_methods(argc - 1, argv + 1, stdout) ? cmd_failed(EXIT_FAILED) : EXIT_FINE;
}

const struct cmd cmd_bench = {
    .name = "bench",
    .usage =
        "bench methods [--problems A,B] [--methods A,B] [--seeds N] [--budget X] | bench problems",
    .about = "Run methods on problems with known answers; CSV to standard output",
    .details =
        "'bench problems' lists the problems. Defaults: all that have one fidelity, all methods, "
        "5\n"
        "seeds, each problem's own budget in evaluations at full fidelity. A method may carry\n"
        "settings: bo:output=rank:design=10. Columns: problem, method, seed, evaluation, budget\n"
        "(spent so far), regret (of the incumbent, at full fidelity, without noise),\n"
        "ask_seconds, tell_seconds.\n",
    .main = bench_main,
};
