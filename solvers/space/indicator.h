/* indicator.h - the slopes of I(|W| / unit - t), the straight-through indicator of superkernels. */
#ifndef SPACE_INDICATOR_H
#define SPACE_INDICATOR_H

#include <math.h>

/* dI / dx: that of the logistic function. */
static inline double indicator_slope(double x) {
    double e = exp(-fabs(x));
    return e / ((1 + e) * (1 + e));
}

/* The norm |W| / unit has the gradient W times this. */
static inline double indicator_norm_slope(double norm, double unit) {
    return 1 / (unit * unit * fmax(norm, 1e-12));
}

#endif
