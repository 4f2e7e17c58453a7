/* unit.c - one unit of a branch on one image: what is linear in (ReLU, something linear, batch
 * norm), forward and backward, while the image is in the cache. */
#include "unit.h"
#include <string.h>

/* The image x as the unit sees it: in room, or where it is when nothing is done to it. */
static const real *read_through(struct net *net, const struct net_unit *u,
                                const struct net_pre *pre, const real *x, real *room) {
    const size_t pixels = (size_t)u->in.h * (size_t)u->in.w;
    if (pre->scale)
        net->kernels->bn_apply(pixels, u->in.c, pre->act, x, pre->scale, pre->offset, room);
    else if (pre->act == NET_IDENTITY)
        return x;
    else
        net->kernels->act_forward(pixels * (size_t)u->in.c, pre->act, x, room);
    return room;
}

/* The two halves of a factorized reduction: pixels (0,0), (0,2) ... and (1,1), (1,3) ...; pixels
 * beyond an odd edge count as 0. */
struct half {
    int shift, columns, at; /* at: first output channel */
    ptrdiff_t weights;      /* where its weights start */
};
static struct half half_of(const struct net_unit *u, int i) {
    const int second = u->out.c / 2, first = u->out.c - second;
    return i ? (struct half){1, second, first, (ptrdiff_t)u->in.c * first}
             : (struct half){0, first, 0, 0};
}
static int half_length(const struct half *h, int size) {
    return (size - h->shift + 1) / 2;
}

static void factorized_forward(struct net *net, const struct net_unit *u, const real *a,
                               const real *w, real *z) {
    for (int i = 0; i < 2; i++) {
        const struct half h = half_of(u, i);
        const int rows = half_length(&h, u->in.h), width = half_length(&h, u->in.w);
        if (rows < u->out.h || width < u->out.w)
            for (int p = 0; p < u->out.h * u->out.w; p++)
                memset(z + (ptrdiff_t)p * u->out.c + h.at, 0, (size_t)h.columns * sizeof(real));
        for (int row = 0; row < rows; row++) {
            const real *from = a + ((ptrdiff_t)(2 * row + h.shift) * u->in.w + h.shift) * u->in.c;
            const struct net_gemm g = {width,
                                       h.columns,
                                       u->in.c,
                                       1,
                                       from,
                                       (ptrdiff_t)2 * u->in.c,
                                       1,
                                       0,
                                       w + h.weights,
                                       h.columns,
                                       z + (ptrdiff_t)row * u->out.w * u->out.c + h.at,
                                       u->out.c,
                                       false};
            net->kernels->gemm(&g);
        }
    }
}

/* da is overwritten; turned holds both halves' weights transposed, (columns,Cin) each. */
static void factorized_backward(struct net *net, const struct net_unit *u, const real *a,
                                const real *turned, const real *dz, real *da, real *dw) {
    const int c = u->in.c;
    if (da)
        memset(da, 0, (size_t)net_image(u->in, 1) * sizeof(real));
    for (int i = 0; i < 2; i++) {
        const struct half h = half_of(u, i);
        const int width = half_length(&h, u->in.w);
        for (int row = 0; row < half_length(&h, u->in.h); row++) {
            const ptrdiff_t from = ((ptrdiff_t)(2 * row + h.shift) * u->in.w + h.shift) * c;
            const real *g = dz + (ptrdiff_t)row * u->out.w * u->out.c + h.at;
            const struct net_gemm data = {width,
                                          c,
                                          h.columns,
                                          1,
                                          g,
                                          u->out.c,
                                          1,
                                          0,
                                          turned + h.weights,
                                          c,
                                          da ? da + from : NULL,
                                          (ptrdiff_t)2 * c,
                                          false};
            if (da)
                net->kernels->gemm(&data);
            const struct net_gemm weight = {c,
                                            h.columns,
                                            width,
                                            1,
                                            a ? a + from : NULL,
                                            1,
                                            (ptrdiff_t)2 * c,
                                            0,
                                            g,
                                            u->out.c,
                                            dw + h.weights,
                                            h.columns,
                                            true};
            if (dw)
                net->kernels->gemm(&weight);
        }
    }
}

void net_unit_forward(struct net *net, const struct net_unit *u, const struct net_pre *pre,
                      const real *x, const real *depth, const real *point, real *z, real *scratch) {
    const int pixels = u->out.h * u->out.w;
    real *a = scratch, *rest = scratch + net_image(u->in, 1);
    switch (u->kind) {
    case NET_UNIT_SEPARABLE:
        net->kernels->dw_forward(u->in, u->window, pre, x, depth, a, rest);
        net_product(net, pixels, u->out.c, u->in.c, a, point, z);
        break;
    case NET_UNIT_POINTWISE:
        net_product(net, pixels, u->out.c, u->in.c, read_through(net, u, pre, x, a), point, z);
        break;
    case NET_UNIT_FACTORIZED:
        factorized_forward(net, u, read_through(net, u, pre, x, a), point, z);
        break;
    case NET_UNIT_POOL:
        net->kernels->pool_forward(u->in, u->window.stride, u->largest, x, z, scratch);
        break;
    }
}

void net_unit_backward(struct net *net, const struct net_unit *u, const struct net_pre *pre,
                       const real *x, const real *depth, const real *turned, const real *dz,
                       real *da, real *dw_depth, real *dw_point, real *scratch) {
    const int pixels = u->out.h * u->out.w;
    real *a = scratch, *du = a + net_image(u->in, 1), *rest = du + net_image(u->in, 1);
    switch (u->kind) {
    case NET_UNIT_SEPARABLE:
        net_product(net, pixels, u->in.c, u->out.c, dz, turned, du);
        net->kernels->dw_backward(u->in, u->window, pre, x, depth, du, da, dw_depth,
                                  dw_point ? a : NULL, rest);
        if (dw_point)
            net_product_outer(net, u->in.c, u->out.c, pixels, a, dz, dw_point);
        break;
    case NET_UNIT_POINTWISE:
        if (dw_point)
            net_product_outer(net, u->in.c, u->out.c, pixels, read_through(net, u, pre, x, a), dz,
                              dw_point);
        if (da)
            net_product(net, pixels, u->in.c, u->out.c, dz, turned, da);
        break;
    case NET_UNIT_FACTORIZED:
        factorized_backward(net, u, dw_point ? read_through(net, u, pre, x, a) : NULL, turned, dz,
                            da, dw_point);
        break;
    case NET_UNIT_POOL:
        if (da)
            net->kernels->pool_backward(u->in, u->window.stride, u->largest, x, dz, da, scratch);
        break;
    }
}

void net_unit_turn(const struct net_unit *u, const real *point, real *turned) {
    if (u->kind == NET_UNIT_FACTORIZED)
        for (int i = 0; i < 2; i++) {
            const struct half h = half_of(u, i);
            net_transpose(u->in.c, h.columns, point + h.weights, turned + h.weights);
        }
    else if (u->kind != NET_UNIT_POOL)
        net_transpose(u->in.c, u->out.c, point, turned);
}
