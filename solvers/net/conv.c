/* conv.c - depthwise and pointwise convolutions: the batch over threads, sums of weight gradients
 * over slices. */
#include "internal.h"

struct conv {
    struct net_shape in, out;
    struct net_window window;
    const real *x, *w, *dy;
    real *y, *dx;
    bool gradient; /* of the weights */
};

static const struct net_pre as_is = {.act = NET_IDENTITY};

/* ---- depthwise ---- */

static void dw_forward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct conv *c = job;
    struct net_range range = net_slice(c->in.n, slice);
    for (int i = range.first; i < range.end; i++)
        net->kernels->dw_forward(c->in, c->window, &as_is, c->x + net_image(c->in, i), c->w,
                                 c->y + net_image(c->out, i), scratch);
}

void net_dw_forward(struct net *net, struct net_shape in, struct net_window window, const real *x,
                    const real *w, real *y) {
    struct conv c = {in, net_window_output(in, window, in.c), window, .x = x, .w = w, .y = y};
    net_slices(net, dw_forward_slice, &c);
}

static void dw_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct conv *c = job;
    struct net_range range = net_slice(c->in.n, slice);
    real *dw = NULL;
    if (c->gradient)
        dw = net_partial_zero(net, slice, (size_t)(c->window.k * c->window.k) * (size_t)c->in.c);
    for (int i = range.first; i < range.end; i++)
        net->kernels->dw_backward(c->in, c->window, &as_is, c->x + net_image(c->in, i), c->w,
                                  c->dy + net_image(c->out, i),
                                  c->dx ? c->dx + net_image(c->in, i) : NULL, dw, NULL, scratch);
}

void net_dw_backward(struct net *net, struct net_shape in, struct net_window window, const real *x,
                     const real *w, const real *dy, real *dx, real *dw) {
    struct conv c = {in,       net_window_output(in, window, in.c),
                     window,   .x = x,
                     .w = w,   .dy = dy,
                     .dx = dx, .gradient = dw != NULL};
    net_slices(net, dw_backward_slice, &c);
    if (dw)
        net_reduce(net, in.n, 0, (size_t)(window.k * window.k) * (size_t)in.c, dw);
}

/* ---- pointwise ---- */

/* Square blocks, so that both sides stay in the cache. */
void net_transpose(int rows, int columns, const real *w, real *t) {
    enum { BLOCK = 16 };
    for (int i0 = 0; i0 < rows; i0 += BLOCK)
        for (int j0 = 0; j0 < columns; j0 += BLOCK)
            for (int j = j0; j < columns && j < j0 + BLOCK; j++)
                for (int i = i0; i < rows && i < i0 + BLOCK; i++)
                    t[(ptrdiff_t)j * rows + i] = w[(ptrdiff_t)i * columns + j];
}

void net_product(struct net *net, int m, int n, int k, const real *a, const real *b, real *c) {
    const struct net_gemm g = {m, n, k, 1, a, k, 1, 0, b, n, c, n, false};
    net->kernels->gemm(&g);
}

void net_product_outer(struct net *net, int m, int n, int k, const real *a, const real *b,
                       real *c) {
    const struct net_gemm g = {m, n, k, 1, a, 1, m, 0, b, n, c, n, true};
    net->kernels->gemm(&g);
}

static void pw_forward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct conv *c = job;
    const struct net_range range = net_slice(c->in.n, slice);
    for (int i = range.first; i < range.end; i++)
        net_product(net, c->in.h * c->in.w, c->out.c, c->in.c, c->x + net_image(c->in, i), c->w,
                    c->y + net_image(c->out, i));
}

void net_pw_forward(struct net *net, struct net_shape in, int c_out, const real *x, const real *w,
                    real *y) {
    struct conv c = {in, {in.n, in.h, in.w, c_out}, {1, 1, 1}, .x = x, .w = w, .y = y};
    net_slices(net, pw_forward_slice, &c);
}

/* w is the transposed one. */
static void pw_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct conv *c = job;
    const struct net_range range = net_slice(c->in.n, slice);
    const int pixels = c->in.h * c->in.w, c_in = c->in.c, c_out = c->out.c;
    real *dw = NULL;
    if (c->gradient)
        dw = net_partial_zero(net, slice, (size_t)c_in * (size_t)c_out);
    for (int i = range.first; i < range.end; i++) {
        const real *dy = c->dy + net_image(c->out, i);
        if (c->dx)
            net_product(net, pixels, c_in, c_out, dy, c->w, c->dx + net_image(c->in, i));
        if (dw)
            net_product_outer(net, c_in, c_out, pixels, c->x + net_image(c->in, i), dy, dw);
    }
}

void net_pw_backward(struct net *net, struct net_shape in, int c_out, const real *x, const real *w,
                     const real *dy, real *dx, real *dw) {
    struct conv c = {in,       {in.n, in.h, in.w, c_out}, {1, 1, 1},
                     .x = x,   .w = net_shared(net),      .dy = dy,
                     .dx = dx, .gradient = dw != NULL};
    if (dx)
        net_transpose(in.c, c_out, w, net_shared(net));
    net_slices(net, pw_backward_slice, &c);
    if (dw)
        net_reduce(net, in.n, 0, (size_t)in.c * (size_t)c_out, dw);
}

size_t net_dw_scratch(struct net_shape in, struct net_window window) {
    enum { WIDEST = 16 };
    const int pad = window.dilation * (window.k - 1);
    return ((size_t)(in.h + pad) * (size_t)(in.w + pad) + (size_t)(window.k * window.k)) * WIDEST;
}
