/* output.h - observed values as a model wants them: failures imputed, standardised, and, if asked,
 * bent towards a normal distribution. Every transform is rising, so order is kept. */
#ifndef NASTUNE_HPO_GP_OUTPUT_H
#define NASTUNE_HPO_GP_OUTPUT_H

enum gp_output {
    GP_OUTPUT_STANDARD, /* (y - mean) / sd */
    GP_OUTPUT_POWER,    /* Yeo & Johnson, Biometrika 2000, lambda by maximum likelihood */
    GP_OUTPUT_RANK,     /* normal scores of the ranks (copula) */
};

/* z = (y - shift) / scale, set so that z (of the finite y) has mean 0 and variance 1; scale is
 * never 0. Values near the limits of double do not overflow it. */
struct gp_affine {
    double shift, scale;
};
struct gp_affine gp_affine_fit(int n, const double *y);

/* y (n), NAN for a failed trial, to z (n). A failed trial takes the worst (largest) value; when all
 * failed, everything is 0. affine, unless NULL: what STANDARD does. Fails only for memory. */
int gp_output_transform(enum gp_output kind, int n, const double *y, double *z,
                        struct gp_affine *affine);

#endif
