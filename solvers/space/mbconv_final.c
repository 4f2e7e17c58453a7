/* mbconv_final.c - the final training of an MBConv architecture (mbconv_final.h): SGD with momentum
 * and a cosine schedule (Loshchilov & Hutter, "SGDR", ICLR 2017), crops, flips, cutout (DeVries &
 * Taylor 2017), moving averages of the weights. */
#include "space/mbconv_final.h"
#include "fail.h"
#include "net/data.h"
#include "space/mbconv_net.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER(NAME, LO, HI, PRESET, SCALE, HELP)                                                  \
    {                                                                                              \
        .name = NAME, .type = SETTING_REAL, .lo = LO, .hi = HI, .preset = PRESET, .scale = SCALE,  \
        .help = HELP                                                                               \
    }
#define WHOLE(NAME, LO, HI, PRESET, UNIT, HELP)                                                    \
    {                                                                                              \
        .name = NAME, .type = SETTING_INT, .lo = LO, .hi = HI, .preset = PRESET, .unit = UNIT,     \
        .help = HELP                                                                               \
    }

const struct setting mbconv_final_settings[] = {
    WHOLE("epochs", 1, 10000, "30", "epochs", "length of the training"),
    WHOLE("batch", 2, 4096, "64", "images", "images of a step"),
    WHOLE("images", 0, 1e7, "0", "images", "training images; 0: all of the training set"),
    NUMBER("lr", 1e-4, 10, "0.1", SETTING_LOG,
           "learning rate at the start; a cosine takes it to 0"),
    NUMBER("momentum", 0, 0.99, "0.9", SETTING_LINEAR, "Nesterov momentum"),
    NUMBER("weight_decay", 0, 0.1, "1e-4", SETTING_LINEAR, "of all weights but the batch norms"),
    NUMBER("label_smoothing", 0, 0.3, "0.1", SETTING_LINEAR,
           "share of a label spread over all classes"),
    NUMBER("dropout", 0, 0.9, "0.1", SETTING_LINEAR, "in front of the classifier"),
    NUMBER("clip", 0, 1000, "5", SETTING_LINEAR,
           "global norm at which gradients are clipped; 0: never"),
    WHOLE("pad", 0, 16, "2", "pixels", "random crops of the image padded by this"),
    {.name = "flip",
     .type = SETTING_CHOICE,
     .choices = "no|yes",
     .preset = "yes",
     .help = "flip half of the images left to right"},
    WHOLE("cutout", 0, 64, "0", "pixels", "side of a square set to zero in each image; 0: none"),
    NUMBER(
        "average", 0, 0.99999, "0.999", SETTING_LINEAR,
        "decay of the moving averages of the weights that are tested, at most (1+step)/(10+step)"),
    {0}};

struct training {
    const struct final_task *task;
    struct mbconv_arch arch;
    struct data *data;
    struct data_split split;
    struct net *engine;
    struct mbconv_net *net;
    struct net_optim optim;
    struct net_augment augment;
    int batch, steps, epochs;
    int *order, *label;
    real *x, *augmented, *dlogits;
    double loss; /* of the last epoch, mean */
    long right;  /* of the last epoch */
};

static int open_inputs(struct training *t) {
    const struct config *settings = t->task->settings;
    if (mbconv_parse(t->task->arch, &t->arch) ||
        data_open(&t->data, config_text(settings, "data"), config_text(settings, "data_folder")))
        return -1;
    const struct mbconv_space *space = t->arch.space;
    if (t->data->height != space->height || t->data->width != space->width ||
        t->data->channels != space->channels || t->data->classes != space->classes)
        return fail("architectures of space %s are for other images than %s's", space->name,
                    t->data->name);
    int images = (int)config_int(t->task->final, "images");
    if (images == 0 || images > t->data->train)
        images = t->data->train;
    return data_split_open(&t->split, t->data, images, 0, t->task->seed);
}

static int open_network(struct training *t) {
    const struct config *final = t->task->final;
    size_t image = (size_t)t->data->height * (size_t)t->data->width * (size_t)t->data->channels;
    t->batch = (int)config_int(final, "batch");
    if (t->batch > t->split.n_train)
        return fail("batch: %d images a step, but only %d to train on", t->batch, t->split.n_train);
    t->steps = t->split.n_train / t->batch;
    t->epochs = (int)config_int(final, "epochs");
    t->optim = (struct net_optim){.kind = NET_SGD,
                                  .momentum = config_real(final, "momentum"),
                                  .weight_decay = config_real(final, "weight_decay"),
                                  .nesterov = true};
    t->augment = (struct net_augment){.pad = (int)config_int(final, "pad"),
                                      .flip = config_flag(final, "flip"),
                                      .cutout = (int)config_int(final, "cutout")};
    t->order = malloc((size_t)t->split.n_train * sizeof *t->order);
    t->label = malloc((size_t)t->batch * sizeof *t->label);
    t->x = malloc((size_t)t->batch * image * sizeof *t->x);
    t->augmented = malloc((size_t)t->batch * image * sizeof *t->augmented);
    t->dlogits = malloc((size_t)t->batch * (size_t)t->data->classes * sizeof *t->dlogits);
    if (!t->order || !t->label || !t->x || !t->augmented || !t->dlogits)
        return fail("out of memory for a batch");
    if (net_open(&t->engine, t->task->threads) ||
        mbconv_net_open(&t->net, t->engine, &t->arch, t->batch, NULL, 0))
        return -1;
    mbconv_net_init(t->net, t->task->seed);
    return 0;
}

static void close_all(struct training *t) {
    mbconv_net_close(t->net);
    net_close(t->engine);
    data_split_free(&t->split);
    data_close(t->data);
    free(t->order);
    free(t->label);
    free(t->x);
    free(t->augmented);
    free(t->dlogits);
}

static void update(struct training *t, long step) {
    const struct config *final = t->task->final;
    struct mbconv_net *net = t->net;
    double total = (double)t->steps * t->epochs, done = (double)step;
    double rate = net_rate_cosine(config_real(final, "lr"), 0, done, total);
    net_grad_clip(t->engine, net->weight, net->weights, config_real(final, "clip"));
    net_optim_step(t->engine, &t->optim, rate, step + 1, net->weight, net->weights);
    net_average(t->engine, net->weight, net->weights,
                fmin(config_real(final, "average"), (1 + done) / (10 + done)));
}

static int take_step(struct training *t, long step) {
    const struct config *final = t->task->final;
    struct net_shape images = {t->batch, t->data->height, t->data->width, t->data->channels};
    struct rng drops = rng_make(t->task->seed, rng_stream("final-dropout"), (uint32_t)step);
    int correct;
    data_batch(t->data, t->order + step % t->steps * t->batch, t->batch, t->x, t->label);
    net_augment(images, &t->augment, t->task->seed, (uint32_t)step, t->x, t->augmented);
    net_grad_zero(t->engine, t->net->weight, t->net->weights);
    mbconv_net_forward(t->net, t->augmented, 1 - config_real(final, "dropout"), &drops);
    double loss = net_loss(t->batch, t->data->classes, t->net->logits, t->label,
                           config_real(final, "label_smoothing"), t->dlogits, &correct);
    if (!isfinite(loss))
        return fail("the loss is not finite at step %ld; a lower learning rate may help", step + 1);
    mbconv_net_backward(t->net, t->augmented, t->dlogits);
    update(t, step);
    t->loss += loss / t->steps;
    t->right += correct;
    return 0;
}

/* Batch-norm statistics of the averaged weights, over an epoch's first batches, as they are trained
 * on. */
static void estimate_statistics(struct training *t) {
    enum { BATCHES = 50 };
    for (int b = 0; b < BATCHES && b < t->steps; b++) {
        data_batch(t->data, t->order + b * t->batch, t->batch, t->x, t->label);
        mbconv_net_forward(t->net, t->x, 1, NULL);
        mbconv_net_track(t->net, (double)b / (b + 1));
    }
}

static double test_accuracy(struct training *t) {
    long right = 0;
    for (int at = 0; at < t->data->test; at += t->batch) {
        int count = t->data->test - at < t->batch ? t->data->test - at : t->batch, correct;
        for (int i = 0; i < count; i++)
            t->order[i] = t->data->train + at + i; /* test images stand behind the training ones */
        data_batch(t->data, t->order, count, t->x, t->label);
        mbconv_net_evaluate(t->net, t->x);
        net_loss(count, t->data->classes, t->net->logits, t->label, 0, NULL, &correct);
        right += correct;
    }
    return (double)right / t->data->test;
}

static int add_point(struct training *t, struct outcome *out) {
    struct point point = point_none();
    point.epoch = t->epochs;
    point.loss = t->loss;
    point.accuracy = (double)t->right / ((double)t->steps * t->batch);
    mbconv_net_swap_average(t->net);
    estimate_statistics(t);
    point.test_accuracy = test_accuracy(t);
    point.params = mbconv_params(&t->arch);
    point.flops = mbconv_flops(&t->arch);
    char text[MBCONV_TEXT_MAX];
    point.arch = mbconv_format(&t->arch, text);
    return outcome_add(out, &point);
}

static int train(struct training *t) {
    for (int epoch = 0; epoch < t->epochs; epoch++) {
        data_split_order(&t->split, t->task->seed, epoch, t->order);
        t->loss = 0;
        t->right = 0;
        for (int step = 0; step < t->steps; step++)
            if (take_step(t, (long)epoch * t->steps + step))
                return -1;
    }
    return 0;
}

int mbconv_final_train(const struct final_task *task, struct outcome *out) {
    struct training *t = calloc(1, sizeof *t);
    if (!t)
        return fail("out of memory");
    t->task = task;
    int status = open_inputs(t) || open_network(t) || train(t) || add_point(t, out) ? -1 : 0;
    close_all(t);
    free(t);
    return status;
}
