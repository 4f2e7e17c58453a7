/* model.h - a history as Gaussian processes, one for each quantity, and the score of a proposal.
 *
 * Score of x: log EI of the objective below the best posterior mean among the feasible known trials
 * (the best observation would be the luckiest one: "noisy" incumbent), plus log P(constraint holds)
 * for each constraint (Gardner et al., "Bayesian optimization with inequality constraints", ICML
 * 2014): a cap holds at <= 0, a target within MODEL_TARGET_TOLERANCE of 0. While nothing known is
 * feasible, the probabilities alone.
 *
 * With two objectives log EHVI takes the place of log EI, below the archive of all points that the
 * trials returned; its reference is the archive's worst in each objective and a tenth of its width
 * more, or for every other trial the worst ever seen: near references fill gaps of the front, far
 * ones lengthen it. Or, and always with more than two, ParEGO (Knowles, IEEE Trans. Evol. Comp.
 * 2006): log EI of max_k w_k f_k + 0.05 sum_k w_k f_k, f standardised, w drawn anew from the
 * simplex for every trial. */
#ifndef NASTUNE_HPO_GP_MODEL_H
#define NASTUNE_HPO_GP_MODEL_H

#include "gp/ehvi.h"
#include "gp/search.h"
#include "gp/surrogate.h"
#include "history/history.h"

#define MODEL_TARGET_TOLERANCE 0.02 /* of a target, as the harness counts it as met */

enum { MODEL_CENTRES = 5, MODEL_QUANTITIES = 2 + TRIAL_MAX_CONSTRAINTS + 1 };

/* What the objective's posterior at x promises: log EI; log P(f <= incumbent - 0.01) (Kushner
 * 1964); minus the lower confidence bound mean - beta sd (Srinivas et al., ICML 2010). */
enum model_acquisition { MODEL_EI, MODEL_PI, MODEL_LCB };

struct model_options {
    enum model_acquisition acquisition; /* with one objective, or several as one */
    double beta;                        /* LCB: how many deviations below the mean */
    double noise_sd;                    /* of the noise prior, see gp_prior_scaled */
    enum gp_output output;              /* of the objective */
    bool parego;                        /* two objectives: ParEGO instead of EHVI */
    bool fidelity; /* trials differ in it: one more dimension, ln(fidelity) from 0 to 1; scores are
                      of full fidelity */
    bool learn_failures; /* model where trials fail, as one more constraint */
};

struct model {
    const struct hpo_task *task;
    struct model_options options;
    struct gp_kernel kernel;
    struct surrogate quantity[MODEL_QUANTITIES]; /* objectives, then constraints, then failures */
    int quantities, objectives;                  /* objectives: modelled, 1 or 2 */
    struct gp_front front;                       /* two objectives; its points are owned */

    bool greedy;   /* score by the posterior mean instead of EI; for the caller to set */
    bool feasible; /* a known trial is */
    double best;   /* incumbent, in the objective model's unit */
    double lo[MODEL_QUANTITIES],
        hi[MODEL_QUANTITIES];                      /* a constraint holds between, model's unit */
    double centre[MODEL_CENTRES * SPACE_MAX_DIMS]; /* (n_centre, n) the best known trials */
    int n_centre;
};

void model_open(struct model *model, const struct hpo_task *task,
                const struct model_options *options);
void model_close(struct model *model);

/* Brings the model to the told trials of the history, and believes the running ones, for proposing
 * trial `id`. Fails when none is ok, or when the numbers fail. */
int model_update(struct model *model, const struct history *history, int id);

/* A trial in the kernel's terms: e (kernel n). */
void model_embed(const struct model *model, const double *x, double fidelity, double *e);

/* The score as search.h wants it; the context is the model. */
int model_score(void *model, int count, const double *x, double *value);
double model_climb(void *model, const double *x, double *gradient);

#endif
