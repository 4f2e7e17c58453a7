/* point.h - what a solver returns: points, one architecture each. */
#ifndef NASTUNE_POINT_H
#define NASTUNE_POINT_H

#include <stdbool.h>

#define POINT_MAX_EXTRA 16   /* columns of the solver's own */
#define POINT_ARCH_MAX 16384 /* bytes of an architecture's text, NUL included */

/* NAN where a number is not known. Validation figures steer; test figures are for reports only. */
struct point {
    double epoch;    /* fidelity units trained when it was taken */
    bool final;      /* false: a reading on the way (learning curve); only final points make the
                        objective */
    double accuracy; /* validation accuracy, share in [0,1] */
    double loss;     /* validation cross-entropy, nats */
    double test_accuracy; /* share in [0,1]; never an objective */
    double runtime;       /* of one inference, ms */
    double params;        /* weights of the stand-alone network */
    double flops;         /* multiply-adds of one inference, as the NAS papers count FLOPs */
    double extra[POINT_MAX_EXTRA]; /* in the order of the solver's `columns` */
    char *arch; /* architecture as one line of text; owned by the outcome; NULL: none */
};

/* The points of one trial, in the order they were added. */
struct outcome {
    struct point *point; /* (count) */
    int count, room;
};

/* A point with every number NAN, final, without an architecture. */
struct point point_none(void);

/* Adds a copy (arch is duplicated). Fails when memory is out, or the text is too long or holds
 * control bytes. */
int outcome_add(struct outcome *outcome, const struct point *point);
void outcome_free(
    struct outcome *outcome); /* leaves it empty, ready for use; fine on a zeroed one */

#endif
