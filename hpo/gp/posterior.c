/* posterior.c - the factorised process: growth, weights and predictions (gp.h). */
#include "fail.h"
#include "gp/gp.h"
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MEAN_BLOCK = 256 };
static const double PIVOT_MIN = 1e-14; /* of the prior variance */

void gp_open(struct gp *gp, const struct gp_kernel *kernel) {
    *gp = (struct gp){.kernel = kernel};
}

void gp_close(struct gp *gp) {
    gp_points_free(&gp->points);
    free(gp->factor);
    free(gp->weight);
    free(gp->y);
    *gp = (struct gp){0};
}

/* Room for n points, keeping what is there. */
static int reserve(struct gp *gp, int n) {
    if (n <= gp->room)
        return 0;
    int room = gp->room ? gp->room : 64;
    while (room < n)
        room += room / 2;
    double *factor = malloc((size_t)room * (size_t)room * sizeof *factor);
    double *weight = malloc((size_t)room * sizeof *weight);
    double *y = malloc((size_t)room * sizeof *y);
    if (!factor || !weight || !y) {
        free(factor);
        free(weight);
        free(y);
        return fail("no memory for a model of %d points", n);
    }
    for (int i = 0; i < gp->points.n; i++)
        memcpy(factor + (size_t)i * (size_t)room, gp->factor + (size_t)i * (size_t)gp->room,
               (size_t)(i + 1) * sizeof *factor);
    free(gp->factor);
    free(gp->weight);
    free(gp->y);
    gp->factor = factor;
    gp->weight = weight;
    gp->y = y;
    gp->room = room;
    return 0;
}

/* Fills and factorises K + noise + jitter. False when it is not positive definite. */
static bool try_factor(struct gp *gp) {
    int n = gp->points.n;
    double e[GP_MAX_DIMS];
    for (int i = 0; i < n; i++) {
        double *row = gp->factor + (size_t)i * (size_t)gp->room;
        gp_points_get(&gp->points, gp->kernel, i, e);
        gp_kernel_row(gp->kernel, &gp->theta, &gp->points, i + 1, e, row, NULL);
        row[i] += exp(gp->theta.log_noise) + gp->jitter;
    }
    gsl_matrix_view view =
        gsl_matrix_view_array_with_tda(gp->factor, (size_t)n, (size_t)n, (size_t)gp->room);
    if (gsl_linalg_cholesky_decomp1(&view.matrix))
        return false;
    for (int i = 0; i < n; i++) {
        double pivot = gp->factor[(size_t)i * (size_t)gp->room + (size_t)i];
        if (!isfinite(pivot) || pivot <= 0)
            return false;
    }
    return true;
}

int gp_factorise(struct gp *gp, const struct gp_theta *theta, const struct gp_points *points) {
    gp->points.n = 0;
    double e[GP_MAX_DIMS];
    for (int i = 0; i < points->n; i++) {
        gp_points_get(points, gp->kernel, i, e);
        if (gp_points_add(&gp->points, gp->kernel, e))
            return -1;
    }
    int n = gp->points.n;
    gp->points.n = 0; /* nothing of the old factor is worth keeping */
    if (reserve(gp, n))
        return -1;
    gp->points.n = n;
    gp->theta = *theta;
    double diagonal = exp(theta->log_signal) + exp(theta->log_noise);
    for (double step = 0; step<2e-4; step = step> 0 ? 10 * step : 1e-10) {
        gp->jitter = step * diagonal;
        if (try_factor(gp))
            return 0;
    }
    gp->points.n = 0;
    return fail("the model's covariance of %d points is not positive definite", n);
}

int gp_append(struct gp *gp, const double *e) {
    int n = gp->points.n;
    if (reserve(gp, n + 1) || gp_points_add(&gp->points, gp->kernel, e))
        return -1;
    double *row = gp->factor + (size_t)n * (size_t)gp->room;
    gp_kernel_row(gp->kernel, &gp->theta, &gp->points, n + 1, e, row, NULL);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, gp->factor, gp->room, row,
                1);
    double pivot2 = row[n] + exp(gp->theta.log_noise) + gp->jitter - cblas_ddot(n, row, 1, row, 1);
    double least = PIVOT_MIN * row[n];
    row[n] = sqrt(pivot2 > least ? pivot2 : least);
    return 0;
}

void gp_truncate(struct gp *gp, int n) {
    if (n < gp->points.n)
        gp->points.n = n;
}

int gp_condition(struct gp *gp, const double *y) {
    int n = gp->points.n;
    double *ones = malloc(((size_t)n + 1) * sizeof *ones);
    if (!ones)
        return fail("no memory for the weights of a model");
    memmove(gp->y, y, (size_t)n * sizeof *y);
    memcpy(gp->weight, gp->y, (size_t)n * sizeof *y);
    for (int i = 0; i < n; i++)
        ones[i] = 1;
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, gp->factor, gp->room,
                gp->weight, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, gp->factor, gp->room,
                ones, 1);
    gp->mean = cblas_ddot(n, ones, 1, gp->weight, 1) / (cblas_ddot(n, ones, 1, ones, 1) + 1);
    cblas_daxpy(n, -gp->mean, ones, 1, gp->weight, 1);
    free(ones);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, n, gp->factor, gp->room,
                gp->weight, 1);
    for (int i = 0; i < n; i++)
        if (!isfinite(gp->weight[i]))
            return fail("the model's weights are not finite");
    return 0;
}

double gp_mean_at(const struct gp *gp, int i) {
    return gp->y[i] - (exp(gp->theta.log_noise) + gp->jitter) * gp->weight[i];
}

static double deviation(double signal, double explained) {
    double variance = signal - explained, least = PIVOT_MIN * signal;
    return sqrt(variance > least ? variance : least);
}

int gp_predict(const struct gp *gp, int count, const double *e, double *mean, double *sd) {
    size_t n = (size_t)gp->points.n;
    double *k = malloc(((size_t)count * n + 1) * sizeof *k); /* (count, n) */
    if (!k)
        return fail("no memory to predict %d points", count);
    for (int i = 0; i < count; i++)
        gp_kernel_row(gp->kernel, &gp->theta, &gp->points, (int)n, e + i * gp->kernel->n,
                      k + (size_t)i * n, NULL);
    for (int i = 0; i < count; i++)
        mean[i] = gp->mean + cblas_ddot((int)n, k + (size_t)i * n, 1, gp->weight, 1);
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, count, (int)n, 1,
                gp->factor, gp->room, k, (int)n);
    for (int i = 0; i < count; i++)
        sd[i] = deviation(exp(gp->theta.log_signal),
                          cblas_ddot((int)n, k + (size_t)i * n, 1, k + (size_t)i * n, 1));
    free(k);
    return 0;
}

double gp_mean(const struct gp *gp, const double *e) {
    double k[MEAN_BLOCK], sum = gp->mean;
    struct gp_points part = gp->points;
    for (int start = 0; start < gp->points.n; start += MEAN_BLOCK) {
        int m = gp->points.n - start < MEAN_BLOCK ? gp->points.n - start : MEAN_BLOCK;
        part.e = gp->points.e + start; /* columns from start on, same stride */
        gp_kernel_row(gp->kernel, &gp->theta, &part, m, e, k, NULL);
        sum += cblas_ddot(m, k, 1, gp->weight + start, 1);
    }
    return sum;
}

int gp_leave_one_out(const struct gp *gp, double *log_density) {
    size_t n = (size_t)gp->points.n;
    double *inverse = malloc((n * n + 1) * sizeof *inverse);
    if (!inverse)
        return fail("no memory to leave one of %zu points out", n);
    for (size_t i = 0; i < n; i++)
        memcpy(inverse + i * n, gp->factor + i * (size_t)gp->room, (i + 1) * sizeof *inverse);
    gsl_matrix_view view = gsl_matrix_view_array(inverse, n, n);
    gsl_linalg_cholesky_invert(&view.matrix);
    for (size_t i = 0; i < n; i++) {
        double variance = 1 / inverse[i * n + i], residual = gp->weight[i] * variance;
        log_density[i] = -0.5 * log(2 * M_PI * variance) - 0.5 * residual * residual / variance;
    }
    free(inverse);
    return 0;
}

int gp_covariance(const struct gp *gp, int count, const double *e, double *covariance) {
    size_t n = (size_t)gp->points.n;
    double *k = malloc(((size_t)count * n + 1) * sizeof *k); /* (count, n) */
    struct gp_points points = {0};
    int result = k ? 0 : fail("no memory to predict %d points", count);
    for (int i = 0; i < count && !result; i++) {
        const double *at = e + i * gp->kernel->n;
        gp_kernel_row(gp->kernel, &gp->theta, &gp->points, (int)n, at, k + (size_t)i * n, NULL);
        result = gp_points_add(&points, gp->kernel, at);
        if (!result)
            gp_kernel_row(gp->kernel, &gp->theta, &points, i + 1, at, covariance + i * count, NULL);
    }
    if (!result) {
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, count, (int)n,
                    1, gp->factor, gp->room, k, (int)n);
        for (int i = 0; i < count; i++)
            for (int j = 0; j <= i; j++) {
                covariance[i * count + j] -=
                    cblas_ddot((int)n, k + (size_t)i * n, 1, k + (size_t)j * n, 1);
                covariance[j * count + i] = covariance[i * count + j];
            }
    }
    gp_points_free(&points);
    free(k);
    return result;
}

void gp_predict_gradient(const struct gp *gp, const double *e, double *mean, double *sd,
                         double *dmean, double *dsd, double *work) {
    int n = gp->points.n;
    double *k = work, *g = k + n, *slope = g + n, *solved = slope + n;
    gp_kernel_row(gp->kernel, &gp->theta, &gp->points, n, e, k, g);
    *mean = gp->mean + cblas_ddot(n, k, 1, gp->weight, 1);
    memcpy(solved, k, (size_t)n * sizeof *k);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, gp->factor, gp->room,
                solved, 1);
    *sd = deviation(exp(gp->theta.log_signal), cblas_ddot(n, solved, 1, solved, 1));
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, n, gp->factor, gp->room,
                solved, 1);
    for (int d = 0; d < gp->kernel->n; d++) {
        dmean[d] = dsd[d] = 0;
        if (gp->kernel->dim[d].kind == GP_CATEGORY || isnan(e[d]))
            continue;
        double weight = exp(-2 * gp->theta.log_length[d]);
        gp_kernel_slope(gp->kernel, &gp->points, n, d, e[d], slope);
        for (int j = 0; j < n; j++) {
            double dk = -weight * g[j] * slope[j];
            dmean[d] += dk * gp->weight[j];
            dsd[d] -= dk * solved[j];
        }
        dsd[d] /= *sd;
    }
}
