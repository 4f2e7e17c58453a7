/* bracket.h - the brackets of Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar,
 * "Hyperband: a novel bandit-based approach to hyperparameter optimization", JMLR 2018, algorithm
 * 1) and the walk through them.
 *
 * With R the full fidelity over the least one and s_max = floor(log_eta R), bracket s = s_max .. 0
 * starts n = ceil((s_max+1)/(s+1) eta^s) trials at fidelity full/eta^s; rung i keeps
 * floor(n / eta^i) and trains them to full/eta^(s-i). All of it in whole numbers: a floating-point
 * logarithm loses a bracket at R = 243, eta = 3. Where only whole fidelities are allowed they are
 * rounded to the nearest. */
#ifndef NASTUNE_HPO_BRACKET_H
#define NASTUNE_HPO_BRACKET_H

#include "history/history.h"

#define BRACKET_MAX 20 /* s_max at most; 21 * 22 / 2 rungs fit into HPO_MAX_RUNGS */

/* floor(log_eta(fidelity_max / fidelity_min)), at most BRACKET_MAX. */
int bracket_s_max(const struct hpo_task *task, int eta);

/* Fidelity of a trial that has `left` promotions ahead of it until the full one. */
double bracket_fidelity(const struct hpo_task *task, int eta, int left);

/* The rungs of bracket s starting with n trials, as bracket number `number`; returns how many. */
int bracket_rungs(const struct hpo_task *task, int eta, int s, int n, int number,
                  struct hpo_rung *rung);

/* All of Hyperband, and the one bracket of successive halving (eta^s_max trials, so that one
 * reaches full fidelity). They return the number of rungs. */
int bracket_hyperband(const struct hpo_task *task, int eta, struct hpo_rung rung[HPO_MAX_RUNGS]);
int bracket_halving(const struct hpo_task *task, int eta, struct hpo_rung rung[HPO_MAX_RUNGS]);

/* Trial ids fill the rungs in order, sweep after sweep: which rung an id belongs to. */
struct slot {
    int sweep, rung, index; /* index within the rung */
    int first;              /* id of the rung's first trial */
};
struct slot bracket_slot(const struct hpo_rung *rung, int rungs, int id);

enum bracket_answer {
    BRACKET_FRESH,    /* a new x is wanted, at trial->fidelity */
    BRACKET_PROMOTED, /* the trial is filled in */
    BRACKET_WAIT,
    BRACKET_DONE
};

/* What trial->id is for. Promotes the best of the rung below (pareto_order); a place for which it
 * has too few trials with a result wants a new x. When a finite space holds no new x, the best
 * trials not yet at full fidelity are completed, then DONE. */
enum bracket_answer bracket_next(const struct hpo_rung *rung, int rungs,
                                 const struct history *history, struct trial *trial);

/* The rest of bracket_next, for a place that wants a new x in an exhausted space. */
enum bracket_answer bracket_complete(const struct history *history, struct trial *trial);

/* Makes the trial go on with a known one (x, parent, origin "promoted"). */
void bracket_promote(const struct history *history, int id, struct trial *trial);

#endif
