/* internal.h - what the files of the engine share: threads over fixed slices of the batch, scratch
 * memory, and the table of kernels that each instruction set fills in. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net.h"
#include <assert.h>

/* One image's worth of work each, single-threaded. Compiled once for each instruction set from the
 * kernel_*.inc files; the plain path is the oracle of the others. */
struct net_kernels {
    const char *name;
    int width; /* reals in a vector */

    /* C (M,N; row stride ldc) = [C +] A B, with A(m,k) = a[m*a_row + k*a_col] and B (K,N; ldb). */
    void (*gemm)(int m, int n, int k, const real *a, ptrdiff_t a_row, ptrdiff_t a_col,
                 const real *b, ptrdiff_t ldb, real *c, ptrdiff_t ldc, bool add);

    /* Depthwise, one image. `in` is its shape, out_h x out_w the result's; scratch holds
     * NET_DW_SCRATCH reals. dx is overwritten, dw (k,k,C) added to; each may be NULL. */
    void (*dw_forward)(struct net_shape in, struct net_window window, const real *x, const real *w,
                       real *y, real *scratch);
    void (*dw_backward)(struct net_shape in, struct net_window window, const real *x, const real *w,
                        const real *dy, real *dx, real *dw, real *scratch);

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

    void (*act_forward)(size_t count, enum net_act act, const real *x, real *y);
    void (*act_backward)(size_t count, enum net_act act, const real *x, const real *dy, real *dx);
    void (*add)(size_t count, const real *a, const real *b, real *y);
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
    int threads;
    const struct net_kernels *kernels;
    char *memory; /* address space, backed by pages as they are touched */
};

/* Reals of each thread's scratch and of each slice's partial sums. */
#define NET_SCRATCH ((size_t)1 << 26)
real *net_partial(struct net *net, int slice);

/* Runs body for every slice, on net's threads; `scratch` (NET_SCRATCH) belongs to the thread. */
void net_slices(struct net *net, void (*body)(struct net *net, void *job, int slice, real *scratch),
                void *job);

/* The images first .. end-1 of a slice. */
struct net_range {
    int first, end;
};
struct net_range net_slice(int n, int slice);
/* How many slices of a batch are not empty, in order from ... all: adds the partial sums (count) of
 * the non-empty slices to `to`, in their order. */
void net_reduce(struct net *net, int n, size_t count, real *to);

/* A zeroed partial sum. */
real *net_partial_zero(struct net *net, int slice, size_t count);

#endif
