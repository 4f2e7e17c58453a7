/* mbconv_net.c - forward, backward and evaluation of a whole MBConv network (mbconv_net.h). */
#include "space/mbconv_net.h"
#include "fail.h"
#include "space/mbconv_se.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory: the plan runs twice, see net_arena ---- */

static real *plan_weight(struct mbconv_net *net, const char *name, size_t count, bool decay,
                         real **grad) {
    int i = net->weights++;
    struct net_weight *weight = &net->weight[i];
    snprintf(net->name[i], sizeof net->name[i], "%s", name);
    *weight = (struct net_weight){.name = net->name[i], .count = count, .decay = decay};
    weight->value = net_arena_take(&net->arena, count);
    weight->grad = net_arena_take(&net->arena, count);
    weight->slot[0] = net_arena_take(&net->arena, count);
    weight->slot[1] = net_arena_take(&net->arena, count);
    weight->average = net_arena_take(&net->arena, count);
    if (grad)
        *grad = weight->grad;
    return weight->value;
}

static real *plan_part(struct mbconv_net *net, int layer, const char *part, size_t count,
                       bool decay, real **grad) {
    char name[24];
    snprintf(name, sizeof name, "block%02d.%s", layer, part);
    return plan_weight(net, name, count, decay, grad);
}

static void plan_statistics(struct mbconv_net *net, int channels, real **mean, real **var) {
    *mean = net_arena_take(&net->arena, (size_t)channels);
    *var = net_arena_take(&net->arena, (size_t)channels);
}

static void plan_conv(struct mbconv_net *net, struct mbconv_conv *conv, const char *name,
                      size_t weights, struct net_shape out) {
    char part[24];
    size_t c = (size_t)out.c;
    snprintf(part, sizeof part, "%s.w", name);
    conv->w = plan_weight(net, part, weights, true, &conv->dw);
    snprintf(part, sizeof part, "%s.gamma", name);
    conv->gamma = plan_weight(net, part, c, false, &conv->dgamma);
    snprintf(part, sizeof part, "%s.beta", name);
    conv->beta = plan_weight(net, part, c, false, &conv->dbeta);
    plan_statistics(net, out.c, &conv->mean, &conv->inverse);
    plan_statistics(net, out.c, &conv->running_mean, &conv->running_var);
    conv->z = net_arena_take(&net->arena, net_count(out));
    conv->y = net_arena_take(&net->arena, net_count(out));
}

static void plan_norms(struct mbconv_net *net, int l) {
    static const char *const gamma[] = {"gamma1", "gamma2", "gamma3"};
    static const char *const beta[] = {"beta1", "beta2", "beta3"};
    struct mbconv_layer *layer = &net->layer[l];
    for (int i = layer->op.expand ? 0 : 1; i < 3; i++) {
        int channels = i < 2 ? layer->op.expanded : layer->op.out;
        layer->w.gamma[i] =
            plan_part(net, l, gamma[i], (size_t)channels, false, &layer->dw.gamma[i]);
        layer->w.beta[i] = plan_part(net, l, beta[i], (size_t)channels, false, &layer->dw.beta[i]);
        plan_statistics(net, channels, &layer->running_mean[i], &layer->running_var[i]);
    }
}

static void plan_se(struct mbconv_net *net, int l) {
    struct mbconv_layer *layer = &net->layer[l];
    int width = mbconv_se_width(&layer->block, layer->choice.se);
    size_t count = (size_t)(width * layer->op.expanded);
    layer->se = (struct net_gated_se){
        .in = layer->op.middle, .width = width, .live = layer->op.expanded, .mix = 1};
    layer->squeeze = plan_part(net, l, "squeeze", count, true, &layer->dsqueeze);
    layer->excite = plan_part(net, l, "excite", count, true, &layer->dexcite);
    net_gated_se_plan(&layer->se, &net->arena);
}

static void plan_layer(struct mbconv_net *net, int l) {
    struct mbconv_layer *layer = &net->layer[l];
    struct net_mbconv *op = &layer->op;
    const struct mbconv_block *block = &layer->block;
    if (layer->choice.skip) {
        layer->skip = true;
        return;
    }
    int expansion = layer->choice.expansion, k = layer->choice.kernel;
    *op = (struct net_mbconv){.in = {net->batch, block->height, block->width, block->in},
                              .expanded = block->in * expansion,
                              .out = block->out,
                              .window = {k, block->stride, 1},
                              .act = NET_RELU,
                              .expand = expansion != 1,
                              .residual = block->stride == 1 && block->in == block->out,
                              .eps = (real)MBCONV_BN_EPS};
    size_t in = (size_t)block->in, wide = (size_t)op->expanded, out = (size_t)block->out, work;
    if (op->expand)
        layer->w.expand = plan_part(net, l, "expand", in * wide, true, &layer->dw.expand);
    layer->w.depth = plan_part(net, l, "depth", (size_t)(k * k) * wide, true, &layer->dw.depth);
    layer->w.project = plan_part(net, l, "project", wide * out, true, &layer->dw.project);
    plan_norms(net, l);
    net_mbconv_plan(op, &net->arena, &work);
    layer->y = net_arena_take(&net->arena, net_count(op->result));
    if (layer->choice.se) {
        plan_se(net, l);
        work = mbconv_se_work(op);
    }
    net->work_count = work > net->work_count ? work : net->work_count;
    size_t biggest = net_count(op->in);
    net->gradient_count = biggest > net->gradient_count ? biggest : net->gradient_count;
}

static struct net_shape stem_shape(const struct mbconv_net *net) {
    const struct mbconv_block *first = &net->layer[0].block;
    return (struct net_shape){net->batch, first->height, first->width, first->in};
}

static struct net_shape last_shape(const struct mbconv_net *net) {
    const struct mbconv_block *last = &net->layer[net->layers - 1].block;
    return (struct net_shape){net->batch, last->out_height, last->out_width, last->out};
}

static struct net_shape head_shape(const struct mbconv_net *net) {
    struct net_shape shape = last_shape(net);
    shape.c = net->space->head;
    return shape;
}

static void plan(struct mbconv_net *net, const struct net_weight *extra, int n_extra) {
    const struct mbconv_space *space = net->space;
    size_t n = (size_t)net->batch, head = (size_t)space->head, classes = (size_t)space->classes;
    net->weights = 0;
    net->gradient_count = net_count(stem_shape(net));
    if (net_count(last_shape(net)) > net->gradient_count)
        net->gradient_count = net_count(last_shape(net));
    plan_conv(net, &net->stem, "stem", 9 * (size_t)(space->channels * space->stem),
              stem_shape(net));
    for (int l = 0; l < net->layers; l++)
        plan_layer(net, l);
    plan_conv(net, &net->head, "head", (size_t)last_shape(net).c * head, head_shape(net));
    net->fc = plan_weight(net, "fc.w", head * classes, true, &net->dfc);
    net->bias = plan_weight(net, "fc.bias", classes, true, &net->dbias);
    for (int i = 0; i < n_extra; i++)
        plan_weight(net, extra[i].name, extra[i].count, extra[i].decay, NULL);
    net->pooled = net_arena_take(&net->arena, n * head);
    net->mask = net_arena_take(&net->arena, n * head);
    net->logits = net_arena_take(&net->arena, n * classes);
    if (net_count(head_shape(net)) > net->gradient_count)
        net->gradient_count = net_count(head_shape(net));
    net->work = net_arena_take(&net->arena, net->work_count);
    for (int i = 0; i < 2; i++)
        net->gradient[i] = net_arena_take(&net->arena, net->gradient_count);
}

int mbconv_net_open(struct mbconv_net **out, struct net *engine, const struct mbconv_arch *arch,
                    int batch, const struct net_weight *extra, int n_extra) {
    *out = NULL;
    struct mbconv_net *net = calloc(1, sizeof *net);
    if (!net)
        return fail("out of memory for a network");
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    *net = (struct mbconv_net){.engine = engine, .space = arch->space, .batch = batch};
    net->layers = mbconv_blocks(arch->space, block);
    for (int l = 0; l < net->layers; l++) {
        net->layer[l].block = block[l];
        net->layer[l].choice = arch->choice[l];
    }
    plan(net, extra, n_extra);
    if (net_arena_reserve(&net->arena)) {
        free(net);
        return -1;
    }
    plan(net, extra, n_extra);
    *out = net;
    return 0;
}

void mbconv_net_close(struct mbconv_net *net) {
    if (!net)
        return;
    net_arena_free(&net->arena);
    free(net);
}

/* ---- initial weights ---- */

static void fill(real *v, size_t count, real value) {
    for (size_t i = 0; i < count; i++)
        v[i] = value;
}

static void draw_classifier(struct mbconv_net *net, struct rng *rng) {
    /* Uniform within 1 / sqrt(classes), as the repository's dense layer. */
    double range = 1 / sqrt(net->space->classes);
    size_t count = (size_t)net->space->head * (size_t)net->space->classes;
    for (size_t i = 0; i < count; i++)
        net->fc[i] = (real)(range * (2 * rng_uniform(rng) - 1));
}

void mbconv_net_init(struct mbconv_net *net, uint64_t seed) {
    uint32_t stream = rng_stream("init"), index = 0;
    struct rng rng = rng_make(seed, stream, index++);
    const struct mbconv_space *space = net->space;
    net_init_normal(&rng, 9 * (size_t)(space->channels * space->stem), 9.0 * space->stem,
                    net->stem.w);
    fill(net->stem.gamma, (size_t)space->stem, 1);
    for (int l = 0; l < net->layers; l++) {
        const struct mbconv_layer *layer = &net->layer[l];
        const struct net_mbconv *op = &layer->op;
        rng = rng_make(seed, stream, index++);
        if (layer->choice.skip)
            continue;
        size_t wide = (size_t)op->expanded, taps = (size_t)(op->window.k * op->window.k);
        if (op->expand)
            net_init_normal(&rng, (size_t)op->in.c * wide, (double)wide, layer->w.expand);
        net_init_normal(&rng, taps * wide, (double)taps, layer->w.depth);
        net_init_normal(&rng, wide * (size_t)op->out, op->out, layer->w.project);
        for (int i = op->expand ? 0 : 1; i < 3; i++)
            fill(layer->w.gamma[i], (size_t)(i < 2 ? op->expanded : op->out), 1);
        if (layer->se.width) {
            size_t count = (size_t)layer->se.width * wide;
            net_init_normal(&rng, count, layer->se.width, layer->squeeze);
            net_init_normal(&rng, count, (double)wide, layer->excite);
        }
    }
    rng = rng_make(seed, stream, index++);
    net_init_normal(&rng, (size_t)(last_shape(net).c * space->head), space->head, net->head.w);
    fill(net->head.gamma, (size_t)space->head, 1);
    draw_classifier(net, &rng);
    for (int w = 0; w < net->weights; w++)
        memcpy(net->weight[w].average, net->weight[w].value, net->weight[w].count * sizeof(real));
}

/* ---- forward ---- */

static struct net_shape image_shape(const struct mbconv_net *net) {
    const struct mbconv_space *space = net->space;
    return (struct net_shape){net->batch, space->height, space->width, space->channels};
}

static struct net_window stem_window(const struct mbconv_net *net) {
    return (struct net_window){3, net->space->stem_stride, 1};
}

static void norm_forward(struct mbconv_net *net, struct mbconv_conv *conv, struct net_shape shape) {
    net_bn_forward(net->engine, shape, NET_RELU, conv->z, conv->gamma, conv->beta,
                   (real)MBCONV_BN_EPS, conv->mean, conv->inverse, conv->y);
}

void mbconv_net_forward(struct mbconv_net *net, const real *x, double keep, struct rng *rng) {
    const struct mbconv_space *space = net->space;
    struct net_shape pooled = {net->batch, 1, 1, space->head};
    net_conv_forward(net->engine, image_shape(net), stem_window(net), space->stem, x, net->stem.w,
                     net->stem.z);
    norm_forward(net, &net->stem, stem_shape(net));
    const real *y = net->stem.y;
    for (int l = 0; l < net->layers; l++) {
        struct mbconv_layer *layer = &net->layer[l];
        if (layer->skip)
            continue;
        if (layer->se.width)
            mbconv_se_forward(net->engine, layer, y, net->work, layer->y);
        else
            net_mbconv_forward(net->engine, &layer->op, y, &layer->w, net->work, layer->y);
        y = layer->y;
    }
    net_pw_forward(net->engine, last_shape(net), space->head, y, net->head.w, net->head.z);
    norm_forward(net, &net->head, head_shape(net));
    net_gap_forward(net->engine, head_shape(net), net->head.y, net->pooled);
    if (keep < 1)
        net_dropout_mask(rng, net_count(pooled), keep, net->mask);
    else
        fill(net->mask, net_count(pooled), 1);
    net_multiply(net->engine, pooled, net->pooled, net->mask, net->pooled);
    net_linear_forward(net->engine, net->batch, space->head, space->classes, net->pooled, net->fc,
                       net->bias, net->logits);
}

/* ---- backward ---- */

static void norm_backward(struct mbconv_net *net, const struct mbconv_conv *conv,
                          struct net_shape shape, const real *dy, real *dx) {
    net_bn_backward(net->engine, shape, NET_RELU, conv->z, conv->gamma, conv->beta, conv->mean,
                    conv->inverse, dy, dx, conv->dgamma, conv->dbeta);
}

/* What goes into layer l: the output of the last layer before it that is not skipped. */
static const real *input_of(const struct mbconv_net *net, int l) {
    while (--l >= 0)
        if (!net->layer[l].skip)
            return net->layer[l].y;
    return net->stem.y;
}

void mbconv_net_backward(struct mbconv_net *net, const real *x, const real *dlogits) {
    const struct mbconv_space *space = net->space;
    struct net_shape pooled = {net->batch, 1, 1, space->head};
    real *dy = net->gradient[0], *dx = net->gradient[1];
    net_linear_backward(net->engine, net->batch, space->head, space->classes, net->pooled, net->fc,
                        dlogits, dx, net->dfc, net->dbias);
    net_multiply(net->engine, pooled, dx, net->mask, dx);
    net_gap_backward(net->engine, head_shape(net), dx, dy);
    norm_backward(net, &net->head, head_shape(net), dy, dy);
    net_pw_backward(net->engine, last_shape(net), space->head, input_of(net, net->layers),
                    net->head.w, dy, dx, net->head.dw);
    for (int l = net->layers - 1; l >= 0; l--) {
        struct mbconv_layer *layer = &net->layer[l];
        if (layer->skip)
            continue;
        real *swap = dy;
        dy = dx;
        dx = swap;
        if (layer->se.width)
            mbconv_se_backward(net->engine, layer, input_of(net, l), dy, net->work, dx);
        else
            net_mbconv_backward(net->engine, &layer->op, input_of(net, l), &layer->w, dy, net->work,
                                dx, &layer->dw);
    }
    norm_backward(net, &net->stem, stem_shape(net), dx, dx);
    net_conv_backward(net->engine, image_shape(net), stem_window(net), space->stem, x, net->stem.w,
                      dx, NULL, net->stem.dw);
}

/* ---- evaluation ---- */

static void track(int c, const real *mean, const real *inverse, double momentum, real *running_mean,
                  real *running_var) {
    net_bn_track(c, mean, inverse, (real)MBCONV_BN_EPS, 0, (real)momentum, running_mean,
                 running_var);
}

static void track_conv(struct mbconv_conv *conv, int c, double momentum) {
    track(c, conv->mean, conv->inverse, momentum, conv->running_mean, conv->running_var);
}

void mbconv_net_track(struct mbconv_net *net, double momentum) {
    track_conv(&net->stem, net->space->stem, momentum);
    track_conv(&net->head, net->space->head, momentum);
    for (int l = 0; l < net->layers; l++) {
        struct mbconv_layer *layer = &net->layer[l];
        if (layer->skip)
            continue;
        for (int i = layer->op.expand ? 0 : 1; i < 3; i++)
            track(i < 2 ? layer->op.expanded : layer->op.out, layer->op.mean[i],
                  layer->op.inverse[i], momentum, layer->running_mean[i], layer->running_var[i]);
    }
}

static void norm_evaluate(struct mbconv_net *net, struct mbconv_conv *conv,
                          struct net_shape shape) {
    net_bn_evaluate(net->engine, shape, NET_RELU, conv->z, conv->gamma, conv->beta,
                    (real)MBCONV_BN_EPS, conv->running_mean, conv->running_var, conv->y);
}

static void evaluate_stem(struct mbconv_net *net, const real *x) {
    net_conv_forward(net->engine, image_shape(net), stem_window(net), net->space->stem, x,
                     net->stem.w, net->stem.z);
    norm_evaluate(net, &net->stem, stem_shape(net));
}

static void evaluate_layer(struct mbconv_net *net, int l) {
    struct mbconv_layer *layer = &net->layer[l];
    if (!layer->skip && layer->se.width)
        mbconv_se_evaluate(net->engine, layer, input_of(net, l), net->work, layer->y);
    else if (!layer->skip)
        net_mbconv_evaluate(net->engine, &layer->op, input_of(net, l), &layer->w,
                            layer->running_mean, layer->running_var, net->work, layer->y);
}

static void evaluate_head(struct mbconv_net *net) {
    const struct mbconv_space *space = net->space;
    net_pw_forward(net->engine, last_shape(net), space->head, input_of(net, net->layers),
                   net->head.w, net->head.z);
    norm_evaluate(net, &net->head, head_shape(net));
    net_gap_forward(net->engine, head_shape(net), net->head.y, net->pooled);
    net_linear_forward(net->engine, net->batch, space->head, space->classes, net->pooled, net->fc,
                       net->bias, net->logits);
}

int mbconv_net_steps(const struct mbconv_net *net) {
    return net->layers + 2;
}

void mbconv_net_evaluate_step(struct mbconv_net *net, const real *x, int step) {
    if (step == 0)
        evaluate_stem(net, x);
    else if (step <= net->layers)
        evaluate_layer(net, step - 1);
    else
        evaluate_head(net);
}

void mbconv_net_evaluate(struct mbconv_net *net, const real *x) {
    for (int step = 0; step < mbconv_net_steps(net); step++)
        mbconv_net_evaluate_step(net, x, step);
}

void mbconv_net_swap_average(struct mbconv_net *net) {
    for (int w = 0; w < net->weights; w++) {
        struct net_weight *weight = &net->weight[w];
        for (size_t i = 0; i < weight->count; i++) {
            real value = weight->value[i];
            weight->value[i] = weight->average[i];
            weight->average[i] = value;
        }
    }
}
