/* acquisition.c - log expected improvement and log probabilities, stable in the tails
 * (acquisition.h). */
#include "gp/acquisition.h"
#include <gsl/gsl_sf_erf.h>
#include <math.h>

#define LOG_SQRT_2PI 0.91893853320467274178

static double log_phi(double u) {
    return -0.5 * u * u - LOG_SQRT_2PI;
}

static double log_cdf(double u) {
    return gsl_sf_log_erfc(-u * M_SQRT1_2) - M_LN2;
}

/* phi(u) / Phi(u): the slope of log_cdf. */
static double cdf_slope(double u) {
    return gsl_sf_hazard(-u);
}

double gp_log_h(double u, double *slope) {
    if (u > -1) {
        double cdf = 0.5 * erfc(-u * M_SQRT1_2), h = exp(log_phi(u)) + u * cdf;
        *slope = cdf / h;
        return log(h);
    }
    double t = -u;
    if (t > 200) { /* h = phi(t) / t^2 (1 - 3/t^2 + 15/t^4 - ...) */
        double s = 1 / (t * t);
        *slope = t + 2 / t * (1 - 3 * s);
        return log_phi(t) - 2 * log(t) + log1p(-3 * s * (1 - 5 * s));
    }
    double hazard = gsl_sf_hazard(t); /* Phi(u) = phi(t) / hazard, so h = phi (1 - t / hazard) */
    *slope = 1 / (hazard - t);
    return log_phi(t) + log((hazard - t) / hazard);
}

double gp_log_ei(double mean, double sd, double best, double *dmean, double *dsd) {
    double slope, u = (best - mean) / sd, value = log(sd) + gp_log_h(u, &slope);
    *dmean = -slope / sd;
    *dsd = (1 - slope * u) / sd;
    return value;
}

double gp_log_below(double mean, double sd, double limit, double *dmean, double *dsd) {
    double u = (limit - mean) / sd, slope = cdf_slope(u);
    *dmean = -slope / sd;
    *dsd = -slope * u / sd;
    return log_cdf(u);
}

double gp_log_between(double mean, double sd, double lo, double hi, double *dmean, double *dsd) {
    double a = (lo - mean) / sd, b = (hi - mean) / sd;
    double sign = 1;
    if (a > -b) { /* work in the tail where the logarithms keep their digits */
        double swap = a;
        a = -b;
        b = -swap;
        sign = -1;
    }
    double low = log_cdf(a), high = log_cdf(b), value = high + log(-expm1(low - high));
    double phi_a = exp(log_phi(a) - value), phi_b = exp(log_phi(b) - value);
    *dmean = -sign * (phi_b - phi_a) / sd;
    *dsd = -(phi_b * b - phi_a * a) / sd;
    return value;
}
