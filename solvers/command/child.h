/* child.h - a program run to its end, its output passed on, and nothing of it left behind. */
#ifndef NASTUNE_SOLVERS_COMMAND_CHILD_H
#define NASTUNE_SOLVERS_COMMAND_CHILD_H

#include <stdbool.h>

#define CHILD_LOG_HALF                                                                             \
    (256 << 10)            /* bytes kept of the beginning, and of the end, of all output           \
                            */
#define CHILD_LAST_MAX 120 /* bytes of the last line on standard error, NUL included */

struct child {
    char *const *argv, *const *env; /* NULL-terminated; borrowed */
    /* Gets each line of standard output without its end; not those longer than 64 kB. */
    void (*line)(void *context, const char *line);
    void *context;

    /* set by child_run */
    int status;                /* as of wait(2) */
    bool stopped;              /* SIGTERM came: it was told to end, then killed */
    char last[CHILD_LAST_MAX]; /* its last line on standard error that was not blank */
};

/* Runs it: standard input empty, both outputs copied to this process's standard error as far as
 * CHILD_LOG_HALF allows, no other descriptor open. When the program ends, every descendant it left
 * is killed. Should this process be killed, the program dies with it. -1: it could not be started.
 */
int child_run(struct child *child);

#endif
