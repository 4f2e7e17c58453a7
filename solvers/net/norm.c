/* norm.c - batch norm with an activation behind it (Ioffe & Szegedy, ICML 2015). Statistics: each
 * slice sums its values less those of its first pixel, so that a large mean costs no digits; the
 * slices' means and squared deviations are merged in double (Chan, Golub & LeVeque 1979). */
#include "internal.h"
#include <math.h>
#include <string.h>

struct bn {
    struct net_shape shape;
    enum net_act act;
    const real *x, *dy;
    real *y; /* or dx */
    const real *scale, *offset, *mean, *inverse, *sum, *dot;
};

static size_t pixels_of(struct net_shape shape, int images) {
    return (size_t)shape.h * (size_t)shape.w * (size_t)images;
}

static size_t slice_start(struct net_shape shape, struct net_range range) {
    return pixels_of(shape, range.first) * (size_t)shape.c;
}

static void bn_sums_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct bn *b = job;
    const struct net_range range = net_slice(b->shape.n, slice);
    const int c = b->shape.c;
    real *sums = net_partial_zero(net, slice, 2 * (size_t)c);
    if (range.first == range.end)
        return;
    const real *x = b->x + slice_start(b->shape, range);
    net->kernels->bn_sums(pixels_of(b->shape, range.end - range.first), c, x, x, sums, sums + c);
}

/* Merges channel j of all slices: mean and biased variance. */
static void bn_merge(struct net *net, const struct bn *b, int j, double *mean, double *variance) {
    const int c = b->shape.c;
    double count = 0, centre = 0, deviation = 0;
    for (int slice = 0; slice < NET_SLICES; slice++) {
        const struct net_range range = net_slice(b->shape.n, slice);
        if (range.first == range.end)
            continue;
        const real *sums = net_partial(net, slice);
        const double n = (double)pixels_of(b->shape, range.end - range.first);
        const double first = b->x[slice_start(b->shape, range) + (size_t)j];
        const double at = first + sums[j] / n;
        const double squares = sums[c + j] - (double)sums[j] * sums[j] / n;
        const double delta = at - centre;
        deviation += squares + delta * delta * count * n / (count + n);
        centre += delta * n / (count + n);
        count += n;
    }
    *mean = centre;
    *variance = fmax(deviation / count, 0) + 0 * deviation; /* keeps NaN */
}

static void bn_apply_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct bn *b = job;
    const struct net_range range = net_slice(b->shape.n, slice);
    const size_t start = slice_start(b->shape, range);
    net->kernels->bn_apply(pixels_of(b->shape, range.end - range.first), b->shape.c, b->act,
                           b->x + start, b->scale, b->offset, b->y + start);
}

/* act(scale x + offset) = act(gamma (x - mean) inverse + beta). */
static void bn_affine(int c, const real *gamma, const real *beta, const real *mean,
                      const real *inverse, real *scale, real *offset) {
    for (int j = 0; j < c; j++) {
        scale[j] = (gamma ? gamma[j] : 1) * inverse[j];
        offset[j] = (beta ? beta[j] : 0) - mean[j] * scale[j];
    }
}

/* Small arrays by channel, behind the slices' partial sums of a batch norm (2C each). */
static real *bn_table(struct net *net, int c, int which) {
    return net_partial(net, 0) + (size_t)(2 + which) * (size_t)c;
}

void net_bn_forward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                    const real *gamma, const real *beta, real eps, real *mean, real *inverse,
                    real *y) {
    struct bn b = {shape, act, .x = x, .y = y};
    net_slices(net, bn_sums_slice, &b);
    for (int j = 0; j < shape.c; j++) {
        double centre, variance;
        bn_merge(net, &b, j, &centre, &variance);
        mean[j] = (real)centre;
        inverse[j] = (real)(1 / sqrt(variance + eps));
    }
    real *scale = bn_table(net, shape.c, 0), *offset = bn_table(net, shape.c, 1);
    bn_affine(shape.c, gamma, beta, mean, inverse, scale, offset);
    b.scale = scale, b.offset = offset;
    net_slices(net, bn_apply_slice, &b);
}

void net_bn_again(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                  const real *gamma, const real *beta, const real *mean, const real *inverse,
                  real *y) {
    real *scale = bn_table(net, shape.c, 0), *offset = bn_table(net, shape.c, 1);
    bn_affine(shape.c, gamma, beta, mean, inverse, scale, offset);
    struct bn b = {shape, act, .x = x, .y = y, .scale = scale, .offset = offset};
    net_slices(net, bn_apply_slice, &b);
}

static void bn_backward_sums_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct bn *b = job;
    const struct net_range range = net_slice(b->shape.n, slice);
    const size_t start = slice_start(b->shape, range);
    real *sums = net_partial_zero(net, slice, 2 * (size_t)b->shape.c);
    net->kernels->bn_backward_sums(pixels_of(b->shape, range.end - range.first), b->shape.c, b->act,
                                   b->x + start, b->dy + start, b->scale, b->offset, b->mean,
                                   b->inverse, sums, sums + b->shape.c);
}

static void bn_backward_apply_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct bn *b = job;
    const struct net_range range = net_slice(b->shape.n, slice);
    const size_t start = slice_start(b->shape, range);
    net->kernels->bn_backward_apply(pixels_of(b->shape, range.end - range.first), b->shape.c,
                                    b->act, b->x + start, b->dy + start, b->scale, b->offset,
                                    b->mean, b->inverse, b->sum, b->dot, b->y + start);
}

/* Adds the slices' sums: into the gradients, and divided by the count into sum and dot. */
static void bn_backward_merge(struct net *net, struct net_shape shape, real *sum, real *dot,
                              real *dgamma, real *dbeta) {
    const double count = (double)pixels_of(shape, shape.n);
    for (int j = 0; j < shape.c; j++) {
        double a = 0, d = 0;
        for (int slice = 0; slice < NET_SLICES; slice++) {
            const real *sums = net_partial(net, slice);
            a += sums[j];
            d += sums[shape.c + j];
        }
        if (dbeta)
            dbeta[j] += (real)a;
        if (dgamma)
            dgamma[j] += (real)d;
        sum[j] = (real)(a / count);
        dot[j] = (real)(d / count);
    }
}

void net_bn_backward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                     const real *gamma, const real *beta, const real *mean, const real *inverse,
                     const real *dy, real *dx, real *dgamma, real *dbeta) {
    real *scale = bn_table(net, shape.c, 0), *offset = bn_table(net, shape.c, 1);
    real *sum = bn_table(net, shape.c, 2), *dot = bn_table(net, shape.c, 3);
    bn_affine(shape.c, gamma, beta, mean, inverse, scale, offset);
    struct bn b = {shape,
                   act,
                   .x = x,
                   .dy = dy,
                   .y = dx,
                   .scale = scale,
                   .offset = offset,
                   .mean = mean,
                   .inverse = inverse,
                   .sum = sum,
                   .dot = dot};
    net_slices(net, bn_backward_sums_slice, &b);
    bn_backward_merge(net, shape, sum, dot, dgamma, dbeta);
    if (dx)
        net_slices(net, bn_backward_apply_slice, &b);
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
    real *scale = bn_table(net, shape.c, 0), *offset = bn_table(net, shape.c, 1);
    for (int j = 0; j < shape.c; j++)
        scale[j] = (real)(1 / sqrt((double)running_var[j] + eps));
    bn_affine(shape.c, gamma, beta, running_mean, scale, scale, offset);
    struct bn b = {shape, act, .x = x, .y = y, .scale = scale, .offset = offset};
    net_slices(net, bn_apply_slice, &b);
}
