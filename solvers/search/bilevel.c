/* bilevel.c - first- and second-order architecture gradients. */
#include "search/bilevel.h"
#include "fail.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct copy {
    real *w, *v; /* all weights as they were; the direction v */
    double *plus, *minus;
};

static void look_ahead(const struct bilevel *b, const struct bilevel_step *step, real *saved) {
    for (int i = 0; i < b->weights; i++) {
        struct net_weight *w = &b->weight[i];
        for (size_t j = 0; j < w->count; j++) {
            double value = (double)w->value[j], slope = (double)w->grad[j];
            *saved++ = w->value[j];
            slope += step->momentum * (double)w->slot[0][j] + (w->decay ? step->decay * value : 0);
            w->value[j] = (real)(value - step->xi * slope);
        }
    }
}

/* v = the gradients as they stand; returns its norm. */
static double keep_direction(const struct bilevel *b, real *v) {
    double square = 0;
    for (int i = 0; i < b->weights; i++)
        for (size_t j = 0; j < b->weight[i].count; j++) {
            *v = b->weight[i].grad[j];
            square += (double)*v * (double)*v;
            v++;
        }
    return sqrt(square);
}

/* w = saved + by v */
static void place(const struct bilevel *b, const struct copy *copy, double by) {
    const real *w = copy->w, *v = copy->v;
    for (int i = 0; i < b->weights; i++)
        for (size_t j = 0; j < b->weight[i].count; j++, w++, v++)
            b->weight[i].value[j] = by != 0 ? (real)((double)*w + by * (double)*v) : *w;
}

static int second_order(const struct bilevel *b, const struct bilevel_step *step,
                        const struct copy *copy, double *g) {
    if (b->gradient(b->context, BILEVEL_TRAIN, true, NULL))
        return -1;
    look_ahead(b, step, copy->w);
    int status = b->gradient(b->context, BILEVEL_VALID, true, g);
    double norm = keep_direction(b, copy->v), eps = step->radius / norm;
    if (status == 0 && norm > 0) {
        place(b, copy, eps);
        status = b->gradient(b->context, BILEVEL_TRAIN, false, copy->plus);
        place(b, copy, -eps);
        if (status == 0)
            status = b->gradient(b->context, BILEVEL_TRAIN, false, copy->minus);
        for (size_t i = 0; status == 0 && i < b->n; i++)
            g[i] -= step->xi * (copy->plus[i] - copy->minus[i]) / (2 * eps);
    }
    place(b, copy, 0);
    return status;
}

int bilevel_gradient(const struct bilevel *b, const struct bilevel_step *step, double *g) {
    if (step->xi == 0)
        return b->gradient(b->context, BILEVEL_VALID, false, g);
    size_t count = 0;
    for (int i = 0; i < b->weights; i++)
        count += b->weight[i].count;
    real *block = malloc(2 * count * sizeof *block);
    double *two = malloc(2 * b->n * sizeof *two);
    int status = -1;
    if (block && two)
        status = second_order(b, step, &(struct copy){block, block + count, two, two + b->n}, g);
    else
        fail("out of memory for a second-order step");
    free(block);
    free(two);
    return status;
}
