/* kernel.c - the Matern-5/2 covariance over mixed and conditional settings (kernel.h). */
#include "gp/kernel.h"
#include "fail.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 };

void gp_kernel_open(struct gp_kernel *kernel, const struct space *space) {
    *kernel = (struct gp_kernel){.n = space->n};
    for (int d = 0; d < space->n; d++) {
        const struct space_dim *dim = &space->dim[d];
        kernel->dim[d].kind = dim->kind == SPACE_CHOICE ? GP_CATEGORY : GP_NUMBER;
        kernel->dim[d].conditional = dim->parent >= 0;
        bool list = dim->kind == SPACE_LIST && dim->levels > 0;
        double from = list ? 0.5 / dim->levels : space_unit(dim, dim->lo);
        double to = list ? 1 - from : space_unit(dim, dim->hi);
        kernel->dim[d].from = to > from ? from : 0;
        kernel->dim[d].scale = to > from ? 1 / (to - from) : 1;
    }
}

static double clamp01(double u) {
    return u < 0 ? 0 : u > 1 ? 1 : u;
}

void gp_embed(const struct gp_kernel *kernel, const struct space *space, const double *x,
              double *e) {
    for (int d = 0; d < space->n; d++) {
        const struct space_dim *dim = &space->dim[d];
        if (kernel->dim[d].conditional && !space_active(space, x, d)) {
            e[d] = NAN;
            continue;
        }
        double u = clamp01(x[d]);
        if (dim->kind == SPACE_CHOICE) {
            e[d] = (double)space_level(dim, u);
            continue;
        }
        if (dim->kind == SPACE_LIST)
            u = ((double)space_level(dim, u) + 0.5) / dim->levels;
        else if (dim->kind == SPACE_INT)
            u = space_unit(dim, space_value(dim, u));
        e[d] = (u - kernel->dim[d].from) * kernel->dim[d].scale;
    }
}

int gp_points_add(struct gp_points *points, const struct gp_kernel *kernel, const double *e) {
    if (points->n == points->room) {
        int room = points->room ? 2 * points->room : 64;
        double *grown = malloc((size_t)room * (size_t)(kernel->n + 1) * sizeof *grown);
        if (!grown)
            return fail("no memory for %d points of a model", room);
        for (int d = 0; d < kernel->n && points->n; d++)
            memcpy(grown + (size_t)d * (size_t)room, points->e + (size_t)d * (size_t)points->room,
                   (size_t)points->n * sizeof *grown);
        free(points->e);
        points->e = grown;
        points->room = room;
    }
    for (int d = 0; d < kernel->n; d++)
        points->e[(size_t)d * (size_t)points->room + (size_t)points->n] = e[d];
    points->n++;
    return 0;
}

void gp_points_get(const struct gp_points *points, const struct gp_kernel *kernel, int i,
                   double *e) {
    for (int d = 0; d < kernel->n; d++)
        e[d] = points->e[(size_t)d * (size_t)points->room + (size_t)i];
}

void gp_points_free(struct gp_points *points) {
    free(points->e);
    *points = (struct gp_points){0};
}

double gp_delta2(const struct gp_kernel *kernel, int d, double a, double b) {
    if (kernel->dim[d].conditional && (isnan(a) || isnan(b)))
        return isnan(a) && isnan(b) ? 0 : 1;
    if (kernel->dim[d].kind == GP_CATEGORY)
        return a == b ? 0 : 1;
    if (kernel->dim[d].conditional)
        return 4 * sin((a - b) / 2) * sin((a - b) / 2);
    return (a - b) * (a - b);
}

void gp_kernel_row(const struct gp_kernel *kernel, const struct gp_theta *theta,
                   const struct gp_points *points, int n, const double *e, double *k, double *g) {
    double weight[GP_MAX_DIMS], signal = exp(theta->log_signal);
    for (int d = 0; d < kernel->n; d++)
        weight[d] = exp(-2 * theta->log_length[d]);
    for (int start = 0; start < n; start += BLOCK) {
        int m = n - start < BLOCK ? n - start : BLOCK;
        double r2[BLOCK] = {0};
        for (int d = 0; d < kernel->n; d++) {
            const double *b = points->e + (size_t)d * (size_t)points->room + start;
            double a = e[d], w = weight[d];
            if (kernel->dim[d].kind == GP_NUMBER && !kernel->dim[d].conditional)
                for (int j = 0; j < m; j++)
                    r2[j] += w * (a - b[j]) * (a - b[j]);
            else
                for (int j = 0; j < m; j++)
                    r2[j] += w * gp_delta2(kernel, d, a, b[j]);
        }
        for (int j = 0; j < m; j++) {
            double q = sqrt(5 * r2[j]), decay = signal * exp(-q);
            k[start + j] = decay * (1 + q + q * q / 3);
            if (g)
                g[start + j] = decay * (1 + q) * (5.0 / 3);
        }
    }
}

void gp_kernel_slope(const struct gp_kernel *kernel, const struct gp_points *points, int n, int d,
                     double a, double *slope) {
    const double *b = points->e + (size_t)d * (size_t)points->room;
    if (!kernel->dim[d].conditional) {
        for (int j = 0; j < n; j++)
            slope[j] = a - b[j];
        return;
    }
    for (int j = 0; j < n; j++)
        slope[j] = isnan(a) || isnan(b[j]) ? 0 : sin(a - b[j]);
}
