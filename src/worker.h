/* worker.h - a trial carried out: the part that a trial's process and the harness share.
 *
 * The order to a process is text, one "key value" a line: trial, repeat, fidelity, threads, folder,
 * load, save, "set NAME VALUE" for every searched setting, and for a final training
 * "final NAME VALUE", seed and arch.
 * The answer is CSV lines on WORKER_FD: "point" and the cells of a point (journal.h) for each, then
 * "end","" or "end","why it failed". Anything else is garbage and makes the trial INVALID. */
#ifndef NASTUNE_WORKER_H
#define NASTUNE_WORKER_H

#include "executor.h"

/* The order for a job, onto `text`. */
int worker_order(const struct study *study, const struct job *job, struct buffer *text);

/* The main function of a trial's process: reads the order from standard input. Returns an exit
 * code. */
int worker_main(const char *resolved);

/* The answer with these points and the reason why it failed ("": it did not), onto `text`. */
int worker_answer_text(const struct study *study, const struct outcome *outcome, const char *why,
                       struct buffer *text);

/* Reads the whole answer of a process into job->outcome; sets FAILED or INVALID where that is so.
 */
void worker_answer(const struct study *study, struct job *job, const char *text, size_t length);

/* Carries out a solver's run in this process. `config` has all settings. Fails with the solver's
 * reason; points appended before that stay. */
int worker_solve(const struct solver_ops *solver, const struct solver_task *task, const char *load,
                 const char *save, struct outcome *outcome);

#endif
