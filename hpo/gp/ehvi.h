/* ehvi.h - expected hypervolume improvement of two objectives, exactly, and its logarithm.
 *
 * A point (y1, y2) adds to the hypervolume below the reference r of a front sorted by its first
 * objective the sum over the front's steps of |[l_i, u_i] n [y1, inf)| * (c_i - y2)+, where step i
 * runs from l_i to u_i in the first objective under the ceiling c_i. With independent normal y1 and
 * y2 its expectation is
 *
 *     sum_i (EI_1(u_i) - EI_1(l_i)) EI_2(c_i),   EI(b) = E[(b - y)+],
 *
 * O(m) in the front's size (the strips of Emmerich, Yang, Deutz, Wang & Fonseca, "A multicriteria
 * generalization of Bayesian global optimization", 2016). The sum is taken in logarithms, so that
 * it can be climbed where it underflows. */
#ifndef NASTUNE_HPO_GP_EHVI_H
#define NASTUNE_HPO_GP_EHVI_H

struct gp_front {
    int n;
    double *point; /* (n, 2): the first rising, the second falling, all below the reference */
    double reference[2];
};

/* Keeps of n points (count, 2) those that make the front below the reference; sorts them. The
 * points are the caller's memory and are overwritten. */
void gp_front_make(struct gp_front *front, int count, double *points, const double reference[2]);

/* log EHVI at independent N(mean[k], sd[k]^2), with its derivatives. */
double gp_log_ehvi(const struct gp_front *front, const double mean[2], const double sd[2],
                   double dmean[2], double dsd[2]);

#endif
