/* bo.c - Bayesian optimisation: a first design, then Gaussian processes (gp/) and log expected
 * improvement (Ament et al., "Unexpected improvements to expected improvement for Bayesian
 * optimization", NeurIPS 2023) under the dimension-scaled priors of Hvarfner et al. (ICML 2024). */
#include "design/design.h"
#include "fail.h"
#include "gp/model.h"
#include "setting.h"
#include <string.h>

/* Below this log EI (of a standardised objective) little is left to explore, and the least
 * posterior mean is worth a trial now and then: it homes in on an optimum to many more digits (De
 * Ath, Everson, Rahat & Fieldsend, "Greed is good", ACM Trans. Evol. Learn. Optim. 2021). */
static const double GREEDY_BELOW = -5;

struct bo {
    const struct hpo_task *task;
    struct history history;
    struct model model;
    int design; /* trials before the model proposes */
    bool start_default;
    int candidates;
    int greedy; /* every so many trials; 0: never */
};

static const struct setting settings[] = {
    {.name = "design",
     .type = SETTING_INT,
     .lo = 0,
     .hi = 100000,
     .preset = "0",
     .unit = "trials",
     .help = "first trials, from a Sobol sequence; 0: twice the searched settings plus 2"},
    {.name = "start",
     .type = SETTING_CHOICE,
     .choices = "default|design",
     .preset = "default",
     .help = "the first trial: the solver's defaults, or one of the design"},
    {.name = "acquisition",
     .type = SETTING_CHOICE,
     .choices = "ei|pi|lcb",
     .preset = "ei",
     .help = "what is maximised: log expected improvement, log probability of improvement, or "
             "minus the lower confidence bound"},
    {.name = "beta",
     .type = SETTING_REAL,
     .lo = 0,
     .hi = 100,
     .preset = "2",
     .when = "acquisition=lcb",
     .help = "deviations below the mean at which the confidence bound lies"},
    {.name = "output",
     .type = SETTING_CHOICE,
     .choices = "standard|power|rank",
     .preset = "power",
     .help = "the objective as the model sees it: standardised, bent to a normal (Yeo-Johnson), "
             "or by rank"},
    {.name = "several",
     .type = SETTING_CHOICE,
     .choices = "ehvi|parego",
     .preset = "ehvi",
     .help = "with several objectives: expected hypervolume improvement (two only), or random "
             "scalarisations, fitted anew for every trial"},
    {.name = "failures",
     .type = SETTING_CHOICE,
     .choices = "worst|learn",
     .preset = "worst",
     .help = "a failed trial counts as the worst value; learn: and where trials fail is modelled"},
    {.name = "noise",
     .type = SETTING_REAL,
     .lo = 0.1,
     .hi = 100,
     .scale = SETTING_LOG,
     .preset = "3",
     .help = "width of the prior of log noise variance around -4; large: may be noise-free"},
    {.name = "greedy",
     .type = SETTING_INT,
     .lo = 0,
     .hi = 1000,
     .preset = "2",
     .unit = "trials",
     .help = "when little improvement is expected, every so many trials the least posterior mean "
             "is tried; 0: never"},
    {.name = "candidates",
     .type = SETTING_INT,
     .lo = 64,
     .hi = 65536,
     .scale = SETTING_LOG,
     .preset = "1024",
     .help = "points of the cube scored before the best are climbed"},
    {0},
};

static int bo_open(void *state, const struct hpo_task *task) {
    struct bo *bo = state;
    bo->task = task;
    history_open(&bo->history, task);
    bo->design = (int)config_int(task->settings, "design");
    if (!bo->design)
        bo->design = 2 * task->space->n + 2;
    bo->start_default = task->has_start && config_choice(task->settings, "start") == 0;
    bo->candidates = (int)config_int(task->settings, "candidates");
    bo->greedy = (int)config_int(task->settings, "greedy");
    struct model_options options = {
        .acquisition = (enum model_acquisition)config_choice(task->settings, "acquisition"),
        .beta = config_real(task->settings, "beta"),
        .noise_sd = config_real(task->settings, "noise"),
        .output = (enum gp_output)config_choice(task->settings, "output"),
        .parego = config_choice(task->settings, "several") == 1,
        .learn_failures = config_choice(task->settings, "failures") == 1,
    };
    model_open(&bo->model, task, &options);
    return 0;
}

static bool propose_start(const struct bo *bo, struct trial *trial) {
    if (trial->id != 0 || !bo->start_default)
        return false;
    memcpy(trial->x, bo->task->start, sizeof trial->x);
    strcpy(trial->origin, "default");
    return true;
}

static bool propose_design(const struct bo *bo, struct trial *trial) {
    struct sobol sobol;
    if (trial->id >= bo->design)
        return false;
    bool fresh = !sobol_open(&sobol, bo->task->space->n, bo->task->seed, rng_stream("design"), 0);
    if (fresh) {
        sobol_at(&sobol, trial->id, trial->x);
        space_canonical(bo->task->space, trial->x);
        fresh = !history_has(&bo->history, trial->x);
    }
    sobol_close(&sobol);
    strcpy(trial->origin, "design");
    return fresh;
}

static bool is_taken(void *context, const double *x) {
    const struct bo *bo = context;
    return history_has(&bo->history, x);
}

/* The model is the context of the search, but is_taken needs the history: both live in bo. */
static int score(void *context, int count, const double *x, double *value) {
    struct bo *bo = context;
    return model_score(&bo->model, count, x, value);
}

static double climb(void *context, const double *x, double *gradient) {
    struct bo *bo = context;
    return model_climb(&bo->model, x, gradient);
}

static bool propose_model(struct bo *bo, struct trial *trial) {
    if (trial->id < bo->design || model_update(&bo->model, &bo->history, trial->id))
        return false;
    int n = bo->history.told;
    struct search search = {
        .space = bo->task->space,
        .context = bo,
        .score = score,
        .climb = climb,
        .taken = is_taken,
        .seed = bo->task->seed,
        .index = (uint32_t)trial->id,
        .centre = bo->model.centre,
        .n_centre = bo->model.n_centre,
        .n_sobol = bo->candidates,
        .n_near = bo->candidates / 4,
        .n_climbs = n <= 300 ? 4 : 2,
        .n_steps = n <= 300 ? 30 : 10, /* each costs O(n^2) */
    };
    double value;
    strcpy(trial->origin, "model");
    bo->model.greedy = false;
    if (search_maximise(&search, trial->x, &value))
        return false;
    bool turn = bo->greedy && bo->model.options.acquisition == MODEL_EI &&
                trial->id % bo->greedy == 0 && !bo->task->n_constraints &&
                bo->task->n_objectives == 1;
    if (turn && value < GREEDY_BELOW) {
        double x[SPACE_MAX_DIMS];
        bo->model.greedy = true;
        if (search_maximise(&search, x, &value) == 0)
            memcpy(trial->x, x, (size_t)bo->task->space->n * sizeof *x);
    }
    return true;
}

static enum hpo_answer bo_ask(void *state, struct trial *trial) {
    struct bo *bo = state;
    if (history_exhausted(&bo->history))
        return HPO_DONE;
    if (propose_start(bo, trial) || propose_design(bo, trial) || propose_model(bo, trial))
        return HPO_TRIAL;
    struct rng rng = rng_make(bo->task->seed, rng_stream("random"), (uint32_t)trial->id);
    design_random(&bo->history, &rng, trial->x);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void bo_asked(void *state, const struct trial *trial) {
    struct bo *bo = state;
    history_asked(&bo->history, trial);
}

static void bo_tell(void *state, const struct trial *trial, const struct result *front,
                    int n_front) {
    struct bo *bo = state;
    history_tell(&bo->history, trial);
    if (bo->task->n_objectives > 1)
        history_archive(&bo->history, trial, front, n_front);
}

static void bo_close(void *state) {
    struct bo *bo = state;
    model_close(&bo->model);
    history_close(&bo->history);
}

const struct hpo_ops hpo_bo = {
    .name = "bo",
    .about = "Bayesian optimisation: Gaussian process and log expected improvement",
    .paper = "Ament et al., Unexpected improvements to expected improvement for Bayesian "
             "optimization, NeurIPS 2023; Hvarfner et al., Vanilla Bayesian optimization performs "
             "great in high dimensions, ICML 2024",
    .settings = settings,
    .state_size = sizeof(struct bo),
    .open = bo_open,
    .ask = bo_ask,
    .asked = bo_asked,
    .tell = bo_tell,
    .close = bo_close,
};
