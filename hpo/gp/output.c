/* output.c - imputing, standardising and bending of observed values (output.h). */
#include "gp/output.h"
#include "fail.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gp_affine gp_affine_fit(int n, const double *y) {
    double largest = 0, mean = 0, square = 0;
    int count = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(y[i])) {
            largest = fmax(largest, fabs(y[i]));
            count++;
        }
    if (!(largest > 0))
        return (struct gp_affine){0, 1};
    for (int i = 0; i < n; i++)
        if (isfinite(y[i]))
            mean += y[i] / largest / count;
    for (int i = 0; i < n; i++)
        if (isfinite(y[i]))
            square += (y[i] / largest - mean) * (y[i] / largest - mean) / count;
    double sd = sqrt(square);
    if (!(sd > 1e-14)) /* all the same, but for rounding */
        return (struct gp_affine){mean * largest, largest};
    double scale = sd * largest;
    return (struct gp_affine){mean * largest, scale > 0 ? scale : largest};
}

static struct gp_affine standardise(int n, double *z) {
    struct gp_affine affine = gp_affine_fit(n, z);
    for (int i = 0; i < n; i++)
        z[i] = z[i] / affine.scale - affine.shift / affine.scale;
    return affine;
}

static double yeo_johnson(double z, double lambda) {
    if (z >= 0)
        return fabs(lambda) < 1e-8 ? log1p(z) : expm1(lambda * log1p(z)) / lambda;
    double mu = 2 - lambda;
    return fabs(mu) < 1e-8 ? -log1p(-z) : -expm1(mu * log1p(-z)) / mu;
}

/* Log-likelihood of a normal sample after the transform (with its Jacobian), up to a constant. */
static double power_likelihood(int n, const double *z, double lambda) {
    double mean = 0, square = 0, jacobian = 0;
    for (int i = 0; i < n; i++)
        mean += yeo_johnson(z[i], lambda) / n;
    for (int i = 0; i < n; i++) {
        double t = yeo_johnson(z[i], lambda) - mean;
        square += t * t / n;
        jacobian += copysign(log1p(fabs(z[i])), z[i]);
    }
    return square > 0 ? -0.5 * n * log(square) + (lambda - 1) * jacobian : -INFINITY;
}

/* Golden-section search; the likelihood has one maximum. */
static double power_fit(int n, const double *z) {
    const double ratio = 0.61803398874989484820;
    double lo = -4, hi = 4;
    double a = hi - ratio * (hi - lo), b = lo + ratio * (hi - lo);
    double at_a = power_likelihood(n, z, a), at_b = power_likelihood(n, z, b);
    for (int i = 0; i < 24; i++)
        if (at_a > at_b) {
            hi = b;
            b = a, at_b = at_a;
            a = hi - ratio * (hi - lo), at_a = power_likelihood(n, z, a);
        } else {
            lo = a;
            a = b, at_a = at_b;
            b = lo + ratio * (hi - lo), at_b = power_likelihood(n, z, b);
        }
    return (lo + hi) / 2;
}

static int rank_scores(int n, double *z) {
    size_t *order = malloc(((size_t)n + 1) * sizeof *order);
    double *score = malloc(((size_t)n + 1) * sizeof *score);
    if (order && score) {
        gsl_sort_index(order, z, 1, (size_t)n);
        for (int i = 0; i < n;) { /* ties share the middle of their ranks */
            int j = i;
            while (j < n && z[order[j]] == z[order[i]])
                j++;
            for (int k = i; k < j; k++)
                score[order[k]] = gsl_cdf_ugaussian_Pinv((0.5 * (i + j)) / n);
            i = j;
        }
        memcpy(z, score, (size_t)n * sizeof *z);
    }
    int result = order && score ? 0 : fail("no memory to rank %d values", n);
    free(order);
    free(score);
    return result;
}

int gp_output_transform(enum gp_output kind, int n, const double *y, double *z,
                        struct gp_affine *affine) {
    double worst = -INFINITY;
    for (int i = 0; i < n; i++)
        if (isfinite(y[i]))
            worst = fmax(worst, y[i]);
    for (int i = 0; i < n; i++)
        z[i] = isfinite(y[i]) ? y[i] : isfinite(worst) ? worst : 0;
    struct gp_affine standard = standardise(n, z);
    if (affine)
        *affine = standard;
    if (kind == GP_OUTPUT_RANK && rank_scores(n, z))
        return -1;
    if (kind == GP_OUTPUT_POWER) {
        double lambda = power_fit(n, z);
        for (int i = 0; i < n; i++)
            z[i] = yeo_johnson(z[i], lambda);
    }
    if (kind != GP_OUTPUT_STANDARD)
        standardise(n, z);
    return 0;
}
