/* branch.h - what cell search spaces are made of: the branch, one operation between two tensors
 * with batch norms inside and behind it, and the weighted sum of branches into a node.
 *
 * A branch is a chain of one or two units; a unit is (ReLU, something linear, batch norm). Only the
 * tensors in front of the batch norms are saved; everything else is computed again in backward, an
 * image at a time. The last batch norm is not applied on its own: the sum into the node reads the
 * saved tensor through it. */
#ifndef NET_BRANCH_H
#define NET_BRANCH_H

#include "net.h"

enum net_op {
    NET_NONE,       /* gives 0 */
    NET_MAX_POOL_3, /* 3x3, padding 1, then batch norm */
    NET_AVG_POOL_3, /* the mean does not count padding */
    NET_SKIP,       /* identity; at stride 2 the factorized reduction */
    NET_SEP_CONV_3, /* (ReLU, depthwise, 1x1, batch norm) twice, the first with the stride */
    NET_SEP_CONV_5,
    NET_DIL_CONV_3, /* (ReLU, depthwise of dilation 2, 1x1, batch norm) */
    NET_DIL_CONV_5,
    NET_OPS,
    NET_RELU_CONV_1 = NET_OPS /* (ReLU, 1x1, batch norm): between cells, not on edges */
};
const char *net_op_name(enum net_op op); /* "sep_conv_3x3": as in genotypes */

enum { NET_UNITS = 2 };

struct net_unit {
    enum { NET_UNIT_SEPARABLE, NET_UNIT_POINTWISE, NET_UNIT_FACTORIZED, NET_UNIT_POOL } kind;
    struct net_shape in, out;
    struct net_window window;
    bool relu, largest;
};

struct net_branch {
    enum net_op op;
    struct net_shape in, out;
    int stride, units; /* units 0: none, or identity */
    /* Set by the caller after open where the input is the concatenation of several tensors of equal
     * channels: their addresses and those of their gradients; x and dx are then not used. Pointwise
     * and factorized units only. parts 0: one tensor. */
    int parts;
    const real *const *part; /* (parts) */
    real *const *dpart;      /* (parts) */
    struct net_unit unit[NET_UNITS];
    real *z[NET_UNITS], *mean[NET_UNITS], *inverse[NET_UNITS]; /* saved by forward */
    real *table[NET_UNITS];                                    /* of the batch norms, 4C each */
};

/* Weights of a branch, or their gradients. */
struct net_branch_weights {
    real *depth[NET_UNITS]; /* (k,k,C) of separable units */
    real *point[NET_UNITS]; /* (Cin,Cout); of a factorized unit (Cin,Cout-Cout/2), (Cin,Cout/2) */
    real *gamma[NET_UNITS], *beta[NET_UNITS]; /* (C) or NULL: not affine */
};

/* Fixes shapes: stride 1 or 2, c_out channels (in.c unless the op is RELU_CONV_1 or a SKIP of
 * stride 2). */
void net_branch_open(struct net_branch *branch, enum net_op op, struct net_shape in, int stride,
                     int c_out);
/* How many numbers unit i's weights have: depthwise and 1x1. */
size_t net_unit_depth(const struct net_branch *branch, int i);
size_t net_unit_point(const struct net_branch *branch, int i);
/* Takes the branch's saved tensors from an arena. A branch that is not run needs none: sampling
 * solvers plan the path they are about to train. */
void net_branch_plan(struct net_branch *branch, struct net_arena *arena);
/* Reals of work space that backward needs (any contents, shared by all branches). */
size_t net_branch_work(const struct net_branch *branch);

/* Runs the branch up to its last batch norm. */
void net_branch_forward(struct net *net, struct net_branch *branch, const real *x,
                        const struct net_branch_weights *w, real eps);

/* y = sum of weight[i] * branch i of x[i], n >= 0 branches of one output shape. */
void net_mix_forward(struct net *net, struct net_shape out, int n,
                     const struct net_branch *const *branch, const real *const *x,
                     const real *weight, real *y);
/* For one branch of a sum: adds to dx (unless NULL) and to the weights' gradients (dw or its
 * members may be NULL), and returns the gradient by `weight`. Depthwise and pointwise gradients are
 * wanted together or not at all. */
double net_branch_backward(struct net *net, const struct net_branch *branch, const real *x,
                           const struct net_branch_weights *w, real weight, const real *dy,
                           real *work, real *dx, const struct net_branch_weights *dw);

#endif
