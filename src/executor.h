/* executor.h - carries out trials: inside this process, or each in a process of its own.
 *
 * A trial's process is this program again (`nastune trial`): it reads its order from standard
 * input, computes, and writes its points to descriptor WORKER_FD; it lives in a session of its own
 * and dies with its study. Nothing is ever computed in a forked child. */
#ifndef NASTUNE_EXECUTOR_H
#define NASTUNE_EXECUTOR_H

#include "journal.h"
#include "point.h"
#include "study.h"

#define WORKER_FD 3 /* where a trial's process writes its points */

/* What one trial is to do, and what came of it. The caller owns it and keeps it until it ended. */
struct job {
    struct trial
        trial; /* what to run; on ending ->status is FAILED, CRASHED, TIMEOUT or INVALID with
                  a detail, or still ASKED when the solver returned points to be judged */
    int method, repeat;
    char folder[512]; /* of the trial; made when it starts. Empty: none */
    char load[512];   /* checkpoint to continue; empty: from the start */
    char save[512];   /* where to leave a checkpoint; empty: nowhere */
    const char
        *arch;      /* borrowed; not NULL: train this architecture finally instead of searching, */
    int final_seed; /* with this seed of the study's, from 0 */
    struct outcome outcome;
    struct timing timing;
};

struct executor;

/* `slots` trials at a time. `resolved` is the path of study.resolved.yaml, which trial processes
 * read. All borrowed until executor_close. */
int executor_open(struct executor **out, const struct study *study, const char *resolved,
                  int slots);

/* Ends every running trial (TERM, then KILL) and waits for it. NULL is fine. */
void executor_close(struct executor *executor);

/* Whether another trial can be started now. */
bool executor_free_slot(const struct executor *executor);

/* Starts a trial. -1 when there is no folder or process to be had for it: the machine's trouble is
 * no result of the trial, so the study stops there, and goes on when it is run again. */
int executor_start(struct executor *executor, struct job *job);

/* The next trial that has ended, in any order; waits at most `seconds` for one (0: does not wait).
 * NULL: none ended in time, or executor_interrupt was called. */
struct job *executor_wait(struct executor *executor, double seconds);

/* After this signal-safe call executor_interrupted() is true and waits return at once. */
void executor_interrupt(int signal);
int executor_interrupted(void); /* the signal, or 0 */

#endif
