/* relax.h - softmax over the operators of each edge, forward and backward. */
#ifndef SEARCH_RELAX_H
#define SEARCH_RELAX_H

#include <stddef.h>

/* p = softmax(logit) of n numbers; p may be logit. */
void relax_softmax(int n, const double *logit, double *p);
/* From dp, the gradient by p: ADDS that by the logits to dlogit. */
void relax_softmax_backward(int n, const double *p, const double *dp, double *dlogit);
/* ln(sum of exp) of n >= 1 numbers. */
double relax_log_sum(int n, const double *v);

#endif
