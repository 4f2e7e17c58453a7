/* fidelity.c - information and evidence between fidelities (fidelity.h). */
#include "gp/fidelity.h"
#include <math.h>
#include <stdlib.h>

static const double NOISE_LEAST = 1e-6; /* bounds the information of a noise-free trial */

double fidelity_information(const struct model *model, const double *x, double fidelity) {
    const struct gp *gp = &model->quantity[0].gp;
    double e[2 * GP_MAX_DIMS], c[4], noise = exp(gp->theta.log_noise) + NOISE_LEAST;
    model_embed(model, x, fidelity, e);
    model_embed(model, x, model->task->fidelity_max, e + gp->kernel->n);
    if (gp_covariance(gp, 2, e, c) || !(c[0] > 0) || !(c[3] > 0))
        return 0;
    double share = c[1] * c[1] / ((c[0] + noise) * c[3]);
    return -0.5 * log1p(-fmin(share, 1 - 1e-12));
}

static bool is_full(const struct model *model, const struct record *record) {
    return record->fidelity >= model->task->fidelity_max;
}

/* Sum of the leave-one-out densities of the full rows of the model's process. */
static double density_together(const struct model *model, const struct history *history) {
    const struct surrogate *surrogate = &model->quantity[0];
    const struct gp *gp = &surrogate->gp;
    double *density = malloc(((size_t)gp->points.n + 1) * sizeof *density), sum = -INFINITY;
    if (density && gp_leave_one_out(gp, density) == 0) {
        sum = 0;
        for (int i = 0; i < surrogate->rows; i++)
            if (is_full(model, &history->record[surrogate->trial[i]]))
                sum += density[i];
    }
    free(density);
    return sum;
}

/* The full rows of the model's process as points without their fidelity, and their y (rows). */
static int full_rows(const struct model *model, const struct history *history,
                     const struct gp_kernel *kernel, struct gp_points *points, double *y) {
    const struct surrogate *surrogate = &model->quantity[0];
    for (int i = 0; i < surrogate->rows; i++) {
        const struct record *record = &history->record[surrogate->trial[i]];
        double e[GP_MAX_DIMS];
        if (!is_full(model, record))
            continue;
        gp_embed(kernel, model->task->space, record->x, e);
        y[points->n] = surrogate->gp.y[i];
        if (gp_points_add(points, kernel, e))
            return -1;
    }
    return 0;
}

/* The same sum under a process of its own for n points; density (n) is room. */
static double density_alone(const struct gp_kernel *kernel, const struct gp_prior *prior,
                            const struct gp_points *points, const double *y, double *density) {
    struct gp gp;
    struct gp_theta theta;
    double sum = INFINITY;
    gp_open(&gp, kernel);
    if (gp_fit(kernel, prior, points, points->n, y, 1, 30, &theta) == 0 &&
        gp_factorise(&gp, &theta, points) == 0 && gp_condition(&gp, y) == 0 &&
        gp_leave_one_out(&gp, density) == 0) {
        sum = 0;
        for (int i = 0; i < points->n; i++)
            sum += density[i];
    }
    gp_close(&gp);
    return sum;
}

double fidelity_evidence(const struct model *model, const struct history *history) {
    struct gp_kernel kernel;
    struct gp_points points = {0};
    int rows = model->quantity[0].rows;
    gp_kernel_open(&kernel, model->task->space);
    double *y = malloc((2 * (size_t)rows + 1) * sizeof *y), evidence = -INFINITY;
    if (y && full_rows(model, history, &kernel, &points, y) == 0)
        evidence = points.n == 0 ? INFINITY
                                 : density_together(model, history) -
                                       density_alone(&kernel, &model->quantity[0].prior, &points, y,
                                                     y + rows);
    gp_points_free(&points);
    free(y);
    return isnan(evidence) ? -INFINITY : evidence;
}
