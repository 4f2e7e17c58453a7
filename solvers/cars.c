/* cars.c - CARS: a population evolves over a supernet whose weights it shares and trains.
 *
 * Yang et al., "CARS: Continuous Evolution for Efficient Neural Architecture Search", CVPR 2020;
 * what the paper leaves open as in the official code (huawei-noah/vega). The supernet learns from
 * random networks first, then from members of the population; every few epochs the population and
 * its offspring are measured with the weights as they are, by accuracy and by cost, and the best
 * stay. Weights, momentum and learning rate go on: evolution is continuous. Points are the final
 * front. */
#include "fail.h"
#include "search/evolve.h"
#include "search/pareto.h"
#include "search/search.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct setting settings[] = {
    SEARCH_INT("population", 4, 256, SETTING_LOG, "128", "individuals"),
    SEARCH_REAL("warmup", 0, 0.9, SETTING_LINEAR, "0.1",
                "share of the schedule that trains random networks, before the first generation"),
    {.name = "interval",
     .type = SETTING_INT,
     .lo = 1,
     .hi = 1000,
     .scale = SETTING_LOG,
     .preset = "10",
     .unit = "epochs",
     .help = "epochs from generation to generation"},
    SEARCH_INT("generations", 1, 5, SETTING_LINEAR, "1", "generations each time"),
    SEARCH_REAL("expand", 0.5, 4, SETTING_LINEAR, "1",
                "offspring, as a multiple of the population"),
    SEARCH_REAL("mutate", 0, 1, SETTING_LINEAR, "0.25", "share of the offspring that are mutants"),
    SEARCH_REAL("cross", 0, 1, SETTING_LINEAR, "0.25",
                "share that are crossings; what is left is random"),
    SEARCH_REAL("gene_rate", 0.05, 0.95, SETTING_LINEAR, "0.5",
                "probability that a mutation or a crossing changes a node"),
    SEARCH_INT("individuals", 1, 16, SETTING_LOG, "1", "networks that train on each batch"),
    SEARCH_CHOICE("selection", "cars-code|cars-paper|nsga3", "cars-code",
                  "protect accurate large networks, or those that learn fast, or none"),
    SEARCH_CHOICE("objective", "params|flops", "params", "cost beside the accuracy"),
    {.name = "measured",
     .type = SETTING_INT,
     .lo = 0,
     .hi = 1e7,
     .preset = "0",
     .unit = "images",
     .help = "images that measure a generation; 0: all that do not train the weights"},
    SEARCH_CHOICE("points", "front|all|uniform", "front",
                  "points: the final front; the population; the best in bins of equal cost"),
    {.name = "bins",
     .type = SETTING_INT,
     .lo = 1,
     .hi = 64,
     .preset = "4",
     .when = "points=uniform",
     .help = "bins of equal cost"},
    SEARCH_CHOICE("operators", CELL_OPERATORS, "darts", "what stands on an edge to choose from"),
    SEARCH_WEIGHT_SETTINGS("0.025"),
    SEARCH_COSINE_SETTING,
    SEARCH_PORTION_SETTING,
    SEARCH_SPACE_SETTINGS("16", "8"),
    SEARCH_DATA_SETTINGS("128"),
    SEARCH_EPOCH_SETTINGS("500"),
    {0}};

/* An individual and what is known of it. */
struct member {
    struct evolve_gene gene;
    double accuracy, previous; /* of this generation, of the one before; NAN: none */
    double cost;               /* params or multiply-adds, millions */
};

struct cars {
    struct search search;
    int n, room;           /* the population; with its offspring */
    struct member *member; /* (room) */
    double (*f)[2];        /* (room) objectives */
    int *rank[2];          /* (room) */
    bool *chosen;          /* (room) */
    int64_t generation;
};

static int cars_open(void *state, const struct solver_task *task) {
    struct cars *c = state;
    struct search *s = &c->search;
    const struct config *config = task->settings;
    if (config_real(config, "mutate") + config_real(config, "cross") > 1)
        return fail("mutate and cross: %g and %g are more than 1 together",
                    config_real(config, "mutate"), config_real(config, "cross"));
    cell_operators(&s->space, (enum cell_operators)config_choice(config, "operators"));
    if (search_open(s, task, config_real(config, "train_portion")))
        return -1;
    c->n = (int)config_int(config, "population");
    c->room = c->n + (int)fmax(1, round(config_real(config, "expand") * c->n));
    size_t room = (size_t)c->room;
    c->member = calloc(room, sizeof *c->member);
    c->f = calloc(room, sizeof *c->f);
    c->rank[0] = calloc(room, sizeof **c->rank);
    c->rank[1] = calloc(room, sizeof **c->rank);
    c->chosen = calloc(room, sizeof *c->chosen);
    if (!c->member || !c->f || !c->rank[0] || !c->rank[1] || !c->chosen)
        return fail("out of memory for a population");
    struct rng rng = rng_make(s->seed, rng_stream("population"), 0);
    for (int i = 0; i < c->n; i++) {
        evolve_random(&s->space, &rng, &c->member[i].gene);
        c->member[i].accuracy = NAN;
    }
    return 0;
}

static void cars_close(void *state) {
    struct cars *c = state;
    search_close(&c->search);
    free(c->member);
    free(c->f);
    free(c->rank[0]);
    free(c->rank[1]);
    free(c->chosen);
}

/* ---- the supernet ---- */

static long warm_epochs(const struct search *s) {
    return lround(config_real(s->config, "warmup") * s->horizon);
}

/* Gradients of the networks drawn are added, not averaged, as in the official code. */
static int take_step(struct cars *c) {
    struct search *s = &c->search;
    bool warm = s->step / s->part[0].steps < warm_epochs(s);
    struct rng rng = rng_make(s->seed, rng_stream("cars-draw"), (uint32_t)s->step);
    bool *used = calloc((size_t)s->weights, sizeof *used);
    int status = used ? 0 : fail("out of memory for a step");
    if (status == 0) {
        search_batch(s, 0, s->step);
        net_grad_zero(s->engine, s->weight, s->weights);
    }
    for (int k = 0; status == 0 && k < config_int(s->config, "individuals"); k++) {
        struct evolve_gene gene;
        struct cell_arch arch;
        if (warm)
            evolve_random(&s->space, &rng, &gene);
        else
            gene = c->member[rng_below(&rng, (uint32_t)c->n)].gene;
        evolve_arch(&s->space, &gene, &arch);
        search_follow(s, &arch);
        status = search_forward(s, NULL, NULL);
        if (status == 0)
            search_backward(s);
        for (int i = 0; i < s->weights; i++)
            used[i] = used[i] || !s->weight[i].frozen;
    }
    for (int i = 0; status == 0 && i < s->weights; i++)
        s->weight[i].frozen = !used[i];
    if (status == 0)
        search_update(s);
    free(used);
    s->step++;
    return status;
}

/* ---- a generation ---- */

static double cost_of(const struct cars *c, const struct cell_arch *arch) {
    const struct cell_space *space = &c->search.space;
    bool flops = config_choice(c->search.config, "objective") == 1;
    return 1e-6 * (flops ? cell_flops(arch, space) : cell_params(arch, space));
}

/* Accuracy on images that do not train the weights. */
static int measure(struct cars *c, struct member *m) {
    struct search *s = &c->search;
    struct search_part *part = &s->part[1];
    struct cell_arch arch;
    long wanted = config_int(s->config, "measured"), batches = (wanted + s->batch - 1) / s->batch;
    long right = 0;
    int correct;
    if (wanted == 0 || batches > part->steps)
        batches = part->steps;
    evolve_arch(&s->space, &m->gene, &arch);
    search_follow(s, &arch);
    for (long b = 0; b < batches; b++) {
        search_batch(s, 1, b);
        if (search_forward(s, NULL, &correct))
            return -1;
        right += correct;
    }
    m->previous = m->accuracy;
    m->accuracy = (double)right / (double)(batches * s->batch);
    m->cost = cost_of(c, &arch);
    return 0;
}

/* How much the accuracy has grown; the mean of the others for those that are new. */
static double speed_of(const struct cars *c, const struct member *m, int all) {
    double sum = 0;
    int known = 0;
    if (!isnan(m->previous))
        return m->accuracy - m->previous;
    for (int i = 0; i < all; i++)
        if (!isnan(c->member[i].previous)) {
            sum += c->member[i].accuracy - c->member[i].previous;
            known++;
        }
    return known ? sum / known : 0;
}

static int select_members(struct cars *c, int all, struct rng *rng) {
    enum { CODE, PAPER, NSGA3 } how;
    how = config_choice(c->search.config, "selection");
    for (int i = 0; i < all; i++)
        c->f[i][0] = -c->member[i].accuracy, c->f[i][1] = c->member[i].cost;
    if (how == NSGA3)
        return pareto_nsga3(all, (const double(*)[2])c->f, c->n, rng, c->chosen);
    pareto_ranks(all, (const double(*)[2])c->f, c->rank[0]);
    for (int i = 0; i < all; i++) {
        if (how == CODE)
            c->f[i][1] = -c->member[i].cost;
        else
            c->f[i][0] = -speed_of(c, &c->member[i], all);
    }
    pareto_ranks(all, (const double(*)[2])c->f, c->rank[1]);
    return pareto_merge(all, c->rank[0], c->rank[1], c->n, rng, c->chosen);
}

static int evolve(struct cars *c) {
    struct search *s = &c->search;
    const struct config *config = s->config;
    struct rng rng = rng_make(s->seed, rng_stream("generation"), (uint32_t)c->generation);
    const struct evolve_odds odds = {config_real(config, "mutate"), config_real(config, "cross"),
                                     config_real(config, "gene_rate")};
    struct evolve_gene *genes = malloc((size_t)c->n * sizeof *genes);
    if (!genes)
        return fail("out of memory for a generation");
    for (int i = 0; i < c->n; i++)
        genes[i] = c->member[i].gene;
    for (int i = c->n; i < c->room; i++) {
        c->member[i] = (struct member){.accuracy = NAN, .previous = NAN};
        evolve_child(&s->space, genes, c->n, &odds, &rng, &c->member[i].gene);
    }
    free(genes);
    for (int i = 0; i < c->room; i++)
        if (measure(c, &c->member[i]))
            return -1;
    if (select_members(c, c->room, &rng))
        return -1;
    for (int i = 0, to = 0; i < c->room; i++)
        if (c->chosen[i])
            c->member[to++] = c->member[i];
    c->generation++;
    return 0;
}

static bool evolves_after(const struct search *s, long epoch) {
    long interval = lround((double)config_int(s->config, "interval") * s->horizon / s->full);
    long since = epoch - warm_epochs(s);
    return since >= 0 && since % (interval > 1 ? interval : 1) == 0;
}

static int train_epoch(struct cars *c) {
    struct search *s = &c->search;
    long epoch = s->step / s->part[0].steps;
    do
        if (take_step(c))
            return -1;
    while (s->step % s->part[0].steps);
    long generations = config_int(s->config, "generations");
    for (long k = 0; evolves_after(s, epoch) && k < generations; k++)
        if (evolve(c))
            return -1;
    return 0;
}

/* ---- points ---- */

enum column { SKIPS, GENERATION };

struct entry {
    struct cell_arch arch;
    struct point point;
    double cost;
    bool shown;
};

static int by_cost(const void *a, const void *b) {
    const struct entry *p = a, *q = b;
    if (p->cost != q->cost)
        return p->cost < q->cost ? -1 : 1;
    return memcmp(p->arch.has, q->arch.has, sizeof p->arch.has);
}

/* Distinct networks of the population, measured, by cost; how many, or -1. */
static int list_entries(struct cars *c, struct entry *entry) {
    struct search *s = &c->search;
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        memset(&entry[i], 0, sizeof entry[i]);
        evolve_arch(&s->space, &c->member[i].gene, &entry[i].arch);
        entry[i].cost = cost_of(c, &entry[i].arch);
    }
    qsort(entry, (size_t)c->n, sizeof *entry, by_cost);
    for (int i = 0; i < c->n; i++)
        if (i == 0 || memcmp(entry[i].arch.has, entry[n - 1].arch.has, sizeof entry->arch.has))
            entry[n++] = entry[i];
    for (int i = 0; i < n; i++) {
        struct point *point = &entry[i].point;
        search_follow(s, &entry[i].arch);
        if (search_validate(s, &point->loss, &point->accuracy))
            return -1;
    }
    return n;
}

static void show_front(struct cars *c, struct entry *entry, int n) {
    for (int i = 0; i < n; i++)
        c->f[i][0] = -entry[i].point.accuracy, c->f[i][1] = entry[i].cost;
    pareto_ranks(n, (const double(*)[2])c->f, c->rank[0]);
    for (int i = 0; i < n; i++)
        entry[i].shown = c->rank[0][i] == 0;
}

/* The most accurate in each bin of cost, of those in the upper half of the range of accuracies. */
static void show_uniform(struct entry *entry, int n, int bins) {
    double least = entry[0].cost, width = (entry[n - 1].cost - least) / bins;
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < n; i++) {
        low = fmin(low, entry[i].point.accuracy);
        high = fmax(high, entry[i].point.accuracy);
    }
    for (int bin = 0; bin < bins; bin++) {
        int best = -1;
        for (int i = 0; i < n; i++) {
            int own = width > 0 ? (int)fmax(0, ceil((entry[i].cost - least) / width) - 1) : 0;
            if (own < bins ? own != bin : bin != bins - 1)
                continue;
            bool good = entry[i].point.accuracy > (low + high) / 2 || low == high;
            if (good && (best < 0 || entry[i].point.accuracy > entry[best].point.accuracy))
                best = i;
        }
        if (best >= 0)
            entry[best].shown = true;
    }
}

static int add_points(struct cars *c, bool final, struct outcome *out) {
    struct search *s = &c->search;
    enum { FRONT, ALL, UNIFORM } which;
    struct entry *entry = malloc((size_t)c->n * sizeof *entry);
    char text[CELL_TEXT_MAX];
    if (!entry)
        return fail("out of memory for a population");
    int n = list_entries(c, entry), status = n < 0 ? -1 : 0;
    which = config_choice(s->config, "points");
    if (status == 0 && which == UNIFORM)
        show_uniform(entry, n, (int)config_int(s->config, "bins"));
    else if (status == 0)
        show_front(c, entry, n);
    for (int i = 0; status == 0 && i < n; i++) {
        struct point point = search_point(s, &entry[i].arch, final, text);
        point.loss = entry[i].point.loss, point.accuracy = entry[i].point.accuracy;
        point.extra[SKIPS] = cell_skips(&entry[i].arch, 0);
        point.extra[GENERATION] = (double)c->generation;
        if (entry[i].shown || which == ALL)
            status = outcome_add(out, &point);
    }
    free(entry);
    return status;
}

static int cars_train(void *state, double fidelity, struct outcome *out) {
    struct cars *c = state;
    struct search *s = &c->search;
    long end = (long)fidelity * s->part[0].steps;
    bool curve = config_flag(s->config, "curve");
    while (s->step < end) {
        if (train_epoch(c) || (curve && s->step < end && add_points(c, false, out)))
            return -1;
    }
    return add_points(c, true, out);
}

enum { RECORDS = 2 };
static void list_records(struct cars *c, struct net_record record[RECORDS]) {
    record[0] = (struct net_record){"population", c->member, (size_t)c->n * sizeof *c->member};
    record[1] = (struct net_record){"generation", &c->generation, sizeof c->generation};
}

static int cars_save(void *state, const char *path) {
    struct cars *c = state;
    struct net_record record[RECORDS];
    list_records(c, record);
    return search_save(&c->search, path, record, RECORDS);
}

static int cars_load(void *state, const char *path) {
    struct cars *c = state;
    struct net_record record[RECORDS];
    list_records(c, record);
    return search_load(&c->search, path, record, RECORDS);
}

const struct solver_ops solver_cars = {
    .name = "cars",
    .about = "CARS: a population evolving over a shared supernet; a front in one search",
    .paper = "Yang et al., CARS: Continuous Evolution for Efficient Neural Architecture Search, "
             "CVPR 2020",
    .settings = settings,
    .fidelity = "epochs",
    .columns = "skips|generation",
    .state_size = sizeof(struct cars),
    .check = search_check,
    .open = cars_open,
    .train = cars_train,
    .save = cars_save,
    .load = cars_load,
    .close = cars_close,
};
