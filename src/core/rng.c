/* rng.c - Philox4x32-10 and the few distributions built on it. */
#include "rng.h"
#include <math.h>

enum { ROUNDS = 10 };

static void multiply(uint32_t a, uint32_t b, uint32_t *high, uint32_t *low) {
    uint64_t product = (uint64_t)a * b;
    *high = (uint32_t)(product >> 32);
    *low = (uint32_t)product;
}

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t high0, low0, high1, low1;
        multiply(0xD2511F53u, c0, &high0, &low0);
        multiply(0xCD9E8D57u, c2, &high1, &low1);
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B9u; /* Weyl sequence: the golden ratio and sqrt(3)-1 */
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct rng rng_make(uint64_t seed, uint32_t stream, uint32_t index) {
    return (struct rng){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                        .counter = {0, 0, index, stream},
                        .used = 4};
}

uint32_t rng_stream(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

uint64_t rng_derive(uint64_t seed, uint32_t stream, uint32_t index) {
    struct rng rng = rng_make(seed, stream, index);
    uint64_t low = rng_u32(&rng);
    return low | (uint64_t)rng_u32(&rng) << 32;
}

uint32_t rng_u32(struct rng *rng) {
    if (rng->used == 4) {
        rng_philox(rng->counter, rng->key, rng->block);
        if (++rng->counter[0] == 0)
            rng->counter[1]++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

double rng_uniform(struct rng *rng) {
    uint64_t high = rng_u32(rng) >> 5, low = rng_u32(rng) >> 6; /* 27 + 26 bits */
    return (double)(high << 26 | low) * 0x1p-53;
}

double rng_normal(struct rng *rng) {
    double radius = sqrt(-2.0 * log(1.0 - rng_uniform(rng)));
    return radius * cos(6.283185307179586476925 * rng_uniform(rng));
}

uint32_t rng_below(struct rng *rng, uint32_t n) {
    /* Lemire, "Fast random integer generation in an interval", 2019. */
    uint64_t product = (uint64_t)rng_u32(rng) * n;
    if ((uint32_t)product < n) {
        uint32_t threshold = -n % n;
        while ((uint32_t)product < threshold)
            product = (uint64_t)rng_u32(rng) * n;
    }
    return (uint32_t)(product >> 32);
}

void rng_shuffle(struct rng *rng, int *v, int n) {
    for (int i = n - 1; i > 0; i--) {
        int j = (int)rng_below(rng, (uint32_t)i + 1);
        int swap = v[i];
        v[i] = v[j];
        v[j] = swap;
    }
}
