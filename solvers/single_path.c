/* single_path.c - Single-Path NAS: one search by gradient descent over weights and thresholds.
 *
 * Stamoulis, Ding, Wang, Lymberopoulos, Priyantha, Liu & Marculescu, "Single-Path NAS: Designing
 * Hardware-Efficient ConvNets in less than 4 Hours", ECML-PKDD 2019; "Single-Path Mobile AutoML",
 * IEEE JSTSP 2020. The official repository (dstamoulis/single-path-nas) fixes what the papers leave
 * open. The loss of a step is
 *     CE(smoothed labels) + decay |v|^2 / 2 over all but the batch norms + s lambda ln R
 * with R the differentiable runtime in ms (runtime_gated). s is 1000 in the repository, so that its
 * lambda of 0.02 means 20 ln R; the papers have s = 1. lambda is 0 during the warm-up, in which the
 * indicators are dropped at random: otherwise the whole kernels always win.
 *
 * Two defaults differ from the repository. Norms are measured in the units that the initial weights
 * lead to expect (superkernel.h says why; `indicator: norm` is the repository's), and the learning
 * rate for a batch of 256 is 0.064 instead of 0.016, since a step here has 64 images instead of
 * 1024.
 *
 * A point is the decoded network with the weights of the supernet: moving averages as in the
 * repository, and batch-norm statistics taken anew from training images for the decoded network,
 * since those of the supernet belong to other masks. Leaving a masked part out does not change what
 * the network computes: the constant it still adds is taken out by the next batch norm. */
#include "fail.h"
#include "net/data.h"
#include "runtime/runtime.h"
#include "solver.h"
#include "space/mbconv_final.h"
#include "space/supernet.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STATISTICS_BATCHES = 8 };

#define SETTING(...)                                                                               \
    { __VA_ARGS__ }
#define REAL(NAME, LO, HI, PRESET, HELP)                                                           \
    SETTING(.name = NAME, .type = SETTING_REAL, .lo = LO, .hi = HI, .preset = PRESET, .help = HELP)
#define LOG_REAL(NAME, LO, HI, PRESET, HELP)                                                       \
    SETTING(.name = NAME, .type = SETTING_REAL, .lo = LO, .hi = HI, .scale = SETTING_LOG,          \
            .preset = PRESET, .help = HELP)
#define REAL_WHEN(NAME, LO, HI, PRESET, WHEN, HELP)                                                \
    SETTING(.name = NAME, .type = SETTING_REAL, .lo = LO, .hi = HI, .preset = PRESET,              \
            .when = WHEN, .help = HELP)
#define COUNT(NAME, LO, HI, PRESET, UNIT, HELP)                                                    \
    SETTING(.name = NAME, .type = SETTING_INT, .lo = LO, .hi = HI, .scale = SETTING_LOG,           \
            .preset = PRESET, .unit = UNIT, .help = HELP)
#define CHOICE(NAME, CHOICES, PRESET, HELP)                                                        \
    SETTING(.name = NAME, .type = SETTING_CHOICE, .choices = CHOICES, .preset = PRESET,            \
            .help = HELP)
#define TEXT(NAME, HELP) SETTING(.name = NAME, .type = SETTING_TEXT, .preset = "", .help = HELP)

static const struct setting settings[] = {
    LOG_REAL("lambda", 1e-7, 10, "0.02", "weight of ln(runtime) in the loss; see loss_scale"),
    LOG_REAL("lr", 1e-4, 1, "0.064", "learning rate for a batch of 256; in proportion for others"),
    REAL("warmup", 0, 0.95, "0.625", "share of the schedule before the runtime enters the loss"),
    REAL("keep", 0.3, 1, "0.6", "probability to keep an indicator during warm-up"),
    REAL("threshold_init", 0, 1, "0", "initial value of the thresholds"),
    LOG_REAL("threshold_lr", 0.01, 100, "1",
             "learning rate of the thresholds, as a multiple of that of the weights"),
    LOG_REAL("weight_decay", 1e-7, 1e-2, "1e-05",
             "of all weights and thresholds but those of the batch norms"),
    REAL("label_smoothing", 0, 0.3, "0.1", "share of a label spread over all classes"),
    REAL("dropout", 0, 0.5, "0.2", "probability to drop a feature in front of the classifier"),
    REAL("lr_decay", 0.5, 1, "0.97", "factor of the learning rate every lr_every epochs"),
    {.name = "lr_every",
     .type = SETTING_REAL,
     .lo = 0.1,
     .hi = 100,
     .preset = "2.4",
     .unit = "epochs",
     .help = "epochs between two steps of the learning rate"},
    CHOICE("optimizer", "rmsprop|momentum|sgd", "rmsprop",
           "one optimiser for weights and thresholds"),
    REAL_WHEN("momentum", 0, 0.99, "0.9", "optimizer=rmsprop|momentum",
              "momentum of the optimiser"),
    REAL_WHEN("rms_decay", 0.5, 0.9999, "0.9", "optimizer=rmsprop",
              "decay of RMSProp's mean square"),
    {.name = "rms_eps",
     .type = SETTING_REAL,
     .lo = 1e-10,
     .hi = 1,
     .scale = SETTING_LOG,
     .preset = "0.001",
     .when = "optimizer=rmsprop",
     .help = "what RMSProp adds under the root"},
    REAL("average", 0, 0.999999, "0.9999",
         "decay of the moving averages of the weights, at most (1+step)/(10+step)"),
    CHOICE("loss_scale", "repository|paper", "repository",
           "the loss has 1000 lambda ln(ms) as in the repository, or lambda ln(ms)"),
    CHOICE("indicator", "relative|norm", "relative",
           "norms relative to their expected initial value, or plain as in the repository"),
    CHOICE("space", "auto|" MBCONV_SPACES, "auto",
           "search space; auto: fashion or cifar, as the data are"),
    CHOICE("se", "no|yes", "no",
           "search squeeze-and-excitation (none, 25 %, 50 % of a block's input) as well"),
    TEXT("latency", "latency table (CSV) of the space; empty: the one that ships"),
    CHOICE("data", DATA_NAMES, "fashion-mnist", "data set"),
    TEXT("data_folder", "folder of the data set; empty: NASTUNE_DATA, then the Debian package's"),
    COUNT("train", 1, 1e7, "5000", "images", "training images, drawn by split_seed"),
    COUNT("validation", 1, 1e7, "2000", "images",
          "validation images, drawn by split_seed from the rest of the training set"),
    {.name = "split_seed",
     .type = SETTING_INT,
     .lo = 0,
     .hi = 1e9,
     .preset = "1",
     .help = "seed of the subset and the split; the same for all trials, so that they compare"},
    COUNT("batch", 2, 4096, "64", "images", "images of a step"),
    CHOICE("curve", "no|yes", "yes", "a point after each epoch, or only the last"),
    COUNT("epochs", 1, 10000, "8", "epochs", "the fidelity: length of the search"),
    SOLVER_SCHEDULE_SETTING,
    {0}};

struct single_path {
    const struct config *config;
    uint64_t seed;
    double full;    /* epochs of the whole schedule, as the settings describe it */
    double horizon; /* epochs in which it is run through: `full`, or the fidelity when rescaled */
    const struct mbconv_space *space;
    struct runtime_table table;
    struct data *data;
    struct data_split split;
    struct net *engine;
    struct supernet supernet;
    struct net_optim optim;
    int batch, steps; /* images a step, steps an epoch */
    long step;        /* taken so far */

    int *order, order_epoch; /* (split.n_train) the training images of an epoch; -1: none yet */
    int *label;              /* (batch) */
    real *x, *dlogits;       /* (batch, H, W, C), (batch, classes) */
};

/* ---- open ---- */

static int choose_space(struct single_path *s) {
    char name[32];
    int choice = config_choice(s->config, "space");
    const char *data = config_text(s->config, "data");
    if (choice == 0)
        snprintf(name, sizeof name, "%s", strcmp(data, "cifar-10") == 0 ? "cifar" : "fashion");
    else
        snprintf(name, sizeof name, "%s", config_text(s->config, "space"));
    s->space = mbconv_find(name);
    if (runtime_read(&s->table, s->space, config_text(s->config, "latency")))
        return -1;
    if (config_flag(s->config, "se") && !runtime_has_se(&s->table))
        return fail("se: the latency table has no operators se25 and se50 for every block");
    return 0;
}

static int open_data(struct single_path *s) {
    const struct mbconv_space *space = s->space;
    if (data_open(&s->data, config_text(s->config, "data"), config_text(s->config, "data_folder")))
        return -1;
    const struct data *data = s->data;
    if (data->height != space->height || data->width != space->width ||
        data->channels != space->channels || data->classes != space->classes)
        return fail("space %s is for images of %dx%dx%d in %d classes; %s has %dx%dx%d in %d",
                    space->name, space->height, space->width, space->channels, space->classes,
                    data->name, data->height, data->width, data->channels, data->classes);
    return data_split_open(&s->split, data, (int)config_int(s->config, "train"),
                           (int)config_int(s->config, "validation"),
                           (uint64_t)config_int(s->config, "split_seed"));
}

/* Space, latency table, data and split: what `check` looks at. */
static int open_inputs(struct single_path *s, const struct config *config) {
    s->config = config;
    return choose_space(s) || open_data(s) ? -1 : 0;
}

static void set_optimizer(struct single_path *s) {
    enum { RMSPROP, MOMENTUM, SGD } kind = config_choice(s->config, "optimizer");
    s->optim = (struct net_optim){
        .kind = kind == RMSPROP ? NET_RMSPROP : NET_SGD,
        .momentum = kind == SGD ? 0 : config_real(s->config, "momentum"),
        .rho = config_real(s->config, "rms_decay"),
        .eps = config_real(s->config, "rms_eps"),
        .weight_decay = config_real(s->config, "weight_decay"),
    };
    struct mbconv_net *net = s->supernet.net;
    for (int w = 0; w < net->weights && kind == RMSPROP; w++)
        for (size_t i = 0; i < net->weight[w].count; i++)
            net->weight[w].slot[0][i] = 1; /* as TensorFlow starts */
}

static int take_buffers(struct single_path *s) {
    size_t image = (size_t)s->space->height * (size_t)s->space->width * (size_t)s->space->channels;
    s->order = malloc((size_t)s->split.n_train * sizeof *s->order);
    s->label = malloc((size_t)s->batch * sizeof *s->label);
    s->x = malloc((size_t)s->batch * image * sizeof *s->x);
    s->dlogits = malloc((size_t)s->batch * (size_t)s->space->classes * sizeof *s->dlogits);
    s->order_epoch = -1;
    return s->order && s->label && s->x && s->dlogits ? 0 : fail("out of memory for a batch");
}

static int single_path_open(void *state, const struct solver_task *task) {
    struct single_path *s = state;
    s->seed = task->seed;
    if (open_inputs(s, task->settings))
        return -1;
    bool rescale = config_choice(s->config, "fidelity") == SOLVER_RESCALE;
    s->full = fmax(task->fidelity_max, task->fidelity);
    s->horizon = rescale ? task->fidelity : s->full;
    s->batch = (int)config_int(s->config, "batch");
    if (s->batch > s->split.n_train)
        return fail("batch: %d images a step, but only %d to train on", s->batch, s->split.n_train);
    s->steps = s->split.n_train / s->batch; /* an incomplete last batch is left out */
    bool natural = config_choice(s->config, "indicator") == 0;
    if (take_buffers(s) || net_open(&s->engine, task->threads) ||
        supernet_open(&s->supernet, s->engine, s->space, s->batch, natural,
                      config_flag(s->config, "se")))
        return -1;
    supernet_init(&s->supernet, s->seed, config_real(s->config, "threshold_init"));
    set_optimizer(s);
    return 0;
}

static void single_path_close(void *state) {
    struct single_path *s = state;
    supernet_close(&s->supernet);
    net_close(s->engine);
    data_split_free(&s->split);
    data_close(s->data);
    free(s->order);
    free(s->label);
    free(s->x);
    free(s->dlogits);
}

static int single_path_check(const struct config *config) {
    struct single_path *s = calloc(1, sizeof *s);
    if (!s)
        return fail("out of memory");
    int status = open_inputs(s, config);
    single_path_close(s);
    free(s);
    return status;
}

/* ---- one step ---- */

/* Where the step stands in the schedule, in epochs of the full one. */
static double schedule_epoch(const struct single_path *s) {
    return (double)s->step / s->steps * s->full / s->horizon;
}

static bool warming_up(const struct single_path *s) {
    return schedule_epoch(s) < config_real(s->config, "warmup") * s->full;
}

/* The images of batch `b` of an epoch. */
static void load_batch(struct single_path *s, int epoch, int b) {
    if (s->order_epoch != epoch)
        data_split_order(&s->split, s->seed, epoch, s->order);
    s->order_epoch = epoch;
    data_batch(s->data, s->order + b * s->batch, s->batch, s->x, s->label);
}

/* Runtime of a block at its gates, and its slopes. */
static double block_runtime(const struct single_path *s, const struct supernet_block *block,
                            struct supernet_slope *slope) {
    const double *gate = block->kernel.gate;
    double by_gate, ms = runtime_gated(&s->table, block->layer, gate, slope->kernel);
    slope->se[0] = slope->se[1] = 0;
    if (block->se.rows) {
        ms += runtime_gated_se(&s->table, block->layer, gate[SUPERKERNEL_50], block->se.gate,
                               slope->se, &by_gate);
        slope->kernel[SUPERKERNEL_50] += by_gate;
    }
    return ms;
}

/* Slopes of weight ln R by the gates; returns R in ms. */
static double runtime_slope(const struct single_path *s, double weight,
                            struct supernet_slope *slope) {
    double ms = s->table.rest.ms;
    for (int b = 0; b < s->supernet.blocks; b++)
        ms += block_runtime(s, &s->supernet.block[b], &slope[b]);
    for (int b = 0; b < s->supernet.blocks; b++) {
        for (int i = 0; i < SUPERKERNEL_GATES; i++)
            slope[b].kernel[i] *= weight / ms;
        for (int i = 0; i < SE_KERNEL_GATES; i++)
            slope[b].se[i] *= weight / ms;
    }
    return ms;
}

static void update(struct single_path *s) {
    struct mbconv_net *net = s->supernet.net;
    int own = net->weights - s->supernet.thresholds; /* thresholds stand behind the weights */
    double rate = net_rate_exponential(config_real(s->config, "lr") * s->batch / 256,
                                       config_real(s->config, "lr_decay"), schedule_epoch(s),
                                       config_real(s->config, "lr_every"), true);
    net_optim_step(s->engine, &s->optim, rate, s->step + 1, net->weight, own);
    net_optim_step(s->engine, &s->optim, rate * config_real(s->config, "threshold_lr"), s->step + 1,
                   net->weight + own, s->supernet.thresholds);
    double t = (double)s->step;
    net_average(s->engine, net->weight, net->weights,
                fmin(config_real(s->config, "average"), (1 + t) / (10 + t)));
}

static int take_step(struct single_path *s) {
    struct mbconv_net *net = s->supernet.net;
    struct rng gates = rng_make(s->seed, rng_stream("indicator"), (uint32_t)s->step);
    struct rng drops = rng_make(s->seed, rng_stream("dropout"), (uint32_t)s->step);
    bool warmup = warming_up(s);
    load_batch(s, (int)(s->step / s->steps), (int)(s->step % s->steps));
    net_grad_zero(s->engine, net->weight, net->weights);
    supernet_gate(&s->supernet, warmup ? config_real(s->config, "keep") : 1, &gates);
    mbconv_net_forward(net, s->x, 1 - config_real(s->config, "dropout"), &drops);
    double loss = net_loss(s->batch, s->space->classes, net->logits, s->label,
                           config_real(s->config, "label_smoothing"), s->dlogits, NULL);

    struct supernet_slope slope[MBCONV_MAX_BLOCKS];
    double weight = warmup ? 0 : config_real(s->config, "lambda");
    if (config_choice(s->config, "loss_scale") == 0)
        weight *= 1000;
    double ms = runtime_slope(s, weight, slope);
    if (!isfinite(loss) || !isfinite(ms))
        return fail("the loss is not finite at step %ld (epoch %ld): cross-entropy %g, runtime %g "
                    "ms; a lower learning rate may help",
                    s->step + 1, s->step / s->steps + 1, loss, ms);
    supernet_backward(&s->supernet, s->x, s->dlogits, slope);
    update(s);
    s->step++;
    return 0;
}

/* ---- points ---- */

/* Batch-norm statistics of the network as it stands, averaged over batches of training images. */
static void estimate_statistics(struct single_path *s) {
    int batches = s->steps < STATISTICS_BATCHES ? s->steps : STATISTICS_BATCHES;
    for (int b = 0; b < batches; b++) {
        load_batch(s, 0, b);
        mbconv_net_forward(s->supernet.net, s->x, 1, NULL);
        mbconv_net_track(s->supernet.net, (double)b / (b + 1));
    }
}

static void validate(struct single_path *s, struct point *point) {
    double loss = 0;
    long right = 0;
    int n = s->split.n_validation;
    for (int at = 0; at < n; at += s->batch) {
        int count = n - at < s->batch ? n - at : s->batch, correct;
        data_batch(s->data, s->split.validation + at, count, s->x, s->label);
        mbconv_net_evaluate(s->supernet.net, s->x); /* what is left of the batch is not looked at */
        loss += count * net_loss(count, s->space->classes, s->supernet.net->logits, s->label, 0,
                                 NULL, &correct);
        right += correct;
    }
    point->loss = loss / n;
    point->accuracy = (double)right / n;
}

/* Leaves weights and averages as they were. */
static int add_point(struct single_path *s, bool final, struct outcome *out) {
    struct mbconv_arch arch;
    char text[MBCONV_TEXT_MAX];
    struct point point = point_none();
    supernet_gate(&s->supernet, 1, NULL);
    supernet_arch(&s->supernet, &arch);
    mbconv_net_swap_average(s->supernet.net);
    supernet_mask(&s->supernet, &arch);
    supernet_follow(&s->supernet, &arch);
    estimate_statistics(s);
    validate(s, &point);
    supernet_follow(&s->supernet, NULL);
    mbconv_net_swap_average(s->supernet.net);
    point.epoch = (double)s->step / s->steps;
    point.final = final;
    point.runtime = runtime_of(&s->table, &arch);
    point.params = mbconv_params(&arch);
    point.flops = mbconv_flops(&arch);
    point.arch = mbconv_format(&arch, text);
    if (!isfinite(point.loss))
        return fail("the decoded network's validation loss is not finite after %g epochs",
                    point.epoch);
    return outcome_add(out, &point);
}

static int single_path_train(void *state, double fidelity, struct outcome *out) {
    struct single_path *s = state;
    long end = lround(fidelity) * s->steps;
    bool curve = config_flag(s->config, "curve");
    while (s->step < end) {
        if (take_step(s))
            return -1;
        if (curve && s->step % s->steps == 0 && s->step < end && add_point(s, false, out))
            return -1;
    }
    return add_point(s, true, out);
}

/* ---- checkpoints ---- */

/* Where a search stands, and what the trial that continues it must agree in. */
struct stamp {
    uint64_t seed;
    double full, horizon;
    int64_t step, steps, batch;
};

enum { RECORDS = 4 * MBCONV_MAX_WEIGHTS + 1 };

static int list_records(struct single_path *s, struct stamp *stamp, struct net_record *record,
                        char name[][40]) {
    static const char *const part[4] = {"value", "slot0", "slot1", "average"};
    struct mbconv_net *net = s->supernet.net;
    int n = 0;
    record[n++] = (struct net_record){"stamp", stamp, sizeof *stamp};
    for (int w = 0; w < net->weights; w++) {
        const struct net_weight *weight = &net->weight[w];
        real *const data[4] = {weight->value, weight->slot[0], weight->slot[1], weight->average};
        for (int i = 0; i < 4; i++) {
            snprintf(name[n], sizeof name[n], "%d.%s.%s", w, weight->name, part[i]);
            record[n] = (struct net_record){name[n], data[i], weight->count * sizeof(real)};
            n++;
        }
    }
    return n;
}

struct listing {
    struct net_record record[RECORDS];
    char name[RECORDS][40];
};

static int single_path_save(void *state, const char *path) {
    struct single_path *s = state;
    struct stamp stamp = {s->seed, s->full, s->horizon, s->step, s->steps, s->batch};
    struct listing *list = malloc(sizeof *list);
    if (!list)
        return fail("out of memory for a checkpoint");
    int n = list_records(s, &stamp, list->record, list->name);
    int status = net_checkpoint_save(path, list->record, n);
    free(list);
    return status;
}

static int single_path_load(void *state, const char *path) {
    struct single_path *s = state;
    struct stamp stamp;
    struct listing *list = malloc(sizeof *list);
    if (!list)
        return fail("out of memory for a checkpoint");
    int n = list_records(s, &stamp, list->record, list->name);
    int status = net_checkpoint_load(path, list->record, n);
    free(list);
    if (status)
        return -1;
    if (stamp.steps != s->steps || stamp.batch != s->batch)
        return fail("%s: is of another search: %d steps of %d images", path, (int)stamp.steps,
                    (int)stamp.batch);
    if (stamp.full != s->full || stamp.horizon != s->horizon)
        return fail("%s: is of a schedule of %g epochs; a search over %g cannot go on from it "
                    "(fidelity: truncate can)",
                    path, stamp.horizon, s->horizon);
    s->seed = stamp.seed; /* the search goes on as it began, whatever trial it is now */
    s->order_epoch = -1;
    s->step = (long)stamp.step;
    return 0;
}

const struct solver_ops solver_single_path = {
    .name = "single-path",
    .about = "Single-Path NAS: superkernels with trained thresholds, runtime in the loss",
    .paper = "Stamoulis et al., Single-Path NAS, ECML-PKDD 2019; Single-Path Mobile AutoML, IEEE "
             "JSTSP 2020",
    .settings = settings,
    .fidelity = "epochs",
    .state_size = sizeof(struct single_path),
    .check = single_path_check,
    .open = single_path_open,
    .train = single_path_train,
    .save = single_path_save,
    .load = single_path_load,
    .close = single_path_close,
    .final_settings = mbconv_final_settings,
    .retrain = mbconv_final_train,
};
