/* design.c - Sobol points, listed spaces and uniform draws (design.h). */
#include "design/design.h"
#include "fail.h"
#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REDRAWS = 64 };

int sobol_open(struct sobol *sobol, int n, uint64_t seed, uint32_t stream, uint32_t index) {
    *sobol = (struct sobol){.n = n};
    struct rng rng = rng_make(seed, stream, index);
    for (int d = 0; d < n; d++)
        sobol->shift[d] = rng_uniform(&rng);
    if (n && !(sobol->sequence = gsl_qrng_alloc(gsl_qrng_sobol, (unsigned)n)))
        return fail("no memory for a Sobol sequence of %d dimensions", n);
    return 0;
}

void sobol_close(struct sobol *sobol) {
    if (sobol->sequence)
        gsl_qrng_free(sobol->sequence);
    sobol->sequence = NULL;
}

void sobol_next(struct sobol *sobol, double *x) {
    sobol->next++;
    if (!sobol->n)
        return;
    gsl_qrng_get(sobol->sequence, x);
    for (int d = 0; d < sobol->n; d++) {
        x[d] += sobol->shift[d];
        x[d] -= floor(x[d]);
    }
}

void sobol_at(struct sobol *sobol, int i, double *x) {
    if (i < sobol->next) {
        if (sobol->n)
            gsl_qrng_init(sobol->sequence);
        sobol->next = 0;
    }
    while (sobol->next <= i)
        sobol_next(sobol, x);
}

/* Writes the dimensions with a parent before its children. */
static void order_by_parent(const struct space *space, int *order) {
    bool placed[SPACE_MAX_DIMS] = {false};
    for (int count = 0; count < space->n;)
        for (int d = 0; d < space->n; d++) {
            int parent = space->dim[d].parent;
            if (!placed[d] && (parent < 0 || placed[parent])) {
                placed[d] = true;
                order[count++] = d;
            }
        }
}

static double value_at(const struct space_dim *dim, int i) {
    if (dim->kind == SPACE_LIST || dim->kind == SPACE_CHOICE)
        return dim->level[i];
    return dim->kind == SPACE_INT ? dim->lo + i : dim->lo;
}

struct listing {
    const struct space *space;
    int order[SPACE_MAX_DIMS];
    double x[SPACE_MAX_DIMS];
    double *points;
    int count;
};

static void list_from(struct listing *listing, int k) {
    const struct space *space = listing->space;
    if (k == space->n) {
        memcpy(listing->points + (size_t)listing->count++ * (size_t)space->n, listing->x,
               (size_t)space->n * sizeof(double));
        return;
    }
    int d = listing->order[k];
    listing->x[d] = 0.5;
    if (!space_active(space, listing->x, d)) {
        list_from(listing, k + 1);
        return;
    }
    int size = (int)space_dim_size(&space->dim[d]);
    for (int i = 0; i < size; i++) {
        listing->x[d] = space_unit(&space->dim[d], value_at(&space->dim[d], i));
        list_from(listing, k + 1);
    }
}

int design_enumerate(double **points, int *count, const struct space *space) {
    double size = space_size(space);
    if (!(size <= DESIGN_ENUMERATE_MAX))
        return fail("a space of %g trials is too large to list", size);
    struct listing listing = {.space = space};
    listing.points = malloc(((size_t)size * (size_t)space->n + 1) * sizeof(double));
    if (!listing.points)
        return fail("no memory to list %g trials", size);
    order_by_parent(space, listing.order);
    list_from(&listing, 0);
    *points = listing.points;
    *count = listing.count;
    return 0;
}

static bool pick_unseen(const struct history *history, struct rng *rng, double *x) {
    const struct space *space = history->task->space;
    double *points;
    int count, unseen = 0;
    if (design_enumerate(&points, &count, space))
        return false;
    size_t n = (size_t)space->n;
    for (int i = 0; i < count; i++)
        if (!history_has(history, points + (size_t)i * n))
            memmove(points + (size_t)unseen++ * n, points + (size_t)i * n, n * sizeof(double));
    if (unseen)
        memcpy(x, points + rng_below(rng, (uint32_t)unseen) * n, n * sizeof(double));
    free(points);
    return unseen > 0;
}

bool design_random(const struct history *history, struct rng *rng, double *x) {
    const struct space *space = history->task->space;
    double size = space_size(space);
    for (int draw = 0; draw < REDRAWS; draw++) {
        for (int d = 0; d < space->n; d++)
            x[d] = rng_uniform(rng);
        space_canonical(space, x);
        if (isinf(size) || !history_has(history, x))
            return true;
    }
    return size <= DESIGN_ENUMERATE_MAX && pick_unseen(history, rng, x);
}
