/* test_gp.c - the Gaussian process against a dense reference written straight from the formulas,
 * and every gradient against finite differences. */
#include "check.h"
#include "gp/surrogate.h"
#include "hpo.h"
#include "rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 23, DIMS = 6 };

/* Two reals, a whole number on a log scale, a list, a choice, and a real that matters under it. */
static struct space mixed_space(void) {
    struct space space = {.n = DIMS};
    for (int d = 0; d < DIMS; d++)
        space.dim[d] = (struct space_dim){.kind = SPACE_REAL, .lo = 0, .hi = 1, .parent = -1};
    space.dim[2] =
        (struct space_dim){.kind = SPACE_INT, .scale = SETTING_LOG, .lo = 1, .hi = 9, .parent = -1};
    space.dim[3] =
        (struct space_dim){.kind = SPACE_LIST, .levels = 3, .level = {16, 24, 40}, .parent = -1};
    space.dim[4] =
        (struct space_dim){.kind = SPACE_CHOICE, .levels = 3, .level = {0, 1, 2}, .parent = -1};
    space.dim[5].parent = 4;
    space.dim[5].parent_levels = 1 << 0 | 1 << 2;
    return space;
}

struct fixture {
    struct space space;
    struct gp_kernel kernel;
    struct gp_points points;
    struct gp_theta theta;
    double e[N][DIMS], y[N];
};

static void random_point(const struct fixture *f, struct rng *rng, double *x) {
    for (int d = 0; d < DIMS; d++)
        x[d] = rng_uniform(rng);
    space_canonical(&f->space, x);
}

static void make(struct fixture *f) {
    memset(f, 0, sizeof *f);
    f->space = mixed_space();
    gp_kernel_open(&f->kernel, &f->space);
    struct rng rng = rng_make(5, 1, 0);
    for (int i = 0; i < N; i++) {
        double x[DIMS];
        random_point(f, &rng, x);
        gp_embed(&f->kernel, &f->space, x, f->e[i]);
        assert_int_equal(gp_points_add(&f->points, &f->kernel, f->e[i]), 0);
        f->y[i] = sin(5 * x[0]) + x[1] * x[2] + 0.3 * (x[4] > 0.5) + 0.2 * rng_normal(&rng);
    }
    for (int d = 0; d < DIMS; d++)
        f->theta.log_length[d] = log(0.4 + 0.2 * d);
    f->theta.log_signal = log(1.3);
    f->theta.log_noise = log(0.02);
}

/* k(a, b) from its definition. */
static double reference_kernel(const struct fixture *f, const double *a, const double *b) {
    double r2 = 0;
    for (int d = 0; d < DIMS; d++) {
        double delta = a[d] - b[d];
        if (d == 4)
            delta = a[d] != b[d];
        if (d == 5)
            delta = isnan(a[d]) && isnan(b[d])   ? 0
                    : isnan(a[d]) || isnan(b[d]) ? 1
                                                 : 2 * sin(fabs(delta) / 2);
        r2 += delta * delta / exp(2 * f->theta.log_length[d]);
    }
    double q = sqrt(5 * r2);
    return exp(f->theta.log_signal) * (1 + q + q * q / 3) * exp(-q);
}

/* Solves a x = b (n, n) by Gauss-Jordan with pivoting; returns log |det a|. */
static double reference_solve(int n, double *a, double *b) {
    double log_det = 0;
    for (int c = 0; c < n; c++) {
        int pivot = c;
        for (int r = c + 1; r < n; r++)
            if (fabs(a[r * n + c]) > fabs(a[pivot * n + c]))
                pivot = r;
        for (int j = 0; j < n; j++) {
            double swap = a[c * n + j];
            a[c * n + j] = a[pivot * n + j];
            a[pivot * n + j] = swap;
        }
        double swap = b[c];
        b[c] = b[pivot];
        b[pivot] = swap;
        log_det += log(fabs(a[c * n + c]));
        for (int r = 0; r < n; r++) {
            if (r == c)
                continue;
            double factor = a[r * n + c] / a[c * n + c];
            for (int j = c; j < n; j++)
                a[r * n + j] -= factor * a[c * n + j];
            b[r] -= factor * b[c];
        }
    }
    for (int c = 0; c < n; c++)
        b[c] /= a[c * n + c];
    return log_det;
}

static void reference_matrix(const struct fixture *f, double *k) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            k[i * N + j] =
                reference_kernel(f, f->e[i], f->e[j]) + (i == j ? exp(f->theta.log_noise) : 0);
}

static double reference_mean(const struct fixture *f) {
    double k[N * N], ones[N], top = 0, bottom = 1;
    reference_matrix(f, k);
    for (int i = 0; i < N; i++)
        ones[i] = 1;
    reference_solve(N, k, ones);
    for (int i = 0; i < N; i++) {
        top += ones[i] * f->y[i];
        bottom += ones[i];
    }
    return top / bottom;
}

static void posterior_is_the_dense_one(void **state) {
    (void)state;
    struct fixture f;
    make(&f);
    struct gp gp;
    gp_open(&gp, &f.kernel);
    assert_int_equal(gp_factorise(&gp, &f.theta, &f.points), 0);
    assert_int_equal(gp_condition(&gp, f.y), 0);
    double m = reference_mean(&f);
    assert_true(fabs(gp.mean - m) < 1e-10);
    struct rng rng = rng_make(6, 1, 0);
    for (int trial = 0; trial < 20; trial++) {
        double x[DIMS], e[DIMS], k[N * N], cross[N], solved[N], residual[N], mean, sd;
        random_point(&f, &rng, x);
        gp_embed(&f.kernel, &f.space, x, e);
        assert_int_equal(gp_predict(&gp, 1, e, &mean, &sd), 0);
        for (int i = 0; i < N; i++) {
            cross[i] = solved[i] = reference_kernel(&f, e, f.e[i]);
            residual[i] = f.y[i] - m;
        }
        reference_matrix(&f, k);
        reference_solve(N, k, solved);
        double expected = m, variance = exp(f.theta.log_signal);
        for (int i = 0; i < N; i++) {
            expected += solved[i] * residual[i];
            variance -= solved[i] * cross[i];
        }
        assert_true(fabs(mean - expected) < 1e-9);
        assert_true(fabs(sd * sd - variance) < 1e-9);
    }
    for (int i = 0; i < N; i++) {
        double mean, sd;
        assert_int_equal(gp_predict(&gp, 1, f.e[i], &mean, &sd), 0);
        assert_true(fabs(gp_mean_at(&gp, i) - mean) < 1e-9);
    }
    gp_close(&gp);
    gp_points_free(&f.points);
}

static double log_normal_density(double v, double mean, double sd) {
    return -log(v) - pow((log(v) - mean) / sd, 2) / 2;
}

static void evidence_is_the_dense_one(void **state) {
    (void)state;
    struct fixture f;
    make(&f);
    struct gp_prior prior = gp_prior_scaled(DIMS, 1.5);
    double *work = malloc(gp_evidence_work(N) * sizeof *work), k[N * N], residual[N];
    double m = reference_mean(&f), expected = -0.5 * m * m - 0.5 * N * log(2 * M_PI);
    for (int i = 0; i < N; i++)
        residual[i] = f.y[i] - m;
    reference_matrix(&f, k);
    expected -= 0.5 * reference_solve(N, k, residual);
    for (int i = 0; i < N; i++)
        expected -= 0.5 * residual[i] * (f.y[i] - m);
    for (int d = 0; d < DIMS; d++)
        expected +=
            log_normal_density(exp(f.theta.log_length[d]), sqrt(2) + log(DIMS) / 2, sqrt(3));
    expected += log_normal_density(0.02, -4, 1.5);
    expected += log_normal_density(1.3, 0, prior.signal_sd);
    double value = gp_evidence(&f.kernel, &f.theta, &prior, &f.points, N, f.y, NULL, work);
    assert_true(fabs(value - expected) < 1e-8);
    free(work);
    gp_points_free(&f.points);
}

/* Against processes that really miss a point; and the joint covariance against a conditional one.
 */
static void leaving_one_out(void **state) {
    (void)state;
    struct fixture f;
    make(&f);
    struct gp whole, part;
    double density[N], covariance[4], e[2 * DIMS];
    gp_open(&whole, &f.kernel);
    gp_open(&part, &f.kernel);
    assert_int_equal(gp_factorise(&whole, &f.theta, &f.points), 0);
    assert_int_equal(gp_condition(&whole, f.y), 0);
    assert_int_equal(gp_leave_one_out(&whole, density), 0);
    double m = whole.mean;
    for (int out = 0; out < N; out++) {
        struct gp_points points = {0};
        double y[N], mean, sd;
        for (int i = 0, count = 0; i < N; i++)
            if (i != out) {
                gp_points_add(&points, &f.kernel, f.e[i]);
                y[count++] = f.y[i] - m;
            }
        assert_int_equal(gp_factorise(&part, &f.theta, &points), 0);
        gp_condition(&part, y);
        double shift = part.mean; /* back to the mean that was kept */
        for (int i = 0; i < N - 1; i++)
            y[i] += shift;
        gp_predict(&part, 1, f.e[out], &mean, &sd);
        double ones[N], by_ones, unused;
        for (int i = 0; i < N - 1; i++)
            ones[i] = 1;
        double before = part.mean;
        gp_condition(&part, ones);
        gp_predict(&part, 1, f.e[out], &by_ones, &unused);
        /* The prediction is affine in the constant: take m's own part out of it. */
        double pull = (by_ones - part.mean) / (1 - part.mean);
        double expected = m + mean - before * (1 - pull);
        double variance = sd * sd + exp(f.theta.log_noise), off = f.y[out] - expected;
        double reference = -0.5 * log(2 * M_PI * variance) - off * off / (2 * variance);
        assert_true(fabs(density[out] - reference) < 1e-8);
        gp_points_free(&points);
    }
    memcpy(e, f.e[3], sizeof f.e[3]);
    struct rng rng = rng_make(10, 1, 0);
    double x[DIMS], mean, sd, after;
    random_point(&f, &rng, x);
    gp_embed(&f.kernel, &f.space, x, e + DIMS);
    random_point(&f, &rng, x);
    gp_embed(&f.kernel, &f.space, x, e);
    assert_int_equal(gp_covariance(&whole, 2, e, covariance), 0);
    gp_predict(&whole, 1, e, &mean, &sd);
    assert_true(fabs(covariance[0] - sd * sd) < 1e-9 && fabs(mean - gp_mean(&whole, e)) < 1e-12);
    assert_int_equal(gp_append(&whole, e + DIMS), 0); /* seeing b shrinks a by cov^2/(var+noise) */
    whole.y[N] = 0;
    assert_int_equal(gp_condition(&whole, whole.y), 0);
    gp_predict(&whole, 1, e, &mean, &after);
    double gain = covariance[1] * covariance[1] / (covariance[3] + exp(f.theta.log_noise));
    assert_true(fabs(sd * sd - gain - after * after) < 1e-9);
    gp_close(&whole);
    gp_close(&part);
    gp_points_free(&f.points);
}

static void evidence_gradient_is_its_slope(void **state) {
    (void)state;
    struct fixture f;
    make(&f);
    struct gp_prior prior = gp_prior_scaled(DIMS, 1);
    double *work = malloc(gp_evidence_work(N) * sizeof *work), gradient[DIMS + 2];
    gp_evidence(&f.kernel, &f.theta, &prior, &f.points, N, f.y, gradient, work);
    for (int i = 0; i < DIMS + 2; i++) {
        double side[2];
        for (int s = 0; s < 2; s++) {
            struct gp_theta theta = f.theta;
            double *v = i < DIMS    ? &theta.log_length[i]
                        : i == DIMS ? &theta.log_signal
                                    : &theta.log_noise;
            *v += s ? 1e-5 : -1e-5;
            side[s] = gp_evidence(&f.kernel, &theta, &prior, &f.points, N, f.y, NULL, work);
        }
        double slope = (side[1] - side[0]) / 2e-5;
        assert_true(fabs(slope - gradient[i]) < 1e-6 * (1 + fabs(slope)));
    }
    free(work);
    gp_points_free(&f.points);
}

static void prediction_gradient_is_its_slope(void **state) {
    (void)state;
    struct fixture f;
    make(&f);
    struct gp gp;
    gp_open(&gp, &f.kernel);
    assert_int_equal(gp_factorise(&gp, &f.theta, &f.points), 0);
    assert_int_equal(gp_condition(&gp, f.y), 0);
    struct rng rng = rng_make(7, 1, 0);
    double work[4 * N];
    for (int trial = 0; trial < 20; trial++) {
        double x[DIMS], e[DIMS], mean, sd, dmean[DIMS], dsd[DIMS];
        random_point(&f, &rng, x);
        gp_embed(&f.kernel, &f.space, x, e);
        gp_predict_gradient(&gp, e, &mean, &sd, dmean, dsd, work);
        for (int d = 0; d < DIMS; d++) {
            if (d == 4 || isnan(e[d])) {
                assert_true(dmean[d] == 0 && dsd[d] == 0);
                continue;
            }
            double side_mean[2], side_sd[2], kept = e[d];
            for (int s = 0; s < 2; s++) {
                e[d] = kept + (s ? 1e-6 : -1e-6);
                assert_int_equal(gp_predict(&gp, 1, e, &side_mean[s], &side_sd[s]), 0);
            }
            e[d] = kept;
            assert_true(fabs((side_mean[1] - side_mean[0]) / 2e-6 - dmean[d]) < 1e-6);
            assert_true(fabs((side_sd[1] - side_sd[0]) / 2e-6 - dsd[d]) < 1e-6);
        }
    }
    gp_close(&gp);
    gp_points_free(&f.points);
}

static void growing_is_factorising(void **state) {
    (void)state;
    struct fixture f;
    make(&f);
    struct gp whole, grown;
    struct gp_points first = {0};
    for (int i = 0; i < 5; i++)
        gp_points_add(&first, &f.kernel, f.e[i]);
    gp_open(&whole, &f.kernel);
    gp_open(&grown, &f.kernel);
    assert_int_equal(gp_factorise(&whole, &f.theta, &f.points), 0);
    assert_int_equal(gp_factorise(&grown, &f.theta, &first), 0);
    for (int i = 5; i < N; i++)
        assert_int_equal(gp_append(&grown, f.e[i]), 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++)
            assert_true(fabs(whole.factor[i * whole.room + j] - grown.factor[i * grown.room + j]) <
                        1e-10);
    gp_close(&whole);
    gp_close(&grown);
    gp_points_free(&first);
    gp_points_free(&f.points);
}

/* Many copies of a point without noise: the ladder, and lifted pivots, keep it finite. */
static void repeated_points_are_survived(void **state) {
    (void)state;
    struct fixture f;
    make(&f);
    f.theta.log_noise = log(1e-9);
    struct gp gp;
    gp_open(&gp, &f.kernel);
    struct gp_points points = {0};
    double y[40], mean, sd;
    for (int i = 0; i < 20; i++)
        gp_points_add(&points, &f.kernel, f.e[i % 3]);
    assert_int_equal(gp_factorise(&gp, &f.theta, &points), 0);
    for (int i = 20; i < 40; i++)
        assert_int_equal(gp_append(&gp, f.e[i % 4]), 0);
    for (int i = 0; i < 40; i++)
        y[i] = i % 3;
    assert_int_equal(gp_condition(&gp, y), 0);
    assert_int_equal(gp_predict(&gp, 1, f.e[7], &mean, &sd), 0);
    assert_true(isfinite(mean) && sd > 0);
    f.theta.log_length[0] = NAN;
    assert_int_equal(gp_factorise(&gp, &f.theta, &points), -1);
    gp_close(&gp);
    gp_points_free(&points);
    gp_points_free(&f.points);
}

/* The fit finds the length that made the data: a function of the first setting only. */
static void fit_finds_what_matters(void **state) {
    (void)state;
    struct space space = {.n = 2};
    for (int d = 0; d < 2; d++)
        space.dim[d] = (struct space_dim){.kind = SPACE_REAL, .lo = 0, .hi = 1, .parent = -1};
    struct gp_kernel kernel;
    gp_kernel_open(&kernel, &space);
    struct gp_points points = {0};
    struct rng rng = rng_make(9, 1, 0);
    double y[40];
    for (int i = 0; i < 40; i++) {
        double e[2] = {rng_uniform(&rng), rng_uniform(&rng)};
        gp_points_add(&points, &kernel, e);
        y[i] = sin(9 * e[0]) * 1.4;
    }
    struct gp_prior prior = gp_prior_scaled(2, 3);
    struct gp_theta theta;
    assert_int_equal(gp_fit(&kernel, &prior, &points, 40, y, 3, 60, &theta), 0);
    assert_true(theta.log_length[0] < log(1.5));
    assert_true(theta.log_length[1] > theta.log_length[0] + log(4));
    assert_true(theta.log_noise < log(1e-4));
    gp_points_free(&points);
}

static void transforms_keep_order(void **state) {
    (void)state;
    const double y[] = {3, -1, NAN, 1e6, 0.5, 3, 7, 2e-3};
    enum { M = sizeof y / sizeof *y };
    for (int kind = GP_OUTPUT_STANDARD; kind <= GP_OUTPUT_RANK; kind++) {
        double z[M], sum = 0, squares = 0;
        assert_int_equal(gp_output_transform(kind, M, y, z, NULL), 0);
        for (int i = 0; i < M; i++) {
            sum += z[i];
            squares += z[i] * z[i];
            for (int j = 0; j < M; j++)
                if (y[i] < y[j])
                    assert_true(z[i] < z[j]);
        }
        assert_true(fabs(sum) < 1e-9 && fabs(squares / M - 1) < 1e-9);
        assert_true(z[2] == z[3] && z[0] == z[5]); /* the failed one is as bad as the worst */
        double extreme[4] = {1e300, -1e300, 1e-300, NAN}, same[3] = {4, 4, 4}, none[1] = {NAN};
        assert_int_equal(gp_output_transform(kind, 4, extreme, z, NULL), 0);
        for (int i = 0; i < 4; i++)
            assert_true(fabs(z[i]) < 10);
        assert_int_equal(gp_output_transform(kind, 3, same, z, NULL), 0);
        assert_true(z[0] == 0 && z[2] == 0);
        assert_int_equal(gp_output_transform(kind, 1, none, z, NULL), 0);
        assert_true(z[0] == 0);
    }
}

/* Asked at every step or only at the end, the surrogate is the same to the last bit. */
static void surrogate_depends_on_the_list_only(void **state) {
    (void)state;
    enum { M = 64 };
    struct fixture f;
    make(&f);
    struct rng rng = rng_make(8, 1, 0);
    double e[M * DIMS], y[M];
    for (int i = 0; i < M; i++) {
        double x[DIMS];
        random_point(&f, &rng, x);
        gp_embed(&f.kernel, &f.space, x, e + i * DIMS);
        y[i] = i % 7 == 3 ? NAN : x[0] * x[1] + 0.1 * rng_normal(&rng);
    }
    struct gp_prior prior = gp_prior_scaled(DIMS, 2);
    struct surrogate steps, once;
    surrogate_open(&steps, &f.kernel, &prior, GP_OUTPUT_POWER);
    surrogate_open(&once, &f.kernel, &prior, GP_OUTPUT_POWER);
    for (int n = 10; n <= M; n++) {
        assert_int_equal(surrogate_update(&steps, n, e, y), 0);
        assert_int_equal(surrogate_believe(&steps, f.e[n % N]), 0);
        assert_int_equal(surrogate_believe(&steps, f.e[(n + 1) % N]), 0);
    }
    assert_int_equal(surrogate_update(&steps, M, e, y), 0);
    assert_int_equal(surrogate_update(&once, M, e, y), 0);
    assert_int_equal(steps.fitted, 61); /* 50, 55, 61, 68 ... */
    for (int i = 0; i < N; i++) {
        double mean[2], sd[2];
        gp_predict(&steps.gp, 1, f.e[i], &mean[0], &sd[0]);
        gp_predict(&once.gp, 1, f.e[i], &mean[1], &sd[1]);
        assert_true(mean[0] == mean[1] && sd[0] == sd[1]);
    }
    surrogate_close(&steps);
    surrogate_close(&once);
    gp_points_free(&f.points);
}

/* A list beyond the limit is thinned, and still describes the function. */
static void long_lists_are_thinned(void **state) {
    (void)state;
    enum { M = 1300 };
    struct fixture f;
    make(&f);
    struct rng rng = rng_make(8, 2, 0);
    double *e = malloc(M * DIMS * sizeof *e), *y = malloc(M * sizeof *y);
    for (int i = 0; i < M; i++) {
        double x[DIMS];
        random_point(&f, &rng, x);
        gp_embed(&f.kernel, &f.space, x, e + i * DIMS);
        y[i] = sin(5 * x[0]) + x[1];
    }
    struct gp_prior prior = gp_prior_scaled(DIMS, 3);
    struct surrogate surrogate;
    surrogate_open(&surrogate, &f.kernel, &prior, GP_OUTPUT_STANDARD);
    assert_int_equal(surrogate_update(&surrogate, M, e, y), 0);
    assert_int_equal(surrogate.rows, SURROGATE_KEEP + M - surrogate_schedule(M));
    double mean, sd, error = 0;
    for (int i = 0; i < M; i++) {
        gp_predict(&surrogate.gp, 1, e + i * DIMS, &mean, &sd);
        error += fabs(mean - (y[i] - surrogate.affine.shift) / surrogate.affine.scale) / M;
    }
    assert_true(error < 0.02);
    surrogate_close(&surrogate);
    gp_points_free(&f.points);
    free(e);
    free(y);
}

int main(void) {
    hpo_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posterior_is_the_dense_one),
        cmocka_unit_test(evidence_is_the_dense_one),
        cmocka_unit_test(leaving_one_out),
        cmocka_unit_test(evidence_gradient_is_its_slope),
        cmocka_unit_test(prediction_gradient_is_its_slope),
        cmocka_unit_test(growing_is_factorising),
        cmocka_unit_test(repeated_points_are_survived),
        cmocka_unit_test(fit_finds_what_matters),
        cmocka_unit_test(transforms_keep_order),
        cmocka_unit_test(surrogate_depends_on_the_list_only),
        cmocka_unit_test(long_lists_are_thinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
