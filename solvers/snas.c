/* snas.c - SNAS: operator weights drawn from concrete distributions, one level, with a price.
 *
 * Xie, Zheng, Liu & Lin, "SNAS: Stochastic Neural Architecture Search", ICLR 2019; constants from
 * the official repository. A step draws Z for both kinds of cell and trains weights and logits on
 *     E[CE(w, Z)] + eta E[C(Z)]
 * while the temperature falls. Three estimators of the cost's gradient: through Z, through
 * softmax(logits), by the score. Unlike the repository, drop-path leaves a branch out for a whole
 * batch, not for single images. A point is the genotype of the likeliest operators. */
#include "fail.h"
#include "search/concrete.h"
#include "search/relax.h"
#include "search/search.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct setting settings[] = {
    SEARCH_CHOICE("preset", "none|mild|moderate|aggressive", "none",
                  "eta by name (0.001, 0.003, 0.01), or by number"),
    {.name = "eta",
     .type = SETTING_REAL,
     .lo = 1e-6,
     .hi = 1,
     .scale = SETTING_LOG,
     .preset = "0.0015",
     .when = "preset=none",
     .help = "weight of the resource cost in the loss"},
    SEARCH_CHOICE("cost", "log|linear", "log",
                  "mean of the logs of weights, multiply-adds, accesses; or a weighted sum"),
    SEARCH_CHOICE("estimator", "reparametrization|discrete|policy", "reparametrization",
                  "gradient of the cost: through Z, through the probabilities, by the score"),
    SEARCH_REAL("lr_arch", 1e-5, 0.3, SETTING_LOG, "0.0003", "learning rate of the logits (Adam)"),
    SEARCH_REAL("arch_decay", 0, 0.1, SETTING_LINEAR, "0.001", "weight decay of the logits"),
    SEARCH_REAL("beta1", 0, 0.95, SETTING_LINEAR, "0.5", "Adam's decay of the mean"),
    SEARCH_REAL("arch_clip", 0.1, 100, SETTING_LOG, "10", "largest norm of the logits' gradient"),
    SEARCH_REAL("temp_first", 0.3, 5, SETTING_LOG, "1", "temperature at the start"),
    SEARCH_REAL("temp_least", 1e-3, 0.5, SETTING_LOG, "0.03", "temperature at the end"),
    SEARCH_REAL("init_mean", -5, 5, SETTING_LINEAR, "1", "mean of the logits at the start"),
    SEARCH_REAL("init_deviation", 0, 1, SETTING_LINEAR, "0.01", "their deviation"),
    SEARCH_REAL("drop_path", 0, 0.5, SETTING_LINEAR, "0.3",
                "probability that a branch is left out of a step"),
    SEARCH_REAL("reduce_ratio", 0, 10, SETTING_LINEAR, "1",
                "weight of the reduction cells in the cost"),
    SEARCH_INT("samples", 1, 8, SETTING_LINEAR, "1", "draws of Z a step"),
    SEARCH_CHOICE("derive", "all-edges|two-edges", "all-edges",
                  "a genotype has every edge whose likeliest operator is not none, or two a node"),
    SEARCH_CHOICE("accuracy_of", "genotype|supernet", "genotype",
                  "whose accuracy a point has: the decoded network, or the mixed supernet"),
    SEARCH_CHOICE("operators", CELL_OPERATORS, "darts", "what stands on an edge to choose from"),
    SEARCH_WEIGHT_SETTINGS("0.025"),
    SEARCH_COSINE_SETTING,
    SEARCH_SPACE_SETTINGS("16", "8"),
    SEARCH_DATA_SETTINGS("64"),
    SEARCH_EPOCH_SETTINGS("150"),
    {0}};

struct snas {
    struct search search;
    struct net_weight alpha; /* (2,edges,ops) logits */
    double *logit, *p, *z;   /* (2,edges,ops) as doubles; their softmax; the draw */
    double *slope, *total;   /* (2,edges,ops) by z; by the logits, over all draws */
    bool *dropped;           /* (cells,edges,ops) left out of this step */
    double eta;
};

static int snas_open(void *state, const struct solver_task *task) {
    struct snas *n = state;
    struct search *s = &n->search;
    static const double presets[] = {0, 0.001, 0.003, 0.01};
    const struct config *config = task->settings;
    cell_operators(&s->space, (enum cell_operators)config_choice(config, "operators"));
    if (search_open(s, task, 1))
        return -1;
    int preset = config_choice(config, "preset");
    n->eta = preset ? presets[preset] : config_real(config, "eta");
    size_t count = 2 * (size_t)(search_edges(s) * s->space.ops);
    n->logit = calloc(5 * count, sizeof *n->logit);
    n->dropped = calloc(cell_net_mix(s->net), sizeof *n->dropped);
    if (!n->logit || !n->dropped)
        return fail("out of memory for the architecture");
    n->p = n->logit + count, n->z = n->p + count;
    n->slope = n->z + count, n->total = n->slope + count;
    if (search_params_open(&n->alpha, "alpha", count))
        return -1;
    struct rng rng = rng_make(s->seed, rng_stream("alpha"), 0);
    for (size_t i = 0; i < count; i++)
        n->alpha.value[i] = (real)(config_real(config, "init_mean") +
                                   config_real(config, "init_deviation") * rng_normal(&rng));
    return 0;
}

static void snas_close(void *state) {
    struct snas *n = state;
    search_close(&n->search);
    search_params_free(&n->alpha);
    free(n->logit);
    free(n->dropped);
}

/* ---- one step ---- */

static void read_logits(struct snas *n) {
    int ops = n->search.space.ops;
    for (size_t i = 0; i < n->alpha.count; i++)
        n->logit[i] = (double)n->alpha.value[i];
    for (size_t i = 0; i < n->alpha.count; i += (size_t)ops)
        relax_softmax(ops, n->logit + i, n->p + i);
}

static double temperature(const struct snas *n) {
    const struct config *config = n->search.config;
    return concrete_temperature(config_real(config, "temp_first"),
                                config_real(config, "temp_least"), search_progress(&n->search));
}

/* Leaves branches out of the mix at random; those that stay are scaled up. */
static void drop_paths(struct snas *n, struct rng *rng) {
    struct search *s = &n->search;
    double drop = config_real(s->config, "drop_path");
    for (size_t i = 0; i < cell_net_mix(s->net); i++) {
        n->dropped[i] = drop > 0 && rng_uniform(rng) < drop;
        s->mix[i] = n->dropped[i] ? 0 : (real)((double)s->mix[i] / (1 - drop));
    }
}

static void scale_kept(struct snas *n) {
    struct search *s = &n->search;
    double keep = 1 - config_real(s->config, "drop_path");
    for (size_t i = 0; i < cell_net_mix(s->net); i++)
        s->dmix[i] = n->dropped[i] ? 0 : (real)((double)s->dmix[i] / keep);
}

/* Share of a cell in the cost: a mean over the cells of each kind. */
static double cell_share(const struct search *s, int cell) {
    int reductions = 2;
    return cell_reduces(&s->space, cell) ? config_real(s->config, "reduce_ratio") / reductions
                                         : 1.0 / (s->space.cells - reductions);
}

/* The cost at z (2,edges,ops), and of each edge (2,edges); slope gets the gradient by z. */
static double cost_of(const struct snas *n, const double *z, double *slope,
                      double edge[2 * CELL_MAX_EDGES]) {
    const struct search *s = &n->search;
    enum concrete_form form =
        config_choice(s->config, "cost") == 0 ? CONCRETE_LOG : CONCRETE_LINEAR;
    struct cell_place place[CELL_MAX_CELLS];
    int edges = search_edges(s), ops = s->space.ops;
    double value = 0, by[NET_OPS];
    memset(slope, 0, n->alpha.count * sizeof *slope);
    memset(edge, 0, 2 * CELL_MAX_EDGES * sizeof *edge);
    cell_places(&s->space, place);
    for (int cell = 0; cell < s->space.cells; cell++)
        for (int e = 0; e < edges; e++) {
            const struct cell_place *p = &place[cell];
            struct concrete_cost cost;
            int at = (p->reduction * edges + e) * ops;
            concrete_price(&s->space, p->channels, cell_stride(p, e),
                           (double)p->out_height * p->out_width, &cost);
            const double c = cell_share(s, cell) * concrete_edge_cost(&cost, form, ops, z + at, by);
            value += c;
            edge[at / ops] += c;
            for (int o = 0; o < ops; o++)
                slope[at + o] += cell_share(s, cell) * by[o];
        }
    return value;
}

/* Adds eta times the gradient of E[C] by the logits to total. */
static void cost_gradient(struct snas *n, double t) {
    enum { REPARAMETRIZATION, DISCRETE, POLICY } how;
    int ops = n->search.space.ops;
    how = config_choice(n->search.config, "estimator");
    double edge[2 * CELL_MAX_EDGES];
    cost_of(n, how == DISCRETE ? n->p : n->z, n->slope, edge);
    for (size_t i = 0; i < n->alpha.count; i++)
        n->slope[i] *= n->eta;
    for (size_t i = 0; i < n->alpha.count; i += (size_t)ops) {
        if (how == REPARAMETRIZATION)
            concrete_backward(ops, n->z + i, n->slope + i, t, n->total + i);
        else if (how == DISCRETE)
            relax_softmax_backward(ops, n->p + i, n->slope + i, n->total + i);
        else /* edges are independent: of an edge's logits only its own cost speaks */
            concrete_score(ops, n->logit + i, n->z + i, t, n->eta * edge[i / (size_t)ops],
                           n->total + i);
    }
}

static int take_draw(struct snas *n, double t, struct rng *rng) {
    struct search *s = &n->search;
    int ops = s->space.ops;
    for (size_t i = 0; i < n->alpha.count; i += (size_t)ops)
        concrete_draw(ops, n->logit + i, t, rng, n->z + i);
    search_spread(s, n->z);
    drop_paths(n, rng);
    if (search_forward(s, NULL, NULL))
        return -1;
    search_backward(s);
    scale_kept(n);
    search_gather(s, n->slope);
    for (size_t i = 0; i < n->alpha.count; i += (size_t)ops)
        concrete_backward(ops, n->z + i, n->slope + i, t, n->total + i);
    cost_gradient(n, t);
    return 0;
}

static void update_alpha(struct snas *n, int draws) {
    struct search *s = &n->search;
    struct net_optim adam = {.kind = NET_ADAM,
                             .momentum = config_real(s->config, "beta1"),
                             .rho = 0.999,
                             .eps = 1e-8,
                             .weight_decay = config_real(s->config, "arch_decay")};
    for (size_t i = 0; i < n->alpha.count; i++)
        n->alpha.grad[i] = (real)(n->total[i] / draws);
    net_grad_clip(s->engine, &n->alpha, 1, config_real(s->config, "arch_clip"));
    net_optim_step(s->engine, &adam, config_real(s->config, "lr_arch"), s->step + 1, &n->alpha, 1);
}

static int take_step(struct snas *n) {
    struct search *s = &n->search;
    int draws = (int)config_int(s->config, "samples");
    struct rng rng = rng_make(s->seed, rng_stream("concrete"), (uint32_t)s->step);
    double t = temperature(n);
    read_logits(n);
    search_batch(s, 0, s->step);
    net_grad_zero(s->engine, s->weight, s->weights);
    memset(n->total, 0, n->alpha.count * sizeof *n->total);
    for (int k = 0; k < draws; k++)
        if (take_draw(n, t, &rng))
            return -1;
    for (int i = 0; i < s->weights; i++) {
        s->weight[i].frozen = false; /* left out: decay and momentum go on, as in the repository */
        for (size_t j = 0; draws > 1 && j < s->weight[i].count; j++)
            s->weight[i].grad[j] /= (real)draws;
    }
    search_update(s);
    update_alpha(n, draws);
    s->step++;
    return 0;
}

/* ---- points ---- */

static void derive(const struct snas *n, struct cell_arch *arch) {
    const struct cell_space *space = &n->search.space;
    bool two = config_choice(n->search.config, "derive") == 1;
    *arch = (struct cell_arch){.nodes = space->nodes, .kinds = 2};
    for (int kind = 0; kind < 2; kind++) {
        const double *p = n->p + (size_t)kind * n->alpha.count / 2;
        cell_choose(space, p, two ? 2 : 0, arch->has[kind]);
        for (int e = 0; e < cell_edges(space->nodes); e++) {
            double none = space->op[0] == NET_NONE ? p[e * space->ops] : 0, most = 0;
            for (int o = 0; o < space->ops; o++)
                most = fmax(most, space->op[o] == NET_NONE ? 0 : p[e * space->ops + o]);
            if (none >= most)
                arch->has[kind][e] = 0;
        }
    }
}

enum column { SKIPS, ENTROPY, TEMPERATURE, COST, SUPERNET_ACCURACY };

static double entropy(const struct snas *n) {
    double sum = 0;
    for (size_t i = 0; i < n->alpha.count; i++)
        sum -= n->p[i] > 0 ? n->p[i] * log(n->p[i]) : 0;
    return sum;
}

static int add_point(struct snas *n, bool final, struct outcome *out) {
    struct search *s = &n->search;
    struct cell_arch arch;
    char text[CELL_TEXT_MAX];
    double loss, accuracy, edge[2 * CELL_MAX_EDGES];
    read_logits(n);
    derive(n, &arch);
    search_spread(s, n->p);
    if (search_validate(s, &loss, &accuracy))
        return -1;
    struct point point = search_point(s, &arch, final, text);
    point.extra[SKIPS] = cell_skips(&arch, 0);
    point.extra[ENTROPY] = entropy(n);
    point.extra[TEMPERATURE] = temperature(n);
    point.extra[COST] = cost_of(n, n->p, n->slope, edge);
    point.extra[SUPERNET_ACCURACY] = accuracy;
    search_follow(s, &arch);
    if (config_choice(s->config, "accuracy_of") == 0 && search_validate(s, &loss, &accuracy))
        return -1;
    point.loss = loss, point.accuracy = accuracy;
    return outcome_add(out, &point);
}

static int snas_train(void *state, double fidelity, struct outcome *out) {
    struct snas *n = state;
    struct search *s = &n->search;
    long end = (long)fidelity * s->part[0].steps;
    bool curve = config_flag(s->config, "curve");
    while (s->step < end) {
        if (take_step(n))
            return -1;
        if (curve && s->step % s->part[0].steps == 0 && s->step < end && add_point(n, false, out))
            return -1;
    }
    return add_point(n, true, out);
}

enum { RECORDS = 3 };
static void list_records(const struct snas *n, struct net_record record[RECORDS]) {
    size_t bytes = n->alpha.count * sizeof(real);
    record[0] = (struct net_record){"alpha", n->alpha.value, bytes};
    record[1] = (struct net_record){"alpha.mean", n->alpha.slot[0], bytes};
    record[2] = (struct net_record){"alpha.square", n->alpha.slot[1], bytes};
}

static int snas_save(void *state, const char *path) {
    struct snas *n = state;
    struct net_record record[RECORDS];
    list_records(n, record);
    return search_save(&n->search, path, record, RECORDS);
}

static int snas_load(void *state, const char *path) {
    struct snas *n = state;
    struct net_record record[RECORDS];
    list_records(n, record);
    return search_load(&n->search, path, record, RECORDS);
}

const struct solver_ops solver_snas = {
    .name = "snas",
    .about = "SNAS: operators drawn from concrete distributions, with a resource cost",
    .paper = "Xie, Zheng, Liu, Lin: SNAS: Stochastic Neural Architecture Search, ICLR 2019",
    .settings = settings,
    .fidelity = "epochs",
    .columns = "skips|entropy|temperature|cost|supernet_accuracy",
    .state_size = sizeof(struct snas),
    .check = search_check,
    .open = snas_open,
    .train = snas_train,
    .save = snas_save,
    .load = snas_load,
    .close = snas_close,
};
