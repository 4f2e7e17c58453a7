/* supernet.h - the network of a Single-Path search: the largest network of a space, with a
 * superkernel in each searchable block. */
#ifndef SPACE_SUPERNET_H
#define SPACE_SUPERNET_H

#include "space/mbconv_net.h"
#include "space/superkernel.h"

struct supernet_block {
    int layer; /* of the network */
    struct superkernel kernel;
    real *depth, *d_depth;         /* (5,5,C) the trained kernel */
    real *effective, *d_effective; /* (5,5,C) what the network runs with */
    real *threshold, *d_threshold; /* (3) */
};

struct supernet {
    struct mbconv_net *net;
    int blocks; /* searchable ones, in order */
    struct supernet_block block[MBCONV_MAX_BLOCKS];
    struct net_arena arena;
};

/* natural: norms in the units that the initial weights lead to expect; otherwise plain norms. */
int supernet_open(struct supernet *supernet, struct net *engine, const struct mbconv_space *space,
                  int batch, bool natural);
void supernet_close(struct supernet *supernet); /* fine on a zeroed one */

/* Draws the initial weights; every threshold starts at `threshold`. */
void supernet_init(struct supernet *supernet, uint64_t seed, double threshold);

/* Sets the gates and the effective kernels from the weights; each indicator is kept with this
 * probability (1: always, rng is not used). */
void supernet_gate(struct supernet *supernet, double keep, struct rng *rng);

/* After supernet_gate and mbconv_net_forward of x: the backward of the network, then of the gates:
 * the gradients of the effective kernels, and d_gate (blocks) from elsewhere, go to kernels and
 * thresholds. */
void supernet_backward(struct supernet *supernet, const real *x, const real *dlogits,
                       const double d_gate[][SUPERKERNEL_GATES]);

/* The architecture that the gates choose now. */
void supernet_arch(const struct supernet *supernet, struct mbconv_arch *arch);

/* Sets the effective kernels to those of an architecture, whatever the gates say. */
void supernet_mask(struct supernet *supernet, const struct mbconv_arch *arch);

/* Makes the network leave out the blocks that `arch` skips (evaluation), or run all again (NULL).
 */
void supernet_follow(struct supernet *supernet, const struct mbconv_arch *arch);

#endif
