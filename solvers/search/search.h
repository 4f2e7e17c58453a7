/* search.h - what the solvers of cell spaces share: the supernet with its images, batches, learning
 * rate and checkpoint, the rows of settings for all that, and the points.
 *
 * Images are neither augmented nor cut out; there is no auxiliary head. Validation takes the batch
 * norms' statistics from each validation batch, as training does from each of its own: a sampled
 * network has no running statistics worth the name. */
#ifndef SEARCH_SEARCH_H
#define SEARCH_SEARCH_H

#include "net/data.h"
#include "solver.h"
#include "space/cell_net.h"

/* Part 0 of the training images trains the weights, part 1 the architecture. */
struct search_part {
    int *image, *order; /* (count) the images; in the order of `epoch` */
    int count, steps;   /* whole batches an epoch */
    long epoch;         /* -1: no order yet */
};

struct search {
    const struct config *config;
    uint64_t seed;
    double full;    /* epochs of the whole schedule */
    double horizon; /* epochs in which it is run through: `full`, or the fidelity when rescaled */
    struct data *data;
    struct data_split split;
    struct search_part
        part[2]; /* the same images twice when the architecture has none of its own */
    struct cell_space space;
    struct cell_net *net;
    struct net *engine;        /* the network's */
    struct net_weight *weight; /* (weights) the network's */
    int weights;
    struct net_optim optim; /* of the weights */
    int batch;              /* images of a step */
    long step;              /* taken so far; part[0].steps an epoch */
    real *x;                /* (batch,H,W,C) the images of the current step */
    int *label;             /* (batch) */
    real *mix, *dmix;       /* (cells,edges,ops) */
};

/* Which images an architecture gets of its own: share `portion` of the training images goes to the
 * weights, the rest to the architecture; with 1 both see all. Fails when data or settings do not
 * fit. */
int search_open(struct search *s, const struct solver_task *task, double portion);
void search_close(struct search *s); /* fine on a zeroed one */
/* Opens and closes the data: for solver_ops.check. */
int search_check(const struct config *config);

/* How much of the schedule is behind: 0 .. 1, in steps. */
double search_progress(const struct search *s);
double search_rate(const struct search *s); /* cosine from lr to lr_min */

/* Batch `index` (from 0, over all epochs) of a part into x and label. */
void search_batch(struct search *s, int part, long index);
/* The loss of x with s->mix; fails when it is not finite. loss, correct may be NULL. */
int search_forward(struct search *s, double *loss, int *correct);
/* After search_forward: ADDS to the weights' gradients; dmix is cleared and filled. */
void search_backward(struct search *s);
void search_backward_mix(struct search *s); /* dmix only */
/* Clips to grad_clip and takes an SGD step; weights that the last forward left out stay. */
void search_update(struct search *s);

/* ---- mixes ---- */

int search_edges(const struct search *s);
/* mix = z (2,edges,ops) by kind of cell; and the gradient by z, summed over the cells of a kind. */
void search_spread(struct search *s, const double *z);
void search_gather(const struct search *s, double *dz);
/* mix = 1 for the operators of an architecture, else 0. */
void search_follow(struct search *s, const struct cell_arch *arch);

/* ---- points ---- */

/* Mean loss and accuracy of s->mix over the validation images (the last batch is filled up from the
 * first images, which count once). Fails when the loss is not finite. */
int search_validate(struct search *s, double *loss, double *accuracy);
/* A point of an architecture: epoch, params, flops, text; nothing measured. `text` is what
 * point.arch will point to. */
struct point search_point(const struct search *s, const struct cell_arch *arch, bool final,
                          char text[CELL_TEXT_MAX]);

/* ---- trained by gradients beside the weights ---- */

/* Architecture parameters: values, gradients, two slots, `count` each, in one block. */
int search_params_open(struct net_weight *params, const char *name, size_t count);
void search_params_free(struct net_weight *params);

/* ---- checkpoints ---- */

/* The search, and the solver's own records (n_own) behind it. */
int search_save(struct search *s, const char *path, const struct net_record *own, int n_own);
/* Fails, naming why, when the checkpoint is of another search. */
int search_load(struct search *s, const char *path, const struct net_record *own, int n_own);

/* ---- rows of settings ---- */

#define SEARCH_REAL(NAME, LO, HI, SCALE, PRESET, HELP)                                             \
    {                                                                                              \
        .name = NAME, .type = SETTING_REAL, .lo = LO, .hi = HI, .scale = SCALE, .preset = PRESET,  \
        .help = HELP                                                                               \
    }
#define SEARCH_INT(NAME, LO, HI, SCALE, PRESET, HELP)                                              \
    {                                                                                              \
        .name = NAME, .type = SETTING_INT, .lo = LO, .hi = HI, .scale = SCALE, .preset = PRESET,   \
        .help = HELP                                                                               \
    }
#define SEARCH_CHOICE(NAME, CHOICES, PRESET, HELP)                                                 \
    { .name = NAME, .type = SETTING_CHOICE, .choices = CHOICES, .preset = PRESET, .help = HELP }

/* SGD on the weights. */
#define SEARCH_WEIGHT_SETTINGS(LR)                                                                 \
    SEARCH_REAL("lr", 1e-4, 1, SETTING_LOG, LR, "learning rate of the weights at the start"),      \
        SEARCH_REAL("momentum", 0, 0.99, SETTING_LINEAR, "0.9", "momentum of the weights"),        \
        SEARCH_REAL("weight_decay", 1e-6, 0.1, SETTING_LOG, "0.0003", "of the weights"),           \
        SEARCH_REAL("grad_clip", 0.1, 100, SETTING_LOG, "5",                                       \
                    "largest norm of the weights' gradient")
#define SEARCH_COSINE_SETTING                                                                      \
    SEARCH_REAL("lr_min", 0, 0.1, SETTING_LINEAR, "0.001",                                         \
                "learning rate of the weights at the end, by a cosine")
#define SEARCH_SPACE_SETTINGS(CHANNELS, CELLS)                                                     \
    SEARCH_INT("channels", 2, 128, SETTING_LOG, CHANNELS, "channels of the first cells"),          \
        SEARCH_INT("cells", CELL_MIN_CELLS, CELL_MAX_CELLS, SETTING_LINEAR, CELLS,                 \
                   "cells of the network; those at 1/3 and 2/3 reduce"),                           \
        SEARCH_INT("nodes", 1, CELL_MAX_NODES, SETTING_LINEAR, "4", "nodes of a cell")
#define SEARCH_DATA_SETTINGS(BATCH)                                                                \
    SEARCH_CHOICE("data", DATA_NAMES, "fashion-mnist", "data set"),                                \
        {.name = "data_folder",                                                                    \
         .type = SETTING_TEXT,                                                                     \
         .preset = "",                                                                             \
         .help = "folder of the data set; empty: NASTUNE_DATA, then the Debian package's"},        \
        {.name = "train",                                                                          \
         .type = SETTING_INT,                                                                      \
         .lo = 1,                                                                                  \
         .hi = 1e7,                                                                                \
         .scale = SETTING_LOG,                                                                     \
         .preset = "6000",                                                                         \
         .unit = "images",                                                                         \
         .help = "training images, drawn by split_seed"},                                          \
        {.name = "validation",                                                                     \
         .type = SETTING_INT,                                                                      \
         .lo = 1,                                                                                  \
         .hi = 1e7,                                                                                \
         .scale = SETTING_LOG,                                                                     \
         .preset = "2000",                                                                         \
         .unit = "images",                                                                         \
         .help = "validation images, drawn by split_seed from the rest of the training set"},      \
        SEARCH_INT("split_seed", 0, 1e9, SETTING_LINEAR, "1",                                      \
                   "seed of the subset and the split; the same for all trials"),                   \
    {                                                                                              \
        .name = "batch", .type = SETTING_INT, .lo = 2, .hi = 4096, .scale = SETTING_LOG,           \
        .preset = BATCH, .unit = "images", .help = "images of a step"                              \
    }
#define SEARCH_EPOCH_SETTINGS(EPOCHS)                                                              \
    SEARCH_CHOICE("curve", "no|yes", "no", "a point after each epoch, or only at the end"),        \
        {.name = "epochs",                                                                         \
         .type = SETTING_INT,                                                                      \
         .lo = 1,                                                                                  \
         .hi = 10000,                                                                              \
         .scale = SETTING_LOG,                                                                     \
         .preset = EPOCHS,                                                                         \
         .unit = "epochs",                                                                         \
         .help = "the fidelity: length of the search"},                                            \
        SOLVER_SCHEDULE_SETTING
#define SEARCH_PORTION_SETTING                                                                     \
    SEARCH_REAL("train_portion", 0.1, 0.9, SETTING_LINEAR, "0.5",                                  \
                "share of the training images that trains the weights; the rest the architecture")

#endif
