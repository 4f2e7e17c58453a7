/* objective.h - what the study wants, as numbers: from the points of a trial to what a method
 * minimises.
 *
 * An objective is an expression over the named quantities of a point:
 *
 *     accuracy  share in [0,1]; "%" divides by 100    loss     cross-entropy, nats
 *     runtime   ms; also us, s                        params   weights; also K, M, G
 *     flops     multiply-adds; also K, M, G           and the solver's own columns, plain numbers
 *
 * Expressions: numbers with an optional unit, quantities, + - * / ^, unary -, parentheses, |x|, ln
 * exp sqrt abs min max.
 *
 *     maximize: accuracy
 *     minimize: loss + 0.5*|ln(runtime/80 ms)|
 *     maximize: accuracy * (runtime/80 ms)^-0.07    (MnasNet's reward, Tan et al., CVPR 2019)
 *
 * A constraint bounds one quantity: "runtime <= 80 ms", "accuracy >= 90 %"; a target asks for
 * equality: "runtime = 80 ms". The limit of a named quantity is above 0. */
#ifndef NASTUNE_OBJECTIVE_H
#define NASTUNE_OBJECTIVE_H

#include "hpo.h"
#include "point.h"
#include "trial.h"
#include <stdio.h>

struct objective; /* owned by the study; objective_free */

/* An objective without parts, for a solver whose own columns are "a|b" (or NULL). */
int objective_open(struct objective **out, const char *columns);
void objective_free(struct objective *objective);

/* Adds a part from its text. On failure the message is the why, and *column the offset in `text`
 * (0-based) it is about. */
int objective_add_goal(struct objective *objective, bool maximize, const char *text, int *column);
int objective_add_constraint(struct objective *objective, enum hpo_constraint kind,
                             const char *text, int *column);

int objective_goals(const struct objective *objective);
int objective_constraints(const struct objective *objective);
enum hpo_constraint objective_constraint_kind(const struct objective *objective, int i);
/* Canonical text of a part: "accuracy", "runtime <= 80 ms"; borrowed. */
const char *objective_goal_text(const struct objective *objective, int i);
bool objective_maximizes(const struct objective *objective, int i);
const char *objective_constraint_text(const struct objective *objective, int i);

/* Judges a trial's points. Only final ones count. With one goal the chosen point is the best
 * feasible one, or the least violating one when none is feasible; with several, the front is all
 * non-dominated feasible points (or, when none is feasible, the least violating one) and the chosen
 * one its first.
 *
 * A constraint's number is ln(q/limit) for a named quantity, which is positive, and q - limit for a
 * column of the solver's, which may have any sign; negated for >=. A violation is relative to the
 * limit: (q - limit) / |limit| when positive (the plain excess where the limit is 0), for a target
 * its absolute value, where a target within 2 % counts as met.
 *
 * Fills trial->status (DONE, or INVALID with a detail: no final point, or none whose goals and
 * constraints are all finite), ->result, ->violation. front must have room for outcome->count
 * results; *n_front and *chosen (index of the point, or -1) are set. */
void objective_judge(const struct objective *objective, const struct outcome *outcome,
                     struct trial *trial, struct result *front, int *n_front, int *chosen);

/* A minimised value in the study's own direction, as users see it. */
double objective_shown(const struct objective *objective, int i, double minimised);

#endif
