/* design.h - points chosen without a model: shifted Sobol sequences, the points of a finite space,
 * and uniform draws that avoid what was tried. All points are canonical. */
#ifndef NASTUNE_HPO_DESIGN_H
#define NASTUNE_HPO_DESIGN_H

#include "history/history.h"

#define DESIGN_ENUMERATE_MAX 65536 /* a finite space up to this size is listed outright */

/* Sobol points in [0,1)^n (gsl_qrng_sobol, whose limit of 40 dimensions is SPACE_MAX_DIMS), each
 * moved by one uniform vector modulo 1 (Cranley & Patterson, SIAM J. Numer. Anal. 1976). */
struct sobol {
    void *sequence; /* gsl_qrng; NULL for a space of no dimension */
    double shift[SPACE_MAX_DIMS];
    int n, next; /* dimensions; index of the next point */
};

/* The shift comes from (seed, stream, index). */
int sobol_open(struct sobol *sobol, int n, uint64_t seed, uint32_t stream, uint32_t index);
void sobol_close(struct sobol *sobol);                /* fine on a zeroed one */
void sobol_next(struct sobol *sobol, double *x);      /* x (n), raw */
void sobol_at(struct sobol *sobol, int i, double *x); /* the i-th point, from 0; then next = i+1 */

/* All points of a finite space of size <= DESIGN_ENUMERATE_MAX, in mixed-radix order: *points
 * (*count, space n), owned by the caller. */
int design_enumerate(double **points, int *count, const struct space *space);

/* A uniform draw (rng) that history does not have. Where rejection is slow, a uniform choice among
 * the points left. Answers false when none is left (or none was found in a space too large to
 * list). */
bool design_random(const struct history *history, struct rng *rng, double *x);

#endif
