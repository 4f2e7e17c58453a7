/* surrogate.c - a process kept in step with the trials (surrogate.h). */
#include "gp/surrogate.h"
#include "fail.h"
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALWAYS = 50 };

void surrogate_open(struct surrogate *surrogate, const struct gp_kernel *kernel,
                    const struct gp_prior *prior, enum gp_output output) {
    *surrogate = (struct surrogate){.prior = *prior, .output = output};
    gp_open(&surrogate->gp, kernel);
}

void surrogate_close(struct surrogate *surrogate) {
    gp_close(&surrogate->gp);
    free(surrogate->trial);
    *surrogate = (struct surrogate){0};
}

int surrogate_schedule(int n) {
    if (n <= ALWAYS)
        return n;
    int at = ALWAYS;
    for (int next; (next = at + (at + 9) / 10) <= n;)
        at = next;
    return at;
}

/* Fills trial (count rows, rising) with the trials to keep of the first n, whose values are z. */
static int choose(int n, const double *z, int *trial) {
    if (n <= SURROGATE_KEEP) {
        for (int i = 0; i < n; i++)
            trial[i] = i;
        return n;
    }
    size_t *order = malloc((size_t)n * sizeof *order);
    bool *kept = calloc((size_t)n, sizeof *kept);
    int count = 0, half = SURROGATE_KEEP / 2;
    if (order && kept) {
        gsl_sort_index(order, z, 1, (size_t)n);
        for (int i = 0; i < half; i++)
            kept[order[i]] = true;
        for (int i = 0; i < SURROGATE_KEEP - half; i++)
            kept[order[half + (int)((long)i * (n - half) / (SURROGATE_KEEP - half))]] = true;
        for (int i = 0; i < n; i++)
            if (kept[i])
                trial[count++] = i;
    }
    free(order);
    free(kept);
    return count ? count : fail("no memory to choose %d trials", n);
}

/* Hyperparameters from at most SURROGATE_FIT of the rows. */
static int fit_theta(struct surrogate *surrogate, const double *e, const double *z,
                     struct gp_theta *theta) {
    const struct gp_kernel *kernel = surrogate->gp.kernel;
    struct gp_points points = {0};
    double y[SURROGATE_FIT];
    int rows = surrogate->rows, count = rows < SURROGATE_FIT ? rows : SURROGATE_FIT, result = 0;
    for (int i = 0; i < count && !result; i++) {
        int trial = surrogate->trial[(long)i * rows / count];
        y[i] = z[trial];
        result = gp_points_add(&points, kernel, e + (size_t)trial * (size_t)kernel->n);
    }
    int starts = count <= 200 ? 3 : 2;
    if (!result)
        result = gp_fit(kernel, &surrogate->prior, &points, count, y, starts, 40, theta);
    gp_points_free(&points);
    return result;
}

static int reserve(struct surrogate *surrogate, int n) {
    if (n <= surrogate->room)
        return 0;
    int room = 2 * n + 64;
    int *trial = realloc(surrogate->trial, (size_t)room * sizeof *trial);
    if (!trial)
        return fail("no memory for a model of %d trials", n);
    surrogate->trial = trial;
    surrogate->room = room;
    return 0;
}

/* Starts the process anew from the first n trials. */
static int refit(struct surrogate *surrogate, int n, const double *e, const double *y, double *z) {
    const struct gp_kernel *kernel = surrogate->gp.kernel;
    struct gp_points points = {0};
    struct gp_theta theta;
    surrogate->fitted = 0;
    if (reserve(surrogate, n) || gp_output_transform(surrogate->output, n, y, z, NULL) ||
        (surrogate->rows = choose(n, z, surrogate->trial)) < 0 ||
        fit_theta(surrogate, e, z, &theta))
        return -1;
    int result = 0;
    for (int i = 0; i < surrogate->rows && !result; i++)
        result =
            gp_points_add(&points, kernel, e + (size_t)surrogate->trial[i] * (size_t)kernel->n);
    if (!result)
        result = gp_factorise(&surrogate->gp, &theta, &points);
    gp_points_free(&points);
    if (result)
        return -1;
    surrogate->next = n;
    surrogate->fitted = n;
    return 0;
}

static int grow(struct surrogate *surrogate, int n, const double *e) {
    if (reserve(surrogate, surrogate->rows + n - surrogate->next))
        return -1;
    for (; surrogate->next < n; surrogate->next++) {
        if (gp_append(&surrogate->gp,
                      e + (size_t)surrogate->next * (size_t)surrogate->gp.kernel->n))
            return -1;
        surrogate->trial[surrogate->rows++] = surrogate->next;
    }
    return 0;
}

int surrogate_update(struct surrogate *surrogate, int n, const double *e, const double *y) {
    double *z = malloc((size_t)n * sizeof *z);
    if (!z)
        return fail("no memory for the values of %d trials", n);
    int result = 0;
    gp_truncate(&surrogate->gp, surrogate->rows);
    int prefix = surrogate_schedule(n);
    if (prefix != surrogate->fitted || surrogate->next > n)
        result = refit(surrogate, prefix, e, y, z);
    if (!result)
        result = grow(surrogate, n, e);
    if (!result)
        result = gp_output_transform(surrogate->output, n, y, z, &surrogate->affine);
    if (!result) {
        for (int i = 0; i < surrogate->rows; i++) /* rows rise, so z is not overwritten early */
            z[i] = z[surrogate->trial[i]];
        result = gp_condition(&surrogate->gp, z);
    }
    free(z);
    if (result)
        surrogate->fitted = 0; /* a failed model starts anew */
    return result;
}

int surrogate_believe(struct surrogate *surrogate, const double *e) {
    struct gp *gp = &surrogate->gp;
    double mean, sd;
    if (gp_predict(gp, 1, e, &mean, &sd) || gp_append(gp, e))
        return -1;
    gp->y[gp->points.n - 1] = mean;
    return gp_condition(gp, gp->y);
}
