/* acquisition.h - what a point promises, from the posterior N(mean, sd^2) of one quantity there.
 *
 * Every function returns the logarithm of its quantity, finite far into the tails, with its
 * derivatives with respect to mean and sd; sd > 0. Minimisation throughout. */
#ifndef NASTUNE_HPO_GP_ACQUISITION_H
#define NASTUNE_HPO_GP_ACQUISITION_H

/* log h(u), h(u) = phi(u) + u Phi(u) (Ament et al., "Unexpected improvements to expected
 * improvement for Bayesian optimization", NeurIPS 2023, eq. 9). *slope = d log h / du. */
double gp_log_h(double u, double *slope);

/* log E[max(best - f, 0)] = log sd + log h((best - mean) / sd). */
double gp_log_ei(double mean, double sd, double best, double *dmean, double *dsd);

/* log P(f <= limit). */
double gp_log_below(double mean, double sd, double limit, double *dmean, double *dsd);

/* log P(lo <= f <= hi), lo < hi. */
double gp_log_between(double mean, double sd, double lo, double hi, double *dmean, double *dsd);

#endif
