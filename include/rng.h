/* rng.h - counter-based random streams: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011), checked against the vectors published with
 * Random123.
 *
 * The key is the seed; the counter is (draw, stream, index). A number thus depends on the seed and
 * on where it is used, never on what was drawn before elsewhere: there is no generator state to
 * save, and any trial can be computed again alone. Nothing in nastune draws random numbers except
 * through this header. */
#ifndef NASTUNE_RNG_H
#define NASTUNE_RNG_H

#include <stdint.h>

struct rng {
    uint32_t key[2];     /* the seed */
    uint32_t counter[4]; /* draw (64 bits), index, stream */
    uint32_t block[4];   /* the numbers of the current counter */
    int used;            /* how many of the block are used: 0 .. 4 */
};

/* One Philox4x32-10 block: counter and key in, four numbers out. */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A stream of its own for every (seed, stream, index). `stream` says what the numbers are for (each
 * module names its streams in an enum or by rng_stream), `index` which one: a trial, an epoch, a
 * batch. */
struct rng rng_make(uint64_t seed, uint32_t stream, uint32_t index);

/* A stream number for a name ("data-split"): FNV-1a of its bytes. */
uint32_t rng_stream(const char *name);

/* A seed derived from a seed: that of repeat `index`, of trial `index`. */
uint64_t rng_derive(uint64_t seed, uint32_t stream, uint32_t index);

uint32_t rng_u32(struct rng *rng);               /* uniform over all 32-bit words */
double rng_uniform(struct rng *rng);             /* uniform in [0, 1), 53 bits */
double rng_normal(struct rng *rng);              /* standard normal (Box-Muller, one of the pair) */
uint32_t rng_below(struct rng *rng, uint32_t n); /* uniform in 0 .. n-1, without bias; n >= 1 */
void rng_shuffle(struct rng *rng, int *v, int n); /* Fisher-Yates */

#endif
