/* branch.c - the operations of cell search spaces (Liu, Simonyan & Yang, DARTS, ICLR 2019) as
 * chains of fused units, and their weighted sums. */
#include "branch.h"
#include "internal.h"
#include "unit.h"
#include <string.h>

const char *net_op_name(enum net_op op) {
    static const char *const names[] = {"none",         "max_pool_3x3", "avg_pool_3x3",
                                        "skip_connect", "sep_conv_3x3", "sep_conv_5x5",
                                        "dil_conv_3x3", "dil_conv_5x5", "relu_conv_1x1"};
    return names[op];
}

static void unit_add(struct net_branch *b, struct net_unit unit, int c_out) {
    unit.in = b->units ? b->unit[b->units - 1].out : b->in;
    unit.out = net_window_output(unit.in, unit.window, c_out);
    b->unit[b->units++] = unit;
}

void net_branch_open(struct net_branch *b, enum net_op op, struct net_shape in, int stride,
                     int c_out) {
    const int k = op == NET_SEP_CONV_5 || op == NET_DIL_CONV_5 ? 5 : 3;
    *b = (struct net_branch){.op = op, .in = in, .stride = stride};
    b->out = net_window_output(in, (struct net_window){3, stride, 1}, c_out);
    if (op == NET_SEP_CONV_3 || op == NET_SEP_CONV_5) {
        unit_add(b, (struct net_unit){NET_UNIT_SEPARABLE, .window = {k, stride, 1}, .relu = true},
                 in.c);
        unit_add(b, (struct net_unit){NET_UNIT_SEPARABLE, .window = {k, 1, 1}, .relu = true},
                 c_out);
    } else if (op == NET_DIL_CONV_3 || op == NET_DIL_CONV_5) {
        unit_add(b, (struct net_unit){NET_UNIT_SEPARABLE, .window = {k, stride, 2}, .relu = true},
                 c_out);
    } else if (op == NET_MAX_POOL_3 || op == NET_AVG_POOL_3) {
        unit_add(b,
                 (struct net_unit){NET_UNIT_POOL, .window = {3, stride, 1},
                                   .largest = op == NET_MAX_POOL_3},
                 c_out);
    } else if (op == NET_SKIP && stride == 2) {
        unit_add(b, (struct net_unit){NET_UNIT_FACTORIZED, .window = {1, 2, 1}, .relu = true},
                 c_out);
    } else if (op == NET_RELU_CONV_1) {
        unit_add(b, (struct net_unit){NET_UNIT_POINTWISE, .window = {1, 1, 1}, .relu = true},
                 c_out);
    }
}

size_t net_unit_depth(const struct net_branch *b, int i) {
    const struct net_unit *u = &b->unit[i];
    return u->kind == NET_UNIT_SEPARABLE ? (size_t)(u->window.k * u->window.k) * (size_t)u->in.c
                                         : 0;
}

size_t net_unit_point(const struct net_branch *b, int i) {
    const struct net_unit *u = &b->unit[i];
    return u->kind == NET_UNIT_POOL ? 0 : (size_t)u->in.c * (size_t)u->out.c;
}

void net_branch_plan(struct net_branch *b, struct net_arena *arena) {
    for (int i = 0; i < b->units; i++) {
        const size_t c = (size_t)b->unit[i].out.c;
        b->z[i] = net_arena_take(arena, net_count(b->unit[i].out));
        b->mean[i] = net_arena_take(arena, c);
        b->inverse[i] = net_arena_take(arena, c);
        b->table[i] = net_arena_take(arena, NET_NORM_TABLES * c);
    }
}

/* Work space: the largest transposed 1x1 weights, then the gradient between two units. */
static size_t work_turned(const struct net_branch *b) {
    size_t most = 0;
    for (int i = 0; i < b->units; i++)
        most = net_unit_point(b, i) > most ? net_unit_point(b, i) : most;
    return most;
}

size_t net_branch_work(const struct net_branch *b) {
    return work_turned(b) + (b->units > 1 ? net_count(b->unit[0].out) : 0);
}

/* ---- norms of the units ---- */

static struct net_norm unit_norm(const struct net_branch *b, int i) {
    struct net_norm norm = {.shape = b->unit[i].out,
                            .act = i + 1 < b->units ? NET_RELU : NET_IDENTITY,
                            .mean = b->mean[i],
                            .inverse = b->inverse[i]};
    net_norm_tables(&norm, b->table[i]);
    return norm;
}

/* What unit i reads its input through: the norm before it, or the branch's input as it is. */
static struct net_pre unit_pre(const struct net_branch *b, int i) {
    const bool done = i == 0 && b->parts; /* by unit_input */
    const enum net_act act = b->unit[i].relu && !done ? NET_RELU : NET_IDENTITY;
    if (i == 0)
        return (struct net_pre){act, NULL, NULL};
    const struct net_norm norm = unit_norm(b, i - 1);
    return (struct net_pre){act, norm.scale, norm.offset};
}

/* ---- a branch over the batch ---- */

struct pass {
    const struct net_branch *b;
    int i; /* the unit */
    struct net_norm norm, before;
    struct net_pre pre;
    const real *x, *depth, *turned, *dy;
    const real *point;
    real *da; /* by the norm before this unit; or */
    real *dx; /* added to, by the branch's input */
    bool gradient;
};

/* Image i of what the unit reads. Parts are put side by side in room, through the ReLU, while they
 * are in the cache. */
static const real *unit_input(struct net *net, const struct pass *p, int i, real *room) {
    const struct net_shape in = p->b->unit[p->i].in;
    if (p->i || !p->b->parts)
        return p->x + net_image(in, i);
    const int pixels = in.h * in.w, c = in.c / p->b->parts;
    for (int k = 0; k < p->b->parts; k++)
        net->kernels->place((size_t)pixels, c, NET_RELU, p->b->part[k] + (ptrdiff_t)i * pixels * c,
                            c, room + (ptrdiff_t)k * c, in.c);
    return room;
}

/* Adds da, the gradient by what the unit saw of image i (x), to where it belongs. */
static void input_gradient(struct net *net, const struct pass *p, int i, const real *x,
                           const real *da) {
    const struct net_shape in = p->b->in;
    const ptrdiff_t image = net_image(in, 1);
    const int pixels = in.h * in.w, c = p->b->parts ? in.c / p->b->parts : in.c;
    for (int k = 0; k < p->b->parts; k++)
        net->kernels->place_relu_back((size_t)pixels, c, x + (ptrdiff_t)k * c,
                                      da + (ptrdiff_t)k * c, in.c,
                                      p->b->dpart[k] + (ptrdiff_t)i * pixels * c, c);
    if (p->b->parts)
        return;
    real *dx = p->dx + i * image;
    if (p->b->unit[0].relu)
        net->kernels->place_relu_back((size_t)pixels, c, x, da, c, dx, c);
    else
        net->kernels->add((size_t)image, dx, da, dx);
}

static void forward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_unit *u = &p->b->unit[p->i];
    const struct net_range range = net_slice(u->in.n, slice);
    real *z = p->b->z[p->i];
    net_norm_clear(net, &p->norm, slice);
    for (int i = range.first; i < range.end; i++) {
        const real *x = unit_input(net, p, i, scratch);
        net_unit_forward(net, u, &p->pre, x, p->depth, p->point, z + net_image(u->out, i),
                         scratch + net_image(u->in, 1));
        net_norm_add(net, &p->norm, slice, i, z);
    }
}

void net_branch_forward(struct net *net, struct net_branch *b, const real *x,
                        const struct net_branch_weights *w, real eps) {
    for (int i = 0; i < b->units; i++) {
        struct pass p = {.b = b, .i = i, .norm = unit_norm(b, i), .pre = unit_pre(b, i)};
        p.x = i ? b->z[i - 1] : x;
        p.depth = w->depth[i], p.point = w->point[i];
        net_slices(net, forward_slice, &p);
        net_norm_close(net, &p.norm, b->z[i], w->gamma[i], w->beta[i], eps);
    }
}

static void last_sums_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct pass *p = job;
    const struct net_range range = net_slice(p->b->out.n, slice);
    net_norm_clear(net, &p->norm, slice);
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(p->b->out, i);
        net_norm_add_backward(net, &p->norm, slice, p->b->z[p->i] + at, p->dy + at);
    }
}

static void backward_slice(struct net *net, void *job, int slice, real *scratch) {
    const struct pass *p = job;
    const struct net_unit *u = &p->b->unit[p->i];
    const struct net_range range = net_slice(u->in.n, slice);
    const size_t sums = 2 * (size_t)u->in.c, depth = net_unit_depth(p->b, p->i);
    real *dw = net_partial_zero(net, slice, sums + depth + net_unit_point(p->b, p->i)) + sums;
    const bool wanted = p->da || p->dx || (p->b->parts && !p->i);
    real *room = scratch, *dz = room + net_image(u->in, 1), *da = dz + net_image(u->out, 1);
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(u->out, i);
        const real *x = unit_input(net, p, i, room);
        real *to = p->da ? p->da + net_image(u->in, i) : da;
        net_norm_apply_backward(net, &p->norm, p->b->z[p->i] + at, p->dy + at, dz);
        net_unit_backward(net, u, &p->pre, x, p->depth, p->turned, dz, wanted ? to : NULL,
                          p->gradient && depth ? dw : NULL, p->gradient ? dw + depth : NULL,
                          da + net_image(u->in, 1));
        if (p->da) {
            net_norm_add_backward(net, &p->before, slice, x, to);
        } else if (wanted) {
            input_gradient(net, p, i, x, to);
        }
    }
}

/* Scales a norm as read by the sum into the node. */
static void norm_weigh(struct net_norm *norm, real weight) {
    for (int j = 0; j < norm->shape.c; j++)
        norm->scale[j] *= weight;
}

struct identity {
    struct net_shape shape;
    const real *x, *dy;
    real weight, *dx;
};

static void identity_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct identity *d = job;
    const struct net_range range = net_slice(d->shape.n, slice);
    const size_t count = (size_t)net_image(d->shape, 1);
    double dot = 0;
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(d->shape, i);
        dot += net->kernels->dot(count, d->x + at, d->dy + at);
        if (d->dx)
            net->kernels->accumulate(count, d->weight, d->dy + at, d->dx + at);
    }
    memcpy(net_partial(net, slice), &dot, sizeof dot);
}

static double identity_backward(struct net *net, const struct net_branch *b, const real *x,
                                real weight, const real *dy, real *dx) {
    struct identity d = {b->in, x, dy, weight, dx};
    double sum = 0, dot;
    net_slices(net, identity_slice, &d);
    for (int slice = 0; slice < NET_SLICES; slice++) {
        memcpy(&dot, net_partial(net, slice), sizeof dot);
        sum += dot;
    }
    return sum;
}

/* The gradient by a branch's weight in the sum: of dy times (gamma xhat + beta). */
static double weight_gradient(const struct net_branch *b, const struct net_norm *norm,
                              const struct net_branch_weights *w) {
    const double count = (double)(net_count(b->out) / (size_t)b->out.c);
    const int last = b->units - 1;
    double sum = 0;
    for (int j = 0; j < b->out.c; j++) {
        const double gamma = w->gamma[last] ? w->gamma[last][j] : 1;
        const double beta = w->beta[last] ? w->beta[last][j] : 0;
        sum += count * (gamma * norm->dot[j] + beta * norm->sum[j]);
    }
    return sum;
}

/* Adds weight * the norm's sums to the gradients of its gamma and beta. */
static void affine_gradient(const struct net_norm *norm, double weight, real *dgamma, real *dbeta) {
    const double count = (double)(net_count(norm->shape) / (size_t)norm->shape.c) * weight;
    for (int j = 0; j < norm->shape.c; j++) {
        if (dgamma)
            dgamma[j] += (real)(count * norm->dot[j]);
        if (dbeta)
            dbeta[j] += (real)(count * norm->sum[j]);
    }
}

double net_branch_backward(struct net *net, const struct net_branch *b, const real *x,
                           const struct net_branch_weights *w, real weight, const real *dy,
                           real *work, real *dx, const struct net_branch_weights *dw) {
    static const struct net_branch_weights none;
    const int last = b->units - 1;
    if (b->op == NET_NONE)
        return 0;
    if (!b->units)
        return identity_backward(net, b, x, weight, dy, dx);
    dw = dw ? dw : &none;
    struct pass p = {.b = b, .i = last, .norm = unit_norm(b, last), .dy = dy};
    net_norm_reopen(&p.norm, w->gamma[last], w->beta[last]);
    net_slices(net, last_sums_slice, &p);
    net_norm_close_backward(net, &p.norm, NULL, NULL);
    const double by_weight = weight_gradient(b, &p.norm, w);
    affine_gradient(&p.norm, weight, dw->gamma[last], dw->beta[last]);
    norm_weigh(&p.norm, weight);
    for (int i = last; i >= 0; i--) {
        real *turned = work, *da = work + work_turned(b);
        p.i = i, p.norm = unit_norm(b, i), p.pre = unit_pre(b, i);
        p.x = i ? b->z[i - 1] : x, p.depth = w->depth[i], p.turned = turned;
        p.da = i ? da : NULL, p.dx = i ? NULL : dx;
        p.gradient = dw->point[i] != NULL;
        if (i) {
            p.before = unit_norm(b, i - 1);
            net_norm_reopen(&p.before, w->gamma[i - 1], w->beta[i - 1]);
        }
        net_unit_turn(&b->unit[i], w->point[i], turned);
        net_slices(net, backward_slice, &p);
        const size_t at = 2 * (size_t)b->unit[i].in.c, depth = net_unit_depth(b, i);
        if (p.gradient && depth)
            net_reduce(net, b->in.n, at, depth, dw->depth[i]);
        if (p.gradient)
            net_reduce(net, b->in.n, at + depth, net_unit_point(b, i), dw->point[i]);
        if (i)
            net_norm_close_backward(net, &p.before, dw->gamma[i - 1], dw->beta[i - 1]);
        p.dy = da;
    }
    return by_weight;
}

/* ---- sums ---- */

enum { MOST_TERMS = 64 };
struct mix {
    struct net_shape out;
    int n;
    const struct net_term *terms;
    real *y;
};

static void mix_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct mix *m = job;
    const struct net_range range = net_slice(m->out.n, slice);
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(m->out, i);
        struct net_term terms[MOST_TERMS];
        for (int t = 0; t < m->n; t++) {
            terms[t] = m->terms[t];
            terms[t].x += at;
        }
        if (m->n)
            net->kernels->mix((size_t)(m->out.h * m->out.w), m->out.c, m->n, terms, m->y + at);
        else
            memset(m->y + at, 0, (size_t)net_image(m->out, 1) * sizeof(real));
    }
}

void net_mix_forward(struct net *net, struct net_shape out, int n,
                     const struct net_branch *const *branch, const real *const *x,
                     const real *weight, real *y) {
    struct net_term terms[MOST_TERMS];
    struct mix m = {out, 0, terms, y};
    assert(n <= MOST_TERMS);
    for (int i = 0; i < n; i++) {
        const struct net_branch *b = branch[i];
        if (b->op == NET_NONE)
            continue;
        terms[m.n] = (struct net_term){.weight = weight[i], .x = x[i]};
        if (b->units) {
            const struct net_norm norm = unit_norm(b, b->units - 1);
            terms[m.n].scale = norm.scale, terms[m.n].offset = norm.offset;
            terms[m.n].x = b->z[b->units - 1];
        }
        m.n++;
    }
    net_slices(net, mix_slice, &m);
}
