/* test_ehvi.c - expected hypervolume improvement against Monte Carlo and a single point's closed
 * form, its derivatives against finite differences, and the archive. */
#include "bench_problems.h"
#include "check.h"
#include "gp/acquisition.h"
#include "gp/ehvi.h"
#include "history/history.h"
#include "hpo.h"
#include <math.h>
#include <string.h>

static const double REFERENCE[2] = {1.1, 1.2};

/* Unsorted, with dominated points and ones beyond the reference. */
static int some_front(double *points) {
    static const double raw[] = {0.5, 0.4, 0.2, 0.9, 0.9, 0.1, 0.6,
                                 0.6, 1.3, 0.0, 0.3, 0.5, 0.2, 1};
    memcpy(points, raw, sizeof raw);
    return sizeof raw / sizeof *raw / 2;
}

static void fronts_are_made(void **state) {
    (void)state;
    double points[14];
    static const double expected[] = {0.2, 0.9, 0.3, 0.5, 0.5, 0.4, 0.9, 0.1};
    struct gp_front front;
    gp_front_make(&front, some_front(points), points, REFERENCE);
    assert_int_equal(front.n, 4);
    assert_memory_equal(points, expected, sizeof expected);
}

static void expectation_is_the_average(void **state) {
    (void)state;
    enum { DRAWS = 40000 };
    double points[14], with[16];
    struct gp_front front;
    gp_front_make(&front, some_front(points), points, REFERENCE);
    double before = bench_hypervolume(front.n, points, REFERENCE);
    struct rng rng = rng_make(4, 1, 0);
    for (int trial = 0; trial < 12; trial++) {
        double mean[2], sd[2], dmean[2], dsd[2], sum = 0, squares = 0;
        for (int k = 0; k < 2; k++) {
            mean[k] = -0.2 + 1.4 * rng_uniform(&rng);
            sd[k] = 0.02 + 0.5 * rng_uniform(&rng);
        }
        for (int i = 0; i < DRAWS; i++) {
            memcpy(with, points, sizeof points);
            for (int k = 0; k < 2; k++)
                with[2 * front.n + k] = mean[k] + sd[k] * rng_normal(&rng);
            double gain = bench_hypervolume(front.n + 1, with, REFERENCE) - before;
            sum += gain / DRAWS;
            squares += gain * gain / DRAWS;
        }
        double error = sqrt((squares - sum * sum) / DRAWS);
        double value = exp(gp_log_ehvi(&front, mean, sd, dmean, dsd));
        assert_true(fabs(value - sum) < 3.5 * error + 1e-12);
    }
}

static void empty_front_is_a_product(void **state) {
    (void)state;
    struct gp_front front;
    gp_front_make(&front, 0, NULL, REFERENCE);
    double mean[2] = {0.7, 1.5}, sd[2] = {0.2, 0.3}, dmean[2], dsd[2], unused;
    double expected =
        gp_log_ei(0.7, 0.2, 1.1, &unused, &unused) + gp_log_ei(1.5, 0.3, 1.2, &unused, &unused);
    assert_true(fabs(gp_log_ehvi(&front, mean, sd, dmean, dsd) - expected) < 1e-12);
}

static void slopes_are_the_slopes(void **state) {
    (void)state;
    double points[14];
    struct gp_front front;
    gp_front_make(&front, some_front(points), points, REFERENCE);
    struct rng rng = rng_make(5, 1, 0);
    for (int trial = 0; trial < 200; trial++) {
        double v[4], slope[4], unused[4], h = 1e-6;
        double far = trial % 4 == 0 ? 8 : 1; /* far outside, where EHVI itself underflows */
        for (int k = 0; k < 2; k++) {
            v[k] = -0.2 + far * 1.5 * rng_uniform(&rng);
            v[2 + k] = 0.05 + 0.4 * rng_uniform(&rng);
        }
        double value = gp_log_ehvi(&front, v, v + 2, slope, slope + 2);
        assert_true(isfinite(value));
        for (int i = 0; i < 4; i++) {
            double kept = v[i], side[2];
            for (int s = 0; s < 2; s++) {
                v[i] = kept + (s ? h : -h);
                side[s] = gp_log_ehvi(&front, v, v + 2, unused, unused + 2);
            }
            v[i] = kept;
            double found = (side[1] - side[0]) / (2 * h);
            assert_true(fabs(found - slope[i]) < 1e-4 * (1 + fabs(found)));
        }
    }
}

static void archive_keeps_the_front(void **state) {
    (void)state;
    struct space space = {0};
    struct hpo_task task = {.space = &space, .n_objectives = 2};
    struct history history;
    history_open(&history, &task);
    static const double fronts[][2][2] = {{{3, 3}, {4, 2}},
                                          {{2, 5}, {5, 1}},
                                          {{3, 3}, {3.5, 2.5}},
                                          {{1, 1}, {NAN, 0}},
                                          {{0, 0}, {0, 0}}};
    for (int i = 0; i < 5; i++) {
        struct trial trial = {.id = i, .status = TRIAL_DONE, .violation = i == 4 ? 0.1 : 0};
        struct result front[2];
        for (int p = 0; p < 2; p++)
            memcpy(front[p].objective, fronts[i][p], sizeof fronts[i][p]);
        trial.result = front[0];
        history_asked(&history, &trial);
        history_tell(&history, &trial);
        history_archive(&history, &trial, front, 2);
        static const int expected[] = {2, 4, 5, 1, 1};
        assert_int_equal(history.archived, expected[i]);
    }
    assert_true(history.archive[0] == 1 && history.archive[1] == 1);
    history_close(&history);
}

int main(void) {
    hpo_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fronts_are_made),          cmocka_unit_test(expectation_is_the_average),
        cmocka_unit_test(empty_front_is_a_product), cmocka_unit_test(slopes_are_the_slopes),
        cmocka_unit_test(archive_keeps_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
