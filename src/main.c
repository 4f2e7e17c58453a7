/* main.c - the command line of nastune. */
#include "cmd.h"
#include "platform.h"
#include "setting.h"
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct cmd *const commands[] = {&cmd_run,     &cmd_check, &cmd_plan,    &cmd_compare,
                                             &cmd_retrain, &cmd_solve, &cmd_solvers, &cmd_methods,
                                             &cmd_profile, &cmd_bench, &cmd_status,  &cmd_repair,
                                             &cmd_ask,     &cmd_tell,  &cmd_trial};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int help(void) {
    puts("nastune - tunes the settings of neural-architecture-search solvers\n\n"
         "usage: nastune COMMAND ...\n");
    for (int i = 0; i < COMMANDS; i++)
        if (commands[i]->about)
            printf("  %-9s %s\n", commands[i]->name, commands[i]->about);
    puts(
        "\n'nastune COMMAND --help' says more. A study file names a solver, what is searched, the\n"
        "objective, the methods and the budget:\n\n"
        "  study: lambda-at-80ms\n"
        "  solver:\n"
        "    name: single-path\n"
        "    lambda: 1e-4 .. 1            # a range is searched\n"
        "    optimizer: [rmsprop, sgd]    # so is a list\n"
        "    warmup: 0.6                  # a value is pinned\n"
        "  objective: {maximize: accuracy, subject to: runtime <= 80 ms}\n"
        "  methods: [random, bo]\n"
        "  budget: 240 epochs             # for each method and repeat\n\n"
        "Environment: NASTUNE_DATA (folder with data sets), OPENBLAS_CORETYPE (BLAS kernels; set\n"
        "automatically when OpenBLAS does not know the CPU).");
    return EXIT_FINE;
}

static int version(void) {
    printf("nastune %s (OpenBLAS core %s)\n", platform_version(), platform_blas_core());
    return EXIT_FINE;
}

static const char *command_name(const void *context, int i) {
    (void)context;
    return i < COMMANDS ? commands[i]->name : NULL;
}

static int unknown(const char *name) {
    const char *meant = setting_suggest(name, command_name, NULL);
    fprintf(stderr, "nastune: no command '%s'", name);
    if (meant)
        fprintf(stderr, "; did you mean '%s'?", meant);
    fputs("\n'nastune --help' lists them\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    platform_prepare(argv);
    setlocale(LC_ALL, "C");
    if (argc < 2) {
        fputs("usage: nastune COMMAND ...; 'nastune --help' lists the commands\n", stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help();
    if (strcmp(argv[1], "--version") == 0)
        return version();
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i]->name) == 0) {
            int code = commands[i]->main(commands[i], argc - 1, argv + 1);
            if (fflush(stdout) || ferror(stdout)) {
                fputs("nastune: standard output cannot be written\n", stderr);
                return code ? code : EXIT_FAILED;
            }
            return code;
        }
    return unknown(argv[1]);
}
