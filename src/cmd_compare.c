/* cmd_compare.c - nastune compare: which method of a study was better, and whether that can be
 * told. */
#include "cmd.h"
#include "compare.h"
#include <getopt.h>
#include <stdlib.h>

static int compare_main(const struct cmd *cmd, int argc, char **argv) {
    static const struct option options[] = {
        {"at", required_argument, NULL, 'a'}, {"help", no_argument, NULL, 'h'}, {0}};
    double budget = 0;
    char *end;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (c) {
        case 'a':
            budget = strtod(optarg, &end);
            if (*end || !(budget > 0))
                return cmd_misused(cmd, "--at takes a budget above 0");
            break;
        case 'h':
            return cmd_help(cmd);
        default:
            return cmd_misused(cmd, "bad option");
        }
    if (argc - optind != 1)
        return cmd_misused(cmd, "one folder of results is wanted");
    return compare_print(argv[optind], budget, stdout) ? cmd_failed(EXIT_FAILED) : EXIT_FINE;
}

const struct cmd cmd_compare = {
    .name = "compare",
    .usage = "compare [--at BUDGET] RESULTS",
    .about = "Compare the methods of a study, paired over its repeats",
    .details =
        "RESULTS is a study's folder (results/<study>). For each pair of methods: the median "
        "difference\n"
        "of the best feasible objective, A12 (the chance that a's is larger than b's), the p of "
        "the\n"
        "two-sided Wilcoxon signed-rank test, and p after Holm's correction for the number of "
        "pairs.\n"
        "Fewer than 6 repeats cannot show a difference at 0.05.\n"
        "\n"
        "  --at BUDGET  compare what had been reached by then (default: the study's budget)\n",
    .main = compare_main,
};
