/* nsga2.c - NSGA-II, the evolutionary control under several objectives (Deb, Pratap, Agarwal &
 * Meyarivan, IEEE Trans. Evol. Comp. 2002): binary tournaments, simulated binary crossover and
 * polynomial mutation on the cube, survival by front and crowding. A trial stands for the one
 * result that the objective chose of it. */
#include "design/design.h"
#include "fail.h"
#include "pareto/pareto.h"
#include "setting.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct nsga2 {
    const struct hpo_task *task;
    struct history history;
    int size;    /* of the population, and of a generation */
    int first;   /* id of the generation's first trial */
    int *parent; /* (parents) ids, best first; none before the first generation is told */
    int parents;
    double crossover, crossover_index, mutation_index;
};

static const struct setting settings[] = {
    {.name = "population",
     .type = SETTING_INT,
     .lo = 4,
     .hi = 10000,
     .scale = SETTING_LOG,
     .preset = "20",
     .unit = "trials",
     .help = "trials of a generation, and how many survive it"},
    {.name = "crossover",
     .type = SETTING_REAL,
     .lo = 0,
     .hi = 1,
     .preset = "0.9",
     .help = "probability that two parents are crossed"},
    {.name = "crossover_index",
     .type = SETTING_REAL,
     .lo = 1,
     .hi = 200,
     .scale = SETTING_LOG,
     .preset = "15",
     .help = "large: children stay near their parents"},
    {.name = "mutation_index",
     .type = SETTING_REAL,
     .lo = 1,
     .hi = 200,
     .scale = SETTING_LOG,
     .preset = "20",
     .help = "large: mutations are small"},
    {0},
};

static int nsga2_open(void *state, const struct hpo_task *task) {
    struct nsga2 *search = state;
    search->task = task;
    search->size = (int)config_int(task->settings, "population");
    search->crossover = config_real(task->settings, "crossover");
    search->crossover_index = config_real(task->settings, "crossover_index");
    search->mutation_index = config_real(task->settings, "mutation_index");
    history_open(&search->history, task);
    search->parent = malloc(2 * (size_t)search->size * sizeof *search->parent);
    return search->parent ? 0 : fail("no memory for a population of %d", search->size);
}

static double clamp01(double u) {
    return u < 0 ? 0 : u > 1 ? 1 : u;
}

/* Simulated binary crossover of one setting (Deb & Agrawal 1995): one of the two children. */
static double crossed(double a, double b, double index, struct rng *rng) {
    double u = rng_uniform(rng), side = rng_uniform(rng) < 0.5 ? 1 : -1;
    double spread = u <= 0.5 ? pow(2 * u, 1 / (index + 1)) : pow(2 * (1 - u), -1 / (index + 1));
    return clamp01(0.5 * (a + b + side * spread * (a - b)));
}

static double mutated(double u, double index, struct rng *rng) {
    double r = rng_uniform(rng);
    double step = r < 0.5 ? pow(2 * r, 1 / (index + 1)) - 1 : 1 - pow(2 * (1 - r), 1 / (index + 1));
    return clamp01(u + step);
}

/* The better of two: parents are sorted. */
static const double *tournament(const struct nsga2 *search, struct rng *rng) {
    uint32_t a = rng_below(rng, (uint32_t)search->parents);
    uint32_t b = rng_below(rng, (uint32_t)search->parents);
    return search->history.record[search->parent[a < b ? a : b]].x;
}

static void breed(const struct nsga2 *search, struct rng *rng, double *x) {
    const struct space *space = search->task->space;
    const double *a = tournament(search, rng), *b = tournament(search, rng);
    bool cross = rng_uniform(rng) < search->crossover;
    for (int d = 0; d < space->n; d++) {
        bool choice = space->dim[d].kind == SPACE_CHOICE, coin = rng_uniform(rng) < 0.5;
        x[d] = a[d];
        if (cross && coin)
            x[d] = choice ? b[d] : crossed(a[d], b[d], search->crossover_index, rng);
        if (rng_uniform(rng) * space->n < 1)
            x[d] = choice ? rng_uniform(rng) : mutated(x[d], search->mutation_index, rng);
    }
    space_canonical(space, x);
}

static enum hpo_answer nsga2_ask(void *state, struct trial *trial) {
    struct nsga2 *search = state;
    if (history_exhausted(&search->history))
        return HPO_DONE;
    if (trial->id >= search->first + search->size)
        return HPO_WAIT;
    struct rng rng = rng_make(search->task->seed, rng_stream("nsga2"), (uint32_t)trial->id);
    strcpy(trial->origin, "evolved");
    if (search->parents)
        breed(search, &rng, trial->x);
    if (search->parents && !history_has(&search->history, trial->x))
        return HPO_TRIAL;
    design_random(&search->history, &rng, trial->x);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void nsga2_asked(void *state, const struct trial *trial) {
    struct nsga2 *search = state;
    history_asked(&search->history, trial);
}

/* The generation is told: the best of it and its parents survive. */
static void survive(struct nsga2 *search) {
    for (int i = 0; i < search->size; i++)
        search->parent[search->parents++] = search->first + i;
    pareto_order(&search->history, search->parent, search->parents); /* else: the older survive */
    search->parents = search->size;
    search->first += search->size;
}

static void nsga2_tell(void *state, const struct trial *trial, const struct result *front,
                       int n_front) {
    struct nsga2 *search = state;
    (void)front, (void)n_front;
    history_tell(&search->history, trial);
    if (search->history.told == search->first + search->size)
        survive(search);
}

static void nsga2_close(void *state) {
    struct nsga2 *search = state;
    free(search->parent);
    history_close(&search->history);
}

const struct hpo_ops hpo_nsga2 = {
    .name = "nsga2",
    .about = "evolution under one or several objectives: NSGA-II",
    .paper = "Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE "
             "Transactions on Evolutionary Computation 2002",
    .settings = settings,
    .state_size = sizeof(struct nsga2),
    .open = nsga2_open,
    .ask = nsga2_ask,
    .asked = nsga2_asked,
    .tell = nsga2_tell,
    .close = nsga2_close,
};
