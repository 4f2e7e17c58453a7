/* profile.h - latency tables of search spaces: what `nastune profile` asks of the solvers' floor.
 */
#ifndef NASTUNE_PROFILE_H
#define NASTUNE_PROFILE_H

#include <stdint.h>
#include <stdio.h>

/* The spaces that can be measured, "a|b". */
extern const char *const profile_spaces;

/* Measures every operator of a space on this machine, one thread, batch 1, `rounds` (>= 1) times
 * each, and writes the table as CSV: a file for the setting `latency`. */
int profile_measure(const char *space, int rounds, FILE *out);

/* How well a table's sums predict whole networks. */
struct profile_agreement {
    int archs;
    double spearman;     /* rank correlation of predicted and measured */
    double median_error; /* of |predicted / measured - 1| */
    double worst_error;
};

/* Measures `archs` (>= 2) random architectures, drawn by `seed`, as whole networks and compares
 * with a table: a CSV file, or the one that ships (NULL, ""). Writes a row each to `out` (NULL:
 * none): predicted_ms, measured_ms, spread_ms, arch. */
int profile_check(const char *space, const char *table, int archs, int rounds, uint64_t seed,
                  FILE *out, struct profile_agreement *agreement);

#endif
