/* mbconv.c - the inverted residual block (Sandler et al., CVPR 2018; Tan et al., CVPR 2019). Only
 * the tensors in front of the batch norms are saved; activations are computed again in backward. */
#include "internal.h"

enum { EXPAND, DEPTH, PROJECT };

static struct net_shape expanded_shape(const struct net_mbconv *b) {
    return (struct net_shape){b->in.n, b->in.h, b->in.w, b->expanded};
}

void net_mbconv_plan(struct net_mbconv *b, struct net_arena *arena, size_t *work) {
    const struct net_shape wide = expanded_shape(b);
    assert(b->expand || b->expanded == b->in.c);
    assert(!b->residual || (b->window.stride == 1 && b->out == b->in.c));
    b->middle = net_window_output(b->in, b->window, b->expanded);
    b->result = (struct net_shape){b->middle.n, b->middle.h, b->middle.w, b->out};
    b->z[EXPAND] = b->expand ? net_arena_take(arena, net_count(wide)) : NULL;
    b->z[DEPTH] = net_arena_take(arena, net_count(b->middle));
    b->z[PROJECT] = net_arena_take(arena, net_count(b->result));
    for (int i = 0; i < 3; i++) {
        b->mean[i] = net_arena_take(arena, (size_t)(i == PROJECT ? b->out : b->expanded));
        b->inverse[i] = net_arena_take(arena, (size_t)(i == PROJECT ? b->out : b->expanded));
    }
    *work = 2 * net_count(wide) + 2 * net_count(b->middle) + net_count(b->result);
}

void net_mbconv_forward(struct net *net, struct net_mbconv *b, const real *x,
                        const struct net_mbconv_weights *w, real *work, real *y) {
    const struct net_shape wide = expanded_shape(b);
    const real *a = x;
    if (b->expand) {
        net_pw_forward(net, b->in, b->expanded, x, w->expand, b->z[EXPAND]);
        net_bn_forward(net, wide, b->act, b->z[EXPAND], w->gamma[EXPAND], w->beta[EXPAND], b->eps,
                       b->mean[EXPAND], b->inverse[EXPAND], work);
        a = work;
    }
    real *h = work + net_count(wide);
    net_dw_forward(net, wide, b->window, a, w->depth, b->z[DEPTH]);
    net_bn_forward(net, b->middle, b->act, b->z[DEPTH], w->gamma[DEPTH], w->beta[DEPTH], b->eps,
                   b->mean[DEPTH], b->inverse[DEPTH], h);
    net_pw_forward(net, b->middle, b->out, h, w->project, b->z[PROJECT]);
    net_bn_forward(net, b->result, NET_IDENTITY, b->z[PROJECT], w->gamma[PROJECT], w->beta[PROJECT],
                   b->eps, b->mean[PROJECT], b->inverse[PROJECT], y);
    if (b->residual)
        net_add(net, b->result, y, x, y);
}

/* The activation behind a batch norm again, from its saved input and statistics. */
static void activate(struct net *net, const struct net_mbconv *b, struct net_shape shape, int i,
                     const struct net_mbconv_weights *w, real *y) {
    net_bn_again(net, shape, b->act, b->z[i], w->gamma[i], w->beta[i], b->mean[i], b->inverse[i],
                 y);
}

static void norm_backward(struct net *net, const struct net_mbconv *b, struct net_shape shape,
                          int i, const struct net_mbconv_weights *w, const real *dy, real *dx,
                          const struct net_mbconv_weights *dw) {
    net_bn_backward(net, shape, i == PROJECT ? NET_IDENTITY : b->act, b->z[i], w->gamma[i],
                    w->beta[i], b->mean[i], b->inverse[i], dy, dx, dw->gamma[i], dw->beta[i]);
}

void net_mbconv_backward(struct net *net, const struct net_mbconv *b, const real *x,
                         const struct net_mbconv_weights *w, const real *dy, real *work, real *dx,
                         const struct net_mbconv_weights *dw) {
    const struct net_shape wide = expanded_shape(b);
    real *a = work, *da = a + net_count(wide);
    real *h = da + net_count(wide), *dh = h + net_count(b->middle);
    real *dz = dh + net_count(b->middle);
    norm_backward(net, b, b->result, PROJECT, w, dy, dz, dw);
    activate(net, b, b->middle, DEPTH, w, h);
    net_pw_backward(net, b->middle, b->out, h, w->project, dz, dh, dw->project);
    norm_backward(net, b, b->middle, DEPTH, w, dh, dh, dw);
    if (b->expand) {
        activate(net, b, wide, EXPAND, w, a);
        net_dw_backward(net, wide, b->window, a, w->depth, dh, da, dw->depth);
        norm_backward(net, b, wide, EXPAND, w, da, da, dw);
        net_pw_backward(net, b->in, b->expanded, x, w->expand, da, dx, dw->expand);
    } else {
        net_dw_backward(net, wide, b->window, x, w->depth, dh, dx, dw->depth);
    }
    if (b->residual && dx)
        net_add(net, b->in, dx, dy, dx);
}

void net_mbconv_evaluate(struct net *net, struct net_mbconv *b, const real *x,
                         const struct net_mbconv_weights *w, real *const running_mean[3],
                         real *const running_var[3], real *work, real *y) {
    const struct net_shape wide = expanded_shape(b);
    const real *a = x;
    (void)work;
    if (b->expand) {
        net_pw_forward(net, b->in, b->expanded, x, w->expand, b->z[EXPAND]);
        net_bn_evaluate(net, wide, b->act, b->z[EXPAND], w->gamma[EXPAND], w->beta[EXPAND], b->eps,
                        running_mean[EXPAND], running_var[EXPAND], b->z[EXPAND]);
        a = b->z[EXPAND];
    }
    net_dw_forward(net, wide, b->window, a, w->depth, b->z[DEPTH]);
    net_bn_evaluate(net, b->middle, b->act, b->z[DEPTH], w->gamma[DEPTH], w->beta[DEPTH], b->eps,
                    running_mean[DEPTH], running_var[DEPTH], b->z[DEPTH]);
    net_pw_forward(net, b->middle, b->out, b->z[DEPTH], w->project, b->z[PROJECT]);
    net_bn_evaluate(net, b->result, NET_IDENTITY, b->z[PROJECT], w->gamma[PROJECT],
                    w->beta[PROJECT], b->eps, running_mean[PROJECT], running_var[PROJECT], y);
    if (b->residual)
        net_add(net, b->result, y, x, y);
}
