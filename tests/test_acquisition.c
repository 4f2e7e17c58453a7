/* test_acquisition.c - the acquisition functions against adaptive quadrature of their definitions,
 * their derivatives against finite differences, and the search against a known maximum. */
#include "check.h"
#include "gp/acquisition.h"
#include "gp/search.h"
#include "hpo.h"
#include <gsl/gsl_integration.h>
#include <math.h>

/* h(u) = int_0^inf t phi(t - u) dt; divided by phi(u): int t exp(t u - t^2/2) dt, which neither
 * under- nor overflows for u <= 0; above, h itself. */
static double scaled_integrand(double t, void *u) {
    return t * exp(t * *(double *)u - t * t / 2);
}

static double plain_integrand(double t, void *u) {
    double v = t - *(double *)u;
    return t * exp(-v * v / 2) / sqrt(2 * M_PI);
}

static double log_h_by_quadrature(double u) {
    gsl_integration_workspace *space = gsl_integration_workspace_alloc(1000);
    double value, error;
    gsl_function f = {u <= 0 ? scaled_integrand : plain_integrand, &u};
    double end = u <= 0 ? fmin(12, 60 / fmax(1e-9, -u)) : u + 12;
    gsl_integration_qag(&f, 0, end, 0, 1e-12, 1000, GSL_INTEG_GAUSS61, space, &value, &error);
    gsl_integration_workspace_free(space);
    return u <= 0 ? log(value) - u * u / 2 - log(2 * M_PI) / 2 : log(value);
}

static void log_ei_is_the_integral(void **state) {
    (void)state;
    for (double u = -40; u <= 10; u += 0.25) {
        double slope, value = gp_log_h(u, &slope), expected = log_h_by_quadrature(u);
        assert_true(fabs(value - expected) < 1e-9 * (1 + fabs(expected)));
    }
}

static void log_ei_is_smooth_far_out(void **state) {
    (void)state;
    double before = gp_log_h(-1e6, &(double){0});
    for (double u = -1e6; u < 10; u = u < -1 ? u / 1.01 : u + 0.01) {
        double slope, value = gp_log_h(u, &slope), low, high, unused;
        assert_true(isfinite(value) && value >= before);
        before = value;
        double step = 1e-5 * fmax(1, fabs(u));
        low = gp_log_h(u - step, &unused);
        high = gp_log_h(u + step, &unused);
        double found = (high - low) / (2 * step);
        assert_true(fabs(found - slope) < 1e-5 * (1 + fabs(slope)));
    }
}

static double call(int which, double mean, double sd, double *dmean, double *dsd) {
    switch (which) {
    case 0:
        return gp_log_ei(mean, sd, 0.3, dmean, dsd);
    case 1:
        return gp_log_below(mean, sd, -0.2, dmean, dsd);
    default:
        return gp_log_between(mean, sd, -0.25, 0.4, dmean, dsd);
    }
}

static void slopes_are_the_slopes(void **state) {
    (void)state;
    for (int which = 0; which < 3; which++)
        for (double mean = -30; mean <= 30; mean += 0.7)
            for (double sd = 0.05; sd < 20; sd *= 1.7) {
                double dmean, dsd, unused, h = 1e-6;
                double value = call(which, mean, sd, &dmean, &dsd);
                assert_true(isfinite(value));
                double by_mean = (call(which, mean + h, sd, &unused, &unused) -
                                  call(which, mean - h, sd, &unused, &unused)) /
                                 (2 * h);
                double hs = h * sd;
                double by_sd = (call(which, mean, sd + hs, &unused, &unused) -
                                call(which, mean, sd - hs, &unused, &unused)) /
                               (2 * hs);
                double room = 1e-5 + 1e-9 * fabs(value) / hs;
                assert_true(fabs(by_mean - dmean) < room * (1 + fabs(dmean)));
                assert_true(fabs(by_sd - dsd) < room * (1 + fabs(dsd)));
            }
}

static double normal_cdf(double u) {
    return 0.5 * erfc(-u / sqrt(2));
}

static void probabilities_are_right(void **state) {
    (void)state;
    double a, b;
    assert_true(fabs(exp(gp_log_below(1, 2, 0.5, &a, &b)) - normal_cdf(-0.25)) < 1e-14);
    assert_true(fabs(exp(gp_log_between(1, 2, 0.5, 4, &a, &b)) -
                     (normal_cdf(1.5) - normal_cdf(-0.25))) < 1e-14);
    assert_true(fabs(exp(gp_log_between(-1, 2, -4, -0.5, &a, &b)) -
                     (normal_cdf(1.5) - normal_cdf(-0.25))) < 1e-14);
}

/* A paraboloid over two reals, a whole number and a choice; the maximum itself may be taken. */
struct hill {
    struct space space;
    bool blocked;
};

static double height(const struct hill *hill, const double *x) {
    double k = space_value(&hill->space.dim[2], x[2]);
    long c = space_level(&hill->space.dim[3], x[3]);
    return -pow(x[0] - 0.123, 2) - pow(x[1] - 0.77, 2) - pow((k - 737) / 1000, 2) - (c != 2);
}

static int hill_score(void *context, int count, const double *x, double *value) {
    for (int i = 0; i < count; i++)
        value[i] = height(context, x + 4 * i);
    return 0;
}

static double hill_climb(void *context, const double *x, double *gradient) {
    gradient[0] = -2 * (x[0] - 0.123);
    gradient[1] = -2 * (x[1] - 0.77);
    gradient[2] = gradient[3] = 0;
    return height(context, x);
}

static bool hill_taken(void *context, const double *x) {
    const struct hill *hill = context;
    return hill->blocked && space_level(&hill->space.dim[3], x[3]) == 2;
}

static void search_finds_the_top(void **state) {
    (void)state;
    struct hill hill = {.space = {.n = 4}};
    for (int d = 0; d < 2; d++)
        hill.space.dim[d] = (struct space_dim){.kind = SPACE_REAL, .hi = 1, .parent = -1};
    hill.space.dim[2] = (struct space_dim){.kind = SPACE_INT, .lo = 1, .hi = 1000, .parent = -1};
    hill.space.dim[3] = (struct space_dim){
        .kind = SPACE_CHOICE, .levels = 5, .level = {0, 1, 2, 3, 4}, .parent = -1};
    struct search search = {.space = &hill.space,
                            .context = &hill,
                            .score = hill_score,
                            .climb = hill_climb,
                            .taken = hill_taken,
                            .seed = 3,
                            .n_sobol = 512,
                            .n_climbs = 3,
                            .n_steps = 30};
    double x[4], value;
    assert_int_equal(search_maximise(&search, x, &value), 0);
    assert_true(height(&hill, x) > -2e-4);
    assert_true(fabs(x[0] - 0.123) < 1e-3 && space_level(&hill.space.dim[3], x[3]) == 2);
    hill.blocked = true;
    assert_int_equal(search_maximise(&search, x, &value), 0);
    assert_int_not_equal(space_level(&hill.space.dim[3], x[3]), 2);
}

int main(void) {
    hpo_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_ei_is_the_integral), cmocka_unit_test(log_ei_is_smooth_far_out),
        cmocka_unit_test(slopes_are_the_slopes),  cmocka_unit_test(probabilities_are_right),
        cmocka_unit_test(search_finds_the_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
