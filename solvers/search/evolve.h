/* evolve.h - the individuals of CARS and how they breed: two distinct predecessors of each node, an
 * operator on each, in both kinds of cell. */
#ifndef SEARCH_EVOLVE_H
#define SEARCH_EVOLVE_H

#include "space/cell.h"

/* By kind, node and input. from[..][0] < from[..][1]; op is an index into the space's. Bytes beyond
 * the nodes are 0, so that equal individuals have equal bytes. */
struct evolve_gene {
    unsigned char from[2][CELL_MAX_NODES][2], op[2][CELL_MAX_NODES][2];
};

void evolve_random(const struct cell_space *space, struct rng *rng, struct evolve_gene *gene);
/* Each node, of both kinds at once, comes from b with probability `rate`, else from a. */
void evolve_cross(const struct cell_space *space, const struct evolve_gene *a,
                  const struct evolve_gene *b, double rate, struct rng *rng,
                  struct evolve_gene *child);

struct evolve_odds {
    double mutate, cross; /* the rest is random */
    double rate;          /* of nodes that change */
};
/* A child of a population (n): a mutant (crossed with a random individual), a crossing of two, or a
 * random one; unlike all of the population, unless a thousand tries find none. */
void evolve_child(const struct cell_space *space, const struct evolve_gene *population, int n,
                  const struct evolve_odds *odds, struct rng *rng, struct evolve_gene *child);
void evolve_arch(const struct cell_space *space, const struct evolve_gene *gene,
                 struct cell_arch *arch);

#endif
