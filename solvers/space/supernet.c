/* supernet.c - superkernels in the body of the largest network of a space (supernet.h). */
#include "space/supernet.h"
#include "fail.h"
#include <string.h>

/* The thresholds' weights in the network, one entry a block. */
static int list_thresholds(const struct mbconv_space *space, struct net_weight *extra) {
    static const char *const names[MBCONV_MAX_BLOCKS] = {
        "t00", "t01", "t02", "t03", "t04", "t05", "t06", "t07", "t08", "t09", "t10",
        "t11", "t12", "t13", "t14", "t15", "t16", "t17", "t18", "t19", "t20", "t21",
        "t22", "t23", "t24", "t25", "t26", "t27", "t28", "t29", "t30", "t31"};
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    int n = 0, layers = mbconv_blocks(space, block);
    for (int l = 0; l < layers; l++)
        if (block[l].searchable)
            extra[n++] =
                (struct net_weight){.name = names[l], .count = SUPERKERNEL_GATES, .decay = true};
    return n;
}

static void attach(struct supernet *supernet, bool natural) {
    struct mbconv_net *net = supernet->net;
    int first = net->weights - supernet->blocks, b = 0;
    for (int l = 0; l < net->layers; l++) {
        struct mbconv_layer *layer = &net->layer[l];
        if (!layer->block.searchable)
            continue;
        struct supernet_block *block = &supernet->block[b];
        *block = (struct supernet_block){
            .layer = l,
            .kernel = {.channels = layer->op.expanded,
                       .skippable = layer->block.skippable,
                       .unit = {1, 1, 1}},
            .depth = layer->w.depth,
            .d_depth = layer->dw.depth,
            .threshold = net->weight[first + b].value,
            .d_threshold = net->weight[first + b].grad,
        };
        if (natural)
            superkernel_natural_units(&block->kernel);
        b++;
    }
}

static void plan(struct supernet *supernet) {
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        size_t count = 25 * (size_t)block->kernel.channels;
        block->effective = net_arena_take(&supernet->arena, count);
        block->d_effective = net_arena_take(&supernet->arena, count);
    }
}

int supernet_open(struct supernet *supernet, struct net *engine, const struct mbconv_space *space,
                  int batch, bool natural) {
    struct mbconv_arch largest;
    struct net_weight extra[MBCONV_MAX_BLOCKS];
    *supernet = (struct supernet){.blocks = list_thresholds(space, extra)};
    mbconv_largest(space, &largest);
    if (mbconv_net_open(&supernet->net, engine, &largest, batch, extra, supernet->blocks))
        return -1;
    attach(supernet, natural);
    plan(supernet);
    if (net_arena_reserve(&supernet->arena)) {
        supernet_close(supernet);
        return -1;
    }
    plan(supernet);
    for (int b = 0; b < supernet->blocks; b++) {
        struct mbconv_layer *layer = &supernet->net->layer[supernet->block[b].layer];
        layer->w.depth = supernet->block[b].effective;
        layer->dw.depth = supernet->block[b].d_effective;
    }
    return 0;
}

void supernet_close(struct supernet *supernet) {
    mbconv_net_close(supernet->net);
    net_arena_free(&supernet->arena);
    *supernet = (struct supernet){0};
}

void supernet_init(struct supernet *supernet, uint64_t seed, double threshold) {
    struct mbconv_net *net = supernet->net;
    for (int b = 0; b < supernet->blocks; b++) /* the trained kernels are drawn, not the masked */
        net->layer[supernet->block[b].layer].w.depth = supernet->block[b].depth;
    mbconv_net_init(net, seed);
    for (int b = 0; b < supernet->blocks; b++) {
        net->layer[supernet->block[b].layer].w.depth = supernet->block[b].effective;
        real *average = net->weight[net->weights - supernet->blocks + b].average;
        for (int i = 0; i < SUPERKERNEL_GATES; i++)
            supernet->block[b].threshold[i] = average[i] = (real)threshold;
    }
}

void supernet_gate(struct supernet *supernet, double keep, struct rng *rng) {
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        double factor[SUPERKERNEL_GATES] = {1, 1, 1};
        for (int i = 0; i < SUPERKERNEL_GATES && keep < 1; i++)
            factor[i] = rng_uniform(rng) < keep ? 1 / keep : 0;
        superkernel_forward(&block->kernel, block->depth, block->threshold, factor,
                            block->effective);
    }
}

void supernet_backward(struct supernet *supernet, const real *x, const real *dlogits,
                       const double d_gate[][SUPERKERNEL_GATES]) {
    for (int b = 0; b < supernet->blocks; b++)
        memset(supernet->block[b].d_effective, 0,
               25 * (size_t)supernet->block[b].kernel.channels * sizeof(real));
    mbconv_net_backward(supernet->net, x, dlogits);
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        superkernel_backward(&block->kernel, block->depth, block->d_effective, d_gate[b],
                             block->d_depth, block->d_threshold);
    }
}

void supernet_arch(const struct supernet *supernet, struct mbconv_arch *arch) {
    mbconv_largest(supernet->net->space, arch);
    for (int b = 0; b < supernet->blocks; b++)
        arch->choice[supernet->block[b].layer] = superkernel_choice(&supernet->block[b].kernel);
}

void supernet_mask(struct supernet *supernet, const struct mbconv_arch *arch) {
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        superkernel_mask(&block->kernel, &arch->choice[block->layer], block->depth,
                         block->effective);
    }
}

void supernet_follow(struct supernet *supernet, const struct mbconv_arch *arch) {
    for (int b = 0; b < supernet->blocks; b++) {
        int layer = supernet->block[b].layer;
        supernet->net->layer[layer].skip = arch && arch->choice[layer].skip;
    }
}
