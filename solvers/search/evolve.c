/* evolve.c - random individuals, crossing, mutation. */
#include "search/evolve.h"
#include <string.h>

void evolve_random(const struct cell_space *space, struct rng *rng, struct evolve_gene *gene) {
    memset(gene, 0, sizeof *gene);
    for (int kind = 0; kind < 2; kind++)
        for (int node = 0; node < space->nodes; node++) {
            uint32_t a = rng_below(rng, (uint32_t)node + 2), b = rng_below(rng, (uint32_t)node + 1);
            b += b >= a;
            gene->from[kind][node][0] = (unsigned char)(a < b ? a : b);
            gene->from[kind][node][1] = (unsigned char)(a < b ? b : a);
            for (int i = 0; i < 2; i++)
                gene->op[kind][node][i] = (unsigned char)rng_below(rng, (uint32_t)space->ops);
        }
}

void evolve_cross(const struct cell_space *space, const struct evolve_gene *a,
                  const struct evolve_gene *b, double rate, struct rng *rng,
                  struct evolve_gene *child) {
    *child = *a;
    for (int node = 0; node < space->nodes; node++) {
        if (rng_uniform(rng) >= rate)
            continue;
        for (int kind = 0; kind < 2; kind++) {
            memcpy(child->from[kind][node], b->from[kind][node], 2);
            memcpy(child->op[kind][node], b->op[kind][node], 2);
        }
    }
}

void evolve_child(const struct cell_space *space, const struct evolve_gene *population, int n,
                  const struct evolve_odds *odds, struct rng *rng, struct evolve_gene *child) {
    bool known = true;
    for (int tries = 0; known && tries < 1000; tries++) {
        struct evolve_gene fresh;
        double u = rng_uniform(rng);
        const struct evolve_gene *a = &population[rng_below(rng, (uint32_t)n)];
        const struct evolve_gene *b = &population[rng_below(rng, (uint32_t)n)];
        evolve_random(space, rng, &fresh);
        if (u < odds->mutate)
            evolve_cross(space, a, &fresh, odds->rate, rng, child);
        else if (u < odds->mutate + odds->cross)
            evolve_cross(space, a, b, odds->rate, rng, child);
        else
            *child = fresh;
        known = false;
        for (int i = 0; i < n && !known; i++)
            known = memcmp(&population[i], child, sizeof *child) == 0;
    }
}

void evolve_arch(const struct cell_space *space, const struct evolve_gene *gene,
                 struct cell_arch *arch) {
    *arch = (struct cell_arch){.nodes = space->nodes, .kinds = 2};
    for (int kind = 0; kind < 2; kind++)
        for (int node = 0; node < space->nodes; node++)
            for (int i = 0; i < 2; i++) {
                enum net_op op = space->op[gene->op[kind][node][i]];
                if (op != NET_NONE)
                    arch->has[kind][cell_edge(node, gene->from[kind][node][i])] =
                        (unsigned char)(1 << op);
            }
}
