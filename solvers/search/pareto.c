/* pareto.c - non-dominated sorting, NSGA-III's niching, CARS's merging of fronts. */
#include "search/pareto.h"
#include "fail.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool dominates(const double a[2], const double b[2]) {
    return a[0] <= b[0] && a[1] <= b[1] && (a[0] < b[0] || a[1] < b[1]);
}

/* Front after front: what no one without a rank dominates. */
void pareto_ranks(int n, const double (*f)[2], int *rank) {
    for (int i = 0; i < n; i++)
        rank[i] = n;
    for (int front = 0, left = n; left > 0; front++)
        for (int i = 0; i < n; i++) {
            bool free = rank[i] == n;
            for (int j = 0; free && j < n; j++)
                free = rank[j] < front || !dominates(f[j], f[i]);
            if (free)
                rank[i] = front, left--;
        }
}

/* ---- NSGA-III ---- */

struct niching {
    int n, keep;
    const double (*f)[2];
    const bool *candidate;    /* (n) stands in a front that was reached */
    double ideal[2], unit[2]; /* f is seen as (f - ideal) / unit */
    int *niche;               /* (n) */
    double *distance;         /* (n) from its direction */
};

/* The candidate that is extreme on an axis: least achievement scalarising function. */
static int extreme(const struct niching *g, int axis) {
    int best = -1;
    double least = INFINITY;
    for (int i = 0; i < g->n; i++) {
        if (!g->candidate[i])
            continue;
        double along = g->f[i][axis] - g->ideal[axis], off = g->f[i][!axis] - g->ideal[!axis];
        double value = fmax(along, off * 1e6);
        if (value < least)
            best = i, least = value;
    }
    return best;
}

/* Where the line through the extreme points meets the axes; the largest values where it does not.
 */
static void normalise(struct niching *g) {
    double most[2] = {0, 0};
    g->ideal[0] = g->ideal[1] = INFINITY;
    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < 2 && g->candidate[i]; k++)
            g->ideal[k] = fmin(g->ideal[k], g->f[i][k]);
    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < 2 && g->candidate[i]; k++)
            most[k] = fmax(most[k], g->f[i][k] - g->ideal[k]);
    const double *a = g->f[extreme(g, 0)], *b = g->f[extreme(g, 1)];
    const double ax = a[0] - g->ideal[0], ay = a[1] - g->ideal[1];
    const double bx = b[0] - g->ideal[0], by = b[1] - g->ideal[1];
    const double area = ax * by - bx * ay;
    g->unit[0] = area / (by - ay), g->unit[1] = area / (ax - bx);
    for (int k = 0; k < 2; k++)
        if (!isfinite(g->unit[k]) || g->unit[k] <= 1e-12 || area <= 0)
            g->unit[k] = most[k] > 0 ? most[k] : 1;
}

static void associate(struct niching *g) {
    for (int i = 0; i < g->n; i++) {
        if (!g->candidate[i])
            continue;
        const double x = (g->f[i][0] - g->ideal[0]) / g->unit[0];
        const double y = (g->f[i][1] - g->ideal[1]) / g->unit[1];
        g->distance[i] = INFINITY;
        for (int k = 0; k < g->keep; k++) {
            const double u = k, v = g->keep - 1 - k, length = g->keep > 1 ? hypot(u, v) : 1;
            const double off = g->keep > 1 ? fabs(x * v - y * u) / length : hypot(x, y);
            if (off < g->distance[i])
                g->distance[i] = off, g->niche[i] = k;
        }
    }
}

/* Which member of the last front, of this niche, comes next; -1: none. */
static int member(const struct niching *g, int niche, bool taken, const bool *open,
                  struct rng *rng) {
    int best = -1, members = 0;
    for (int i = 0; i < g->n; i++)
        if (open[i] && g->niche[i] == niche) {
            members++;
            if (best < 0 || g->distance[i] < g->distance[best])
                best = i;
        }
    if (members == 0 || !taken)
        return best;
    int skip = (int)rng_below(rng, (uint32_t)members);
    for (int i = 0; i < g->n; i++)
        if (open[i] && g->niche[i] == niche && skip-- == 0)
            return i;
    return best;
}

/* Niches with the fewest chosen, counted or found: the `which`-th. */
static int emptiest(int keep, const int *count, int which) {
    int least = -1, ties = 0;
    for (int k = 0; k < keep; k++)
        if (count[k] >= 0 && (least < 0 || count[k] < least))
            least = count[k];
    for (int k = 0; k < keep; k++)
        if (count[k] == least && ties++ == which)
            return k;
    return ~ties;
}

static void fill_niches(struct niching *g, bool *open, int *count, int left, struct rng *rng,
                        bool *chosen) {
    while (left > 0) {
        int ties = ~emptiest(g->keep, count, -1);
        int niche = emptiest(g->keep, count, (int)rng_below(rng, (uint32_t)ties));
        int i = member(g, niche, count[niche] > 0, open, rng);
        if (i < 0) {
            count[niche] = -1; /* nothing left there */
            continue;
        }
        open[i] = false, chosen[i] = true;
        count[niche]++;
        left--;
    }
}

static void niche_front(int n, const double (*f)[2], const int *rank, int front, int keep, int left,
                        struct rng *rng, int *work, double *distance, bool *flags, bool *chosen) {
    bool *candidate = flags, *open = flags + n;
    int *count = work + n;
    struct niching g = {n, keep, f, candidate, {0}, {0}, work, distance};
    for (int i = 0; i < n; i++) {
        candidate[i] = rank[i] <= front;
        open[i] = rank[i] == front;
    }
    normalise(&g);
    associate(&g);
    for (int k = 0; k < keep; k++)
        count[k] = 0;
    for (int i = 0; i < n; i++)
        if (chosen[i])
            count[g.niche[i]]++;
    fill_niches(&g, open, count, left, rng, chosen);
}

int pareto_nsga3(int n, const double (*f)[2], int keep, struct rng *rng, bool *chosen) {
    assert(keep >= 1 && keep <= n);
    int *rank = malloc((size_t)(2 * n + keep) * sizeof *rank);
    double *distance = malloc((size_t)n * sizeof *distance);
    bool *flags = malloc(2 * (size_t)n * sizeof *flags);
    int status = rank && distance && flags ? 0 : fail("out of memory for a selection");
    int left = keep;
    memset(chosen, 0, (size_t)n * sizeof *chosen);
    if (status == 0)
        pareto_ranks(n, f, rank);
    for (int front = 0; status == 0 && left > 0; front++) {
        int size = 0;
        for (int i = 0; i < n; i++)
            size += rank[i] == front;
        if (size > left) {
            niche_front(n, f, rank, front, keep, left, rng, rank + n, distance, flags, chosen);
            break;
        }
        for (int i = 0; i < n; i++)
            chosen[i] = chosen[i] || rank[i] == front;
        left -= size;
    }
    free(rank);
    free(distance);
    free(flags);
    return status;
}

/* ---- CARS ---- */

int pareto_merge(int n, const int *rank_a, const int *rank_b, int keep, struct rng *rng,
                 bool *chosen) {
    int *fresh = malloc((size_t)n * sizeof *fresh), selected = 0;
    if (!fresh)
        return fail("out of memory for a selection");
    memset(chosen, 0, (size_t)n * sizeof *chosen);
    for (int stage = 0; selected < keep; stage++) {
        int both = 0, n_fresh = 0;
        for (int i = 0; i < n; i++)
            if (rank_a[i] == stage || rank_b[i] == stage) {
                both++;
                if (!chosen[i])
                    fresh[n_fresh++] = i;
            }
        int take = n_fresh;
        if (selected + both > keep) { /* counts those chosen before, too, as the official code */
            rng_shuffle(rng, fresh, n_fresh);
            take = n_fresh < keep - selected ? n_fresh : keep - selected;
        }
        for (int i = 0; i < take; i++)
            chosen[fresh[i]] = true;
        selected += take;
    }
    free(fresh);
    return 0;
}
