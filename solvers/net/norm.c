/* norm.c - batch norm with an activation behind it (Ioffe & Szegedy, ICML 2015), in parts and
 * whole. Statistics: each slice sums its values less those of its first pixel, so that a large mean
 * costs no digits; the slices' means and squared deviations are merged in double (Chan, Golub &
 * LeVeque 1979). */
#include "internal.h"
#include <math.h>
#include <string.h>

void net_norm_tables(struct net_norm *norm, real *memory) {
    const ptrdiff_t c = norm->shape.c;
    norm->scale = memory;
    norm->offset = memory + c;
    norm->sum = memory + 2 * c;
    norm->dot = memory + 3 * c;
}

static size_t image_pixels(struct net_shape shape) {
    return (size_t)shape.h * (size_t)shape.w;
}

void net_norm_clear(struct net *net, const struct net_norm *norm, int slice) {
    net_partial_zero(net, slice, 2 * (size_t)norm->shape.c);
}

void net_norm_add(struct net *net, const struct net_norm *norm, int slice, int image,
                  const real *x) {
    real *sums = net_partial(net, slice);
    const int first = net_slice(norm->shape.n, slice).first;
    net->kernels->bn_sums(image_pixels(norm->shape), norm->shape.c,
                          x + net_image(norm->shape, image), x + net_image(norm->shape, first),
                          sums, sums + norm->shape.c);
}

/* Merges channel j of all slices: mean and biased variance. */
static void merge(struct net *net, const struct net_norm *norm, const real *x, int j, double *mean,
                  double *variance) {
    double count = 0, centre = 0, deviation = 0;
    for (int slice = 0; slice < NET_SLICES; slice++) {
        const struct net_range range = net_slice(norm->shape.n, slice);
        if (range.first == range.end)
            continue;
        const real *sums = net_partial(net, slice);
        const double sum = sums[j], squares = sums[norm->shape.c + j];
        const double n = (double)(range.end - range.first) * (double)image_pixels(norm->shape);
        const double shift = x[net_image(norm->shape, range.first) + j];
        const double delta = shift + sum / n - centre;
        deviation += squares - sum * sum / n + delta * delta * count * n / (count + n);
        centre += delta * n / (count + n);
        count += n;
    }
    *mean = centre;
    *variance = deviation < 0 ? 0 : deviation / count; /* NaN stays */
}

void net_norm_reopen(struct net_norm *norm, const real *gamma, const real *beta) {
    for (int j = 0; j < norm->shape.c; j++) {
        norm->scale[j] = (gamma ? gamma[j] : 1) * norm->inverse[j];
        norm->offset[j] = (beta ? beta[j] : 0) - norm->mean[j] * norm->scale[j];
    }
}

void net_norm_close(struct net *net, struct net_norm *norm, const real *x, const real *gamma,
                    const real *beta, real eps) {
    for (int j = 0; j < norm->shape.c; j++) {
        double mean, variance;
        merge(net, norm, x, j, &mean, &variance);
        norm->mean[j] = (real)mean;
        norm->inverse[j] = (real)(1 / sqrt(variance + eps));
    }
    net_norm_reopen(norm, gamma, beta);
}

void net_norm_apply(struct net *net, const struct net_norm *norm, const real *x, real *y) {
    net->kernels->bn_apply(image_pixels(norm->shape), norm->shape.c, norm->act, x, norm->scale,
                           norm->offset, y);
}

void net_norm_add_backward(struct net *net, const struct net_norm *norm, int slice, const real *x,
                           const real *dy) {
    real *sums = net_partial(net, slice);
    net->kernels->bn_backward_sums(image_pixels(norm->shape), norm->shape.c, norm->act, x, dy,
                                   norm->scale, norm->offset, norm->mean, norm->inverse, sums,
                                   sums + norm->shape.c);
}

void net_norm_close_backward(struct net *net, struct net_norm *norm, real *dgamma, real *dbeta) {
    const int c = norm->shape.c;
    const double count = (double)image_pixels(norm->shape) * norm->shape.n;
    for (int j = 0; j < c; j++) {
        double sum = 0, dot = 0;
        for (int slice = 0; slice < NET_SLICES; slice++) {
            const real *sums = net_partial(net, slice);
            sum += sums[j];
            dot += sums[c + j];
        }
        if (dbeta)
            dbeta[j] += (real)sum;
        if (dgamma)
            dgamma[j] += (real)dot;
        norm->sum[j] = (real)(sum / count);
        norm->dot[j] = (real)(dot / count);
    }
}

void net_norm_apply_backward(struct net *net, const struct net_norm *norm, const real *x,
                             const real *dy, real *dx) {
    net->kernels->bn_backward_apply(image_pixels(norm->shape), norm->shape.c, norm->act, x, dy,
                                    norm->scale, norm->offset, norm->mean, norm->inverse, norm->sum,
                                    norm->dot, dx);
}

/* ---- whole ---- */

struct bn {
    struct net_norm norm;
    const real *x, *dy;
    real *y; /* or dx */
};

static void sums_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct bn *b = job;
    const struct net_range range = net_slice(b->norm.shape.n, slice);
    net_norm_clear(net, &b->norm, slice);
    for (int i = range.first; i < range.end; i++)
        net_norm_add(net, &b->norm, slice, i, b->x);
}

static void apply_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct bn *b = job;
    const struct net_range range = net_slice(b->norm.shape.n, slice);
    for (int i = range.first; i < range.end; i++)
        net_norm_apply(net, &b->norm, b->x + net_image(b->norm.shape, i),
                       b->y + net_image(b->norm.shape, i));
}

void net_bn_forward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                    const real *gamma, const real *beta, real eps, real *mean, real *inverse,
                    real *y) {
    struct bn b = {{shape, act, .mean = mean, .inverse = inverse}, .x = x, .y = y};
    net_norm_tables(&b.norm, net_shared(net));
    net_slices(net, sums_slice, &b);
    net_norm_close(net, &b.norm, x, gamma, beta, eps);
    net_slices(net, apply_slice, &b);
}

/* The statistics are only read, but the structure also serves where they are written. */
static struct bn bn_reopen(struct net *net, struct net_shape shape, enum net_act act,
                           const real *gamma, const real *beta, const real *mean,
                           const real *inverse) {
    struct bn b = {.norm = {shape, act, .mean = (real *)(uintptr_t)mean,
                            .inverse = (real *)(uintptr_t)inverse},
                   .x = NULL};
    net_norm_tables(&b.norm, net_shared(net));
    net_norm_reopen(&b.norm, gamma, beta);
    return b;
}

void net_bn_again(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                  const real *gamma, const real *beta, const real *mean, const real *inverse,
                  real *y) {
    struct bn b = bn_reopen(net, shape, act, gamma, beta, mean, inverse);
    b.x = x, b.y = y;
    net_slices(net, apply_slice, &b);
}

static void sums_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct bn *b = job;
    const struct net_range range = net_slice(b->norm.shape.n, slice);
    net_norm_clear(net, &b->norm, slice);
    for (int i = range.first; i < range.end; i++)
        net_norm_add_backward(net, &b->norm, slice, b->x + net_image(b->norm.shape, i),
                              b->dy + net_image(b->norm.shape, i));
}

static void apply_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct bn *b = job;
    const struct net_range range = net_slice(b->norm.shape.n, slice);
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(b->norm.shape, i);
        net_norm_apply_backward(net, &b->norm, b->x + at, b->dy + at, b->y + at);
    }
}

void net_bn_backward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                     const real *gamma, const real *beta, const real *mean, const real *inverse,
                     const real *dy, real *dx, real *dgamma, real *dbeta) {
    struct bn b = bn_reopen(net, shape, act, gamma, beta, mean, inverse);
    b.x = x, b.dy = dy, b.y = dx;
    net_slices(net, sums_backward_slice, &b);
    net_norm_close_backward(net, &b.norm, dgamma, dbeta);
    if (dx)
        net_slices(net, apply_backward_slice, &b);
}

void net_bn_track(int c, const real *mean, const real *inverse, real eps, long samples,
                  real momentum, real *running_mean, real *running_var) {
    const double unbias = samples > 1 ? (double)samples / (double)(samples - 1) : 1;
    for (int j = 0; j < c; j++) {
        double variance = (1 / ((double)inverse[j] * inverse[j]) - eps) * unbias;
        running_mean[j] = momentum * running_mean[j] + (1 - momentum) * mean[j];
        running_var[j] =
            momentum * running_var[j] + (1 - momentum) * (real)(variance < 0 ? 0 : variance);
    }
}

void net_bn_evaluate(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                     const real *gamma, const real *beta, real eps, const real *running_mean,
                     const real *running_var, real *y) {
    real *inverse = net_shared(net) + (ptrdiff_t)NET_NORM_TABLES * shape.c;
    for (int j = 0; j < shape.c; j++)
        inverse[j] = (real)(1 / sqrt((double)running_var[j] + eps));
    struct bn b = bn_reopen(net, shape, act, gamma, beta, running_mean, inverse);
    b.x = x, b.y = y;
    net_slices(net, apply_slice, &b);
}
