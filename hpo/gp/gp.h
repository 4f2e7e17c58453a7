/* gp.h - a Gaussian process: evidence, fit, posterior (Rasmussen & Williams 2006, ch. 2 and 5).
 *
 * y = m + f(x) + noise, f ~ GP(0, k) with the kernel of kernel.h. The constant m has a standard
 * normal prior (y is expected standardised) and takes its best value in closed form,
 * m = 1'K^-1 y / (1'K^-1 1 + 1). Factors are kept as the lower Cholesky factor L of
 * K + noise I, row-major, in a square of `room`, so that a point is added in O(n^2). */
#ifndef NASTUNE_HPO_GP_H
#define NASTUNE_HPO_GP_H

#include "gp/kernel.h"

/* Priors over the hyperparameters: lengths LogNormal(length_mean, length_sd), noise variance
 * LogNormal(noise_mean, noise_sd), signal variance LogNormal(0, signal_sd); the densities are those
 * of the quantities themselves, not of their logarithms. */
struct gp_prior {
    double length_mean, length_sd, noise_mean, noise_sd, signal_sd;
};

/* Hvarfner, Hellsten & Nardi, "Vanilla Bayesian optimization performs great in high dimensions",
 * ICML 2024: length LogNormal(sqrt 2 + ln(d)/2, sqrt 3); a weak prior around 1 for the signal; the
 * noise prior LogNormal(-4, noise_sd): 1 in the paper. */
struct gp_prior gp_prior_scaled(int n_dims, double noise_sd);

struct gp {
    const struct gp_kernel *kernel; /* borrowed */
    struct gp_theta theta;
    struct gp_points points;
    int room;
    double *factor; /* (room, room): the lower triangle of its first points.n rows */
    double *weight; /* (room): K^-1 (y - m) */
    double *y;      /* (room) */
    double mean;    /* m */
    double jitter;  /* added to the diagonal beside the noise so that K could be factorised */
};

/* Log posterior density of theta up to a constant: the log marginal likelihood of y (n) at points
 * [0, n), at the best m (whose prior is included), plus the log priors. gradient, unless NULL,
 * (kernel n + 2): with respect to log_length..., log_signal, log_noise. work:
 * gp_evidence_work(n) doubles. -INFINITY where K cannot be factorised. */
double gp_evidence(const struct gp_kernel *kernel, const struct gp_theta *theta,
                   const struct gp_prior *prior, const struct gp_points *points, int n,
                   const double *y, double *gradient, double *work);
size_t gp_evidence_work(int n);

/* Maximises gp_evidence with NLopt's SLSQP from `starts` fixed starting points (1 .. 5): a function
 * of its arguments only. `evaluations` bounds the work of each. Fails when no start works. */
int gp_fit(const struct gp_kernel *kernel, const struct gp_prior *prior,
           const struct gp_points *points, int n, const double *y, int starts, int evaluations,
           struct gp_theta *theta);

void gp_open(struct gp *gp, const struct gp_kernel *kernel); /* no points yet */
void gp_close(struct gp *gp);

/* Empties the process and gives it points and theta: one Cholesky factorisation, with a ladder of
 * jitter (1e-10 .. 1e-4 of the diagonal). Fails when none works. */
int gp_factorise(struct gp *gp, const struct gp_theta *theta, const struct gp_points *points);

/* Adds one point: a row of L. A pivot that rounding made too small is lifted. */
int gp_append(struct gp *gp, const double *e);

/* Drops the points from n on. The weights must be made again with gp_condition. */
void gp_truncate(struct gp *gp, int n);

/* Sets y (points n): m and the weights. Fails when something is not finite. */
int gp_condition(struct gp *gp, const double *y);

/* Posterior mean of f + m at the i-th point of its own: O(1), as K w = y - m - noise w. */
double gp_mean_at(const struct gp *gp, int i);

/* Posterior of f + m (without noise) at count points e (count, kernel n): mean, sd (count). One
 * triangular solve for all. Fails only for memory. */
int gp_predict(const struct gp *gp, int count, const double *e, double *mean, double *sd);

/* Posterior mean alone, O(points). */
double gp_mean(const struct gp *gp, const double *e);

/* log density (points n) of each y when predicted from all the others (Rasmussen & Williams 2006,
 * eq. 5.10-5.12; m is kept). O(n^3). */
int gp_leave_one_out(const struct gp *gp, double *log_density);

/* Posterior covariance (count, count) of f at count points e (count, kernel n). */
int gp_covariance(const struct gp *gp, int count, const double *e, double *covariance);

/* The same as gp_predict at one point, with derivatives with respect to the embedded numbers
 * (kernel n), 0 for categories. work: 4 * points.n doubles. */
void gp_predict_gradient(const struct gp *gp, const double *e, double *mean, double *sd,
                         double *dmean, double *dsd, double *work);

#endif
