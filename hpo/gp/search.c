/* search.c - candidates, climbs and neighbours (search.h). */
#include "gp/search.h"
#include "design/design.h"
#include "fail.h"
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MAX 1e9 /* of a whole number */

enum {
    CLIMBS_MAX = 16,
    NEIGHBOUR_ROUNDS = 12,
    MIXED_PASSES = 2,
    NEIGHBOURS_MAX = SPACE_MAX_DIMS * SPACE_MAX_LEVELS
};

struct candidates {
    double *x; /* (count, n) */
    double *value;
    int count;
};

static bool is_climbable(const struct search *search, const double *x, int d) {
    const struct space_dim *dim = &search->space->dim[d];
    return dim->kind == SPACE_REAL && dim->hi > dim->lo && space_active(search->space, x, d);
}

/* Moves some of the settings of a centre: each with probability max(1/n, 1/4), reals by a normal
 * step of random size, others to any value. */
static void perturb(const struct space *space, struct rng *rng, const double *centre, double *x) {
    double size = pow(10, -0.5 - 5.0 * rng_uniform(rng));
    double share = space->n <= 4 ? 1.0 / space->n : 0.25;
    int sure = space->n ? (int)rng_below(rng, (uint32_t)space->n) : 0;
    for (int d = 0; d < space->n; d++) {
        double u = rng_uniform(rng), step = rng_normal(rng);
        x[d] = centre[d];
        if (d != sure && u >= share && space->dim[d].kind != SPACE_REAL)
            continue;
        if (space->dim[d].kind == SPACE_CHOICE || space->dim[d].kind == SPACE_LIST)
            x[d] = rng_uniform(rng);
        else
            x[d] = fmin(1, fmax(0, centre[d] + size * step));
    }
}

static int draw(const struct search *search, struct candidates *all) {
    size_t n = (size_t)search->space->n;
    int near = search->n_centre ? search->n_near : 0;
    all->x = malloc(((size_t)(search->n_sobol + near) * n + 1) * sizeof(double));
    struct sobol sobol;
    int result = sobol_open(&sobol, (int)n, search->seed, rng_stream("candidates"), search->index);
    if (!all->x || result) {
        sobol_close(&sobol);
        return result ? result : fail("no memory for candidates");
    }
    for (; all->count < search->n_sobol; all->count++)
        sobol_next(&sobol, all->x + (size_t)all->count * n);
    sobol_close(&sobol);
    struct rng rng = rng_make(search->seed, rng_stream("perturb"), search->index);
    for (int i = 0; i < near; i++, all->count++)
        perturb(search->space, &rng, search->centre + (size_t)(i % search->n_centre) * n,
                all->x + (size_t)all->count * n);
    for (int i = 0; i < all->count; i++)
        space_canonical(search->space, all->x + (size_t)i * n);
    return 0;
}

static int gather(const struct search *search, struct candidates *all) {
    int result = space_size(search->space) <= SEARCH_ENUMERATE_MAX
                     ? design_enumerate(&all->x, &all->count, search->space)
                     : draw(search, all);
    if (result)
        return -1;
    all->value = malloc(((size_t)all->count + 1) * sizeof(double));
    if (!all->value)
        return fail("no memory for candidates");
    return search->score(search->context, all->count, all->x, all->value);
}

struct climb {
    const struct search *search;
    double x[SPACE_MAX_DIMS];
    int free[SPACE_MAX_DIMS]; /* the dimensions that move */
    double best, best_x[SPACE_MAX_DIMS];
};

static double climb_objective(unsigned n, const double *v, double *gradient, void *context) {
    struct climb *climb = context;
    double slope[SPACE_MAX_DIMS];
    for (unsigned i = 0; i < n; i++)
        climb->x[climb->free[i]] = v[i];
    double value = climb->search->climb(climb->search->context, climb->x, slope);
    if (!isfinite(value))
        value = -1e10;
    for (unsigned i = 0; gradient && i < n; i++)
        gradient[i] = isfinite(slope[climb->free[i]]) ? slope[climb->free[i]] : 0;
    if (value > climb->best) {
        climb->best = value;
        memcpy(climb->best_x, climb->x, sizeof climb->best_x);
    }
    return value;
}

/* Moves the reals of x uphill. */
static void climb_reals(const struct search *search, double *x) {
    struct climb climb = {.search = search, .best = -INFINITY};
    int n = 0, dims = search->space->n;
    memcpy(climb.x, x, (size_t)dims * sizeof *x);
    double v[SPACE_MAX_DIMS], value;
    for (int d = 0; d < dims; d++)
        if (is_climbable(search, x, d)) {
            v[n] = x[d];
            climb.free[n++] = d;
        }
    nlopt_opt opt = n && search->n_steps ? nlopt_create(NLOPT_LD_SLSQP, (unsigned)n) : NULL;
    if (!opt)
        return;
    nlopt_set_lower_bounds1(opt, 0);
    nlopt_set_upper_bounds1(opt, 1);
    nlopt_set_max_objective(opt, climb_objective, &climb);
    nlopt_set_ftol_abs(opt, 1e-9);
    nlopt_set_maxeval(opt, search->n_steps);
    nlopt_optimize(opt, v, &value); /* any outcome: the best point seen is kept */
    nlopt_destroy(opt);
    if (isfinite(climb.best))
        memcpy(x, climb.best_x, (size_t)dims * sizeof *x);
    space_canonical(search->space, x);
}

static int add_neighbour(const struct search *search, const double *x, int d, double u, double *to,
                         int count) {
    int n = search->space->n;
    double *y = to + (size_t)count * (size_t)n;
    memcpy(y, x, (size_t)n * sizeof *x);
    y[d] = u;
    space_canonical(search->space, y);
    return space_same(search->space, x, y) || search->taken(search->context, y) ? count : count + 1;
}

/* The discrete neighbours of x: whole numbers 1, 4, 16 ... on, the next values of lists, every
 * other choice. Returns how many were written to `to`. */
static int neighbours(const struct search *search, const double *x, double *to) {
    int count = 0;
    for (int d = 0; d < search->space->n; d++) {
        const struct space_dim *dim = &search->space->dim[d];
        if (!space_active(search->space, x, d))
            continue;
        if (dim->kind == SPACE_CHOICE)
            for (int l = 0; l < dim->levels; l++)
                count = add_neighbour(search, x, d, (l + 0.5) / dim->levels, to, count);
        if (dim->kind == SPACE_LIST)
            for (int side = -1; side <= 1; side += 2)
                count = add_neighbour(search, x, d, x[d] + side * 1.0 / dim->levels, to, count);
        if (dim->kind == SPACE_INT)
            for (int side = -1; side <= 1; side += 2) {
                double value = space_value(dim, x[d]);
                for (double step = 1; step <= dim->hi - dim->lo && step <= STEP_MAX; step *= 4)
                    count = add_neighbour(search, x, d, space_unit(dim, value + side * step), to,
                                          count);
            }
    }
    return count;
}

static bool has_discrete(const struct space *space) {
    for (int d = 0; d < space->n; d++)
        if (space->dim[d].kind != SPACE_REAL)
            return true;
    return false;
}

/* Steps to better neighbours while there are any. `room` holds NEIGHBOURS_MAX (n + 1) doubles. */
static int step_neighbours(const struct search *search, double *x, double *value, double *room) {
    int n = search->space->n;
    double *scores = room + (size_t)NEIGHBOURS_MAX * (size_t)n;
    for (int round = 0; round < NEIGHBOUR_ROUNDS; round++) {
        int count = neighbours(search, x, room), best = -1;
        if (count && search->score(search->context, count, room, scores))
            return -1;
        for (int i = 0; i < count; i++)
            if (scores[i] > *value + 1e-9 && (best < 0 || scores[i] > scores[best]))
                best = i;
        if (best < 0)
            return 0;
        memcpy(x, room + (size_t)best * (size_t)n, (size_t)n * sizeof *x);
        *value = scores[best];
    }
    return 0;
}

/* Discrete steps and real climbs in turn. */
static int climb_mixed(const struct search *search, double *x, double *value, double *room) {
    for (int pass = 0; pass < MIXED_PASSES; pass++) {
        double before = *value;
        if (step_neighbours(search, x, value, room))
            return -1;
        if (*value == before)
            return 0;
        climb_reals(search, x);
        if (search->score(search->context, 1, x, value))
            return -1;
    }
    return 0;
}

static double distance(int n, const double *a, const double *b) {
    double largest = 0;
    for (int d = 0; d < n; d++)
        largest = fmax(largest, fabs(a[d] - b[d]));
    return largest;
}

/* The best candidates, none within 0.05 of a better chosen one. Returns how many. */
static int choose_starts(const struct search *search, const struct candidates *all, int *start) {
    int n = search->space->n, count = 0;
    int wanted = search->n_climbs < CLIMBS_MAX ? search->n_climbs : CLIMBS_MAX;
    while (count < wanted) {
        int best = -1;
        for (int i = 0; i < all->count; i++) {
            if (!isfinite(all->value[i]) || (best >= 0 && all->value[i] <= all->value[best]))
                continue;
            bool near = false;
            for (int j = 0; j < count && !near; j++)
                near = distance(n, all->x + (size_t)i * (size_t)n,
                                all->x + (size_t)start[j] * (size_t)n) < 0.05;
            if (!near)
                best = i;
        }
        if (best < 0)
            break;
        start[count++] = best;
    }
    return count;
}

static int climb_best(const struct search *search, const struct candidates *all, double *x,
                      double *value) {
    int start[CLIMBS_MAX], n = search->space->n, count = choose_starts(search, all, start);
    double *room = NULL;
    if (has_discrete(search->space) &&
        !(room = malloc((size_t)NEIGHBOURS_MAX * ((size_t)n + 1) * sizeof *room)))
        return fail("no memory for neighbours");
    int result = 0;
    for (int i = 0; i < count && !result; i++) {
        double climbed[SPACE_MAX_DIMS], reached;
        memcpy(climbed, all->x + (size_t)start[i] * (size_t)n, (size_t)n * sizeof *x);
        climb_reals(search, climbed);
        result = search->score(search->context, 1, climbed, &reached);
        if (!result && room)
            result = climb_mixed(search, climbed, &reached, room);
        if (!result && reached > *value && !search->taken(search->context, climbed)) {
            *value = reached;
            memcpy(x, climbed, (size_t)n * sizeof *x);
        }
    }
    free(room);
    return result;
}

int search_maximise(const struct search *search, double *x, double *value) {
    struct candidates all = {0};
    size_t n = (size_t)search->space->n;
    *value = -INFINITY;
    int result = gather(search, &all);
    bool listed = !result && space_size(search->space) <= SEARCH_ENUMERATE_MAX;
    if (!result && !listed)
        result = climb_best(search, &all, x, value);
    for (int i = 0; i < all.count && !result; i++)
        if (all.value[i] > *value && !search->taken(search->context, all.x + (size_t)i * n)) {
            *value = all.value[i];
            memcpy(x, all.x + (size_t)i * n, n * sizeof *x);
        }
    free(all.x);
    free(all.value);
    if (result)
        return result;
    return isfinite(*value) ? 0 : fail("no candidate has a finite score");
}
