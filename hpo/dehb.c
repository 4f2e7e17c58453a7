/* dehb.c - Hyperband's rungs with a population evolved at each fidelity (Awad, Mallik & Hutter,
 * "DEHB: evolutionary Hyperband for scalable, robust and efficient hyperparameter optimization",
 * IJCAI 2021).
 *
 * The trials of a fidelity challenge the members of its population in turn and take their place
 * when better. Challengers are made by differential evolution (rand/1/bin: Storn & Price 1997):
 * mutants of the population itself on a bracket's first rung, of the best of the population below
 * on the others. Populations start at random, but the first bracket promotes (and continues) the
 * best as successive halving does. */
#include "bracket/bracket.h"
#include "design/design.h"
#include "fail.h"
#include "pareto/pareto.h"
#include "setting.h"
#include <stdlib.h>
#include <string.h>

struct population {
    int size;
    int *member; /* (size) trial ids; -1: none yet */
};

struct dehb {
    const struct hpo_task *task;
    struct history history;
    struct hpo_rung rung[HPO_MAX_RUNGS];
    int rungs, levels; /* levels: distinct fidelities, the lowest first */
    struct population population[BRACKET_MAX + 1];
    double factor, crossover;
};

static const struct setting settings[] = {
    {.name = "eta",
     .type = SETTING_INT,
     .lo = 2,
     .hi = 10,
     .preset = "3",
     .help = "one trial in so many goes on to the next rung"},
    {.name = "factor",
     .type = SETTING_REAL,
     .lo = 0,
     .hi = 2,
     .preset = "0.5",
     .help = "weight F of the difference in a mutant"},
    {.name = "crossover",
     .type = SETTING_REAL,
     .lo = 0,
     .hi = 1,
     .preset = "0.5",
     .help = "probability Cr of taking a setting from the mutant"},
    {0},
};

/* As Hyperband's, but only the first bracket continues trials. */
static int dehb_plan(const struct hpo_task *task, struct hpo_rung rung[HPO_MAX_RUNGS]) {
    int rungs = bracket_hyperband(task, (int)config_int(task->settings, "eta"), rung);
    for (int i = 0; i < rungs; i++)
        if (rung[i].bracket > 0)
            rung[i].continued = 0;
    return rungs;
}

static bool starts_bracket(const struct dehb *dehb, int rung) {
    return rung == 0 || dehb->rung[rung].bracket != dehb->rung[rung - 1].bracket;
}

/* The level of a rung: brackets end at the highest. */
static int level_of(const struct dehb *dehb, int rung) {
    int level = dehb->levels - 1;
    for (int i = rung; i + 1 < dehb->rungs && !starts_bracket(dehb, i + 1); i++)
        level--;
    return level;
}

/* The member of its level's population that a slot challenges: they take turns. */
static int member_index(const struct dehb *dehb, const struct slot *slot) {
    int level = level_of(dehb, slot->rung), before = slot->index, sweep = 0;
    for (int i = 0; i < dehb->rungs; i++)
        if (level_of(dehb, i) == level) {
            sweep += dehb->rung[i].trials;
            before += i < slot->rung ? dehb->rung[i].trials : 0;
        }
    return (int)(((long)slot->sweep * sweep + before) % dehb->population[level].size);
}

static int dehb_open(void *state, const struct hpo_task *task) {
    struct dehb *dehb = state;
    dehb->task = task;
    dehb->factor = config_real(task->settings, "factor");
    dehb->crossover = config_real(task->settings, "crossover");
    dehb->rungs = dehb_plan(task, dehb->rung);
    dehb->levels = bracket_s_max(task, (int)config_int(task->settings, "eta")) + 1;
    history_open(&dehb->history, task);
    for (int i = 0; i < dehb->rungs; i++) {
        struct population *population = &dehb->population[level_of(dehb, i)];
        if (population->size < dehb->rung[i].trials)
            population->size = dehb->rung[i].trials;
    }
    for (int l = 0; l < dehb->levels; l++) {
        struct population *population = &dehb->population[l];
        population->member = malloc(((size_t)population->size + 1) * sizeof(int));
        if (!population->member)
            return fail("no memory for a population of %d", population->size);
        for (int i = 0; i < population->size; i++)
            population->member[i] = -1;
    }
    return 0;
}

/* The members of a population into room, best first, at most `most`; how many. */
static int best_members(const struct dehb *dehb, const struct population *population, int most,
                        int *room) {
    int count = 0;
    for (int i = 0; i < population->size; i++)
        if (population->member[i] >= 0)
            room[count++] = population->member[i];
    if (pareto_order(&dehb->history, room, count))
        return 0;
    return count < most ? count : most;
}

/* A parent out of the pool that differs from those before; a random point when there is none. */
static void draw_parent(const struct dehb *dehb, struct rng *rng, int *pool, int *count,
                        double *x) {
    int n = dehb->task->space->n;
    if (*count == 0) {
        for (int d = 0; d < n; d++)
            x[d] = rng_uniform(rng);
        return;
    }
    int i = (int)rng_below(rng, (uint32_t)*count);
    memcpy(x, dehb->history.record[pool[i]].x, (size_t)n * sizeof *x);
    pool[i] = pool[--*count];
}

/* The challenger of `target`: x = a + F (b - c), crossed with the target's. */
static void evolve(const struct dehb *dehb, struct rng *rng, int *pool, int count, int target,
                   double *x) {
    int n = dehb->task->space->n, sure = n ? (int)rng_below(rng, (uint32_t)n) : 0;
    double a[SPACE_MAX_DIMS], b[SPACE_MAX_DIMS], c[SPACE_MAX_DIMS];
    draw_parent(dehb, rng, pool, &count, a);
    draw_parent(dehb, rng, pool, &count, b);
    draw_parent(dehb, rng, pool, &count, c);
    for (int d = 0; d < n; d++) {
        double mutant = a[d] + dehb->factor * (b[d] - c[d]);
        if (mutant < 0 || mutant > 1)
            mutant = rng_uniform(rng);
        bool cross = rng_uniform(rng) < dehb->crossover || d == sure;
        x[d] = cross ? mutant : dehb->history.record[target].x[d];
    }
    space_canonical(dehb->task->space, x);
}

static bool propose(const struct dehb *dehb, const struct slot *slot, struct rng *rng,
                    struct trial *trial) {
    int level = level_of(dehb, slot->rung);
    int target = dehb->population[level].member[member_index(dehb, slot)];
    if (target < 0)
        return false;
    const struct population *from = &dehb->population[level];
    int most = from->size;
    if (!starts_bracket(dehb, slot->rung)) {
        from = &dehb->population[level - 1];
        most = dehb->rung[slot->rung].trials;
    }
    int *pool = malloc(((size_t)from->size + 1) * sizeof *pool);
    if (!pool)
        return false;
    int count = best_members(dehb, from, most, pool);
    evolve(dehb, rng, pool, count, target, trial->x);
    free(pool);
    strcpy(trial->origin, "evolved");
    return !history_has(&dehb->history, trial->x);
}

static enum hpo_answer dehb_ask(void *state, struct trial *trial) {
    struct dehb *dehb = state;
    struct slot slot = bracket_slot(dehb->rung, dehb->rungs, trial->id);
    struct hpo_rung rung[HPO_MAX_RUNGS];
    memcpy(rung, dehb->rung, sizeof rung);
    for (int i = 0; i < dehb->rungs && slot.sweep > 0; i++)
        rung[i].continued = 0; /* only the first bracket of all promotes */
    switch (bracket_next(rung, dehb->rungs, &dehb->history, trial)) {
    case BRACKET_WAIT:
        return HPO_WAIT;
    case BRACKET_DONE:
        return HPO_DONE;
    case BRACKET_PROMOTED:
        return HPO_TRIAL;
    case BRACKET_FRESH:
        break;
    }
    struct rng rng = rng_make(dehb->task->seed, rng_stream("dehb"), (uint32_t)trial->id);
    if (propose(dehb, &slot, &rng, trial))
        return HPO_TRIAL;
    design_random(&dehb->history, &rng, trial->x);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void dehb_asked(void *state, const struct trial *trial) {
    struct dehb *dehb = state;
    history_asked(&dehb->history, trial);
}

static void dehb_tell(void *state, const struct trial *trial, const struct result *front,
                      int n_front) {
    struct dehb *dehb = state;
    (void)front, (void)n_front;
    history_tell(&dehb->history, trial);
    struct slot slot = bracket_slot(dehb->rung, dehb->rungs, trial->id);
    if (dehb->history.lost || trial->fidelity != dehb->rung[slot.rung].fidelity)
        return; /* a completed trial of an exhausted space belongs to no rung */
    int *member = &dehb->population[level_of(dehb, slot.rung)].member[member_index(dehb, &slot)];
    int pair[2] = {*member, trial->id};
    if (*member < 0 || (pareto_order(&dehb->history, pair, 2) == 0 && pair[0] == trial->id))
        *member = trial->id;
}

static void dehb_close(void *state) {
    struct dehb *dehb = state;
    for (int l = 0; l <= BRACKET_MAX; l++)
        free(dehb->population[l].member);
    history_close(&dehb->history);
}

const struct hpo_ops hpo_dehb = {
    .name = "dehb",
    .about = "Hyperband's rungs with a population evolved at each fidelity",
    .paper = "Awad, Mallik & Hutter, DEHB: evolutionary Hyperband for scalable, robust and "
             "efficient hyperparameter optimization, IJCAI 2021",
    .settings = settings,
    .state_size = sizeof(struct dehb),
    .open = dehb_open,
    .ask = dehb_ask,
    .asked = dehb_asked,
    .tell = dehb_tell,
    .close = dehb_close,
    .plan = dehb_plan,
};
