/* gated_se.c - squeeze-and-excitation (Hu, Shen & Sun, "Squeeze-and-Excitation Networks", CVPR
 * 2018), without biases, mixed with the identity as a searched operation needs it (net.h). */
#include "internal.h"
#include <math.h>
#include <string.h>

void net_gated_se_plan(struct net_gated_se *se, struct net_arena *arena) {
    size_t n = (size_t)se->in.n, c = (size_t)se->in.c;
    se->pooled = net_arena_take(arena, n * c);
    se->hidden = net_arena_take(arena, n * (size_t)se->width);
    se->gate = net_arena_take(arena, n * c);
}

struct pass {
    struct net_gated_se *se;
    const real *x, *squeeze, *excite, *dy;
    real *y, *dx;
};

static size_t pixels_of(const struct net_gated_se *se) {
    return (size_t)se->in.h * (size_t)se->in.w;
}

static void fill(real *v, int count, real value) {
    for (int i = 0; i < count; i++)
        v[i] = value;
}

/* The factor of each channel of an image: 1 + mix (gate - 1), 0 from `live` on. */
static void factors(const struct net_gated_se *se, const real *gate, int live, real *factor) {
    for (int c = 0; c < se->in.c; c++)
        factor[c] = c < live ? 1 + se->mix * (gate[c] - 1) : 0;
}

static void forward_image(struct net *net, const struct pass *p, int image, real *scratch) {
    const struct net_gated_se *se = p->se;
    const struct net_kernels *kernels = net->kernels;
    int c = se->in.c, width = se->width;
    real *pooled = se->pooled + image * c, *hidden = se->hidden + image * width;
    real *gate = se->gate + image * c, *factor = scratch, *zero = scratch + c;
    const real *x = p->x + net_image(se->in, image);
    kernels->pixel_sum(pixels_of(se), c, (real)1 / (real)pixels_of(se), x, pooled);
    fill(pooled + se->live, c - se->live, 0);
    fill(gate, c, 0);
    for (int r = 0; r < width; r++) {
        hidden[r] = (real)kernels->dot((size_t)c, pooled, p->squeeze + r * c);
        if (hidden[r] > 0)
            kernels->accumulate((size_t)c, hidden[r], p->excite + r * c, gate);
    }
    for (int i = 0; i < c; i++)
        gate[i] = (real)(1 / (1 + exp(-(double)gate[i])));
    factors(se, gate, se->live, factor);
    fill(zero, c, 0);
    kernels->bn_apply(pixels_of(se), c, NET_IDENTITY, x, factor, zero,
                      p->y + net_image(se->in, image));
}

static void forward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_range range = net_slice(p->se->in.n, slice);
    for (int image = range.first; image < range.end; image++)
        forward_image(net, p, image, scratch);
}

void net_gated_se_forward(struct net *net, struct net_gated_se *se, const real *x,
                          const real *squeeze, const real *excite, real *y) {
    struct pass p = {.se = se, .x = x, .squeeze = squeeze, .excite = excite, .y = y};
    net_slices(net, forward_slice, &p);
}

/* partial: gradients of squeeze (R,C), of excite (R,C), of mix (1). */
static void backward_image(struct net *net, const struct pass *p, int image, real *scratch,
                           real *partial) {
    const struct net_gated_se *se = p->se;
    const struct net_kernels *kernels = net->kernels;
    int c = se->in.c, width = se->width;
    const real *x = p->x + net_image(se->in, image), *dy = p->dy + net_image(se->in, image);
    const real *pooled = se->pooled + image * c, *hidden = se->hidden + image * width;
    const real *gate = se->gate + image * c;
    real *one = scratch, *zero = one + c, *sum = zero + c, *dot = sum + c, *factor = dot + c;
    real *d_pooled = factor + c, *d_excited = d_pooled + c;
    fill(one, c, 1);
    fill(zero, 4 * c, 0); /* zero, sum, dot, factor */
    fill(d_pooled, c, 0);
    kernels->bn_backward_sums(pixels_of(se), c, NET_IDENTITY, x, dy, one, zero, zero, one, sum,
                              dot);
    for (int i = 0; i < c; i++) { /* dot = the gradient of the channel's factor */
        bool live = i < se->live;
        if (live)
            partial[2 * width * c] += dot[i] * (gate[i] - 1);
        d_excited[i] = live ? dot[i] * se->mix * gate[i] * (1 - gate[i]) : 0;
    }
    for (int r = 0; r < width; r++) {
        if (!(hidden[r] >= 0)) /* 0, as a masked row leaves it, counts as open: see net.h */
            continue;
        real d_hidden = (real)kernels->dot((size_t)c, d_excited, p->excite + r * c);
        kernels->accumulate((size_t)c, hidden[r], d_excited, partial + (width + r) * c);
        kernels->accumulate((size_t)c, d_hidden, pooled, partial + r * c);
        kernels->accumulate((size_t)c, d_hidden, p->squeeze + r * c, d_pooled);
    }
    factors(se, gate, c, factor); /* dead channels too: straight through */
    for (int i = 0; i < c; i++)
        d_pooled[i] = i < se->live ? d_pooled[i] / (real)pixels_of(se) : 0;
    kernels->bn_apply(pixels_of(se), c, NET_IDENTITY, dy, factor, d_pooled,
                      p->dx + net_image(se->in, image));
}

static void backward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_range range = net_slice(p->se->in.n, slice);
    real *partial =
        net_partial_zero(net, slice, 2 * (size_t)p->se->width * (size_t)p->se->in.c + 1);
    for (int image = range.first; image < range.end; image++)
        backward_image(net, p, image, scratch, partial);
}

void net_gated_se_backward(struct net *net, struct net_gated_se *se, const real *x,
                           const real *squeeze, const real *excite, const real *dy, real *dx,
                           real *dsqueeze, real *dexcite, double *dmix) {
    struct pass p = {.se = se, .x = x, .squeeze = squeeze, .excite = excite, .dy = dy, .dx = dx};
    size_t count = (size_t)se->width * (size_t)se->in.c;
    real mix = 0;
    net_slices(net, backward_slice, &p);
    net_reduce(net, se->in.n, 0, count, dsqueeze);
    net_reduce(net, se->in.n, count, count, dexcite);
    net_reduce(net, se->in.n, 2 * count, 1, &mix);
    *dmix = (double)mix;
}
