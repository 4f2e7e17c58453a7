/* bilevel.h - the gradient of DARTS's bi-level problem (Liu, Simonyan & Yang, ICLR 2019, section
 * 2.3):  min_a L_valid(w*(a), a)  with  w*(a) = argmin_w L_train(w, a).
 *
 * First order: dL_valid(w, a)/da. Second order, after one step w' = w - xi dL_train/dw:
 *     g = dL_valid(w', a)/da - xi d2L_train(w, a)/da dw . v,   v = dL_valid(w', a)/dw'
 * with the product by a central difference, w+- = w +- eps v, eps = radius / ||v||. */
#ifndef SEARCH_BILEVEL_H
#define SEARCH_BILEVEL_H

#include "net/net.h"

enum bilevel_part { BILEVEL_TRAIN, BILEVEL_VALID };

struct bilevel {
    struct net_weight *weight; /* (weights); slot[0] is the momentum of their SGD */
    int weights;
    size_t n; /* architecture parameters */
    /* The loss of a part's batch at the weights as they are. With by_weights the gradients of the
     * weights are overwritten; by_arch (n) or NULL: overwritten with that of the architecture. */
    int (*gradient)(void *context, enum bilevel_part part, bool by_weights, double *by_arch);
    void *context;
};

struct bilevel_step {
    double xi;              /* length of the look-ahead step; 0: first order */
    double momentum, decay; /* of the weights' SGD: the step is xi (m slot + gradient + decay w) */
    double radius;          /* of the difference, in norms of v: 0.01 */
};

/* Writes g (n). The weights end as they began; their gradients are scratch. Fails when `gradient`
 * does, or when memory is out. */
int bilevel_gradient(const struct bilevel *b, const struct bilevel_step *step, double *g);

#endif
