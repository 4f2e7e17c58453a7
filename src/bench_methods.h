/* bench_methods.h - the methods compared on problems with known answers: `nastune bench methods`.
 */
#ifndef NASTUNE_BENCH_METHODS_H
#define NASTUNE_BENCH_METHODS_H

#include <stdio.h>

/* Runs methods on problems and writes a CSV to out, one row an evaluation:
 *
 *     problem, method, seed, evaluation, budget, regret, ask_seconds, tell_seconds
 *
 * budget: spent so far, in evaluations at full fidelity; a continued trial is charged for what is
 * new. regret: of the incumbent (the best feasible trial at the largest fidelity seen), its true
 * value at full fidelity less the best; with two objectives 1 - hypervolume / that of the true
 * front; inf while nothing is feasible.
 * Arguments (argv[0] is not read): --problems a,b --methods a,b --seeds N or A..B --budget X. A
 * method may carry settings: bo:output=rank:design=10. Defaults: all single-fidelity problems, all
 * methods, 5 seeds, each problem's own budget. Fails with a message for a wrong argument. */
int bench_methods(int argc, char **argv, FILE *out);

#endif
