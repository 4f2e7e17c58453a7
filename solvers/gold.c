/* gold.c - GOLD-NAS: all operators at first, pruned one by one; a series of networks in one search.
 *
 * Bi, Xie, Chen, Xie, Wang & Tian, "GOLD-NAS: Gradual, One-Level, Differentiable", arXiv 2007.03331
 * (2020); what the paper leaves open as in the published implementation (sunsmarterjie/GOLD_NAS).
 * One level: each batch trains weights and gates (gates.h) together on
 *     CE + lambda sum ln(1 + n_i s_o / S_i) (reg_flops + mu F_o);
 * after each epoch operators are pruned and lambda follows how many were. A network becomes a point
 * when pruning resumes after more than stable_rounds quiet epochs, and at the end. Pruned operators
 * are no longer computed. Unlike the published implementation: no auxiliary head, no
 * augmentation. */
#include "fail.h"
#include "search/gates.h"
#include "search/search.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 128 };

static const struct setting settings[] = {
    SEARCH_WEIGHT_SETTINGS("0.01"),
    SEARCH_REAL("lr_arch", 0.01, 10, SETTING_LOG, "1", "learning rate of the gates (SGD)"),
    SEARCH_REAL("lambda0", 1e-7, 0.1, SETTING_LOG, "1e-05",
                "first increment of lambda, the weight of the regulariser"),
    SEARCH_REAL("c0", 1.1, 4, SETTING_LINEAR, "2",
                "factor of lambda's increment when pruning is slow, divisor of lambda when quick"),
    SEARCH_INT("n0", 1, 32, SETTING_LOG, "4", "operators an epoch that count as quick pruning"),
    SEARCH_REAL("eta_min", 1e-3, 0.05, SETTING_LOG, "0.01",
                "share of a node's gates below which an operator is pruned at once"),
    SEARCH_REAL("eta_max", 0.01, 0.5, SETTING_LOG, "0.05",
                "share above which no operator is pruned; above eta_min"),
    SEARCH_REAL("mu", 0, 10, SETTING_LINEAR, "0",
                "weight of an operator's million multiply-adds in the regulariser"),
    SEARCH_REAL("reg_flops", 0, 1, SETTING_LINEAR, "1",
                "what each operator weighs in the regulariser, whatever its size"),
    SEARCH_INT("stable_rounds", 0, 100, SETTING_LINEAR, "3",
               "epochs without pruning after which a network is a point"),
    SEARCH_REAL("min_flops", 0.05, 0.9, SETTING_LINEAR, "0.31",
                "share of the whole supernet's multiply-adds at which the search ends"),
    SEARCH_CHOICE("point_taken", "before|after", "before",
                  "a point is taken before or after the pruning that ends its quiet epochs"),
    SEARCH_CHOICE("operators", CELL_OPERATORS, "gold", "what stands on every edge at first"),
    SEARCH_SPACE_SETTINGS("36", "14"),
    SEARCH_DATA_SETTINGS("96"),
    SEARCH_EPOCH_SETTINGS("100"),
    {0}};

/* A point as a checkpoint keeps it: those of a search come together, wherever it was cut. */
struct kept {
    double epoch, loss, accuracy, lambda;
    unsigned char has[CELL_MAX_CELLS][CELL_MAX_EDGES];
};

struct gold {
    struct search search;
    struct gates gates;
    struct net_weight a;
    double *value;           /* (cells,edges,ops) gates of what is live */
    double *slope;           /* the same: gradients */
    unsigned char *previous; /* the same: dead before the last pruning */
    double base;             /* millions of multiply-adds that cannot be pruned */
    struct {
        struct gates_pace pace;
        int64_t quiet, kept, over;
        struct kept point[MOST_POINTS];
    } run;
};

static void price_operators(struct gold *g) {
    struct search *s = &g->search;
    struct cell_place place[CELL_MAX_CELLS];
    int edges = search_edges(s), ops = s->space.ops;
    cell_places(&s->space, place);
    for (int cell = 0; cell < s->space.cells; cell++)
        for (int e = 0; e < edges; e++)
            for (int o = 0; o < ops; o++) {
                const struct cell_place *p = &place[cell];
                double pixels = (double)p->out_height * p->out_width;
                g->gates.flops[(cell * edges + e) * ops + o] =
                    1e-6 * cell_op_flops(s->space.op[o], p->channels, cell_stride(p, e), pixels);
            }
    g->base = 1e-6 * cell_base_flops(&s->space);
}

static int gold_open(void *state, const struct solver_task *task) {
    struct gold *g = state;
    struct search *s = &g->search;
    const struct config *config = task->settings;
    cell_operators(&s->space, (enum cell_operators)config_choice(config, "operators"));
    if (config_real(config, "eta_max") <= config_real(config, "eta_min"))
        return fail("eta_max: must be above eta_min, which is %g", config_real(config, "eta_min"));
    if (search_open(s, task, 1) ||
        gates_open(&g->gates, s->space.cells, s->space.nodes, s->space.ops) ||
        search_params_open(&g->a, "gates", g->gates.count))
        return -1;
    g->value = calloc(g->gates.count, sizeof *g->value);
    g->slope = calloc(g->gates.count, sizeof *g->slope);
    g->previous = calloc(g->gates.count, sizeof *g->previous);
    if (!g->value || !g->slope || !g->previous)
        return fail("out of memory for the gates");
    for (size_t o = 0; o < g->gates.count; o++) /* `none` is no operator here */
        g->gates.dead[o] = s->space.op[o % (size_t)s->space.ops] == NET_NONE;
    price_operators(g);
    /* lambda grows by epochs, not by a schedule: rescaled, its increments grow as they get fewer */
    g->run.pace = gates_pace(config_real(config, "lambda0") * s->full / s->horizon,
                             config_real(config, "c0"), (int)config_int(config, "n0"));
    return 0;
}

static void gold_close(void *state) {
    struct gold *g = state;
    search_close(&g->search);
    gates_free(&g->gates);
    search_params_free(&g->a);
    free(g->value);
    free(g->slope);
    free(g->previous);
}

/* ---- an epoch ---- */

static void mix_from_gates(struct gold *g) {
    for (size_t o = 0; o < g->gates.count; o++)
        g->gates.a[o] = (double)g->a.value[o];
    gates_values(&g->gates, config_real(g->search.config, "eta_min"), g->value);
    for (size_t o = 0; o < g->gates.count; o++)
        g->search.mix[o] = (real)g->value[o];
}

static int take_step(struct gold *g) {
    struct search *s = &g->search;
    const struct config *config = s->config;
    mix_from_gates(g);
    search_batch(s, 0, s->step);
    if (search_forward(s, NULL, NULL))
        return -1;
    net_grad_zero(s->engine, s->weight, s->weights);
    search_backward(s);
    for (size_t o = 0; o < g->gates.count; o++)
        g->slope[o] = (double)s->dmix[o] * g->value[o] * (1 - g->value[o]);
    gates_regulariser(&g->gates, config_real(config, "eta_min"), config_real(config, "reg_flops"),
                      config_real(config, "mu"), g->run.pace.lambda, g->slope);
    for (size_t o = 0; o < g->gates.count; o++)
        g->a.grad[o] = (real)g->slope[o];
    struct net_optim sgd = {.kind = NET_SGD, .momentum = s->optim.momentum};
    net_optim_step(s->engine, &sgd, config_real(config, "lr_arch"), s->step + 1, &g->a, 1);
    net_grad_clip(s->engine, s->weight, s->weights, config_real(config, "grad_clip"));
    net_optim_step(s->engine, &s->optim, config_real(config, "lr"), s->step + 1, s->weight,
                   s->weights);
    s->step++;
    return 0;
}

static void arch_of(const struct gold *g, const unsigned char *dead, struct cell_arch *arch) {
    const struct search *s = &g->search;
    int edges = search_edges(s), ops = s->space.ops;
    *arch = (struct cell_arch){.nodes = s->space.nodes, .kinds = s->space.cells, .own = true};
    for (size_t o = 0; o < g->gates.count; o++)
        if (!dead[o]) {
            int edge = (int)o / ops;
            unsigned char *has = &arch->has[edge / edges][edge % edges];
            *has = (unsigned char)(*has | 1 << s->space.op[(int)o % ops]);
        }
}

/* Measures the network of a set of operators, with its gates. */
static int measure(struct gold *g, const unsigned char *dead, struct kept *kept) {
    struct search *s = &g->search;
    struct cell_arch arch;
    arch_of(g, dead, &arch);
    memcpy(kept->has, arch.has, sizeof kept->has);
    for (size_t o = 0; o < g->gates.count; o++)
        s->mix[o] = dead[o] ? 0 : (real)gates_open_share((double)g->a.value[o]);
    kept->epoch = (double)s->step / s->part[0].steps;
    kept->lambda = g->run.pace.lambda;
    return search_validate(s, &kept->loss, &kept->accuracy);
}

enum column { OPERATORS, LAMBDA };

static int add_point(struct gold *g, const struct kept *kept, bool final, struct outcome *out) {
    struct cell_arch arch = {
        .nodes = g->search.space.nodes, .kinds = g->search.space.cells, .own = true};
    char text[CELL_TEXT_MAX];
    int operators = 0;
    memcpy(arch.has, kept->has, sizeof arch.has);
    for (int i = 0; i < arch.kinds; i++)
        for (int e = 0; e < CELL_MAX_EDGES; e++)
            operators += __builtin_popcount(arch.has[i][e]);
    struct point point = search_point(&g->search, &arch, final, text);
    point.epoch = kept->epoch;
    point.loss = kept->loss, point.accuracy = kept->accuracy;
    point.extra[OPERATORS] = operators;
    point.extra[LAMBDA] = kept->lambda;
    return outcome_add(out, &point);
}

/* Prunes, moves lambda, and says whether a series of quiet epochs has ended. */
static bool end_epoch(struct gold *g) {
    const struct config *config = g->search.config;
    double all = g->base;
    for (size_t o = 0; o < g->gates.count; o++) {
        g->gates.a[o] = (double)g->a.value[o];
        all += g->gates.flops[o];
    }
    memcpy(g->previous, g->gates.dead, g->gates.count);
    int pruned = gates_prune(&g->gates, g->run.pace.n0, config_real(config, "eta_min"),
                             config_real(config, "eta_max"));
    gates_pace_step(&g->run.pace, pruned);
    g->run.over = gates_flops(&g->gates) + g->base < config_real(config, "min_flops") * all;
    bool resumed = pruned > 0 && g->run.quiet > config_int(config, "stable_rounds");
    g->run.quiet = pruned ? 0 : g->run.quiet + 1;
    return resumed && !g->run.over;
}

static int train_epoch(struct gold *g, struct outcome *out) {
    struct search *s = &g->search;
    do
        if (take_step(g))
            return -1;
    while (s->step % s->part[0].steps);
    if (!end_epoch(g) || g->run.kept == MOST_POINTS)
        return 0;
    bool before = config_choice(s->config, "point_taken") == 0;
    struct kept *kept = &g->run.point[g->run.kept];
    if (measure(g, before ? g->previous : g->gates.dead, kept))
        return -1;
    g->run.kept++;
    return add_point(g, kept, true, out);
}

static int gold_train(void *state, double fidelity, struct outcome *out) {
    struct gold *g = state;
    struct search *s = &g->search;
    long end = (long)fidelity * s->part[0].steps;
    bool curve = config_flag(s->config, "curve");
    struct kept last;
    for (int k = 0; k < g->run.kept; k++)
        if (add_point(g, &g->run.point[k], true, out))
            return -1;
    while (s->step < end && !g->run.over) {
        if (train_epoch(g, out))
            return -1;
        bool more = s->step < end && !g->run.over;
        if (curve && more && (measure(g, g->gates.dead, &last) || add_point(g, &last, false, out)))
            return -1;
    }
    return measure(g, g->gates.dead, &last) || add_point(g, &last, true, out) ? -1 : 0;
}

enum { RECORDS = 4 };
static void list_records(struct gold *g, struct net_record record[RECORDS]) {
    size_t bytes = g->a.count * sizeof(real);
    record[0] = (struct net_record){"gates", g->a.value, bytes};
    record[1] = (struct net_record){"gates.momentum", g->a.slot[0], bytes};
    record[2] = (struct net_record){"gates.dead", g->gates.dead, g->gates.count};
    record[3] = (struct net_record){"run", &g->run, sizeof g->run};
}

static int gold_save(void *state, const char *path) {
    struct gold *g = state;
    struct net_record record[RECORDS];
    list_records(g, record);
    return search_save(&g->search, path, record, RECORDS);
}

static int gold_load(void *state, const char *path) {
    struct gold *g = state;
    struct net_record record[RECORDS];
    list_records(g, record);
    return search_load(&g->search, path, record, RECORDS);
}

const struct solver_ops solver_gold = {
    .name = "gold",
    .about = "GOLD-NAS: sigmoid gates on all operators, pruned gradually; a series of networks",
    .paper = "Bi et al., GOLD-NAS: Gradual, One-Level, Differentiable, arXiv 2007.03331, 2020",
    .settings = settings,
    .fidelity = "epochs",
    .columns = "operators|lambda",
    .state_size = sizeof(struct gold),
    .check = search_check,
    .open = gold_open,
    .train = gold_train,
    .save = gold_save,
    .load = gold_load,
    .close = gold_close,
};
