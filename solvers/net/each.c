/* each.c - activations, sums, dropout, global average pool. */
#include "internal.h"
#include <string.h>

struct each {
    struct net_shape shape;
    enum net_act act;
    real scale;
    const real *a, *b;
    real *y;
};

struct part {
    size_t start, count;
};

/* The elements of a slice. */
static struct part part_of(struct net_shape shape, int slice) {
    const struct net_range range = net_slice(shape.n, slice);
    const size_t image = net_count(shape) / (size_t)shape.n;
    return (struct part){(size_t)range.first * image, (size_t)(range.end - range.first) * image};
}

static void clear_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)net, (void)scratch;
    const struct each *e = job;
    const struct part p = part_of(e->shape, slice);
    memset(e->y + p.start, 0, p.count * sizeof(real));
}

void net_clear(struct net *net, struct net_shape shape, real *x) {
    struct each e = {shape, .y = x};
    net_slices(net, clear_slice, &e);
}

static void act_forward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct each *e = job;
    const struct part p = part_of(e->shape, slice);
    net->kernels->act_forward(p.count, e->act, e->a + p.start, e->y + p.start);
}

void net_act_forward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                     real *y) {
    struct each e = {shape, act, .a = x, .y = y};
    net_slices(net, act_forward_slice, &e);
}

static void act_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct each *e = job;
    const struct part p = part_of(e->shape, slice);
    net->kernels->act_backward(p.count, e->act, e->a + p.start, e->b + p.start, e->y + p.start);
}

void net_act_backward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                      const real *dy, real *dx) {
    struct each e = {shape, act, .a = x, .b = dy, .y = dx};
    net_slices(net, act_backward_slice, &e);
}

static void add_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct each *e = job;
    const struct part p = part_of(e->shape, slice);
    net->kernels->add(p.count, e->a + p.start, e->b + p.start, e->y + p.start);
}

void net_add(struct net *net, struct net_shape shape, const real *a, const real *b, real *y) {
    struct each e = {shape, .a = a, .b = b, .y = y};
    net_slices(net, add_slice, &e);
}

static void multiply_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct each *e = job;
    const struct part p = part_of(e->shape, slice);
    net->kernels->multiply(p.count, e->a + p.start, e->b + p.start, e->y + p.start);
}

void net_multiply(struct net *net, struct net_shape shape, const real *x, const real *mask,
                  real *y) {
    struct each e = {shape, .a = x, .b = mask, .y = y};
    net_slices(net, multiply_slice, &e);
}

void net_dropout_mask(struct rng *rng, size_t count, double keep, real *mask) {
    for (size_t i = 0; i < count; i++)
        mask[i] = rng_uniform(rng) < keep ? (real)(1 / keep) : 0;
}

static void gap_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct each *e = job;
    const struct net_range range = net_slice(e->shape.n, slice);
    const size_t pixels = (size_t)e->shape.h * (size_t)e->shape.w, c = (size_t)e->shape.c;
    for (size_t i = (size_t)range.first; i < (size_t)range.end; i++)
        net->kernels->pixel_sum(pixels, e->shape.c, e->scale, e->a + i * pixels * c, e->y + i * c);
}

void net_gap_forward(struct net *net, struct net_shape in, const real *x, real *y) {
    struct each e = {in, .scale = (real)1 / (real)(in.h * in.w), .a = x, .y = y};
    net_slices(net, gap_slice, &e);
}

static void gap_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct each *e = job;
    const struct net_range range = net_slice(e->shape.n, slice);
    const size_t pixels = (size_t)e->shape.h * (size_t)e->shape.w, c = (size_t)e->shape.c;
    for (size_t i = (size_t)range.first; i < (size_t)range.end; i++)
        net->kernels->pixel_spread(pixels, e->shape.c, e->scale, e->a + i * c,
                                   e->y + i * pixels * c);
}

void net_gap_backward(struct net *net, struct net_shape in, const real *dy, real *dx) {
    struct each e = {in, .scale = (real)1 / (real)(in.h * in.w), .a = dy, .y = dx};
    net_slices(net, gap_backward_slice, &e);
}

/* ---- drop-path, placement ---- */

static void scale_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct each *e = job;
    const struct net_range range = net_slice(e->shape.n, slice);
    const int count = e->shape.h * e->shape.w * e->shape.c;
    for (int i = range.first; i < range.end; i++) {
        const ptrdiff_t at = net_image(e->shape, i);
        const struct net_term term = {.weight = e->b[i], .x = e->a + at};
        net->kernels->mix(1, count, 1, &term, e->y + at);
    }
}

void net_scale_images(struct net *net, struct net_shape shape, const real *x, const real *factor,
                      real *y) {
    struct each e = {shape, .a = x, .b = factor, .y = y};
    net_slices(net, scale_slice, &e);
}

struct place {
    struct net_shape part;
    int channels;
    const real *from;
    real *to;
};

/* The pixels of a slice. */
static struct part pixels_of(struct net_shape shape, int slice) {
    shape.c = 1;
    return part_of(shape, slice);
}

static void place_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct place *p = job;
    const struct part s = pixels_of(p->part, slice);
    net->kernels->place(s.count, p->part.c, NET_IDENTITY, p->from + s.start * (size_t)p->part.c,
                        p->part.c, p->to + s.start * (size_t)p->channels, p->channels);
}

void net_place(struct net *net, struct net_shape part, const real *x, int channels, int at,
               real *y) {
    struct place p = {part, channels, x, y + at};
    net_slices(net, place_slice, &p);
}

static void place_backward_slice(struct net *net, void *job, int slice, real *scratch) {
    (void)scratch;
    const struct place *p = job;
    const struct part s = pixels_of(p->part, slice);
    const int c = p->part.c;
    const real *from = p->from + s.start * (size_t)p->channels;
    real *to = p->to + s.start * (size_t)c;
    for (size_t i = 0; i < s.count; i++, from += p->channels, to += c)
        net->kernels->add((size_t)c, to, from, to);
}

void net_place_backward(struct net *net, struct net_shape part, const real *dy, int channels,
                        int at, real *dx) {
    struct place p = {part, channels, dy + at, dx};
    net_slices(net, place_backward_slice, &p);
}
