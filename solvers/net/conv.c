/* conv.c - dense, depthwise and pointwise convolutions: the batch over threads, sums of weight
 * gradients over slices. Dense ones gather the windows of one output row (im2col) and multiply. */
#include "internal.h"
#include <string.h>

struct conv {
    struct net_shape in, out;
    struct net_window window;
    const real *x, *w, *dy;
    real *y, *dx;
    bool gradient; /* of the weights */
};

static size_t image(struct net_shape shape) {
    return (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}

/* ---- depthwise ---- */

static void dw_forward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct conv *c = job;
    struct net_range range = net_slice(c->in.n, slice);
    for (size_t i = (size_t)range.first; i < (size_t)range.end; i++)
        net->kernels->dw_forward(c->in, c->window, c->x + i * image(c->in), c->w,
                                 c->y + i * image(c->out), scratch);
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
    for (size_t i = (size_t)range.first; i < (size_t)range.end; i++)
        net->kernels->dw_backward(c->in, c->window, c->x + i * image(c->in), c->w,
                                  c->dy + i * image(c->out),
                                  c->dx ? c->dx + i * image(c->in) : NULL, dw, scratch);
}

void net_dw_backward(struct net *net, struct net_shape in, struct net_window window, const real *x,
                     const real *w, const real *dy, real *dx, real *dw) {
    struct conv c = {in,       net_window_output(in, window, in.c),
                     window,   .x = x,
                     .w = w,   .dy = dy,
                     .dx = dx, .gradient = dw != NULL};
    net_slices(net, dw_backward_slice, &c);
    if (dw)
        net_reduce(net, in.n, (size_t)(window.k * window.k) * (size_t)in.c, dw);
}

/* ---- pointwise ---- */

static void pw_forward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct conv *c = job;
    struct net_range range = net_slice(c->in.n, slice);
    for (size_t i = (size_t)range.first; i < (size_t)range.end; i++)
        net->kernels->gemm(c->in.h * c->in.w, c->out.c, c->in.c, c->x + i * image(c->in), c->in.c,
                           1, c->w, c->out.c, c->y + i * image(c->out), c->out.c, false);
}

void net_pw_forward(struct net *net, struct net_shape in, int c_out, const real *x, const real *w,
                    real *y) {
    struct conv c = {in, {in.n, in.h, in.w, c_out}, {1, 1, 1}, .x = x, .w = w, .y = y};
    net_slices(net, pw_forward_slice, &c);
}

/* w (rows,columns) -> t (columns,rows). */
static void transpose(int rows, int columns, const real *w, real *t) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            t[(size_t)j * (size_t)rows + (size_t)i] = w[(size_t)i * (size_t)columns + (size_t)j];
}

static void pw_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct conv *c = job;
    const struct net_range range = net_slice(c->in.n, slice);
    const int pixels = c->in.h * c->in.w, c_in = c->in.c, c_out = c->out.c;
    real *dw = NULL;
    if (c->gradient)
        dw = net_partial_zero(net, slice, (size_t)c_in * (size_t)c_out);
    if (c->dx && range.first < range.end)
        transpose(c_in, c_out, c->w, scratch);
    for (size_t i = (size_t)range.first; i < (size_t)range.end; i++) {
        const real *dy = c->dy + i * image(c->out);
        if (c->dx)
            net->kernels->gemm(pixels, c_in, c_out, dy, c_out, 1, scratch, c_in,
                               c->dx + i * image(c->in), c_in, false);
        if (dw)
            net->kernels->gemm(c_in, c_out, pixels, c->x + i * image(c->in), 1, c_in, dy, c_out, dw,
                               c_out, true);
    }
}

void net_pw_backward(struct net *net, struct net_shape in, int c_out, const real *x, const real *w,
                     const real *dy, real *dx, real *dw) {
    struct conv c = {in,       {in.n, in.h, in.w, c_out}, {1, 1, 1}, .x = x, .w = w, .dy = dy,
                     .dx = dx, .gradient = dw != NULL};
    net_slices(net, pw_backward_slice, &c);
    if (dw)
        net_reduce(net, in.n, (size_t)in.c * (size_t)c_out, dw);
}

/* ---- dense ---- */

/* The windows of output row `row` of one image as a matrix: patch (W', k*k*Cin). */
static void conv_gather(const struct conv *c, const real *x, int row, real *patch) {
    const int k = c->window.k, d = c->window.dilation, s = c->window.stride;
    const int pad = d * (k - 1) / 2, channels = c->in.c;
    for (int j = 0; j < c->out.w; j++)
        for (int ky = 0; ky < k; ky++)
            for (int kx = 0; kx < k; kx++, patch += channels) {
                int h = row * s + ky * d - pad, w = j * s + kx * d - pad;
                if (h < 0 || h >= c->in.h || w < 0 || w >= c->in.w)
                    memset(patch, 0, (size_t)channels * sizeof(real));
                else
                    memcpy(patch, x + ((ptrdiff_t)h * c->in.w + w) * channels,
                           (size_t)channels * sizeof(real));
            }
}

/* The transpose of conv_gather: adds the patches to dx. */
static void conv_scatter(const struct conv *c, const real *patch, int row, real *dx) {
    const int k = c->window.k, d = c->window.dilation, s = c->window.stride;
    const int pad = d * (k - 1) / 2, channels = c->in.c;
    for (int j = 0; j < c->out.w; j++)
        for (int ky = 0; ky < k; ky++)
            for (int kx = 0; kx < k; kx++, patch += channels) {
                int h = row * s + ky * d - pad, w = j * s + kx * d - pad;
                if (h < 0 || h >= c->in.h || w < 0 || w >= c->in.w)
                    continue;
                real *to = dx + ((ptrdiff_t)h * c->in.w + w) * channels;
                for (int i = 0; i < channels; i++)
                    to[i] += patch[i];
            }
}

static int conv_depth(const struct conv *c) {
    return c->window.k * c->window.k * c->in.c;
}

static void conv_forward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct conv *c = job;
    const struct net_range range = net_slice(c->in.n, slice);
    const int depth = conv_depth(c);
    for (size_t i = (size_t)range.first; i < (size_t)range.end; i++)
        for (int row = 0; row < c->out.h; row++) {
            real *y = c->y + i * image(c->out) + (ptrdiff_t)row * c->out.w * c->out.c;
            conv_gather(c, c->x + i * image(c->in), row, scratch);
            net->kernels->gemm(c->out.w, c->out.c, depth, scratch, depth, 1, c->w, c->out.c, y,
                               c->out.c, false);
        }
}

void net_conv_forward(struct net *net, struct net_shape in, struct net_window window, int c_out,
                      const real *x, const real *w, real *y) {
    struct conv c = {in, net_window_output(in, window, c_out), window, .x = x, .w = w, .y = y};
    net_slices(net, conv_forward_slice, &c);
}

static void conv_backward_image(struct net *net, const struct conv *c, size_t i, real *dw,
                                const real *turned, real *patch) {
    const int depth = conv_depth(c), c_out = c->out.c;
    real *dx = c->dx ? c->dx + i * image(c->in) : NULL;
    if (dx)
        memset(dx, 0, image(c->in) * sizeof(real));
    for (int row = 0; row < c->out.h; row++) {
        const real *dy = c->dy + i * image(c->out) + (ptrdiff_t)row * c->out.w * c_out;
        if (dw) {
            conv_gather(c, c->x + i * image(c->in), row, patch);
            net->kernels->gemm(depth, c_out, c->out.w, patch, 1, depth, dy, c_out, dw, c_out, true);
        }
        if (dx) {
            net->kernels->gemm(c->out.w, depth, c_out, dy, c_out, 1, turned, depth, patch, depth,
                               false);
            conv_scatter(c, patch, row, dx);
        }
    }
}

static void conv_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct conv *c = job;
    const struct net_range range = net_slice(c->in.n, slice);
    const int depth = conv_depth(c);
    const size_t weights = (size_t)depth * (size_t)c->out.c;
    real *dw = c->gradient ? net_partial_zero(net, slice, weights) : NULL;
    if (c->dx && range.first < range.end)
        transpose(depth, c->out.c, c->w, scratch);
    for (size_t i = (size_t)range.first; i < (size_t)range.end; i++)
        conv_backward_image(net, c, i, dw, scratch, scratch + weights);
}

void net_conv_backward(struct net *net, struct net_shape in, struct net_window window, int c_out,
                       const real *x, const real *w, const real *dy, real *dx, real *dw) {
    struct conv c = {in,       net_window_output(in, window, c_out),
                     window,   .x = x,
                     .w = w,   .dy = dy,
                     .dx = dx, .gradient = dw != NULL};
    net_slices(net, conv_backward_slice, &c);
    if (dw)
        net_reduce(net, in.n, (size_t)conv_depth(&c) * (size_t)c_out, dw);
}
