/* fidelity.h - what trials of lower fidelity tell about full ones, under a model over settings and
 * fidelity (model_options.fidelity). */
#ifndef NASTUNE_HPO_GP_FIDELITY_H
#define NASTUNE_HPO_GP_FIDELITY_H

#include "gp/model.h"

/* Nats that the objective of x (space n) at a fidelity tells about the one at full fidelity: the
 * mutual information -1/2 ln(1 - rho^2) of two jointly normal values, rho their posterior
 * correlation, the noise of the first counted in. */
double fidelity_information(const struct model *model, const double *x, double fidelity);

/* Nats of evidence that lower fidelities help: sum over the full trials of the log density of their
 * objective when left out (Rasmussen & Williams 2006, eq. 5.10), under the model, less the same
 * under a process of the full trials alone, in the same unit. -INFINITY when numbers fail; INFINITY
 * when there is no full trial to doubt by. */
double fidelity_evidence(const struct model *model, const struct history *history);

#endif
