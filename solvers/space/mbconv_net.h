/* mbconv_net.h - a network of an MBConv space that can be trained: stem, blocks, head, classifier.
 *
 * An architecture makes a stand-alone network. The largest one is also the body of a supernet,
 * which puts masked kernels in the place of its depthwise kernels (supernet.h). */
#ifndef SPACE_MBCONV_NET_H
#define SPACE_MBCONV_NET_H

#include "net/net.h"
#include "space/mbconv.h"

#define MBCONV_MAX_WEIGHTS (13 * MBCONV_MAX_BLOCKS + 8) /* thresholds included */
#define MBCONV_BN_EPS 1e-3

/* A conv with its batch norm and ReLU: stem and head. */
struct mbconv_conv {
    real *w, *dw; /* (k,k,Cin,Cout) */
    real *gamma, *dgamma, *beta, *dbeta;
    real *mean, *inverse, *running_mean, *running_var;
    real *z, *y; /* before and behind the batch norm */
};

struct mbconv_layer {
    struct mbconv_block block;
    struct mbconv_choice choice;
    bool skip; /* the block's input is its output; may be set between steps where x fits y */
    struct net_mbconv op;
    struct net_mbconv_weights w, dw; /* w.depth, dw.depth may be pointed elsewhere (supernet) */
    real *running_mean[3], *running_var[3];
    real *y; /* what comes out */

    struct net_gated_se se;   /* width 0: the block has none; live and mix as trained or decoded */
    real *squeeze, *dsqueeze; /* (width, expanded); may be pointed elsewhere (supernet) */
    real *excite, *dexcite;   /* (width, expanded) */
    double dmix;              /* of the last backward */
};

struct mbconv_net {
    struct net *engine; /* borrowed */
    const struct mbconv_space *space;
    int batch; /* images of a step */
    int layers;
    struct mbconv_layer layer[MBCONV_MAX_BLOCKS];
    struct mbconv_conv stem, head;
    real *fc, *dfc, *bias, *dbias; /* (head, classes), (classes) */
    real *pooled, *mask, *logits;  /* (N,head), (N,head), (N,classes) */
    int weights;
    struct net_weight weight[MBCONV_MAX_WEIGHTS]; /* all that is trained */

    real *work, *gradient[2];
    size_t work_count, gradient_count;
    struct net_arena arena;
    char name[MBCONV_MAX_WEIGHTS][24];
};

/* `extra` (n_extra) are weights of the caller's: name, count, decay are given; value, grad and the
 * rest are taken with the network's own and put at the end of `weight`. */
int mbconv_net_open(struct mbconv_net **out, struct net *engine, const struct mbconv_arch *arch,
                    int batch, const struct net_weight *extra, int n_extra);
void mbconv_net_close(struct mbconv_net *net); /* NULL is fine */

/* Draws the initial weights; batch norms 1 and 0. The caller's weights stay 0. */
void mbconv_net_init(struct mbconv_net *net, uint64_t seed);

/* Batch statistics, dropout in front of the classifier with this probability to keep (1: none):
 * x (batch,H,W,C) -> net->logits. */
void mbconv_net_forward(struct mbconv_net *net, const real *x, double keep, struct rng *rng);
/* After the forward of x. ADDS to the gradients. */
void mbconv_net_backward(struct mbconv_net *net, const real *x, const real *dlogits);

/* running = momentum * running + (1 - momentum) * batch, after a forward. */
void mbconv_net_track(struct mbconv_net *net, double momentum);
/* With the running statistics and no dropout. */
void mbconv_net_evaluate(struct mbconv_net *net, const real *x);
/* The same in steps, 0 .. mbconv_net_steps - 1, to time them: stem, each layer, head. */
int mbconv_net_steps(const struct mbconv_net *net);
void mbconv_net_evaluate_step(struct mbconv_net *net, const real *x, int step);

/* Exchanges the values of the weights with their moving averages. */
void mbconv_net_swap_average(struct mbconv_net *net);

#endif
