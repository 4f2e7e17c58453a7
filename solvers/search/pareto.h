/* pareto.h - selection by two objectives, both to be minimised: non-dominated sorting, NSGA-III
 * (Deb & Jain, "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point-Based
 * Nondominated Sorting Approach, Part I", IEEE TEC 2014), and the protection of CARS (Yang et al.,
 * "CARS: Continuous Evolution for Efficient Neural Architecture Search", CVPR 2020). */
#ifndef SEARCH_PARETO_H
#define SEARCH_PARETO_H

#include "rng.h"
#include <stdbool.h>

/* rank[i] = 0 for what nothing dominates, 1 for what only those dominate, ... f: (n,2). */
void pareto_ranks(int n, const double (*f)[2], int *rank);

/* Chooses `keep` of n: whole fronts while they fit; the last by niching on `keep` directions
 * (i, keep-1-i) / (keep-1). In niching a niche is drawn by rng_below among those with the fewest
 * chosen (in the order of directions) and, when it has a chosen one already, a member by rng_below
 * in the order of numbers; else its closest, first of equals. */
int pareto_nsga3(int n, const double (*f)[2], int keep, struct rng *rng, bool *chosen);

/* CARS: goes through the fronts of two sortings side by side: takes the union of both fronts of a
 * stage while it fits, else a random part of it, until `keep` are chosen. */
int pareto_merge(int n, const int *rank_a, const int *rank_b, int keep, struct rng *rng,
                 bool *chosen);

#endif
