/* supernet.h - the network of a Single-Path search: the largest network of a space, with a
 * superkernel in each searchable block, and a searchable squeeze-and-excitation where wanted. */
#ifndef SPACE_SUPERNET_H
#define SPACE_SUPERNET_H

#include "space/mbconv_net.h"
#include "space/se_kernel.h"
#include "space/superkernel.h"

struct supernet_block {
    int layer; /* of the network */
    struct superkernel kernel;
    real *depth, *d_depth;         /* (5,5,C) the trained kernel */
    real *effective, *d_effective; /* (5,5,C) what the network runs with */
    real *threshold, *d_threshold; /* (3) */

    struct se_kernel se;       /* rows 0: SE is not searched; else as above */
    real *squeeze, *d_squeeze; /* (rows, C) the trained squeeze matrix */
    real *effective_squeeze, *d_effective_squeeze;
    real *se_threshold, *d_se_threshold; /* (2) */
};

/* What the loss gains by the gates of a block in other ways than the network: by its runtime. */
struct supernet_slope {
    double kernel[SUPERKERNEL_GATES], se[SE_KERNEL_GATES];
};

struct supernet {
    struct mbconv_net *net;
    int blocks;     /* searchable ones, in order */
    int thresholds; /* the last weights of the network are these */
    struct supernet_block block[MBCONV_MAX_BLOCKS];
    struct net_arena arena;
};

/* natural: norms in the units that the initial weights lead to expect; otherwise plain norms. se:
 * squeeze-and-excitation is searched too. */
int supernet_open(struct supernet *supernet, struct net *engine, const struct mbconv_space *space,
                  int batch, bool natural, bool se);
void supernet_close(struct supernet *supernet); /* fine on a zeroed one */

/* Draws the initial weights; every threshold starts at `threshold`. */
void supernet_init(struct supernet *supernet, uint64_t seed, double threshold);

/* Sets the gates and the effective kernels from the weights; each indicator is kept with this
 * probability (1: always, rng is not used). */
void supernet_gate(struct supernet *supernet, double keep, struct rng *rng);

/* After supernet_gate and mbconv_net_forward of x: the backward of the network, then of the gates:
 * the gradients of the effective kernels, and slope (blocks) from elsewhere, go to kernels and
 * thresholds. */
void supernet_backward(struct supernet *supernet, const real *x, const real *dlogits,
                       const struct supernet_slope *slope);

/* The architecture that the gates choose now. */
void supernet_arch(const struct supernet *supernet, struct mbconv_arch *arch);

/* Sets the effective kernels, and SE, to those of an architecture, whatever the gates say. */
void supernet_mask(struct supernet *supernet, const struct mbconv_arch *arch);

/* Makes the network leave out the blocks that `arch` skips (evaluation), or run all again (NULL).
 */
void supernet_follow(struct supernet *supernet, const struct mbconv_arch *arch);

#endif
