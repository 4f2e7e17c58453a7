/* ehvi.c - exact expected hypervolume improvement of two objectives (ehvi.h). */
#include "gp/ehvi.h"
#include "gp/acquisition.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_first(const void *a, const void *b) {
    const double *p = a, *q = b;
    return p[0] != q[0] ? (p[0] > q[0]) - (p[0] < q[0]) : (p[1] > q[1]) - (p[1] < q[1]);
}

void gp_front_make(struct gp_front *front, int count, double *points, const double reference[2]) {
    *front = (struct gp_front){.point = points, .reference = {reference[0], reference[1]}};
    if (count)
        qsort(points, (size_t)count, 2 * sizeof *points, by_first);
    double ceiling = reference[1];
    for (int i = 0; i < count; i++)
        if (points[2 * i] < reference[0] && points[2 * i + 1] < ceiling) {
            ceiling = points[2 * i + 1];
            memmove(points + 2 * (front->n++), points + 2 * i, 2 * sizeof *points);
        }
}

/* A logarithm of an expectation with its derivatives by (mean, sd). */
struct term {
    double log, dmean, dsd;
};

static struct term log_ei(double mean, double sd, double best) {
    struct term term;
    term.log = gp_log_ei(mean, sd, best, &term.dmean, &term.dsd);
    return term;
}

/* log(EI(u) - EI(l)), l < u. */
static struct term difference(struct term upper, struct term lower) {
    double ratio = exp(lower.log - upper.log), rest = -expm1(lower.log - upper.log);
    if (!(rest > 1e-13)) /* nothing left but rounding */
        return (struct term){-INFINITY, 0, 0};
    return (struct term){upper.log + log(rest), (upper.dmean - ratio * lower.dmean) / rest,
                         (upper.dsd - ratio * lower.dsd) / rest};
}

double gp_log_ehvi(const struct gp_front *front, const double mean[2], const double sd[2],
                   double dmean[2], double dsd[2]) {
    double largest = -INFINITY, sum = 0;
    struct term lower = {-INFINITY, 0, 0};
    memset(dmean, 0, 2 * sizeof *dmean);
    memset(dsd, 0, 2 * sizeof *dsd);
    for (int i = 0; i <= front->n; i++) {
        double end = i < front->n ? front->point[2 * i] : front->reference[0];
        double ceiling = i > 0 ? front->point[2 * i - 1] : front->reference[1];
        struct term upper = log_ei(mean[0], sd[0], end);
        struct term width = i > 0 ? difference(upper, lower) : upper;
        struct term height = log_ei(mean[1], sd[1], ceiling);
        lower = upper;
        double value = width.log + height.log;
        if (!isfinite(value))
            continue;
        if (value > largest) { /* sums are kept relative to the largest term */
            double shrink = exp(largest - value);
            sum *= shrink;
            for (int k = 0; k < 2; k++) {
                dmean[k] *= shrink;
                dsd[k] *= shrink;
            }
            largest = value;
        }
        double share = exp(value - largest);
        sum += share;
        dmean[0] += share * width.dmean;
        dsd[0] += share * width.dsd;
        dmean[1] += share * height.dmean;
        dsd[1] += share * height.dsd;
    }
    for (int k = 0; k < 2; k++) {
        dmean[k] /= sum;
        dsd[k] /= sum;
    }
    return largest + log(sum);
}
