/* compare.h - compares the methods of a finished study: paired over repeats. */
#ifndef NASTUNE_COMPARE_H
#define NASTUNE_COMPARE_H

#include <stdio.h>

/* Reads the results in `folder` (study.resolved.yaml and runs/) and prints, for each pair of
 * methods, the median difference of the best feasible objective after `budget` (0: all of it), the
 * paired Wilcoxon test with Holm's correction, A12, and what that says. A repeat counts where both
 * methods found something feasible by then. */
int compare_print(const char *folder, double budget, FILE *out);

#endif
