/* dense.c - dense convolution as matrix products over a zero-padded image: the taps of one row of
 * the window are k*Cin numbers side by side, so the windows of a row of pixels are a matrix with
 * overlapping rows, and nothing is gathered. The data gradient is the same product over dy, spread
 * apart by the stride, with the window turned round. */
#include "internal.h"
#include <string.h>

struct dense {
    struct net_shape in, out;
    struct net_window window;
    const real *x, *w, *dy;
    real *y, *dx;
    bool gradient; /* of the weights */
};

/* A padded image: h x w pixels of c channels. */
struct padded {
    int h, w, c;
};

static size_t padded_size(struct padded p) {
    return (size_t)p.h * (size_t)p.w * (size_t)p.c;
}

/* Places image x (h,w,c) with its first pixel at (pad,pad), `step` pixels apart; the rest is 0
 * beforehand. */
static void padded_fill(struct padded p, int pad, int step, const real *x, int h, int w, real *to) {
    const size_t pixel = (size_t)p.c * sizeof(real);
    for (int i = 0; i < h; i++) {
        real *row = to + (ptrdiff_t)((i * step + pad) * p.w + pad) * p.c;
        if (step == 1)
            memcpy(row, x + (ptrdiff_t)i * w * p.c, (size_t)w * pixel);
        else
            for (int j = 0; j < w; j++)
                memcpy(row + (ptrdiff_t)j * step * p.c, x + (ptrdiff_t)(i * w + j) * p.c, pixel);
    }
}

/* y (h,w,c_out) = windows of the padded image at `stride`, times w (k,k,c,c_out). */
static void correlate(struct net *net, struct padded p, int k, int stride, const real *image,
                      const real *w, int c_out, int height, int width, real *y) {
    for (int i = 0; i < height; i++) {
        const struct net_gemm g = {width,
                                   c_out,
                                   k * p.c,
                                   k,
                                   image + (ptrdiff_t)i * stride * p.w * p.c,
                                   (ptrdiff_t)stride * p.c,
                                   1,
                                   (ptrdiff_t)p.w * p.c,
                                   w,
                                   c_out,
                                   y + (ptrdiff_t)i * width * c_out,
                                   c_out,
                                   false};
        net->kernels->gemm(&g);
    }
}

static struct padded padded_input(const struct dense *c) {
    const int pad = c->window.k / 2;
    return (struct padded){c->in.h + 2 * pad, c->in.w + 2 * pad, c->in.c};
}

static void forward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct dense *c = job;
    const struct net_range range = net_slice(c->in.n, slice);
    const struct padded p = padded_input(c);
    assert(padded_size(p) <= NET_SCRATCH);
    memset(scratch, 0, padded_size(p) * sizeof(real));
    for (int i = range.first; i < range.end; i++) {
        padded_fill(p, c->window.k / 2, 1, c->x + net_image(c->in, i), c->in.h, c->in.w, scratch);
        correlate(net, p, c->window.k, c->window.stride, scratch, c->w, c->out.c, c->out.h,
                  c->out.w, c->y + net_image(c->out, i));
    }
}

void net_conv_forward(struct net *net, struct net_shape in, struct net_window window, int c_out,
                      const real *x, const real *w, real *y) {
    assert(window.dilation == 1);
    struct dense c = {in, net_window_output(in, window, c_out), window, .x = x, .w = w, .y = y};
    net_slices(net, forward_slice, &c);
}

/* dw (k,k,Cin,Cout) += windows of the padded image, transposed, times dy; one row of taps a time.
 */
static void weight_gradient(struct net *net, const struct dense *c, struct padded p,
                            const real *image, const real *dy, real *dw) {
    const int k = c->window.k, stride = c->window.stride, depth = k * p.c;
    for (int i = 0; i < k; i++) {
        const struct net_gemm g = {depth,
                                   c->out.c,
                                   c->out.w,
                                   c->out.h,
                                   image + (ptrdiff_t)i * p.w * p.c,
                                   1,
                                   (ptrdiff_t)stride * p.c,
                                   (ptrdiff_t)stride * p.w * p.c,
                                   dy,
                                   c->out.c,
                                   dw + (ptrdiff_t)i * depth * c->out.c,
                                   c->out.c,
                                   true};
        net->kernels->gemm(&g);
    }
}

/* w (k,k,Cin,Cout) -> turned (k,k,Cout,Cin), the window turned by half a turn. */
static void turn(const struct dense *c, real *turned) {
    const int taps = c->window.k * c->window.k;
    const ptrdiff_t tap = (ptrdiff_t)c->in.c * c->out.c;
    for (int i = 0; i < taps; i++)
        net_transpose(c->in.c, c->out.c, c->w + (taps - 1 - i) * tap, turned + i * tap);
}

static void weight_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct dense *c = job;
    const struct net_range range = net_slice(c->in.n, slice);
    const struct padded p = padded_input(c);
    const size_t weights = (size_t)(c->window.k * c->window.k * c->in.c) * (size_t)c->out.c;
    real *dw = net_partial_zero(net, slice, weights);
    memset(scratch, 0, padded_size(p) * sizeof(real));
    for (int i = range.first; i < range.end; i++) {
        padded_fill(p, c->window.k / 2, 1, c->x + net_image(c->in, i), c->in.h, c->in.w, scratch);
        weight_gradient(net, c, p, scratch, c->dy + net_image(c->out, i), dw);
    }
}

static void data_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct dense *c = job;
    const struct net_range range = net_slice(c->in.n, slice);
    const int pad = c->window.k / 2;
    const struct padded p = {c->in.h + 2 * pad, c->in.w + 2 * pad, c->out.c};
    real *turned = scratch + padded_size(p);
    memset(scratch, 0, padded_size(p) * sizeof(real));
    turn(c, turned);
    for (int i = range.first; i < range.end; i++) {
        padded_fill(p, pad, c->window.stride, c->dy + net_image(c->out, i), c->out.h, c->out.w,
                    scratch);
        correlate(net, p, c->window.k, 1, scratch, turned, c->in.c, c->in.h, c->in.w,
                  c->dx + net_image(c->in, i));
    }
}

void net_conv_backward(struct net *net, struct net_shape in, struct net_window window, int c_out,
                       const real *x, const real *w, const real *dy, real *dx, real *dw) {
    assert(window.dilation == 1);
    struct dense c = {
        in, net_window_output(in, window, c_out), window, .x = x, .w = w, .dy = dy, .dx = dx};
    if (dx)
        net_slices(net, data_slice, &c);
    if (!dw)
        return;
    net_slices(net, weight_slice, &c);
    net_reduce(net, in.n, 0, (size_t)(window.k * window.k * in.c) * (size_t)c_out, dw);
}
