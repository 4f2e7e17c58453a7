/* kernel.h - the covariance of a trial's settings: Matern-5/2 with a length of its own for every
 * dimension (ARD; Rasmussen & Williams, "Gaussian processes for machine learning", 2006, eq. 4.17),
 *
 *     k(a,b) = s (1 + q + q^2/3) exp(-q),  q = sqrt(5 sum_d delta_d^2 / length_d^2)
 *
 * delta_d is the difference of two numbers; whole numbers and ordered lists enter as the middle of
 * their bin, so that the posterior is flat between two of them (Garrido-Merchan &
 * Hernandez-Lobato, Neurocomputing 2020); two choices are 0 or 1 apart (Hamming; the distance of
 * one-hot vectors, so k stays positive definite). A setting that depends on another lies on an arc,
 * and on its centre while it does not matter (Swersky et al., "Raiders of the lost architecture",
 * 2014): delta = 2 sin(|a-b|/2) when it matters in both, 1 when in one, 0 when in none. What it
 * holds while it does not matter thus has no influence. */
#ifndef NASTUNE_HPO_GP_KERNEL_H
#define NASTUNE_HPO_GP_KERNEL_H

#include "space.h"

#define GP_MAX_DIMS (SPACE_MAX_DIMS + 1) /* the settings, and a fidelity */

enum gp_dim_kind { GP_NUMBER, GP_CATEGORY };

struct gp_kernel {
    int n; /* dimensions */
    struct {
        enum gp_dim_kind kind;
        bool conditional;   /* NAN in an embedded point: does not matter there */
        double from, scale; /* embedded = (u - from) * scale: the lowest value to 0, highest to 1 */
    } dim[GP_MAX_DIMS];
};

struct gp_theta {
    double log_length[GP_MAX_DIMS]; /* natural logarithms, like the others */
    double log_signal;              /* of the variance s */
    double log_noise;               /* of the noise variance */
};

/* Embedded points, one dimension after another so that a row of k reads straight through. */
struct gp_points {
    int n, room;
    double *e; /* (GP dims, room) */
};

void gp_kernel_open(struct gp_kernel *kernel, const struct space *space);

/* x (space n, any point of a bin) to e (kernel n). */
void gp_embed(const struct gp_kernel *kernel, const struct space *space, const double *x,
              double *e);

int gp_points_add(struct gp_points *points, const struct gp_kernel *kernel, const double *e);
void gp_points_get(const struct gp_points *points, const struct gp_kernel *kernel, int i,
                   double *e);
void gp_points_free(struct gp_points *points);

/* delta^2 of dimension d between two embedded values. */
double gp_delta2(const struct gp_kernel *kernel, int d, double a, double b);

/* k (n): covariance, without noise, of e with points [0, n). g (n), unless NULL: the factor
 * s (5/3) (1+q) exp(-q), from which the derivatives follow: dk/d log length_d = g delta_d^2 /
 * length_d^2 and dk/da_d = -g delta_d (d delta_d/da) / length_d^2. */
void gp_kernel_row(const struct gp_kernel *kernel, const struct gp_theta *theta,
                   const struct gp_points *points, int n, const double *e, double *k, double *g);

/* slope (n): d(delta_d^2)/2 / da_d, a the embedded value of a number in e, with points [0, n). */
void gp_kernel_slope(const struct gp_kernel *kernel, const struct gp_points *points, int n, int d,
                     double a, double *slope);

#endif
