/* rank_test.c - Wilcoxon's signed-rank test, A12, Holm's correction (rank_test.h). */
#include "rank_test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_MAX = 200 };

static int by_size(const void *a, const void *b) {
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

/* Doubled mean ranks of |d| (whole numbers, ties included); d is sorted by size. */
static void double_ranks(const double *d, int n, long *rank) {
    for (int i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && fabs(d[j]) == fabs(d[i]); j++)
            ;
        for (int k = i; k < j; k++)
            rank[k] = i + 1 + j; /* twice the mean of i+1 .. j */
    }
}

/* P(W+ <= w) when every sign is a fair coin: the share of subsets of the ranks that sum to at most
 * w. */
static double exact_lower(const long *rank, int n, long w) {
    long total = 0;
    for (int i = 0; i < n; i++)
        total += rank[i];
    double *share = calloc((size_t)total + 1, sizeof *share);
    if (!share)
        return NAN;
    share[0] = 1;
    long reach = 0;
    for (int i = 0; i < n; i++) {
        reach += rank[i];
        for (long s = reach; s >= 0; s--)
            share[s] = 0.5 * share[s] + (s >= rank[i] ? 0.5 * share[s - rank[i]] : 0);
    }
    double lower = 0;
    for (long s = 0; s <= w; s++)
        lower += share[s];
    free(share);
    return lower;
}

static double normal_lower(const long *rank, int n, long w) {
    double mean = 0, variance = 0;
    for (int i = 0; i < n; i++) {
        mean += 0.5 * (double)rank[i];
        variance += 0.25 * (double)rank[i] * (double)rank[i];
    }
    return 0.5 * erfc((mean - (double)w) / sqrt(2 * variance));
}

double rank_test_wilcoxon(const double *difference, int n) {
    double d[RANK_TEST_MAX];
    long rank[RANK_TEST_MAX], plus = 0, minus = 0;
    int kept = 0;
    for (int i = 0; i < n && i < RANK_TEST_MAX; i++)
        if (difference[i] != 0)
            d[kept++] = difference[i];
    if (kept == 0)
        return 1;
    qsort(d, (size_t)kept, sizeof *d, by_size);
    double_ranks(d, kept, rank);
    for (int i = 0; i < kept; i++)
        *(d[i] > 0 ? &plus : &minus) += rank[i];
    long w = plus < minus ? plus : minus;
    double lower = kept <= EXACT_MAX ? exact_lower(rank, kept, w) : normal_lower(rank, kept, w);
    return fmin(1, 2 * lower);
}

double rank_test_a12(const double *a, int na, const double *b, int nb) {
    double wins = 0;
    for (int i = 0; i < na; i++)
        for (int j = 0; j < nb; j++)
            wins += a[i] > b[j] ? 1 : a[i] == b[j] ? 0.5 : 0;
    return wins / ((double)na * nb);
}

void rank_test_holm(double *p, int n) {
    /* In rising order of p: p_(k) becomes max over j <= k of (n - j) p_(j), at most 1. */
    double last = 0;
    char *done = calloc((size_t)n, 1);
    for (int k = 0; done && k < n; k++) {
        int least = -1;
        for (int i = 0; i < n; i++)
            if (!done[i] && (least < 0 || p[i] < p[least]))
                least = i;
        done[least] = 1;
        last = fmax(last, fmin(1, (n - k) * p[least]));
        p[least] = last;
    }
    free(done);
}
