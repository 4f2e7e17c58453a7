/* rank_test.h - the statistics of a comparison: paired signed-rank test, effect size, correction.
 */
#ifndef NASTUNE_RANK_TEST_H
#define NASTUNE_RANK_TEST_H

#define RANK_TEST_MAX 2000 /* pairs */

/* Two-sided p of the Wilcoxon signed-rank test (Wilcoxon, Biometrics Bulletin 1945) on n paired
 * differences. Zeros are dropped, ties get mean ranks; the distribution is exact up to 200 pairs
 * (all sign patterns, counted by dynamic programming), beyond that the normal approximation with
 * the correction for ties. 1 when no pair differs. n <= RANK_TEST_MAX. */
double rank_test_wilcoxon(const double *difference, int n);

/* Vargha and Delaney's A12 (J. Educational and Behavioral Statistics 2000): the chance that a value
 * of a is larger than one of b, ties counting half. */
double rank_test_a12(const double *a, int na, const double *b, int nb);

/* Holm's step-down correction (Scand. J. Statistics 1979) of n p-values, in place. */
void rank_test_holm(double *p, int n);

#endif
