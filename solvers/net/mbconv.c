/* mbconv.c - the inverted residual block (Sandler et al., CVPR 2018; Tan et al., CVPR 2019), fused:
 * only the tensors in front of the batch norms are saved and no others pass through memory;
 * activations are computed again in backward, an image at a time. */
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
    const size_t tables = NET_NORM_TABLES * (size_t)(2 * b->expanded + b->out);
    const size_t turned = (size_t)b->expanded * (size_t)(b->in.c + b->out);
    *work = net_count(wide) + net_count(b->middle) + tables + turned;
}

/* A block at work. Each pass below visits every image once, while it is in the cache; between
 * passes stand the sums of a batch norm, which need the whole batch. */
struct pass {
    const struct net_mbconv *b;
    const struct net_mbconv_weights *w;
    struct net_shape wide;
    struct net_norm norm[3];
    const real *x, *dy;
    real *y, *dx;
    real *da, *dh;                        /* gradients by the activations: wide, middle */
    real *turned_expand, *turned_project; /* the weights transposed */
};

/* Lays out the work space. */
static struct pass pass_open(const struct net_mbconv *b, const struct net_mbconv_weights *w,
                             const real *x, real *work) {
    struct pass p = {.b = b, .w = w, .wide = expanded_shape(b), .x = x};
    const struct net_shape shapes[3] = {p.wide, b->middle, b->result};
    p.da = work;
    p.dh = p.da + net_count(p.wide);
    work = p.dh + net_count(b->middle);
    for (int i = 0; i < 3; i++) {
        p.norm[i] = (struct net_norm){.shape = shapes[i],
                                      .act = i == PROJECT ? NET_IDENTITY : b->act,
                                      .mean = b->mean[i],
                                      .inverse = b->inverse[i]};
        net_norm_tables(&p.norm[i], work);
        work += (ptrdiff_t)NET_NORM_TABLES * shapes[i].c;
    }
    p.turned_expand = work;
    p.turned_project = work + (ptrdiff_t)b->expanded * b->in.c;
    return p;
}

/* What the depthwise convolution reads, and through what. */
static const real *depth_input(const struct pass *p, struct net_pre *pre) {
    const struct net_norm *norm = &p->norm[EXPAND];
    *pre = p->b->expand ? (struct net_pre){norm->act, norm->scale, norm->offset}
                        : (struct net_pre){NET_IDENTITY, NULL, NULL};
    return p->b->expand ? p->b->z[EXPAND] : p->x;
}

static int pixels(struct net_shape shape) {
    return shape.h * shape.w;
}

static void expand_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct pass *p = job;
    const struct net_range range = net_slice(p->wide.n, slice);
    real *z = p->b->z[EXPAND];
    net_norm_clear(net, &p->norm[EXPAND], slice);
    for (int i = range.first; i < range.end; i++) {
        net_product(net, pixels(p->wide), p->wide.c, p->b->in.c, p->x + net_image(p->b->in, i),
                    p->w->expand, z + net_image(p->wide, i));
        net_norm_add(net, &p->norm[EXPAND], slice, i, z);
    }
}

static void depth_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_range range = net_slice(p->wide.n, slice);
    struct net_pre pre;
    const real *a = depth_input(p, &pre);
    real *z = p->b->z[DEPTH];
    net_norm_clear(net, &p->norm[DEPTH], slice);
    for (int i = range.first; i < range.end; i++) {
        net->kernels->dw_forward(p->wide, p->b->window, &pre, a + net_image(p->wide, i),
                                 p->w->depth, z + net_image(p->b->middle, i), scratch);
        net_norm_add(net, &p->norm[DEPTH], slice, i, z);
    }
}

static void project_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_range range = net_slice(p->wide.n, slice);
    const struct net_shape middle = p->b->middle, result = p->b->result;
    real *z = p->b->z[PROJECT];
    net_norm_clear(net, &p->norm[PROJECT], slice);
    for (int i = range.first; i < range.end; i++) {
        net_norm_apply(net, &p->norm[DEPTH], p->b->z[DEPTH] + net_image(middle, i), scratch);
        net_product(net, pixels(middle), result.c, middle.c, scratch, p->w->project,
                    z + net_image(result, i));
        net_norm_add(net, &p->norm[PROJECT], slice, i, z);
    }
}

static void result_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct pass *p = job;
    const struct net_range range = net_slice(p->wide.n, slice);
    const size_t count = (size_t)net_image(p->b->result, 1);
    for (int i = range.first; i < range.end; i++) {
        real *y = p->y + net_image(p->b->result, i);
        net_norm_apply(net, &p->norm[PROJECT], p->b->z[PROJECT] + net_image(p->b->result, i), y);
        if (p->b->residual)
            net->kernels->add(count, y, p->x + net_image(p->b->in, i), y);
    }
}

static void close_norm(struct net *net, struct pass *p, int i) {
    net_norm_close(net, &p->norm[i], p->b->z[i], p->w->gamma[i], p->w->beta[i], p->b->eps);
}

void net_mbconv_forward(struct net *net, struct net_mbconv *b, const real *x,
                        const struct net_mbconv_weights *w, real *work, real *y) {
    struct pass p = pass_open(b, w, x, work);
    p.y = y;
    if (b->expand) {
        net_slices(net, expand_slice, &p);
        close_norm(net, &p, EXPAND);
    }
    net_slices(net, depth_slice, &p);
    close_norm(net, &p, DEPTH);
    net_slices(net, project_slice, &p);
    close_norm(net, &p, PROJECT);
    net_slices(net, result_slice, &p);
}

/* ---- backward: the sums of the last norm, then each layer with the sums of the norm before it
 * ---- */

static void result_backward(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct pass *p = job;
    const struct net_range range = net_slice(p->wide.n, slice);
    net_norm_clear(net, &p->norm[PROJECT], slice);
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(p->b->result, i);
        net_norm_add_backward(net, &p->norm[PROJECT], slice, p->b->z[PROJECT] + at, p->dy + at);
    }
}

/* Where a slice's partial weight gradients start, behind the sums of a norm. */
static size_t gradient_at(const struct pass *p) {
    return 2 * (size_t)p->b->expanded;
}

/* The slice's partial sums zeroed: those of a norm and `weights` of a gradient. */
static real *gradient_open(struct net *net, const struct pass *p, int slice, size_t weights) {
    return net_partial_zero(net, slice, gradient_at(p) + weights) + gradient_at(p);
}

static void project_backward(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_range range = net_slice(p->wide.n, slice);
    const struct net_shape middle = p->b->middle, result = p->b->result;
    real *dw = gradient_open(net, p, slice, (size_t)middle.c * (size_t)result.c);
    real *h = scratch, *dz = scratch + net_image(middle, 1);
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(result, i), from = net_image(middle, i);
        net_norm_apply_backward(net, &p->norm[PROJECT], p->b->z[PROJECT] + at, p->dy + at, dz);
        net_norm_apply(net, &p->norm[DEPTH], p->b->z[DEPTH] + from, h);
        net_product_outer(net, middle.c, result.c, pixels(middle), h, dz, dw);
        net_product(net, pixels(middle), middle.c, result.c, dz, p->turned_project, p->dh + from);
        net_norm_add_backward(net, &p->norm[DEPTH], slice, p->b->z[DEPTH] + from, p->dh + from);
    }
}

static void depth_backward(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_range range = net_slice(p->wide.n, slice);
    const struct net_shape middle = p->b->middle;
    struct net_pre pre;
    const real *a = depth_input(p, &pre);
    real *dw =
        gradient_open(net, p, slice, (size_t)(p->b->window.k * p->b->window.k) * (size_t)middle.c);
    real *dz = scratch + net_dw_scratch(p->wide, p->b->window);
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(middle, i), from = net_image(p->wide, i);
        real *da = p->b->expand ? p->da + from : p->dx ? p->dx + from : NULL;
        net_norm_apply_backward(net, &p->norm[DEPTH], p->b->z[DEPTH] + at, p->dh + at, dz);
        net->kernels->dw_backward(p->wide, p->b->window, &pre, a + from, p->w->depth, dz, da, dw,
                                  NULL, scratch);
        if (p->b->expand)
            net_norm_add_backward(net, &p->norm[EXPAND], slice, a + from, da);
        else if (p->b->residual && da)
            net->kernels->add((size_t)net_image(p->wide, 1), da, p->dy + from, da);
    }
}

static void expand_backward(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_range range = net_slice(p->wide.n, slice);
    const struct net_shape in = p->b->in;
    real *dw = gradient_open(net, p, slice, (size_t)in.c * (size_t)p->wide.c), *dz = scratch;
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(p->wide, i), from = net_image(in, i);
        net_norm_apply_backward(net, &p->norm[EXPAND], p->b->z[EXPAND] + at, p->da + at, dz);
        net_product_outer(net, in.c, p->wide.c, pixels(in), p->x + from, dz, dw);
        if (!p->dx)
            continue;
        net_product(net, pixels(in), in.c, p->wide.c, dz, p->turned_expand, p->dx + from);
        if (p->b->residual)
            net->kernels->add((size_t)net_image(in, 1), p->dx + from, p->dy + from, p->dx + from);
    }
}

/* Sums the slices' gradients of a layer's weights, and closes the norm before it. */
static void close_layer(struct net *net, struct pass *p, int norm, size_t weights, real *dw,
                        const struct net_mbconv_weights *all) {
    if (dw)
        net_reduce(net, p->wide.n, gradient_at(p), weights, dw);
    if (norm >= 0)
        net_norm_close_backward(net, &p->norm[norm], all->gamma[norm], all->beta[norm]);
}

void net_mbconv_backward(struct net *net, const struct net_mbconv *b, const real *x,
                         const struct net_mbconv_weights *w, const real *dy, real *work, real *dx,
                         const struct net_mbconv_weights *dw) {
    struct pass p = pass_open(b, w, x, work);
    const size_t e = (size_t)b->expanded, k = (size_t)(b->window.k * b->window.k);
    p.dy = dy, p.dx = dx;
    for (int i = b->expand ? EXPAND : DEPTH; i <= PROJECT; i++)
        net_norm_reopen(&p.norm[i], w->gamma[i], w->beta[i]);
    net_transpose(b->expanded, b->out, w->project, p.turned_project);
    net_slices(net, result_backward, &p);
    close_layer(net, &p, PROJECT, 0, NULL, dw);
    net_slices(net, project_backward, &p);
    close_layer(net, &p, DEPTH, e * (size_t)b->out, dw->project, dw);
    net_slices(net, depth_backward, &p);
    close_layer(net, &p, b->expand ? EXPAND : -1, k * e, dw->depth, dw);
    if (!b->expand)
        return;
    net_transpose(b->in.c, b->expanded, w->expand, p.turned_expand);
    net_slices(net, expand_backward, &p);
    close_layer(net, &p, -1, (size_t)b->in.c * e, dw->expand, dw);
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
