/* cmd_profile.c - nastune profile: latency tables measured on this machine, and how well a table
 * predicts whole networks. */
#include "cmd.h"
#include "fail.h"
#include "profile.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct profile {
    const char *space, *table;
    long rounds, check;
    unsigned long long seed;
};

static int read_options(const struct cmd *cmd, int argc, char **argv, struct profile *profile) {
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"check", required_argument, NULL, 'c'},
                                            {"table", required_argument, NULL, 't'},
                                            {"seed", required_argument, NULL, 's'},
                                            {0}};
    char *end = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        end = NULL;
        if (c == 'r')
            profile->rounds = strtol(optarg, &end, 10);
        else if (c == 'c')
            profile->check = strtol(optarg, &end, 10);
        else if (c == 't')
            profile->table = optarg;
        else if (c == 's')
            profile->seed = strtoull(optarg, &end, 10);
        else
            return cmd_misused(cmd, "bad option");
        if (end && (*end || end == optarg))
            return cmd_misused(cmd, "a number is wanted");
    }
    if (optind != argc)
        return cmd_misused(cmd, "one space is wanted");
    if (profile->rounds < 1 || profile->rounds > 1000000)
        return cmd_misused(cmd, "--rounds takes 1 .. 1000000");
    if (profile->check != 0 && (profile->check < 2 || profile->check > 100000))
        return cmd_misused(cmd, "--check takes 2 .. 100000 architectures");
    if (*profile->table && !profile->check)
        return cmd_misused(cmd, "--table is for --check");
    return EXIT_FINE;
}

static int check(const struct profile *profile) {
    struct profile_agreement agreement;
    if (profile_check(profile->space, profile->table, (int)profile->check, (int)profile->rounds,
                      profile->seed, stdout, &agreement))
        return cmd_failed(EXIT_FAILED);
    fprintf(stderr,
            "%d random architectures: rank correlation %.4f, median error %.1f %%, worst %.1f %%\n",
            agreement.archs, agreement.spearman, 100 * agreement.median_error,
            100 * agreement.worst_error);
    return EXIT_FINE;
}

static int profile_main(const struct cmd *cmd, int argc, char **argv) {
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return cmd_help(cmd);
    if (argc < 2 || argv[1][0] == '-')
        return cmd_misused(cmd, "the space's name is wanted first");
    struct profile profile = {.space = argv[1], .table = "", .rounds = 1000, .seed = 1};
    int code = read_options(cmd, argc - 1, argv + 1, &profile);
    if (code != EXIT_FINE)
        return code;
    if (profile.check)
        return check(&profile);
    return profile_measure(profile.space, (int)profile.rounds, stdout) ? cmd_failed(EXIT_FAILED)
                                                                       : EXIT_FINE;
}

const struct cmd cmd_profile = {
    .name = "profile",
    .usage = "profile SPACE [--rounds N] [--check N [--table FILE]]",
    .about = "Measure the operators of a search space on this machine",
    .details =
        "Writes a latency table as CSV to standard output: one thread, one image, medians. Give "
        "the file\n"
        "to a search as its setting `latency`. Spaces: fashion, cifar, imagenet-mobile.\n\n"
        "  --rounds N    measurements of each operator (default 1000)\n"
        "  --check N     measure N random architectures as whole networks instead, and compare "
        "with the\n"
        "                sums of a table: a row each to standard output, the agreement to standard "
        "error\n"
        "  --table FILE  that table (default: the one that ships)\n"
        "  --seed N      of the random architectures (default 1)\n",
    .main = profile_main,
};
