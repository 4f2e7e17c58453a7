/* pareto.h - the order of trials under several objectives and constraints: non-dominated sorting
 * and crowding (Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic
 * algorithm: NSGA-II", IEEE Trans. Evol. Comp. 2002). */
#ifndef NASTUNE_HPO_PARETO_H
#define NASTUNE_HPO_PARETO_H

#include "history/history.h"

/* Sorts trial ids (count), best first: trials with a result before those without; feasible ones
 * before others, and those by violation; then by front, then the less crowded first, then by id.
 * With one objective that is the order of history_better. -1: memory. */
int pareto_order(const struct history *history, int *id, int count);

#endif
