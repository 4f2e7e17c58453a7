/* evidence.c - log marginal likelihood of a Gaussian process, its gradient, and the fit of the
 * hyperparameters (Rasmussen & Williams 2006, eq. 5.8 and 5.9). */
#include "fail.h"
#include "gp/gp.h"
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#define LOG_2PI 1.8378770664093454836

/* Limits of the fit. */
static const double LENGTH_LO = 5e-3, LENGTH_HI = 1e3, SIGNAL_LO = 1e-2, SIGNAL_HI = 1e4,
                    NOISE_LO = 1e-12, NOISE_HI = 10;

struct gp_prior gp_prior_scaled(int n_dims, double noise_sd) {
    return (struct gp_prior){
        .length_mean = sqrt(2) + 0.5 * log(n_dims > 0 ? n_dims : 1),
        .length_sd = sqrt(3),
        .noise_mean = -4,
        .noise_sd = noise_sd,
        .signal_sd = 2,
    };
}

/* log of a LogNormal(mean, sd) density at exp(log_v), without constants. */
static double log_normal(double log_v, double mean, double sd, double *slope) {
    double z = (log_v - mean) / sd;
    *slope = -z / sd - 1;
    return -0.5 * z * z - log_v;
}

static double log_prior(const struct gp_kernel *kernel, const struct gp_theta *theta,
                        const struct gp_prior *prior, double *gradient) {
    double sum = 0, slope;
    int n = kernel->n;
    for (int d = 0; d < n; d++) {
        sum += log_normal(theta->log_length[d], prior->length_mean, prior->length_sd, &slope);
        if (gradient)
            gradient[d] += slope;
    }
    sum += log_normal(theta->log_signal, 0, prior->signal_sd, &slope);
    if (gradient)
        gradient[n] += slope;
    sum += log_normal(theta->log_noise, prior->noise_mean, prior->noise_sd, &slope);
    if (gradient)
        gradient[n + 1] += slope;
    return sum;
}

size_t gp_evidence_work(int n) {
    return 2 * (size_t)n * (size_t)n + 2 * (size_t)n + 2;
}

/* sum over pairs j < i of v_ij delta^2_d(i, j); v (n, n) by rows. */
static double pair_sum(const struct gp_kernel *kernel, const struct gp_points *points, int n, int d,
                       const double *v) {
    const double *e = points->e + (size_t)d * (size_t)points->room;
    bool plain = kernel->dim[d].kind == GP_NUMBER && !kernel->dim[d].conditional;
    double sum = 0;
    for (int i = 1; i < n; i++) {
        const double *row = v + (size_t)i * (size_t)n;
        double a = e[i], part[4] = {0};
        int j = 0;
        if (plain)
            for (; j + 4 <= i; j += 4)
                for (int l = 0; l < 4; l++)
                    part[l] += row[j + l] * (a - e[j + l]) * (a - e[j + l]);
        for (; j < i; j++)
            part[0] += row[j] * gp_delta2(kernel, d, a, e[j]);
        sum += part[0] + part[1] + part[2] + part[3];
    }
    return sum;
}

/* The gradient of the likelihood, from the factor L (overwritten by the inverse of K), the weights
 * and the factors g of the kernel (overwritten). */
static int likelihood_gradient(const struct gp_kernel *kernel, const struct gp_theta *theta,
                               const struct gp_points *points, int n, const double *y, double mean,
                               double *factor, const double *weight, double *g, double *gradient) {
    gsl_matrix_view view = gsl_matrix_view_array(factor, (size_t)n, (size_t)n);
    if (gsl_linalg_cholesky_invert(&view.matrix))
        return -1;
    double trace = 0, noise = exp(theta->log_noise);
    for (int i = 0; i < n; i++) {
        const double *inverse = factor + (size_t)i * (size_t)n;
        double *row = g + (size_t)i * (size_t)n;
        trace += inverse[i];
        for (int j = 0; j < i; j++)
            row[j] *= weight[i] * weight[j] - inverse[j];
    }
    for (int d = 0; d < kernel->n; d++)
        gradient[d] = exp(-2 * theta->log_length[d]) * pair_sum(kernel, points, n, d, g);
    double fit = 0, square = cblas_ddot(n, weight, 1, weight, 1);
    for (int i = 0; i < n; i++)
        fit += weight[i] * (y[i] - mean);
    gradient[kernel->n] = 0.5 * (fit - noise * square - (n - noise * trace));
    gradient[kernel->n + 1] = 0.5 * noise * (square - trace);
    return 0;
}

double gp_evidence(const struct gp_kernel *kernel, const struct gp_theta *theta,
                   const struct gp_prior *prior, const struct gp_points *points, int n,
                   const double *y, double *gradient, double *work) {
    size_t size = (size_t)n;
    double *factor = work, *g = factor + size * size, *weight = g + size * size,
           *ones = weight + size;
    double e[GP_MAX_DIMS], noise = exp(theta->log_noise);
    for (int i = 0; i < n; i++) {
        gp_points_get(points, kernel, i, e);
        gp_kernel_row(kernel, theta, points, i + 1, e, factor + (size_t)i * size,
                      gradient ? g + (size_t)i * size : NULL);
        factor[(size_t)i * size + (size_t)i] += noise;
    }
    gsl_matrix_view view = gsl_matrix_view_array(factor, size, size);
    if (gsl_linalg_cholesky_decomp1(&view.matrix))
        return -INFINITY;
    double log_det = 0;
    for (int i = 0; i < n; i++) {
        double pivot = factor[(size_t)i * size + (size_t)i];
        if (!isfinite(pivot) || pivot <= 0) /* GSL reports success on NaN */
            return -INFINITY;
        log_det += log(pivot);
        ones[i] = 1;
        weight[i] = y[i];
    }
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, factor, n, weight, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, factor, n, ones, 1);
    double mean = cblas_ddot(n, ones, 1, weight, 1) / (cblas_ddot(n, ones, 1, ones, 1) + 1);
    cblas_daxpy(n, -mean, ones, 1, weight, 1);
    double fit = cblas_ddot(n, weight, 1, weight, 1);
    double value = -0.5 * fit - log_det - 0.5 * n * LOG_2PI - 0.5 * mean * mean;
    if (gradient) {
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, n, factor, n, weight, 1);
        if (likelihood_gradient(kernel, theta, points, n, y, mean, factor, weight, g, gradient))
            return -INFINITY;
    }
    value += log_prior(kernel, theta, prior, gradient);
    return isfinite(value) ? value : -INFINITY;
}

struct fit {
    const struct gp_kernel *kernel;
    const struct gp_prior *prior;
    const struct gp_points *points;
    int n;
    const double *y;
    double *work;
    double best; /* value at */
    double best_v[GP_MAX_DIMS + 2];
};

static void theta_of(struct gp_theta *theta, int n, const double *v) {
    memcpy(theta->log_length, v, (size_t)n * sizeof *v);
    theta->log_signal = v[n];
    theta->log_noise = v[n + 1];
}

static double fit_objective(unsigned n, const double *v, double *gradient, void *context) {
    struct fit *fit = context;
    struct gp_theta theta;
    theta_of(&theta, fit->kernel->n, v);
    double value = gp_evidence(fit->kernel, &theta, fit->prior, fit->points, fit->n, fit->y,
                               gradient, fit->work);
    if (value > fit->best) {
        fit->best = value;
        memcpy(fit->best_v, v, n * sizeof *v);
    }
    for (unsigned i = 0; gradient && i < n; i++)
        gradient[i] = isfinite(value) ? -gradient[i] : 0;
    return isfinite(value) ? -value : 1e10;
}

/* The i-th start: lengths short to long against the cube's diagonal, noise high to low. */
static void fit_start(const struct gp_kernel *kernel, int i, double *v) {
    static const double length[] = {0.5, 2.0, 0.2, 1.0, 5.0},
                        noise[] = {1e-4, 1e-2, 1e-3, 1e-6, 0.1};
    double diagonal = sqrt(kernel->n > 0 ? kernel->n : 1);
    for (int d = 0; d < kernel->n; d++)
        v[d] = log(length[i] * diagonal);
    v[kernel->n] = 0;
    v[kernel->n + 1] = log(noise[i]);
}

static void fit_bounds(nlopt_opt opt, int n) {
    double lo[GP_MAX_DIMS + 2], hi[GP_MAX_DIMS + 2];
    for (int d = 0; d < n; d++) {
        lo[d] = log(LENGTH_LO);
        hi[d] = log(LENGTH_HI);
    }
    lo[n] = log(SIGNAL_LO);
    hi[n] = log(SIGNAL_HI);
    lo[n + 1] = log(NOISE_LO);
    hi[n + 1] = log(NOISE_HI);
    nlopt_set_lower_bounds(opt, lo);
    nlopt_set_upper_bounds(opt, hi);
}

int gp_fit(const struct gp_kernel *kernel, const struct gp_prior *prior,
           const struct gp_points *points, int n, const double *y, int starts, int evaluations,
           struct gp_theta *theta) {
    struct fit fit = {.kernel = kernel, .prior = prior, .points = points, .n = n, .y = y};
    fit.best = -INFINITY;
    fit.work = malloc(gp_evidence_work(n) * sizeof(double));
    nlopt_opt opt = nlopt_create(NLOPT_LD_SLSQP, (unsigned)kernel->n + 2);
    if (fit.work && opt) {
        fit_bounds(opt, kernel->n);
        nlopt_set_min_objective(opt, fit_objective, &fit);
        nlopt_set_ftol_abs(opt, 1e-3);
        nlopt_set_maxeval(opt, evaluations);
        for (int i = 0; i < starts; i++) {
            double v[GP_MAX_DIMS + 2], value;
            fit_start(kernel, i, v);
            nlopt_optimize(opt, v, &value); /* any outcome: the best point seen is kept */
        }
    }
    if (opt)
        nlopt_destroy(opt);
    free(fit.work);
    if (!isfinite(fit.best))
        return fail("no hyperparameters of the model fit %d trials", n);
    theta_of(theta, kernel->n, fit.best_v);
    return 0;
}
