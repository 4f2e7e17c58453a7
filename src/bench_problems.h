/* bench_problems.h - optimisation problems with known answers, on which the methods are compared.
 *
 * Each is a searched space, a fidelity range and a function from a trial to its result. Noise,
 * where a problem has it, is a function of the trial. Literature: Picheny, Wagner & Ginsbourger, "A
 * benchmark of kriging-based infill criteria for noisy optimization" (2013) for Branin, Hartmann,
 * Ackley, Rosenbrock and Levy; Kandasamy et al., "Multi-fidelity Bayesian optimisation with
 * continuous approximations" (ICML 2017) for the fidelities; Falkner et al., "BOHB" (ICML 2018) for
 * counting-ones; Gardner et al. (ICML 2014) for the constrained ones; Zitzler, Deb & Thiele (2000)
 * and Deb et al. (2005) for ZDT and DTLZ. */
#ifndef NASTUNE_BENCH_PROBLEMS_H
#define NASTUNE_BENCH_PROBLEMS_H

#include "hpo.h"

struct bench_problem {
    const char *name;
    const char *about; /* one line */
    int n_objectives, n_constraints;
    enum hpo_constraint constraint_kind; /* of all of them */
    double best;         /* least feasible objective at full fidelity; NAN with several */
    double fidelity_max; /* of 1 .. fidelity_max, whole; 1: no fidelity */
    double reference[2]; /* several objectives: the hypervolume's reference point, */
    double volume;       /* and the hypervolume of the true front against it */
    double budget;       /* evaluations at full fidelity that a comparison gives by default */

    void (*space)(struct space *space);
    /* value (space n), as space_decode gives them, at a fidelity in [1, fidelity_max]. With a
     * fidelity of 0: the truth at full fidelity, without noise. */
    void (*evaluate)(const double *value, double fidelity, struct result *result);
};

extern const struct bench_problem bench_problems[];               /* the last has no name */
const struct bench_problem *bench_problem_find(const char *name); /* NULL: none */

/* Sum of the constraints' violations, as the harness counts it: what a cap has above 0, how far off
 * a target is as a share, but nothing within 2 %. */
double bench_violation(const struct bench_problem *problem, const struct result *result);

/* Hypervolume of n points of two objectives (n, 2) below the reference. */
double bench_hypervolume(int n, const double *points, const double reference[2]);

#endif
