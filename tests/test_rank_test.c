/* test_rank_test.c - the statistics against published tables and enumeration. */
#include "check.h"
#include "rank_test.h"
#include "rng.h"
#include <math.h>
#include <stdbool.h>

static void wilcoxon_is_exact_in_small_samples(void **state) {
    (void)state;
    /* All of one sign: 2 / 2^n. */
    double same[] = {1, 2, 3, 4, 5, 6};
    assert_true(fabs(rank_test_wilcoxon(same, 6) - 2.0 / 64) < 1e-15);
    /* n = 8, W = 3: 5 of the 256 subsets of 1..8 sum to at most 3 (Wilcoxon's table: 0.039). */
    double eight[] = {-3, 1, 2, 4, 5, 6, 7, 8};
    assert_true(fabs(rank_test_wilcoxon(eight, 8) - 2 * 5.0 / 256) < 1e-15);
    double zeros[] = {0, 0, 0};
    assert_true(rank_test_wilcoxon(zeros, 3) == 1);
}

/* All sign patterns, with tied and zero differences. */
static double by_enumeration(const double *d, int n) {
    double kept[12], rank[12];
    int k = 0;
    for (int i = 0; i < n; i++)
        if (d[i] != 0)
            kept[k++] = d[i];
    double observed = 0, total = 0;
    for (int i = 0; i < k; i++) {
        rank[i] = 1;
        for (int j = 0; j < k; j++)
            rank[i] +=
                (fabs(kept[j]) < fabs(kept[i])) + (j != i && fabs(kept[j]) == fabs(kept[i])) * 0.5;
        total += rank[i];
        observed += kept[i] > 0 ? rank[i] : 0;
    }
    double w = fmin(observed, total - observed), count = 0;
    for (int pattern = 0; pattern < 1 << k; pattern++) {
        double sum = 0;
        for (int i = 0; i < k; i++)
            sum += pattern >> i & 1 ? rank[i] : 0;
        count += sum <= w + 1e-9;
    }
    return fmin(1, 2 * count / (1 << k));
}

static void wilcoxon_equals_enumeration(void **state) {
    (void)state;
    struct rng rng = rng_make(5, 1, 0);
    for (int round = 0; round < 200; round++) {
        double d[12];
        int n = 1 + (int)rng_below(&rng, 12);
        for (int i = 0; i < n; i++)
            d[i] = (double)rng_below(&rng, 9) - 3; /* ties and zeros are common */
        double expected = by_enumeration(d, n);
        bool all_zero = true;
        for (int i = 0; i < n; i++)
            all_zero = all_zero && d[i] == 0;
        assert_true(fabs(rank_test_wilcoxon(d, n) - (all_zero ? 1 : expected)) < 1e-12);
    }
}

static void large_samples_agree_with_the_exact_ones(void **state) {
    (void)state;
    struct rng rng = rng_make(6, 1, 0);
    double d[400];
    for (int i = 0; i < 400; i++)
        d[i] = rng_normal(&rng) + 0.12;
    double exact = rank_test_wilcoxon(d, 200), normal = rank_test_wilcoxon(d, 201);
    assert_true(fabs(exact - normal) < 0.05);
}

static void a12_and_holm(void **state) {
    (void)state;
    double a[] = {1, 2, 3}, b[] = {1, 2, 3}, c[] = {0, 0};
    assert_true(rank_test_a12(a, 3, b, 3) == 0.5 && rank_test_a12(a, 3, c, 2) == 1);
    double p[] = {0.01, 0.04, 0.03, 0.005};
    rank_test_holm(p, 4);
    const double expected[] = {0.03, 0.06, 0.06, 0.02};
    for (int i = 0; i < 4; i++)
        assert_true(fabs(p[i] - expected[i]) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilcoxon_is_exact_in_small_samples),
        cmocka_unit_test(wilcoxon_equals_enumeration),
        cmocka_unit_test(large_samples_agree_with_the_exact_ones),
        cmocka_unit_test(a12_and_holm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
