/* hyperband.c - successive halving (Jamieson & Talwalkar, AISTATS 2016) and Hyperband, which runs
 * it with every trade-off between many short trials and few long ones (Li et al., JMLR 2018). */
#include "bracket/bracket.h"
#include "design/design.h"
#include "setting.h"
#include <string.h>

struct hyperband {
    const struct hpo_task *task;
    struct history history;
    struct hpo_rung rung[HPO_MAX_RUNGS];
    int rungs;
};

static const struct setting settings[] = {
    {.name = "eta",
     .type = SETTING_INT,
     .lo = 2,
     .hi = 10,
     .preset = "3",
     .help = "one trial in so many goes on to the next rung"},
    {0},
};

static int plan_hyperband(const struct hpo_task *task, struct hpo_rung rung[HPO_MAX_RUNGS]) {
    return bracket_hyperband(task, (int)config_int(task->settings, "eta"), rung);
}

static int plan_halving(const struct hpo_task *task, struct hpo_rung rung[HPO_MAX_RUNGS]) {
    return bracket_halving(task, (int)config_int(task->settings, "eta"), rung);
}

static void open_history(struct hyperband *search, const struct hpo_task *task) {
    search->task = task;
    history_open(&search->history, task);
}

static int hyperband_open(void *state, const struct hpo_task *task) {
    struct hyperband *search = state;
    open_history(search, task);
    search->rungs = plan_hyperband(task, search->rung);
    return 0;
}

static int halving_open(void *state, const struct hpo_task *task) {
    struct hyperband *search = state;
    open_history(search, task);
    search->rungs = plan_halving(task, search->rung);
    return 0;
}

static enum hpo_answer hyperband_ask(void *state, struct trial *trial) {
    struct hyperband *search = state;
    switch (bracket_next(search->rung, search->rungs, &search->history, trial)) {
    case BRACKET_WAIT:
        return HPO_WAIT;
    case BRACKET_DONE:
        return HPO_DONE;
    case BRACKET_PROMOTED:
        return HPO_TRIAL;
    case BRACKET_FRESH:
        break;
    }
    struct rng rng = rng_make(search->task->seed, rng_stream("random"), (uint32_t)trial->id);
    design_random(&search->history, &rng, trial->x);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void hyperband_asked(void *state, const struct trial *trial) {
    struct hyperband *search = state;
    history_asked(&search->history, trial);
}

static void hyperband_tell(void *state, const struct trial *trial, const struct result *front,
                           int n_front) {
    struct hyperband *search = state;
    (void)front, (void)n_front;
    history_tell(&search->history, trial);
}

static void hyperband_close(void *state) {
    struct hyperband *search = state;
    history_close(&search->history);
}

const struct hpo_ops hpo_hyperband = {
    .name = "hyperband",
    .about = "brackets of successive halving, from many short trials to few long ones",
    .paper = "Li et al., Hyperband: a novel bandit-based approach to hyperparameter optimization, "
             "JMLR 2018",
    .settings = settings,
    .state_size = sizeof(struct hyperband),
    .open = hyperband_open,
    .ask = hyperband_ask,
    .asked = hyperband_asked,
    .tell = hyperband_tell,
    .close = hyperband_close,
    .plan = plan_hyperband,
};

const struct hpo_ops hpo_successive_halving = {
    .name = "successive-halving",
    .about = "many short trials, of which the best go on",
    .paper = "Jamieson & Talwalkar, Non-stochastic best arm identification and hyperparameter "
             "optimization, AISTATS 2016",
    .settings = settings,
    .state_size = sizeof(struct hyperband),
    .open = halving_open,
    .ask = hyperband_ask,
    .asked = hyperband_asked,
    .tell = hyperband_tell,
    .close = hyperband_close,
    .plan = plan_halving,
};
