/* space.h - the searched settings as the unit cube.
 *
 * A method sees a point x in [0,1]^n and nothing else; this module maps x to values and back. Reals
 * are laid out linearly or by logarithm; whole numbers and lists get one bin of the cube for each
 * value (Garrido-Merchan & Hernandez-Lobato, "Dealing with categorical and integer-valued variables
 * in Bayesian optimization", 2020), so that all x of a bin mean the same trial. space_canonical
 * moves x to the one representative of its trial. */
#ifndef NASTUNE_SPACE_H
#define NASTUNE_SPACE_H

#include "setting.h"
#include <stdint.h>

#define SPACE_MAX_DIMS 40   /* as many as GSL's Sobol sequence has */
#define SPACE_MAX_LEVELS 64 /* values of one list */
#define SPACE_NAME_MAX 64   /* bytes of a setting's name, NUL included */

enum space_kind {
    SPACE_REAL,  /* lo .. hi */
    SPACE_INT,   /* lo .. hi, whole numbers */
    SPACE_LIST,  /* a list of numbers in rising order: 16, 24, 40 */
    SPACE_CHOICE /* a list without order: rmsprop, sgd */
};

struct space_dim {
    char name[SPACE_NAME_MAX];
    int setting; /* index into the solver's table */
    enum space_kind kind;
    enum setting_scale scale;       /* REAL, INT */
    double lo, hi;                  /* REAL, INT: the searched range, inclusive */
    int levels;                     /* LIST, CHOICE: how many values; else 0 */
    double level[SPACE_MAX_LEVELS]; /* (levels) LIST: the numbers; CHOICE: indices into the
                                       setting's choices */
    int parent; /* the dimension that decides whether this one matters; -1: it always does */
    uint64_t parent_levels; /* bit l set: matters while the parent (a CHOICE) is at its level l */
};

struct space {
    int n; /* dimensions, 0 .. SPACE_MAX_DIMS */
    struct space_dim dim[SPACE_MAX_DIMS];
};

/* Value of dimension d at u in [0,1] (u outside is clamped), and the representative u of a value.
 */
double space_value(const struct space_dim *dim, double u);
double space_unit(const struct space_dim *dim, double value);

/* LIST, CHOICE: the level that u means, 0 .. levels-1. INT: value - lo. */
long space_level(const struct space_dim *dim, double u);

/* How many distinct values a dimension has: levels, hi-lo+1, or INFINITY for a REAL with lo < hi.
 */
double space_dim_size(const struct space_dim *dim);

/* Whether dimension d matters at x (its parents, followed upwards, are at the right levels). */
bool space_active(const struct space *space, const double *x, int d);

/* Moves x (n) to the representative of its trial: bins to their middle, what does not matter to
 * 0.5; a real to the point that its decimal value in a CSV comes back as (it may move by an ulp).
 * The harness does this to every x that is asked, so that a trial read back from its row is the
 * trial that was run. */
void space_canonical(const struct space *space, double *x);

/* Same trial? Both canonical; reals may differ by 1e-12. */
bool space_same(const struct space *space, const double *a, const double *b);

/* How many distinct trials there are (conditions counted exactly), INFINITY when any real is
 * searched. */
double space_size(const struct space *space);

/* x (n) -> value (n); NAN where a setting does not matter. */
void space_decode(const struct space *space, const double *x, double *value);

/* value (n), NAN where it does not matter -> x (n), canonical. */
void space_encode(const struct space *space, const double *value, double *x);

#endif
