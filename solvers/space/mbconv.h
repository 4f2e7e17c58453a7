/* mbconv.h - the MBConv search spaces as data: macro architectures, and the choice in each block.
 *
 * A network is a stem (3x3 conv, BN, ReLU), stages of MBConv blocks (Sandler et al., "MobileNetV2",
 * CVPR 2018), a head (1x1 conv, BN, ReLU), global average pooling and a linear classifier. The
 * first block of a stage has its stride and changes the channels; the others keep both and can be
 * dropped. In each searchable block a search chooses the kernel (3 or 5), the expansion (3 or 6),
 * or skip. */
#ifndef SPACE_MBCONV_H
#define SPACE_MBCONV_H

#include <stdbool.h>
#include <stddef.h>

#define MBCONV_MAX_STAGES 8
#define MBCONV_MAX_BLOCKS 32
#define MBCONV_SPACES "fashion|cifar|imagenet-mobile" /* choices of a setting */

struct mbconv_stage {
    int repeat, kernel, stride, expansion, out; /* of the largest network */
    bool searchable;
};

struct mbconv_space {
    const char *name, *about;
    int height, width, channels, classes; /* of the images */
    int stem, stem_stride;                /* channels out, stride of the stem */
    int head;                             /* channels of the last 1x1 conv */
    int stages;
    struct mbconv_stage stage[MBCONV_MAX_STAGES];
};

const struct mbconv_space *mbconv_find(const char *name); /* NULL: none */
const struct mbconv_space *mbconv_at(int i);              /* NULL past the end */

/* One block of the largest network. */
struct mbconv_block {
    int height, width, in; /* what comes in */
    int out_height, out_width, out;
    int kernel, stride, expansion;
    bool searchable;
    bool skippable; /* searchable, stride 1 and in == out */
};
/* The blocks in order; returns how many (<= MBCONV_MAX_BLOCKS). */
int mbconv_blocks(const struct mbconv_space *space, struct mbconv_block block[MBCONV_MAX_BLOCKS]);

/* ---- architectures ---- */

struct mbconv_choice {
    bool skip;             /* the block is dropped; the rest does not matter then */
    int kernel, expansion; /* 3 or 5; 3 or 6 in searchable blocks */
    int se;                /* squeeze-and-excitation: its width in percent of `in`; 0: none */
};
struct mbconv_arch {
    const struct mbconv_space *space;
    int blocks;
    struct mbconv_choice choice[MBCONV_MAX_BLOCKS]; /* (blocks) fixed blocks included */
};

/* The largest network of the space, and the smallest (all that can be dropped is). */
void mbconv_largest(const struct mbconv_space *space, struct mbconv_arch *arch);
void mbconv_smallest(const struct mbconv_space *space, struct mbconv_arch *arch);

/* One line, searchable blocks in order: "fashion k5e6 k3e3 skip k3e6s25 ..."; s25 is
 * squeeze-and-excitation of a quarter of the block's input channels. Returns buffer. */
#define MBCONV_TEXT_MAX 512
char *mbconv_format(const struct mbconv_arch *arch, char buffer[MBCONV_TEXT_MAX]);
/* Reads it back. Fails with what is wrong and in which block. */
int mbconv_parse(const char *text, struct mbconv_arch *arch);

/* ---- exact costs of the stand-alone network ---- */

/* Channels of the SE bottleneck: se percent of `in`, rounded, at least 1. */
int mbconv_se_width(const struct mbconv_block *block, int se);

/* Weights: convolutions, SE, scale and shift of the batch norms, classifier. */
double mbconv_params(const struct mbconv_arch *arch);
/* Multiply-adds of one inference, as the NAS papers count FLOPs: convolutions, SE, classifier. */
double mbconv_flops(const struct mbconv_arch *arch);
/* The same of one block as chosen. */
double mbconv_block_params(const struct mbconv_block *block, const struct mbconv_choice *choice);
double mbconv_block_flops(const struct mbconv_block *block, const struct mbconv_choice *choice);

#endif
