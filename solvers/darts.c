/* darts.c - DARTS: operator weights by softmax, trained on images of their own.
 *
 * Liu, Simonyan & Yang, "DARTS: Differentiable Architecture Search", ICLR 2019; constants from the
 * official repository (quark0/darts). A step: the architecture's gradient (bilevel.h) and Adam on
 * it, then SGD on the weights. A point is the genotype that the heaviest operators make, two edges
 * into each node, with the weights of the supernet. */
#include "fail.h"
#include "search/bilevel.h"
#include "search/relax.h"
#include "search/search.h"
#include <stdlib.h>

static const struct setting settings[] = {
    SEARCH_CHOICE("order", "1|2", "2", "order of the architecture's gradient"),
    SEARCH_WEIGHT_SETTINGS("0.025"),
    SEARCH_COSINE_SETTING,
    SEARCH_REAL("lr_arch", 1e-5, 0.3, SETTING_LOG, "0.0003",
                "learning rate of the architecture (Adam)"),
    SEARCH_REAL("arch_decay", 0, 0.1, SETTING_LINEAR, "0.001", "weight decay of the architecture"),
    SEARCH_REAL("beta1", 0, 0.95, SETTING_LINEAR, "0.5", "Adam's decay of the mean"),
    {.name = "xi",
     .type = SETTING_REAL,
     .lo = 0,
     .hi = 2,
     .preset = "1",
     .when = "order=2",
     .help = "length of the look-ahead step, as a multiple of the learning rate; 0: first order"},
    {.name = "fd_radius",
     .type = SETTING_REAL,
     .lo = 1e-4,
     .hi = 1,
     .scale = SETTING_LOG,
     .preset = "0.01",
     .when = "order=2",
     .help = "length of the finite difference in weight space"},
    SEARCH_PORTION_SETTING,
    SEARCH_CHOICE("operators", CELL_OPERATORS, "darts", "what stands on an edge to choose from"),
    SEARCH_INT("warmup", 0, 10000, SETTING_LINEAR, "0",
               "epochs of the full schedule before the architecture is trained"),
    SEARCH_CHOICE("accuracy_of", "genotype|supernet", "genotype",
                  "whose accuracy a point has: the decoded network, or the mixed supernet"),
    SEARCH_SPACE_SETTINGS("16", "8"),
    SEARCH_DATA_SETTINGS("64"),
    SEARCH_EPOCH_SETTINGS("50"),
    {0}};

struct darts {
    struct search search;
    struct net_weight alpha; /* (2,edges,ops) logits */
    double *weight, *slope;  /* (2,edges,ops) softmax of alpha; gradients by it */
    struct bilevel bilevel;
};

static void mix_from_alpha(struct darts *d) {
    int ops = d->search.space.ops;
    for (size_t i = 0; i < d->alpha.count; i++)
        d->weight[i] = (double)d->alpha.value[i];
    for (size_t i = 0; i < d->alpha.count; i += (size_t)ops)
        relax_softmax(ops, d->weight + i, d->weight + i);
    search_spread(&d->search, d->weight);
}

/* by_arch (2,edges,ops) = gradient by alpha, from dmix. */
static void alpha_gradient(struct darts *d, double *by_arch) {
    int ops = d->search.space.ops;
    search_gather(&d->search, d->slope);
    for (size_t i = 0; i < d->alpha.count; i++)
        by_arch[i] = 0;
    for (size_t i = 0; i < d->alpha.count; i += (size_t)ops)
        relax_softmax_backward(ops, d->weight + i, d->slope + i, by_arch + i);
}

/* bilevel.gradient on the current step's batch of a part. */
static int part_gradient(void *context, enum bilevel_part part, bool by_weights, double *by_arch) {
    struct darts *d = context;
    struct search *s = &d->search;
    search_batch(s, part == BILEVEL_VALID, s->step);
    mix_from_alpha(d);
    if (search_forward(s, NULL, NULL))
        return -1;
    if (by_weights) {
        net_grad_zero(s->engine, s->weight, s->weights);
        search_backward(s);
    } else {
        search_backward_mix(s);
    }
    if (by_arch)
        alpha_gradient(d, by_arch);
    return 0;
}

static int darts_open(void *state, const struct solver_task *task) {
    struct darts *d = state;
    struct search *s = &d->search;
    cell_operators(&s->space, (enum cell_operators)config_choice(task->settings, "operators"));
    if (search_open(s, task, config_real(task->settings, "train_portion")))
        return -1;
    size_t count = 2 * (size_t)(search_edges(s) * s->space.ops);
    d->weight = calloc(count, sizeof *d->weight);
    d->slope = calloc(count, sizeof *d->slope);
    if (!d->weight || !d->slope)
        return fail("out of memory for the architecture");
    if (search_params_open(&d->alpha, "alpha", count))
        return -1;
    struct rng rng = rng_make(s->seed, rng_stream("alpha"), 0);
    for (size_t i = 0; i < count; i++)
        d->alpha.value[i] = (real)(1e-3 * rng_normal(&rng));
    d->bilevel = (struct bilevel){s->weight, s->weights, count, part_gradient, d};
    return 0;
}

static void darts_close(void *state) {
    struct darts *d = state;
    search_close(&d->search);
    search_params_free(&d->alpha);
    free(d->weight);
    free(d->slope);
}

static int train_alpha(struct darts *d) {
    struct search *s = &d->search;
    bool second = config_choice(s->config, "order") == 1;
    struct bilevel_step step = {.momentum = s->optim.momentum, .decay = s->optim.weight_decay};
    step.xi = second ? config_real(s->config, "xi") * search_rate(s) : 0;
    step.radius = second ? config_real(s->config, "fd_radius") : 1;
    double *gradient = malloc(d->alpha.count * sizeof *gradient);
    if (!gradient)
        return fail("out of memory for the architecture");
    int status = bilevel_gradient(&d->bilevel, &step, gradient);
    for (size_t i = 0; i < d->alpha.count; i++)
        d->alpha.grad[i] = (real)gradient[i];
    free(gradient);
    struct net_optim adam = {.kind = NET_ADAM,
                             .momentum = config_real(s->config, "beta1"),
                             .rho = 0.999,
                             .eps = 1e-8,
                             .weight_decay = config_real(s->config, "arch_decay")};
    if (status == 0)
        net_optim_step(s->engine, &adam, config_real(s->config, "lr_arch"), s->step + 1, &d->alpha,
                       1);
    return status;
}

static int take_step(struct darts *d) {
    struct search *s = &d->search;
    bool warm = search_progress(s) * s->full >= (double)config_int(s->config, "warmup");
    if ((warm && train_alpha(d)) || part_gradient(d, BILEVEL_TRAIN, true, NULL))
        return -1;
    search_update(s);
    s->step++;
    return 0;
}

enum column { SKIPS, SUPERNET_ACCURACY, SUPERNET_LOSS };

static int add_point(struct darts *d, bool final, struct outcome *out) {
    struct search *s = &d->search;
    struct cell_arch arch = {.nodes = s->space.nodes, .kinds = 2};
    char text[CELL_TEXT_MAX];
    double loss, accuracy;
    mix_from_alpha(d);
    for (int kind = 0; kind < 2; kind++)
        cell_choose(&s->space, d->weight + (size_t)kind * d->alpha.count / 2, 2, arch.has[kind]);
    struct point point = search_point(s, &arch, final, text);
    if (search_validate(s, &loss, &accuracy))
        return -1;
    point.extra[SKIPS] = cell_skips(&arch, 0);
    point.extra[SUPERNET_ACCURACY] = accuracy;
    point.extra[SUPERNET_LOSS] = loss;
    search_follow(s, &arch);
    if (config_choice(s->config, "accuracy_of") == 0 && search_validate(s, &loss, &accuracy))
        return -1;
    point.loss = loss, point.accuracy = accuracy;
    return outcome_add(out, &point);
}

static int darts_train(void *state, double fidelity, struct outcome *out) {
    struct darts *d = state;
    struct search *s = &d->search;
    long end = (long)fidelity * s->part[0].steps;
    bool curve = config_flag(s->config, "curve");
    while (s->step < end) {
        if (take_step(d))
            return -1;
        if (curve && s->step % s->part[0].steps == 0 && s->step < end && add_point(d, false, out))
            return -1;
    }
    return add_point(d, true, out);
}

enum { RECORDS = 3 };
static void list_records(const struct darts *d, struct net_record record[RECORDS]) {
    size_t bytes = d->alpha.count * sizeof(real);
    record[0] = (struct net_record){"alpha", d->alpha.value, bytes};
    record[1] = (struct net_record){"alpha.mean", d->alpha.slot[0], bytes};
    record[2] = (struct net_record){"alpha.square", d->alpha.slot[1], bytes};
}

static int darts_save(void *state, const char *path) {
    struct darts *d = state;
    struct net_record record[RECORDS];
    list_records(d, record);
    return search_save(&d->search, path, record, RECORDS);
}

static int darts_load(void *state, const char *path) {
    struct darts *d = state;
    struct net_record record[RECORDS];
    list_records(d, record);
    return search_load(&d->search, path, record, RECORDS);
}

const struct solver_ops solver_darts = {
    .name = "darts",
    .about = "DARTS: softmax over the operators of cells, bi-level, first or second order",
    .paper = "Liu, Simonyan, Yang: DARTS: Differentiable Architecture Search, ICLR 2019",
    .settings = settings,
    .fidelity = "epochs",
    .columns = "skips|supernet_accuracy|supernet_loss",
    .state_size = sizeof(struct darts),
    .check = search_check,
    .open = darts_open,
    .train = darts_train,
    .save = darts_save,
    .load = darts_load,
    .close = darts_close,
};
