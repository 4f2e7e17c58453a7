/* cmd.h - the commands of nastune, one file each, and the exit codes they share. */
#ifndef NASTUNE_CMD_H
#define NASTUNE_CMD_H

/* Exit codes, after sysexits.h. 128 + n: stopped by signal n. */
enum {
    EXIT_FINE = 0,
    EXIT_FAILED = 1, /* anything not named below */
    EXIT_USAGE = 64, /* the command line */
    EXIT_STUDY = 65, /* the study file */
    EXIT_BUSY = 75   /* another process works on the study */
};

struct cmd {
    const char *name;
    const char *usage;   /* what follows "nastune": "run STUDY [-j N]" */
    const char *about;   /* one line; NULL: not listed */
    const char *details; /* the rest of its --help */
    /* argv[0] is the command's name; options are read with getopt_long. Returns an exit code. */
    int (*main)(const struct cmd *cmd, int argc, char **argv);
};

/* Prints the command's help to stdout (asked for) or how to get it to stderr; returns the exit
 * code. */
int cmd_help(const struct cmd *cmd);
int cmd_misused(const struct cmd *cmd, const char *why);

/* Loads a study, or shows all its faults on stderr: NULL. */
struct study *cmd_load_study(const char *path);

/* Prints fail_message() to stderr; returns `code`. */
int cmd_failed(int code);

extern const struct cmd cmd_run, cmd_check, cmd_plan, cmd_compare, cmd_retrain, cmd_solve,
    cmd_solvers, cmd_methods, cmd_profile, cmd_bench, cmd_status, cmd_repair, cmd_ask, cmd_tell,
    cmd_trial;

#endif
