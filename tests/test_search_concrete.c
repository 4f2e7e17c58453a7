/* test_search_concrete.c - SNAS: draws, the three estimators of a cost's gradient (exactly where
 * they are exact, by their expectation over many draws elsewhere), costs against the table of the
 * official repository, the temperature. */
#include "check.h"
#include "search/concrete.h"
#include "search/relax.h"
#include <math.h>

enum { N = 4 };
static const double logit[N] = {0.3, -0.5, 1.1, 0.2};

static struct cell_space darts(void) {
    struct cell_space space = {.nodes = 4};
    cell_operators(&space, CELL_DARTS);
    return space;
}

/* The largest z falls as the categorical does, at any temperature. */
static void draws_are_gumbel_draws(void **state) {
    (void)state;
    enum { DRAWS = 100000 };
    struct rng rng = rng_make(1, 1, 0);
    double p[N], z[N];
    int wins[N] = {0};
    relax_softmax(N, logit, p);
    for (int k = 0; k < DRAWS; k++) {
        int best = 0;
        double sum = 0;
        concrete_draw(N, logit, k % 2 ? 0.1 : 2, &rng, z);
        for (int i = 0; i < N; i++) {
            best = z[i] > z[best] ? i : best;
            sum += z[i];
        }
        assert_float_equal(sum, 1, 1e-12);
        wins[best]++;
    }
    for (int i = 0; i < N; i++)
        assert_float_equal((double)wins[i] / DRAWS, p[i], 3 * sqrt(p[i] * (1 - p[i]) / DRAWS));
}

/* With two categories ln z1 - ln z2 is logistic: the density in closed form, and its integral. */
static void density_integrates_to_one(void **state) {
    (void)state;
    const double two[2] = {0.4, -0.7};
    for (double t = 1; t < 3; t += 0.5) {
        double sum = 0;
        for (int i = 0; i < 200000; i++) {
            const double z[2] = {(i + 0.5) / 200000, 1 - (i + 0.5) / 200000};
            sum += exp(concrete_log(2, two, z, t)) / 200000;
        }
        assert_float_equal(sum, 1, 2e-3);
    }
}

static void score_against_differences(void **state) {
    (void)state;
    struct rng rng = rng_make(2, 1, 0);
    double z[N], by[N] = {0}, at[N];
    concrete_draw(N, logit, 0.7, &rng, z);
    concrete_score(N, logit, z, 0.7, 1.5, by);
    for (int i = 0; i < N; i++) {
        double f[2];
        for (int k = 0; k < 2; k++) {
            for (int j = 0; j < N; j++)
                at[j] = logit[j] + (j == i ? (k ? 1e-6 : -1e-6) : 0);
            f[k] = concrete_log(N, at, z, 0.7);
        }
        assert_float_equal(by[i], 1.5 * (f[1] - f[0]) / 2e-6, 1e-7);
    }
}

static struct concrete_cost some_cost(void) {
    struct concrete_cost cost = {
        .size = {0, 300, 900, 2000}, .flops = {0, 9e3, 2e5, 7e5}, .mac = {10, 4e3, 9e3, 3e4}};
    return cost;
}

/* Through Z with its noise fixed: the very derivative. */
static void reparametrization_is_exact(void **state) {
    (void)state;
    struct concrete_cost cost = some_cost();
    for (int form = 0; form < 2; form++) {
        double z[N], slope[N], by[N] = {0}, at[N];
        struct rng rng = rng_make(3, 1, 0);
        concrete_draw(N, logit, 0.6, &rng, z);
        concrete_edge_cost(&cost, (enum concrete_form)form, N, z, slope);
        concrete_backward(N, z, slope, 0.6, by);
        for (int i = 0; i < N; i++) {
            double f[2];
            for (int k = 0; k < 2; k++) {
                for (int j = 0; j < N; j++)
                    at[j] = logit[j] + (j == i ? (k ? 1e-6 : -1e-6) : 0);
                rng = rng_make(3, 1, 0);
                concrete_draw(N, at, 0.6, &rng, z);
                f[k] = concrete_edge_cost(&cost, (enum concrete_form)form, N, z, slope);
            }
            assert_float_equal(by[i], (f[1] - f[0]) / 2e-6, 1e-5 * (1 + fabs(by[i])));
        }
    }
}

/* The score and the path estimate the same expectation. The discrete one is exact for a linear cost
 * of one-hot draws: compared with those. */
static void estimators_agree_in_expectation(void **state) {
    (void)state;
    enum { DRAWS = 300000 };
    struct concrete_cost cost = some_cost();
    struct rng rng = rng_make(4, 1, 0);
    double sum[3][N] = {{0}}, square[3][N] = {{0}}, p[N], slope[N], discrete[N] = {0};
    for (int k = 0; k < DRAWS; k++) {
        double z[N], by[3][N] = {{0}}, hot[N] = {0};
        int best = 0;
        concrete_draw(N, logit, 1, &rng, z);
        double c = concrete_edge_cost(&cost, CONCRETE_LOG, N, z, slope);
        concrete_backward(N, z, slope, 1, by[0]);
        concrete_score(N, logit, z, 1, c, by[1]);
        for (int i = 0; i < N; i++)
            best = z[i] > z[best] ? i : best;
        hot[best] = 1;
        c = concrete_edge_cost(&cost, CONCRETE_LINEAR, N, hot, slope);
        relax_softmax(N, logit, p);
        for (int i = 0; i < N; i++)
            by[2][i] = c * (hot[i] - p[i]);
        for (int e = 0; e < 3; e++)
            for (int i = 0; i < N; i++)
                sum[e][i] += by[e][i], square[e][i] += by[e][i] * by[e][i];
    }
    concrete_edge_cost(&cost, CONCRETE_LINEAR, N, p, slope);
    relax_softmax_backward(N, p, slope, discrete);
    for (int i = 0; i < N; i++) {
        double mean[3], error[3];
        for (int e = 0; e < 3; e++) {
            mean[e] = sum[e][i] / DRAWS;
            error[e] = sqrt((square[e][i] / DRAWS - mean[e] * mean[e]) / DRAWS);
        }
        assert_true(fabs(mean[0] - mean[1]) <= 3 * hypot(error[0], error[1]));
        assert_true(fabs(mean[2] - discrete[i]) <= 3 * error[2]);
        assert_true(fabs(mean[0]) > 10 * error[0]); /* there is something to compare */
    }
}

static void costs_of_the_repository(void **state) {
    (void)state;
    struct cell_space space = darts();
    struct concrete_cost one, two;
    const double c = 16, y = 14 * 14;
    concrete_price(&space, 16, 1, y, &one);
    concrete_price(&space, 16, 2, y, &two);
    assert_true(one.size[NET_SEP_CONV_3] == 2 * c * 9 + 2 * c * c);
    assert_true(one.size[NET_DIL_CONV_5] == c * 25 + c * c);
    assert_true(two.size[NET_SKIP] == c * c && one.size[NET_SKIP] == 0);
    assert_true(one.flops[NET_MAX_POOL_3] == 9 * y * c);
    assert_true(one.flops[NET_SEP_CONV_5] == one.size[NET_SEP_CONV_5] * y);
    assert_true(one.mac[NET_SKIP] == 2 * c * y);
    assert_true(one.mac[NET_AVG_POOL_3] == 2 * c * y && two.mac[NET_AVG_POOL_3] == 5 * c * y);
    assert_true(one.mac[NET_DIL_CONV_3] == y * (3 * c + c) + one.size[NET_DIL_CONV_3]);
    assert_true(two.mac[NET_DIL_CONV_3] == y * (6 * c + c) + one.size[NET_DIL_CONV_3]);
    assert_true(one.mac[NET_SEP_CONV_3] == y * (7 * c + c) + one.size[NET_SEP_CONV_3]);
    assert_true(two.mac[NET_SEP_CONV_3] == y * (10 * c + c) + one.size[NET_SEP_CONV_3]);
    assert_true(two.mac[NET_SKIP] == 2 * y * (4 * c + c / 2) + two.size[NET_SKIP]);
    assert_true(one.mac[NET_NONE] == 0);
}

static void forms_of_the_cost(void **state) {
    (void)state;
    struct concrete_cost cost = some_cost();
    double slope[N], half[N] = {0.5, 0.5, 0, 0}, none[N] = {1, 0, 0, 0};
    assert_float_equal(concrete_edge_cost(&cost, CONCRETE_LINEAR, N, half, slope),
                       0.43 * (2 * 150 + 4500.0 / 4000 + 2005.0 / 100), 1e-9);
    assert_float_equal(concrete_edge_cost(&cost, CONCRETE_LOG, N, half, slope),
                       (log(150) + log(4500) + log(2005)) / 3, 1e-12);
    /* below 1: taken as 1, and nothing pushes */
    assert_float_equal(concrete_edge_cost(&cost, CONCRETE_LOG, N, none, slope), log(10) / 3, 1e-12);
    assert_float_equal(slope[3], 3e4 / 10 / 3, 1e-9);
}

static void temperature_falls(void **state) {
    (void)state;
    assert_true(concrete_temperature(1, 0.03, 0) == 1);
    assert_float_equal(concrete_temperature(1, 0.03, 0.5), 0.515, 1e-12);
    assert_true(concrete_temperature(1, 0.03, 1) == 0.03);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_gumbel_draws),
        cmocka_unit_test(density_integrates_to_one),
        cmocka_unit_test(score_against_differences),
        cmocka_unit_test(reparametrization_is_exact),
        cmocka_unit_test(estimators_agree_in_expectation),
        cmocka_unit_test(costs_of_the_repository),
        cmocka_unit_test(forms_of_the_cost),
        cmocka_unit_test(temperature_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
