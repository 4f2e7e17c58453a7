/* gates.c - gates, regulariser, pruning and pace of GOLD-NAS. */
#include "search/gates.h"
#include "fail.h"
#include "space/cell.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int gates_open(struct gates *g, int cells, int nodes, int ops) {
    *g = (struct gates){.cells = cells, .nodes = nodes, .ops = ops};
    g->count = (size_t)(cells * cell_edges(nodes) * ops);
    g->a = calloc(g->count, sizeof *g->a);
    g->flops = calloc(g->count, sizeof *g->flops);
    g->dead = calloc(g->count, sizeof *g->dead);
    return g->a && g->flops && g->dead ? 0 : fail("out of memory for the gates");
}

void gates_free(struct gates *g) {
    free(g->a);
    free(g->flops);
    free(g->dead);
    *g = (struct gates){0};
}

double gates_open_share(double a) {
    return 1 / (1 + exp(-a));
}

/* What enters one node: operators first .. first + n - 1. */
struct entry {
    size_t first;
    int n;
};
static struct entry entry_of(const struct gates *g, int cell, int node) {
    size_t edge = (size_t)(cell * cell_edges(g->nodes) + cell_edges(node));
    return (struct entry){edge * (size_t)g->ops, (node + 2) * g->ops};
}

static double sum_of(const struct gates *g, struct entry e) {
    double sum = 0;
    for (size_t o = e.first; o < e.first + (size_t)e.n; o++)
        sum += g->dead[o] ? 0 : gates_open_share(g->a[o]);
    return sum;
}

static bool live(const struct gates *g, size_t o, double eta_min, double sum) {
    return !g->dead[o] && gates_open_share(g->a[o]) > eta_min * sum;
}

void gates_values(const struct gates *g, double eta_min, double *s) {
    for (int cell = 0; cell < g->cells; cell++)
        for (int node = 0; node < g->nodes; node++) {
            struct entry e = entry_of(g, cell, node);
            double sum = sum_of(g, e);
            for (size_t o = e.first; o < e.first + (size_t)e.n; o++)
                s[o] = live(g, o, eta_min, sum) ? gates_open_share(g->a[o]) : 0;
        }
}

int gates_alive(const struct gates *g) {
    int alive = 0;
    for (size_t o = 0; o < g->count; o++)
        alive += !g->dead[o];
    return alive;
}

double gates_flops(const struct gates *g) {
    double sum = 0;
    for (size_t o = 0; o < g->count; o++)
        sum += g->dead[o] ? 0 : g->flops[o];
    return sum;
}

static double node_regulariser(const struct gates *g, struct entry e, double eta_min, double base,
                               double mu, double weight, double *gradient) {
    const double sum = sum_of(g, e);
    double value = 0, common = 0; /* common: what every gate into the node gets through S */
    int n = 0;
    for (size_t o = e.first; o < e.first + (size_t)e.n; o++)
        n += live(g, o, eta_min, sum);
    for (int pass = 0; pass < 2; pass++)
        for (size_t o = e.first; o < e.first + (size_t)e.n; o++) {
            if (g->dead[o])
                continue;
            const double s = gates_open_share(g->a[o]), price = base + mu * g->flops[o];
            const double slope = live(g, o, eta_min, sum) ? price * n / sum / (1 + n * s / sum) : 0;
            if (pass == 0) {
                value += slope > 0 ? price * log1p(n * s / sum) : 0;
                common -= slope * s / sum;
            } else if (gradient) {
                gradient[o] += weight * (slope + common) * s * (1 - s);
            }
        }
    return value;
}

double gates_regulariser(const struct gates *g, double eta_min, double base, double mu,
                         double weight, double *gradient) {
    double value = 0;
    for (int cell = 0; cell < g->cells; cell++)
        for (int node = 0; node < g->nodes; node++)
            value +=
                node_regulariser(g, entry_of(g, cell, node), eta_min, base, mu, weight, gradient);
    return value;
}

/* ---- pruning ---- */

struct least {
    size_t o;
    double ratio; /* above 1: none */
};

/* Prunes what is at most eta_min in one node; keeps the least of the others. */
static int prune_node(struct gates *g, struct entry e, double eta_min, struct least *least) {
    double sum = sum_of(g, e);
    int pruned = 0;
    for (size_t o = e.first; o < e.first + (size_t)e.n; o++) {
        const double s = gates_open_share(g->a[o]), ratio = s / sum;
        if (g->dead[o])
            continue;
        if (ratio <= eta_min) {
            g->dead[o] = 1;
            sum -= s;
            pruned++;
        } else if (ratio < least->ratio) {
            *least = (struct least){o, ratio};
        }
    }
    return pruned;
}

int gates_prune(struct gates *g, int n0, double eta_min, double eta_max) {
    int pruned = 0;
    for (int round = 0; round < n0; round++) {
        struct least least = {0, 2};
        for (int cell = 0; cell < g->cells; cell++)
            for (int node = 0; node < g->nodes; node++)
                pruned += prune_node(g, entry_of(g, cell, node), eta_min, &least);
        if (least.ratio <= eta_max) {
            g->dead[least.o] = 1;
            pruned++;
        }
    }
    return pruned;
}

struct gates_pace gates_pace(double lambda0, double c0, int n0) {
    return (struct gates_pace){.increment = lambda0, .first = lambda0, .c0 = c0, .n0 = n0};
}

void gates_pace_step(struct gates_pace *pace, int pruned) {
    if (pruned >= pace->n0) {
        pace->increment = pace->first;
        pace->lambda /= pace->c0;
    } else {
        pace->increment *= pace->c0;
        pace->lambda += pace->increment;
    }
}
