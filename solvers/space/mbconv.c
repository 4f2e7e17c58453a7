/* mbconv.c - the shipped MBConv spaces, their architectures as text, and exact costs (mbconv.h). */
#include "space/mbconv.h"
#include "fail.h"
#include <stdio.h>
#include <string.h>

static const struct mbconv_space spaces[] = {
    {.name = "fashion",
     .about = "28x28x1, 8 searchable blocks: a search takes seconds",
     .height = 28,
     .width = 28,
     .channels = 1,
     .classes = 10,
     .stem = 16,
     .stem_stride = 2,
     .head = 128,
     .stages = 3,
     .stage = {{1, 3, 1, 1, 16, false}, {4, 5, 2, 6, 24, true}, {4, 5, 2, 6, 40, true}}},
    {.name = "cifar",
     .about = "32x32x3, 9 searchable blocks: a search takes minutes",
     .height = 32,
     .width = 32,
     .channels = 3,
     .classes = 10,
     .stem = 16,
     .stem_stride = 2,
     .head = 192,
     .stages = 4,
     .stage = {{1, 3, 1, 1, 16, false},
               {3, 5, 2, 6, 24, true},
               {3, 5, 1, 6, 40, true},
               {3, 5, 2, 6, 64, true}}},
    /* Stamoulis et al., "Single-Path NAS", 2019; nas-search/supernet_macro.py of its repository. */
    {.name = "imagenet-mobile",
     .about = "224x224x3, 22 blocks of which 20 are searchable: the space of Single-Path NAS",
     .height = 224,
     .width = 224,
     .channels = 3,
     .classes = 1000,
     .stem = 32,
     .stem_stride = 2,
     .head = 1280,
     .stages = 7,
     .stage = {{1, 3, 1, 1, 16, false},
               {4, 5, 2, 6, 24, true},
               {4, 5, 2, 6, 40, true},
               {4, 5, 2, 6, 80, true},
               {4, 5, 1, 6, 96, true},
               {4, 5, 2, 6, 192, true},
               {1, 3, 1, 6, 320, false}}},
};
enum { SPACES = sizeof spaces / sizeof *spaces };

const struct mbconv_space *mbconv_at(int i) {
    return i < SPACES ? &spaces[i] : NULL;
}

const struct mbconv_space *mbconv_find(const char *name) {
    for (int i = 0; i < SPACES; i++)
        if (strcmp(spaces[i].name, name) == 0)
            return &spaces[i];
    return NULL;
}

static int shrink(int size, int stride) {
    return (size + stride - 1) / stride;
}

int mbconv_blocks(const struct mbconv_space *space, struct mbconv_block block[MBCONV_MAX_BLOCKS]) {
    int n = 0, in = space->stem;
    int height = shrink(space->height, space->stem_stride);
    int width = shrink(space->width, space->stem_stride);
    for (int s = 0; s < space->stages; s++) {
        const struct mbconv_stage *stage = &space->stage[s];
        for (int r = 0; r < stage->repeat; r++) {
            int stride = r ? 1 : stage->stride;
            block[n] = (struct mbconv_block){
                .height = height,
                .width = width,
                .in = in,
                .out_height = shrink(height, stride),
                .out_width = shrink(width, stride),
                .out = stage->out,
                .kernel = stage->kernel,
                .stride = stride,
                .expansion = stage->expansion,
                .searchable = stage->searchable,
                .skippable = stage->searchable && stride == 1 && in == stage->out,
            };
            height = block[n].out_height;
            width = block[n].out_width;
            in = stage->out;
            n++;
        }
    }
    return n;
}

/* ---- architectures ---- */

void mbconv_largest(const struct mbconv_space *space, struct mbconv_arch *arch) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    *arch = (struct mbconv_arch){.space = space, .blocks = mbconv_blocks(space, block)};
    for (int b = 0; b < arch->blocks; b++)
        arch->choice[b] =
            (struct mbconv_choice){.kernel = block[b].kernel, .expansion = block[b].expansion};
}

void mbconv_smallest(const struct mbconv_space *space, struct mbconv_arch *arch) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    mbconv_largest(space, arch);
    mbconv_blocks(space, block);
    for (int b = 0; b < arch->blocks; b++)
        if (block[b].searchable)
            arch->choice[b] =
                (struct mbconv_choice){.skip = block[b].skippable, .kernel = 3, .expansion = 3};
}

char *mbconv_format(const struct mbconv_arch *arch, char buffer[MBCONV_TEXT_MAX]) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    mbconv_blocks(arch->space, block);
    int used = snprintf(buffer, MBCONV_TEXT_MAX, "%s", arch->space->name);
    for (int b = 0; b < arch->blocks; b++) {
        const struct mbconv_choice *choice = &arch->choice[b];
        if (!block[b].searchable)
            continue;
        size_t room = (size_t)(MBCONV_TEXT_MAX - used);
        if (choice->skip)
            used += snprintf(buffer + used, room, " skip");
        else
            used += snprintf(buffer + used, room, " k%de%d", choice->kernel, choice->expansion);
        if (!choice->skip && choice->se)
            used += snprintf(buffer + used, (size_t)(MBCONV_TEXT_MAX - used), "s%d", choice->se);
    }
    return buffer;
}

static int parse_choice(const char *word, size_t length, const struct mbconv_block *block,
                        struct mbconv_choice *choice) {
    char text[32];
    int end = 0;
    if (length >= sizeof text)
        return fail("'%.*s' is no choice", (int)length, word);
    memcpy(text, word, length);
    text[length] = 0;
    *choice = (struct mbconv_choice){.kernel = 3, .expansion = 3};
    if (strcmp(text, "skip") == 0) {
        choice->skip = true;
        return block->skippable ? 0 : fail("this block cannot be skipped");
    }
    int fields = sscanf(text, "k%1de%1d%ns%d%n", &choice->kernel, &choice->expansion, &end,
                        &choice->se, &end);
    if (fields < 2 || (size_t)end != length || (choice->kernel != 3 && choice->kernel != 5) ||
        (choice->expansion != 3 && choice->expansion != 6) ||
        (fields == 3 && (choice->se < 1 || choice->se > 100)))
        return fail("'%s' is no choice; there are k3e3, k3e6, k5e3, k5e6 (and s1 .. s100 behind "
                    "them), skip",
                    text);
    return 0;
}

int mbconv_parse(const char *text, struct mbconv_arch *arch) {
    char name[32];
    size_t length = strcspn(text, " ");
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    const struct mbconv_space *space = mbconv_find(name);
    if (!space || length >= sizeof name)
        return fail("architecture: no space '%s'; there are %s", name, MBCONV_SPACES);
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    mbconv_largest(space, arch);
    mbconv_blocks(space, block);
    text += length;
    for (int b = 0; b < arch->blocks; b++) {
        if (!block[b].searchable)
            continue;
        text += strspn(text, " ");
        length = strcspn(text, " ");
        if (!length)
            return fail("architecture: block %d and what follows are missing", b);
        if (parse_choice(text, length, &block[b], &arch->choice[b]))
            return fail_within("architecture: block %d", b);
        text += length;
    }
    text += strspn(text, " ");
    return *text ? fail("architecture: '%s' is left over", text) : 0;
}

/* ---- costs ---- */

int mbconv_se_width(const struct mbconv_block *block, int se) {
    int width = (block->in * se + 50) / 100;
    return width > 1 ? width : 1;
}

double mbconv_block_params(const struct mbconv_block *block, const struct mbconv_choice *choice) {
    if (choice->skip)
        return 0;
    double in = block->in, out = block->out, middle = in * choice->expansion;
    double weights = middle * choice->kernel * choice->kernel + 2 * middle + middle * out + 2 * out;
    if (choice->expansion != 1)
        weights += in * middle + 2 * middle;
    if (choice->se)
        weights += 2 * middle * mbconv_se_width(block, choice->se);
    return weights;
}

double mbconv_block_flops(const struct mbconv_block *block, const struct mbconv_choice *choice) {
    if (choice->skip)
        return 0;
    double in = block->in, out = block->out, middle = in * choice->expansion;
    double before = (double)block->height * block->width;
    double after = (double)block->out_height * block->out_width;
    double flops = after * middle * (choice->kernel * choice->kernel + out);
    if (choice->expansion != 1)
        flops += before * in * middle;
    if (choice->se)
        flops += 2 * middle * mbconv_se_width(block, choice->se);
    return flops;
}

double mbconv_params(const struct mbconv_arch *arch) {
    const struct mbconv_space *space = arch->space;
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    int n = mbconv_blocks(space, block);
    double in = block[n - 1].out, head = space->head;
    double params = 9.0 * space->channels * space->stem + 2.0 * space->stem + in * head + 2 * head +
                    head * space->classes + space->classes;
    for (int b = 0; b < n; b++)
        params += mbconv_block_params(&block[b], &arch->choice[b]);
    return params;
}

double mbconv_flops(const struct mbconv_arch *arch) {
    const struct mbconv_space *space = arch->space;
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    int n = mbconv_blocks(space, block);
    double first = (double)block[0].height * block[0].width;
    double last = (double)block[n - 1].out_height * block[n - 1].out_width;
    double flops = first * 9 * space->channels * space->stem +
                   last * block[n - 1].out * space->head + (double)space->head * space->classes;
    for (int b = 0; b < n; b++)
        flops += mbconv_block_flops(&block[b], &arch->choice[b]);
    return flops;
}
