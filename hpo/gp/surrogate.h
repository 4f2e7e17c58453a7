/* surrogate.h - the model of one quantity, kept in step with a growing list of trials.
 *
 * What it predicts is a function of the list alone, not of when it was asked, so that a replayed
 * study goes on as the uninterrupted one: its hyperparameters are those of a fixed prefix of the
 * list (all of it up to 50 trials, then a new fit whenever it has grown by a tenth), fitted from
 * fixed starts; later trials are added row by row in order.
 *
 * Approximation for long lists: beyond SURROGATE_KEEP trials known at a fit, the process keeps that
 * many of them, the better half by value and an even spread of the rest; hyperparameters are fitted
 * on at most SURROGATE_FIT of those. */
#ifndef NASTUNE_HPO_GP_SURROGATE_H
#define NASTUNE_HPO_GP_SURROGATE_H

#include "gp/gp.h"
#include "gp/output.h"

enum { SURROGATE_KEEP = 1000, SURROGATE_FIT = 400 };

struct surrogate {
    struct gp gp;
    struct gp_prior prior;
    enum gp_output output;
    struct gp_affine affine; /* STANDARD: from the quantity's own unit to the model's */
    int fitted;              /* trials known when the hyperparameters were fitted; 0: never */
    int *trial;              /* (rows) the trial of each row of the process */
    int rows, room;
    int next; /* trials before this one are in, or were left out */
};

void surrogate_open(struct surrogate *surrogate, const struct gp_kernel *kernel,
                    const struct gp_prior *prior, enum gp_output output);
void surrogate_close(struct surrogate *surrogate);

/* Brings the model to n >= 1 trials at e (n, kernel n) with values y (n), NAN for a failed one.
 * Believers of an earlier update are dropped. */
int surrogate_update(struct surrogate *surrogate, int n, const double *e, const double *y);

/* Adds a running trial at e with its posterior mean as value (kriging believer: Ginsbourger, Le
 * Riche & Carraro 2010). */
int surrogate_believe(struct surrogate *surrogate, const double *e);

/* How many trials the hyperparameters rest on when n are known. */
int surrogate_schedule(int n);

#endif
