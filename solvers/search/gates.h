/* gates.h - GOLD-NAS's sigmoid gates: regulariser, gradual pruning, and the rule for lambda (Bi et
 * al., "GOLD-NAS: Gradual, One-Level, Differentiable", arXiv 2007.03331; constants of the published
 * implementation).
 *
 * Every operator o on every edge of every cell has a gate s_o = sigmoid(a_o). With S_i the sum of
 * the gates into node i that are not pruned, o is live while s_o > eta_min S_i. */
#ifndef SEARCH_GATES_H
#define SEARCH_GATES_H

#include <stdbool.h>
#include <stddef.h>

struct gates {
    int cells, nodes, ops;
    size_t count;        /* cells * edges * ops */
    double *a;           /* (cells,edges,ops) */
    double *flops;       /* (cells,edges,ops) millions of multiply-adds */
    unsigned char *dead; /* (cells,edges,ops) pruned for good */
};

int gates_open(struct gates *g, int cells, int nodes, int ops); /* a 0, flops 0, none pruned */
void gates_free(struct gates *g);

double gates_open_share(double a); /* sigmoid */
/* s (cells,edges,ops): the gate of what is live, 0 elsewhere. */
void gates_values(const struct gates *g, double eta_min, double *s);
int gates_alive(const struct gates *g);    /* operators not pruned */
double gates_flops(const struct gates *g); /* their sum, millions */

/* sum over live o of ln(1 + n_i s_o / S_i) (base + mu F_o), n_i the live operators into its node;
 * ADDS weight times its gradient by a to gradient (unless NULL). */
double gates_regulariser(const struct gates *g, double eta_min, double base, double mu,
                         double weight, double *gradient);

/* n0 rounds over all operators. A round prunes every o with s_o / S_i <= eta_min, then the one with
 * the least ratio if that is at most eta_max. S_i falls as it prunes, so the last operator into a
 * node has ratio 1 and stays. Returns how many were pruned. */
int gates_prune(struct gates *g, int n0, double eta_min, double eta_max);

/* lambda: divided by c0 after an epoch that pruned n0 operators or more; else raised by an
 * increment that itself grows by c0 each time. */
struct gates_pace {
    double lambda, increment, first; /* first: lambda0 */
    double c0;
    int n0;
};
struct gates_pace gates_pace(double lambda0, double c0, int n0);
void gates_pace_step(struct gates_pace *pace, int pruned);

#endif
