/* search.h - maximises a score over the unit cube of a space: many candidates scored at once, the
 * best climbed by gradient in the real settings and by neighbours in the discrete ones. */
#ifndef NASTUNE_HPO_GP_SEARCH_H
#define NASTUNE_HPO_GP_SEARCH_H

#include "rng.h"
#include "space.h"

struct search {
    const struct space *space;
    void *context; /* given to the functions */
    /* value (count) of x (count, n), canonical. -1: memory. */
    int (*score)(void *context, int count, const double *x, double *value);
    /* Value at one x, with its gradient (n) in the reals. */
    double (*climb)(void *context, const double *x, double *gradient);
    /* Whether x must not be proposed: it was already. */
    bool (*taken)(void *context, const double *x);

    uint64_t seed; /* (seed, index) give the candidates */
    uint32_t index;
    const double *centre; /* (n_centre, n) points to look around; may be NULL */
    int n_centre;
    int n_sobol, n_near;   /* candidates: a shifted Sobol sequence; perturbed centres */
    int n_climbs, n_steps; /* climbs from the best candidates, evaluations of each */
};

/* x (n): the best point found that is not taken, canonical, and its value. A finite space of up to
 * SEARCH_ENUMERATE_MAX trials is scored whole. Fails when every candidate is taken or scores
 * nothing finite. */
int search_maximise(const struct search *search, double *x, double *value);

enum { SEARCH_ENUMERATE_MAX = 4096 };

#endif
