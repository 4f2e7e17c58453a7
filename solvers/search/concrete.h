/* concrete.h - SNAS's relaxed one-hot variables (Xie, Zheng, Liu & Lin, "SNAS: Stochastic Neural
 * Architecture Search", ICLR 2019; Maddison, Mnih & Teh, "The Concrete Distribution", ICLR 2017),
 * and the resource cost of an edge. Costs and constants as in the official repository. */
#ifndef SEARCH_CONCRETE_H
#define SEARCH_CONCRETE_H

#include "rng.h"
#include "space/cell.h"

/* z = softmax((logit + gumbel) / temperature) of n numbers. */
void concrete_draw(int n, const double *logit, double temperature, struct rng *rng, double *z);
/* From dz: ADDS the gradient by the logits through z (the noise is fixed). */
void concrete_backward(int n, const double *z, const double *dz, double temperature,
                       double *dlogit);
/* ln density of z, up to rounding at its corners:
 * ln (n-1)! + (n-1) ln t + sum logit - (t+1) sum ln z - n ln sum exp(logit) z^-t. */
double concrete_log(int n, const double *logit, const double *z, double temperature);
/* ADDS scale * d concrete_log / d logit, z fixed. */
void concrete_score(int n, const double *logit, const double *z, double temperature, double scale,
                    double *dlogit);
/* Temperature falls in a straight line from `first` to `least` while progress goes 0 .. 1. */
double concrete_temperature(double first, double least, double progress);

/* What operator o of an edge costs: weights, multiply-adds, memory accesses. */
struct concrete_cost {
    double size[NET_OPS], flops[NET_OPS], mac[NET_OPS];
};
/* For an edge of a cell of c channels with `pixels` output pixels. */
void concrete_price(const struct cell_space *space, int c, int stride, double pixels,
                    struct concrete_cost *cost);
enum concrete_form { CONCRETE_LINEAR, CONCRETE_LOG };
/* Cost of an edge whose operators have weights z (n):
 *   linear: 0.43 (2 size + flops / 4000 + mac / 100);  log: (ln size + ln flops + ln mac) / 3,
 * sums below 1 taken as 1. slope (n): overwritten with the gradient by z. */
double concrete_edge_cost(const struct concrete_cost *cost, enum concrete_form form, int n,
                          const double *z, double *slope);

#endif
