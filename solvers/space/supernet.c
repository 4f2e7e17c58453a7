/* supernet.c - superkernels in the body of the largest network of a space (supernet.h). */
#include "space/supernet.h"
#include "fail.h"
#include <string.h>

enum { SE_SMALL = 25, SE_LARGE = 50 }; /* per cent of the block's input channels */

/* The thresholds' weights in the network, behind its own: one entry a block for the kernels, then
 * one a block for SE. */
static int list_thresholds(int blocks, bool se, struct net_weight *extra) {
    static const char *const names[2] = {"thresholds", "se_thresholds"};
    for (int i = 0; i < blocks * (se ? 2 : 1); i++)
        extra[i] = (struct net_weight){.name = names[i >= blocks],
                                       .count = i < blocks ? SUPERKERNEL_GATES : SE_KERNEL_GATES,
                                       .decay = true};
    return blocks * (se ? 2 : 1);
}

static void attach_kernel(struct supernet_block *block, struct mbconv_layer *layer,
                          const struct net_weight *threshold, bool natural) {
    block->kernel = (struct superkernel){
        .channels = layer->op.expanded, .skippable = layer->block.skippable, .unit = {1, 1, 1}};
    block->depth = layer->w.depth;
    block->d_depth = layer->dw.depth;
    block->threshold = threshold->value;
    block->d_threshold = threshold->grad;
    if (natural)
        superkernel_natural_units(&block->kernel);
}

static void attach_se(struct supernet_block *block, struct mbconv_layer *layer,
                      const struct net_weight *threshold, bool natural) {
    block->se = (struct se_kernel){.channels = layer->op.expanded,
                                   .rows = layer->se.width,
                                   .rows_small = mbconv_se_width(&layer->block, SE_SMALL),
                                   .unit = {1, 1}};
    block->squeeze = layer->squeeze;
    block->d_squeeze = layer->dsqueeze;
    block->se_threshold = threshold->value;
    block->d_se_threshold = threshold->grad;
    if (natural)
        se_kernel_natural_units(&block->se);
}

static void attach(struct supernet *supernet, bool natural, bool se) {
    struct mbconv_net *net = supernet->net;
    const struct net_weight *threshold = net->weight + net->weights - supernet->thresholds;
    for (int b = 0, l = 0; l < net->layers; l++) {
        struct mbconv_layer *layer = &net->layer[l];
        if (!layer->block.searchable)
            continue;
        struct supernet_block *block = &supernet->block[b];
        *block = (struct supernet_block){.layer = l};
        attach_kernel(block, layer, threshold + b, natural);
        if (se)
            attach_se(block, layer, threshold + supernet->blocks + b, natural);
        b++;
    }
}

static void plan(struct supernet *supernet) {
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        size_t count = 25 * (size_t)block->kernel.channels;
        size_t squeeze = (size_t)(block->se.rows * block->kernel.channels);
        block->effective = net_arena_take(&supernet->arena, count);
        block->d_effective = net_arena_take(&supernet->arena, count);
        block->effective_squeeze = net_arena_take(&supernet->arena, squeeze);
        block->d_effective_squeeze = net_arena_take(&supernet->arena, squeeze);
    }
}

/* Points the network at the effective kernels, or back at the trained ones. */
static void point_at(struct supernet *supernet, bool effective) {
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        struct mbconv_layer *layer = &supernet->net->layer[block->layer];
        layer->w.depth = effective ? block->effective : block->depth;
        layer->dw.depth = effective ? block->d_effective : block->d_depth;
        layer->squeeze = effective ? block->effective_squeeze : block->squeeze;
        layer->dsqueeze = effective ? block->d_effective_squeeze : block->d_squeeze;
    }
}

int supernet_open(struct supernet *supernet, struct net *engine, const struct mbconv_space *space,
                  int batch, bool natural, bool se) {
    struct mbconv_arch largest;
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    struct net_weight extra[2 * MBCONV_MAX_BLOCKS];
    *supernet = (struct supernet){0};
    mbconv_largest(space, &largest);
    mbconv_blocks(space, block);
    for (int l = 0; l < largest.blocks; l++) {
        supernet->blocks += block[l].searchable;
        largest.choice[l].se = se && block[l].searchable ? SE_LARGE : 0;
    }
    supernet->thresholds = list_thresholds(supernet->blocks, se, extra);
    if (mbconv_net_open(&supernet->net, engine, &largest, batch, extra, supernet->thresholds))
        return -1;
    attach(supernet, natural, se);
    plan(supernet);
    if (net_arena_reserve(&supernet->arena)) {
        supernet_close(supernet);
        return -1;
    }
    plan(supernet);
    point_at(supernet, true);
    return 0;
}

void supernet_close(struct supernet *supernet) {
    mbconv_net_close(supernet->net);
    net_arena_free(&supernet->arena);
    *supernet = (struct supernet){0};
}

void supernet_init(struct supernet *supernet, uint64_t seed, double threshold) {
    struct mbconv_net *net = supernet->net;
    point_at(supernet, false); /* the trained kernels are drawn, not the masked ones */
    mbconv_net_init(net, seed);
    point_at(supernet, true);
    for (int w = net->weights - supernet->thresholds; w < net->weights; w++)
        for (size_t i = 0; i < net->weight[w].count; i++)
            net->weight[w].value[i] = net->weight[w].average[i] = (real)threshold;
}

/* ---- a step ---- */

static void draw_keep(double *factor, int n, double keep, struct rng *rng) {
    for (int i = 0; i < n; i++)
        factor[i] = keep >= 1 ? 1 : rng_uniform(rng) < keep ? 1 / keep : 0;
}

/* With SE a masked channel would not add a constant any more: it has to be dead. */
static void set_se(struct supernet *supernet, const struct supernet_block *block, bool skip,
                   bool half, double mix) {
    struct net_gated_se *se = &supernet->net->layer[block->layer].se;
    se->live = skip ? 0 : half ? block->kernel.channels / 2 : block->kernel.channels;
    se->mix = (real)mix;
}

void supernet_gate(struct supernet *supernet, double keep, struct rng *rng) {
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        double factor[SUPERKERNEL_GATES], se_factor[SE_KERNEL_GATES];
        draw_keep(factor, SUPERKERNEL_GATES, keep, rng);
        superkernel_forward(&block->kernel, block->depth, block->threshold, factor,
                            block->effective);
        if (!block->se.rows)
            continue;
        draw_keep(se_factor, SE_KERNEL_GATES, keep, rng);
        se_kernel_forward(&block->se, block->squeeze, block->se_threshold, se_factor,
                          block->effective_squeeze);
        set_se(supernet, block, block->kernel.gate[SUPERKERNEL_50] == 0,
               block->kernel.gate[SUPERKERNEL_100] == 0, block->se.gate[SE_KERNEL_ON]);
    }
}

static void zero_gradients(struct supernet *supernet) {
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        size_t channels = (size_t)block->kernel.channels, rows = (size_t)block->se.rows;
        memset(block->d_effective, 0, 25 * channels * sizeof(real));
        if (rows)
            memset(block->d_effective_squeeze, 0, rows * channels * sizeof(real));
    }
}

void supernet_backward(struct supernet *supernet, const real *x, const real *dlogits,
                       const struct supernet_slope *slope) {
    zero_gradients(supernet);
    mbconv_net_backward(supernet->net, x, dlogits);
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        superkernel_backward(&block->kernel, block->depth, block->d_effective, slope[b].kernel,
                             block->d_depth, block->d_threshold);
        if (!block->se.rows)
            continue;
        double d_gate[SE_KERNEL_GATES] = {slope[b].se[SE_KERNEL_ON] +
                                              supernet->net->layer[block->layer].dmix,
                                          slope[b].se[SE_KERNEL_50]};
        se_kernel_backward(&block->se, block->squeeze, block->d_effective_squeeze, d_gate,
                           block->d_squeeze, block->d_se_threshold);
    }
}

/* ---- architectures ---- */

void supernet_arch(const struct supernet *supernet, struct mbconv_arch *arch) {
    mbconv_largest(supernet->net->space, arch);
    for (int b = 0; b < supernet->blocks; b++) {
        const struct supernet_block *block = &supernet->block[b];
        arch->choice[block->layer] = superkernel_choice(&block->kernel);
        if (block->se.rows)
            arch->choice[block->layer].se = se_kernel_choice(&block->se);
    }
}

void supernet_mask(struct supernet *supernet, const struct mbconv_arch *arch) {
    for (int b = 0; b < supernet->blocks; b++) {
        struct supernet_block *block = &supernet->block[b];
        const struct mbconv_choice *choice = &arch->choice[block->layer];
        superkernel_mask(&block->kernel, choice, block->depth, block->effective);
        if (!block->se.rows)
            continue;
        se_kernel_mask(&block->se, choice->se, block->squeeze, block->effective_squeeze);
        set_se(supernet, block, choice->skip, choice->expansion == 3, choice->se > 0);
    }
}

void supernet_follow(struct supernet *supernet, const struct mbconv_arch *arch) {
    for (int b = 0; b < supernet->blocks; b++) {
        int layer = supernet->block[b].layer;
        supernet->net->layer[layer].skip = arch && arch->choice[layer].skip;
    }
}
