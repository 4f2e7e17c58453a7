/* search.c - the supernet of a cell-space solver with its images, steps, points and checkpoints. */
#include "search/search.h"
#include "fail.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- open ---- */

static int open_data(struct search *s) {
    const struct config *config = s->config;
    if (data_open(&s->data, config_text(config, "data"), config_text(config, "data_folder")))
        return -1;
    return data_split_open(&s->split, s->data, (int)config_int(config, "train"),
                           (int)config_int(config, "validation"),
                           (uint64_t)config_int(config, "split_seed"));
}

static int open_part(struct search *s, int which, int *image, int count) {
    struct search_part *part = &s->part[which];
    *part = (struct search_part){.image = image, .count = count, .steps = count / s->batch};
    part->epoch = -1;
    if (part->steps < 1)
        return fail("batch: %d images a step, but only %d to train the %s on", s->batch, count,
                    which ? "architecture" : "weights");
    part->order = malloc((size_t)count * sizeof *part->order);
    return part->order ? 0 : fail("out of memory for %d images", count);
}

static int open_parts(struct search *s, double portion) {
    int all = s->split.n_train, first = (int)lround(portion * all);
    if (portion == 1)
        return open_part(s, 0, s->split.train, all) || open_part(s, 1, s->split.train, all) ? -1
                                                                                            : 0;
    return open_part(s, 0, s->split.train, first) ||
                   open_part(s, 1, s->split.train + first, all - first)
               ? -1
               : 0;
}

static int open_network(struct search *s, int threads) {
    const struct config *config = s->config;
    struct cell_space *space = &s->space;
    space->image = (struct net_shape){s->batch, s->data->height, s->data->width, s->data->channels};
    space->classes = s->data->classes;
    space->cells = (int)config_int(config, "cells");
    space->nodes = (int)config_int(config, "nodes");
    space->channels = (int)config_int(config, "channels");
    space->stem = 3;
    if (cell_net_open(&s->net, space, threads, s->seed))
        return -1;
    s->engine = cell_net_engine(s->net);
    s->weight = cell_net_weights(s->net, &s->weights);
    size_t mix = cell_net_mix(s->net);
    s->x = malloc(net_count(space->image) * sizeof *s->x);
    s->label = malloc((size_t)s->batch * sizeof *s->label);
    s->mix = calloc(mix, sizeof *s->mix);
    s->dmix = calloc(mix, sizeof *s->dmix);
    return s->x && s->label && s->mix && s->dmix ? 0 : fail("out of memory for a batch");
}

int search_open(struct search *s, const struct solver_task *task, double portion) {
    s->config = task->settings;
    s->seed = task->seed;
    bool rescale = config_choice(s->config, "fidelity") == SOLVER_RESCALE;
    s->full = fmax(task->fidelity_max, task->fidelity);
    s->horizon = rescale ? task->fidelity : s->full;
    s->batch = (int)config_int(s->config, "batch");
    s->optim = (struct net_optim){.kind = NET_SGD,
                                  .momentum = config_real(s->config, "momentum"),
                                  .weight_decay = config_real(s->config, "weight_decay")};
    return open_data(s) || open_parts(s, portion) || open_network(s, task->threads) ? -1 : 0;
}

void search_close(struct search *s) {
    cell_net_close(s->net);
    data_split_free(&s->split);
    data_close(s->data);
    free(s->part[0].order);
    free(s->part[1].order);
    free(s->x);
    free(s->label);
    free(s->mix);
    free(s->dmix);
}

int search_check(const struct config *config) {
    struct search *s = calloc(1, sizeof *s);
    if (!s)
        return fail("out of memory");
    s->config = config;
    int status = open_data(s);
    search_close(s);
    free(s);
    return status;
}

/* ---- steps ---- */

double search_progress(const struct search *s) {
    return fmin(1, (double)s->step / s->part[0].steps / s->horizon);
}

double search_rate(const struct search *s) {
    return net_rate_cosine(config_real(s->config, "lr"), config_real(s->config, "lr_min"),
                           search_progress(s), 1);
}

void search_batch(struct search *s, int which, long index) {
    struct search_part *part = &s->part[which];
    long epoch = index / part->steps;
    if (part->epoch != epoch) {
        struct rng rng =
            rng_make(s->seed, rng_stream(which ? "order-architecture" : "order"), (uint32_t)epoch);
        memcpy(part->order, part->image, (size_t)part->count * sizeof *part->order);
        rng_shuffle(&rng, part->order, part->count);
        part->epoch = epoch;
    }
    data_batch(s->data, part->order + index % part->steps * s->batch, s->batch, s->x, s->label);
}

int search_forward(struct search *s, double *loss, int *correct) {
    double value = cell_net_forward(s->net, s->x, s->label, s->mix, 0, correct);
    if (loss)
        *loss = value;
    if (!isfinite(value))
        return fail(
            "the loss is not finite at step %ld (epoch %ld); a lower learning rate may help",
            s->step + 1, s->step / s->part[0].steps + 1);
    return 0;
}

void search_backward(struct search *s) {
    memset(s->dmix, 0, cell_net_mix(s->net) * sizeof *s->dmix);
    cell_net_backward(s->net, s->x, s->mix, s->dmix);
}

void search_backward_mix(struct search *s) {
    memset(s->dmix, 0, cell_net_mix(s->net) * sizeof *s->dmix);
    cell_net_backward_mix(s->net, s->x, s->mix, s->dmix);
}

void search_update(struct search *s) {
    net_grad_clip(s->engine, s->weight, s->weights, config_real(s->config, "grad_clip"));
    net_optim_step(s->engine, &s->optim, search_rate(s), s->step + 1, s->weight, s->weights);
}

/* ---- mixes ---- */

int search_edges(const struct search *s) {
    return cell_edges(s->space.nodes);
}

void search_spread(struct search *s, const double *z) {
    int row = search_edges(s) * s->space.ops;
    for (int cell = 0; cell < s->space.cells; cell++)
        for (int i = 0; i < row; i++)
            s->mix[cell * row + i] = (real)z[cell_reduces(&s->space, cell) * row + i];
}

void search_gather(const struct search *s, double *dz) {
    int row = search_edges(s) * s->space.ops;
    memset(dz, 0, 2 * (size_t)row * sizeof *dz);
    for (int cell = 0; cell < s->space.cells; cell++)
        for (int i = 0; i < row; i++)
            dz[cell_reduces(&s->space, cell) * row + i] += (double)s->dmix[cell * row + i];
}

void search_follow(struct search *s, const struct cell_arch *arch) {
    int edges = search_edges(s), ops = s->space.ops;
    for (int cell = 0; cell < s->space.cells; cell++) {
        int kind = arch->own ? cell : cell_reduces(&s->space, cell);
        for (int e = 0; e < edges; e++)
            for (int o = 0; o < ops; o++)
                s->mix[(cell * edges + e) * ops + o] = arch->has[kind][e] >> s->space.op[o] & 1;
    }
}

/* ---- points ---- */

int search_validate(struct search *s, double *loss, double *accuracy) {
    int n = s->split.n_validation, right = 0;
    double sum = 0;
    int *image = malloc((size_t)s->batch * sizeof *image);
    if (!image)
        return fail("out of memory for a batch");
    for (int at = 0; at < n; at += s->batch) {
        int count = n - at < s->batch ? n - at : s->batch, hits;
        for (int i = 0; i < s->batch; i++)
            image[i] = s->split.validation[(at + i) % n];
        data_batch(s->data, image, s->batch, s->x, s->label);
        cell_net_forward(s->net, s->x, s->label, s->mix, 0, NULL);
        sum += count *
               net_loss(count, s->space.classes, cell_net_logits(s->net), s->label, 0, NULL, &hits);
        right += hits;
    }
    free(image);
    *loss = sum / n;
    *accuracy = (double)right / n;
    return isfinite(sum) ? 0
                         : fail("the validation loss is not finite after %g epochs",
                                (double)s->step / s->part[0].steps);
}

struct point search_point(const struct search *s, const struct cell_arch *arch, bool final,
                          char text[CELL_TEXT_MAX]) {
    struct point point = point_none();
    point.epoch = (double)s->step / s->part[0].steps;
    point.final = final;
    point.params = cell_params(arch, &s->space);
    point.flops = cell_flops(arch, &s->space);
    point.arch = cell_format(arch, text);
    return point;
}

/* ---- architecture parameters ---- */

int search_params_open(struct net_weight *params, const char *name, size_t count) {
    real *block = calloc(4 * count, sizeof *block);
    if (!block)
        return fail("out of memory for the architecture");
    *params = (struct net_weight){.name = name,
                                  .value = block,
                                  .grad = block + count,
                                  .slot = {block + 2 * count, block + 3 * count},
                                  .count = count,
                                  .decay = true};
    return 0;
}

void search_params_free(struct net_weight *params) {
    free(params->value);
    *params = (struct net_weight){0};
}

/* ---- checkpoints ---- */

struct stamp {
    uint64_t seed;
    double full, horizon;
    int64_t step, steps, batch, cells, nodes, channels, ops;
};

static struct stamp stamp_of(const struct search *s) {
    return (struct stamp){s->seed,           s->full,     s->horizon,     s->step,
                          s->part[0].steps,  s->batch,    s->space.cells, s->space.nodes,
                          s->space.channels, s->space.ops};
}

static size_t all_weights(const struct search *s) {
    size_t count = 0;
    for (int i = 0; i < s->weights; i++)
        count += s->weight[i].count;
    return count;
}

/* Values and momentum, one behind the other: out of the network, or into it. */
static void move_weights(struct search *s, real *block, bool out) {
    for (int i = 0; i < s->weights; i++)
        for (int part = 0; part < 2; part++) {
            real *own = part ? s->weight[i].slot[0] : s->weight[i].value;
            size_t bytes = s->weight[i].count * sizeof *own;
            memcpy(out ? block : own, out ? own : block, bytes);
            block += s->weight[i].count;
        }
}

static int transfer(struct search *s, struct stamp *stamp, const char *path,
                    const struct net_record *own, int n_own, bool save) {
    size_t bytes = 2 * all_weights(s) * sizeof(real);
    struct net_record *record = malloc(((size_t)n_own + 2) * sizeof *record);
    real *block = malloc(bytes);
    int status = -1;
    if (record && block) {
        record[0] = (struct net_record){"search", stamp, sizeof *stamp};
        record[1] = (struct net_record){"weights", block, bytes};
        for (int i = 0; i < n_own; i++)
            record[2 + i] = own[i];
        if (save)
            move_weights(s, block, true);
        status = save ? net_checkpoint_save(path, record, n_own + 2)
                      : net_checkpoint_load(path, record, n_own + 2);
        if (status == 0 && !save)
            move_weights(s, block, false);
    } else {
        fail("out of memory for a checkpoint");
    }
    free(record);
    free(block);
    return status;
}

int search_save(struct search *s, const char *path, const struct net_record *own, int n_own) {
    struct stamp stamp = stamp_of(s);
    return transfer(s, &stamp, path, own, n_own, true);
}

int search_load(struct search *s, const char *path, const struct net_record *own, int n_own) {
    struct stamp stamp, now = stamp_of(s);
    if (transfer(s, &stamp, path, own, n_own, false))
        return -1;
    now.step = stamp.step;
    now.seed = stamp.seed; /* the search goes on as it began, whatever trial it is now */
    if (stamp.full != now.full || stamp.horizon != now.horizon)
        return fail("%s: is of a schedule of %g epochs; a search over %g cannot go on from it "
                    "(fidelity: truncate can)",
                    path, stamp.horizon, s->horizon);
    if (memcmp(&stamp, &now, sizeof now))
        return fail("%s: is of another search: %d steps of %d images, another network", path,
                    (int)stamp.steps, (int)stamp.batch);
    s->seed = stamp.seed;
    s->step = (long)stamp.step;
    return 0;
}
