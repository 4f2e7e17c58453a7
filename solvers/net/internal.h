/* internal.h - what the files of the engine share: threads over fixed slices of the batch, scratch
 * memory, and the table of kernels that each instruction set fills in. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net.h"
#include <assert.h>

/* C (m,n; row stride ldc) = [C +] A B. A has m rows and k_outer * k columns: A(i, o*k + j) stands
 * at a[i*a_row + o*a_outer + j*a_col]; B (k_outer*k, n; row stride ldb). The outer level lets A be
 * the windows of an image, and costs nothing where it is 1. */
struct net_gemm {
    int m, n, k, k_outer;
    const real *a;
    ptrdiff_t a_row, a_col, a_outer;
    const real *b;
    ptrdiff_t ldb;
    real *c;
    ptrdiff_t ldc;
    bool add;
};

/* What is done to each value as it is read: act(scale x + offset), by channel; scale NULL: act(x).
 */
struct net_pre {
    enum net_act act;
    const real *scale, *offset;
};

/* One term of a weighted sum: weight * (scale x + offset), by channel; scale NULL: weight * x. */
struct net_term {
    real weight;
    const real *scale, *offset;
    const real *x;
};

/* One image's worth of work each, single-threaded. Compiled once for each instruction set from the
 * kernel_*.inc files; the plain path is the oracle of the others. */
struct net_kernels {
    const char *name;
    int width; /* reals in a vector */

    void (*gemm)(const struct net_gemm *g);

    /* Depthwise, one image x (h,w,c) of shape `in`, seen through `pre`. dx is overwritten (by the
     * gradient of what the convolution saw), dw (k,k,C) added to, y the forward's result again,
     * while its input is at hand; each may be NULL. */
    void (*dw_forward)(struct net_shape in, struct net_window window, const struct net_pre *pre,
                       const real *x, const real *w, real *y, real *scratch);
    void (*dw_backward)(struct net_shape in, struct net_window window, const struct net_pre *pre,
                        const real *x, const real *w, const real *dy, real *dx, real *dw, real *y,
                        real *scratch);

    /* Sums over `pixels` rows of C: sum += x - shift, squares += (x - shift)^2. */
    void (*bn_sums)(size_t pixels, int c, const real *x, const real *shift, real *sum,
                    real *squares);
    /* y = act(scale * x + offset), by channel. */
    void (*bn_apply)(size_t pixels, int c, enum net_act act, const real *x, const real *scale,
                     const real *offset, real *y);
    /* With u = scale x + offset, g = dy act'(u), xhat = (x - mean) inverse:
     * sum += g, dot += g xhat. */
    void (*bn_backward_sums)(size_t pixels, int c, enum net_act act, const real *x, const real *dy,
                             const real *scale, const real *offset, const real *mean,
                             const real *inverse, real *sum, real *dot);
    /* dx = scale (g - sum - xhat dot), with sum and dot divided by the count beforehand. */
    void (*bn_backward_apply)(size_t pixels, int c, enum net_act act, const real *x, const real *dy,
                              const real *scale, const real *offset, const real *mean,
                              const real *inverse, const real *sum, const real *dot, real *dx);

    /* 3x3 pooling, padding 1, one image: the largest, or the mean of the taps inside the image. dx
     * is overwritten; the largest tap that comes first takes the gradient. */
    void (*pool_forward)(struct net_shape in, int stride, bool largest, const real *x, real *y,
                         real *scratch);
    void (*pool_backward)(struct net_shape in, int stride, bool largest, const real *x,
                          const real *dy, real *dx, real *scratch);
    /* y (pixels,C) = the sum of n >= 1 terms. */
    void (*mix)(size_t pixels, int c, int n, const struct net_term *terms, real *y);

    void (*act_forward)(size_t count, enum net_act act, const real *x, real *y);
    void (*act_backward)(size_t count, enum net_act act, const real *x, const real *dy, real *dx);
    void (*add)(size_t count, const real *a, const real *b, real *y);
    /* y (pixels; row stride ldy) = act(x), x (pixels,C; row stride ldx); and y += x where mask (row
     * stride ldx) > 0: the gradient behind a ReLU, added. */
    void (*place)(size_t pixels, int c, enum net_act act, const real *x, ptrdiff_t ldx, real *y,
                  ptrdiff_t ldy);
    void (*place_relu_back)(size_t pixels, int c, const real *mask, const real *x, ptrdiff_t ldx,
                            real *y, ptrdiff_t ldy);
    /* y += weight * x, and the sum of x * y. */
    void (*accumulate)(size_t count, real weight, const real *x, real *y);
    double (*dot)(size_t count, const real *x, const real *y);
    void (*multiply)(size_t count, const real *a, const real *b, real *y);
    /* y (C) = scale * sum over pixels of x; and its transpose, x = scale * y for every pixel. */
    void (*pixel_sum)(size_t pixels, int c, real scale, const real *x, real *y);
    void (*pixel_spread)(size_t pixels, int c, real scale, const real *y, real *x);
};
extern const struct net_kernels net_plain;
#ifndef NET_DOUBLE
extern const struct net_kernels net_avx2, net_avx512;
#endif

struct net {
    struct threads *threads;
    const struct net_kernels *kernels;
    char *memory; /* address space, backed by pages as they are touched */
};

/* Reals of each thread's scratch, of each slice's partial sums, and of what all threads share. */
#define NET_SCRATCH ((size_t)1 << 26)
real *net_partial(struct net *net, int slice);
real *net_shared(struct net *net);

/* Runs body for every slice, on net's threads; `scratch` (NET_SCRATCH) belongs to the thread. */
void net_slices(struct net *net, void (*body)(struct net *net, void *job, int slice, real *scratch),
                void *job);

/* The images first .. end-1 of a slice. */
struct net_range {
    int first, end;
};
struct net_range net_slice(int n, int slice);
/* Where image i of a tensor starts. */
static inline ptrdiff_t net_image(struct net_shape shape, int i) {
    return (ptrdiff_t)i * shape.h * shape.w * shape.c;
}

/* Adds [at, at + count) of the partial sums of the slices of a batch of n to `to`, in the slices'
 * order. */
void net_reduce(struct net *net, int n, size_t at, size_t count, real *to);

/* A zeroed partial sum. */
real *net_partial_zero(struct net *net, int slice, size_t count);

/* One image of `in` needs this much scratch in the depthwise kernels. */
size_t net_dw_scratch(struct net_shape in, struct net_window window);

/* t (columns,rows) = w (rows,columns) transposed. */
void net_transpose(int rows, int columns, const real *w, real *t);

/* On one thread: c (m,n) = a (m,k) b (k,n), and c (m,n) += a' b for a (k,m), b (k,n). */
void net_product(struct net *net, int m, int n, int k, const real *a, const real *b, real *c);
void net_product_outer(struct net *net, int m, int n, int k, const real *a, const real *b, real *c);

/* ---- batch norm in parts, so that a block can do them while an image is in the cache ---- */

/* Tables by channel, each (C). The sums of a slice stand at the start of its partial sums: 2C. */
struct net_norm {
    struct net_shape shape;
    enum net_act act;
    real *mean, *inverse; /* of the batch, kept from forward to backward */
    real *scale, *offset; /* gamma (x - mean) inverse + beta = scale x + offset */
    real *sum, *dot;      /* backward: the two sums, divided by the count */
};
enum { NET_NORM_TABLES = 4 }; /* scale, offset, sum, dot */

/* Points the four tables into memory of 4C. */
void net_norm_tables(struct net_norm *norm, real *memory);
/* Forward: zero the slice's sums, add images of x to them, merge all slices' into the tables. */
void net_norm_clear(struct net *net, const struct net_norm *norm, int slice);
void net_norm_add(struct net *net, const struct net_norm *norm, int slice, int image,
                  const real *x);
void net_norm_close(struct net *net, struct net_norm *norm, const real *x, const real *gamma,
                    const real *beta, real eps);
/* scale and offset again from the mean and inverse. */
void net_norm_reopen(struct net_norm *norm, const real *gamma, const real *beta);
/* One image, x at its start. */
void net_norm_apply(struct net *net, const struct net_norm *norm, const real *x, real *y);
/* Backward, likewise: after clear and add_backward of all images (x and dy at the image's start),
 * close_backward gives the weights' gradients (NULL: not wanted), then apply_backward. */
void net_norm_add_backward(struct net *net, const struct net_norm *norm, int slice, const real *x,
                           const real *dy);
void net_norm_close_backward(struct net *net, struct net_norm *norm, real *dgamma, real *dbeta);
void net_norm_apply_backward(struct net *net, const struct net_norm *norm, const real *x,
                             const real *dy, real *dx);

#endif
