/* prior.h - PARSEC's distribution over cells (Casale, Gordon & Fusi, "Probabilistic Neural
 * Architecture Search", arXiv 1902.05116): independent categoricals, softmax of logits.
 *
 * In both kinds of cell each node has two slots; a slot picks an input among the node's
 * predecessors and an operator. Two slots may pick the same; an operator picked twice on an edge
 * counts once. All densities are natural logarithms. */
#ifndef SEARCH_PRIOR_H
#define SEARCH_PRIOR_H

#include "space/cell.h"

struct prior {
    const struct cell_space *space; /* nodes and operators; borrowed */
    size_t count;                   /* logits: by kind, node, slot: inputs, then operators */
    double *logit;                  /* (count) */
};
/* A sample: which input and which of the space's operators, by kind, node and slot. */
struct prior_sample {
    unsigned char input[2][CELL_MAX_NODES][2], op[2][CELL_MAX_NODES][2];
};

int prior_open(struct prior *prior, const struct cell_space *space); /* uniform */
void prior_free(struct prior *prior);

void prior_draw(const struct prior *prior, struct rng *rng, struct prior_sample *sample);
void prior_mode(const struct prior *prior, struct prior_sample *sample); /* first of equals */
double prior_log(const struct prior *prior, const struct prior_sample *sample);
double prior_entropy(const struct prior *prior); /* nats */
double
prior_confidence(const struct prior *prior); /* mean over categoricals of the largest prob. */
/* Adds scale * d ln p(sample) / d logit to gradient (count). */
void prior_gradient(const struct prior *prior, const struct prior_sample *sample, double scale,
                    double *gradient);
void prior_arch(const struct prior *prior, const struct prior_sample *sample,
                struct cell_arch *arch);

/* Self-normalised importance weights of n samples from their log-likelihoods / temperature. */
void prior_weights(int n, const double *likelihood, double temperature, double *weight);

/* Text, a line a categorical: "normal 2 0 input 0.5 0.5", "normal 2 0 op 0.2 ...", with the
 * probabilities. Reading mixes in a share `smoothing` of the uniform. Fails naming file and line on
 * other nodes or operators. */
int prior_write(const struct prior *prior, const char *path);
int prior_read(struct prior *prior, const char *path, double smoothing);

#endif
