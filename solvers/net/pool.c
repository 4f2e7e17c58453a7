/* pool.c - 3x3 pooling, and squeeze-and-excitation. */
#include "internal.h"
#include <math.h>

struct pool {
    struct net_shape in, out;
    int stride;
    bool largest;
    const real *x, *dy;
    real *y;
};

static void forward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct pool *p = job;
    const struct net_range range = net_slice(p->in.n, slice);
    for (int i = range.first; i < range.end; i++)
        net->kernels->pool_forward(p->in, p->stride, p->largest, p->x + net_image(p->in, i),
                                   p->y + net_image(p->out, i), scratch);
}

void net_pool_forward(struct net *net, struct net_shape in, int stride, bool largest, const real *x,
                      real *y) {
    struct pool p = {in,     net_window_output(in, (struct net_window){3, stride, 1}, in.c),
                     stride, largest,
                     .x = x, .y = y};
    net_slices(net, forward_slice, &p);
}

static void backward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct pool *p = job;
    const struct net_range range = net_slice(p->in.n, slice);
    for (int i = range.first; i < range.end; i++)
        net->kernels->pool_backward(p->in, p->stride, p->largest, p->x + net_image(p->in, i),
                                    p->dy + net_image(p->out, i), p->y + net_image(p->in, i),
                                    scratch);
}

void net_pool_backward(struct net *net, struct net_shape in, int stride, bool largest,
                       const real *x, const real *dy, real *dx) {
    struct pool p = {in,     net_window_output(in, (struct net_window){3, stride, 1}, in.c),
                     stride, largest,
                     .x = x, .dy = dy,
                     .y = dx};
    net_slices(net, backward_slice, &p);
}

/* ---- squeeze-and-excitation ---- */

struct excite {
    struct net_shape shape;
    const real *x, *dy, *gate, *dpooled;
    real *y, *dgate;
};

static void gate_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct excite *e = job;
    const struct net_range range = net_slice(e->shape.n, slice);
    const int c = e->shape.c;
    for (int j = 0; j < c; j++)
        scratch[j] = 0;
    for (int i = range.first; i < range.end; i++)
        net->kernels->bn_apply((size_t)(e->shape.h * e->shape.w), c, NET_IDENTITY,
                               e->x + net_image(e->shape, i), e->gate + (ptrdiff_t)i * c, scratch,
                               e->y + net_image(e->shape, i));
}

void net_se_forward(struct net *net, struct net_shape shape, int reduced, const struct net_se *se,
                    const real *x, real *y) {
    const struct net_shape hidden = {shape.n, 1, 1, reduced};
    struct excite e = {shape, .x = x, .gate = se->gate, .y = y};
    net_gap_forward(net, shape, x, se->pooled);
    net_linear_forward(net, shape.n, shape.c, reduced, se->pooled, se->w1, se->b1, se->hidden);
    net_act_forward(net, hidden, NET_RELU, se->hidden, se->hidden);
    net_linear_forward(net, shape.n, reduced, shape.c, se->hidden, se->w2, se->b2, se->gate);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)shape.n * shape.c; i++)
        se->gate[i] = 1 / (1 + (real)exp(-se->gate[i]));
    net_slices(net, gate_slice, &e);
}

/* dgate = sum over pixels of x dy. */
static void gate_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct excite *e = job;
    const struct net_range range = net_slice(e->shape.n, slice);
    const size_t image = (size_t)net_image(e->shape, 1);
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(e->shape, i);
        net->kernels->multiply(image, e->x + at, e->dy + at, scratch);
        net->kernels->pixel_sum((size_t)(e->shape.h * e->shape.w), e->shape.c, 1, scratch,
                                e->dgate + (ptrdiff_t)i * e->shape.c);
    }
}

/* dx = dy * gate + dpooled / pixels. */
static void input_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct excite *e = job;
    const struct net_range range = net_slice(e->shape.n, slice);
    const int c = e->shape.c, pixels = e->shape.h * e->shape.w;
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(e->shape, i);
        for (int j = 0; j < c; j++)
            scratch[j] = e->dpooled[(ptrdiff_t)i * c + j] / (real)pixels;
        net->kernels->bn_apply((size_t)pixels, c, NET_IDENTITY, e->dy + at,
                               e->gate + (ptrdiff_t)i * c, scratch, e->y + at);
    }
}

void net_se_backward(struct net *net, struct net_shape shape, int reduced, const struct net_se *se,
                     const real *x, const real *dy, real *work, real *dx,
                     const struct net_se_gradient *gradient) {
    const struct net_shape hidden = {shape.n, 1, 1, reduced};
    const ptrdiff_t gates = (ptrdiff_t)shape.n * shape.c;
    real *dgate = work, *dpooled = work + gates, *dhidden = work + 2 * gates;
    struct excite e = {shape, x, dy, se->gate, dpooled, dx, dgate};
    net_slices(net, gate_backward_slice, &e);
    for (ptrdiff_t i = 0; i < gates; i++)
        dgate[i] *= se->gate[i] * (1 - se->gate[i]);
    net_linear_backward(net, shape.n, reduced, shape.c, se->hidden, se->w2, dgate, dhidden,
                        gradient->w2, gradient->b2);
    net_act_backward(net, hidden, NET_RELU, se->hidden, dhidden, dhidden);
    net_linear_backward(net, shape.n, shape.c, reduced, se->pooled, se->w1, dhidden, dpooled,
                        gradient->w1, gradient->b1);
    net_slices(net, input_backward_slice, &e);
}
