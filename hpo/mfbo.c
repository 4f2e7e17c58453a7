/* mfbo.c - multi-fidelity Bayesian optimisation: one Gaussian process over settings and fidelity,
 * from which it learns how much a short training says about a full one.
 *
 * A first bracket of successive halving, and a few full trials spread over the cube, show the model
 * every fidelity. Then a proposal is a pair
 * (x, z) of the greatest
 *
 *     EI(x at full fidelity) * I(f(x, z); f(x, full)) / new epochs,
 *
 * I the mutual information of two jointly normal values, -1/2 ln(1 - rho^2), rho their posterior
 * correlation (noise counted in): x by its promise at the target as in BOCA (Kandasamy et al., ICML
 * 2017), z by information per cost in the spirit of MF-MES (Takeno et al., ICML 2020). x is the
 * best of the cube, or one that was trained in part and costs only what is new (freeze-thaw:
 * Swersky, Snoek & Adams 2014). Where low fidelities say nothing of the full one, rho is near 0 and
 * only full fidelity is worth its cost; a share of all epochs goes to full fidelity anyway; and as
 * soon as the full trials are better predicted (leaving one out) from each other alone than with
 * the help of the shorter ones, the method goes on as plain Bayesian optimisation at full fidelity.
 */
#include "bracket/bracket.h"
#include "design/design.h"
#include "fail.h"
#include "gp/fidelity.h"
#include "gp/model.h"
#include "setting.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONTINUED_MAX = 8, /* partly trained x that are looked at */
    PROBES = 3         /* trials of the first design at full fidelity, wherever they lie */
};

static const double EVIDENCE = 2; /* nats in favour of shorter trials, to trust them */

struct mfbo {
    const struct hpo_task *task;
    struct history history, full; /* full: the trials at full fidelity, numbered by themselves */
    struct model model, plain;    /* plain: of the full ones */
    int eta, s_max;
    struct hpo_rung rung[HPO_MAX_RUNGS]; /* the first bracket */
    int rungs, design;                   /* design: its trials */
    double full_share;
    int candidates;
};

static const struct setting settings[] = {
    {.name = "design",
     .type = SETTING_INT,
     .lo = 0,
     .hi = 100000,
     .preset = "0",
     .unit = "trials",
     .help = "trials at the lowest fidelity of the first bracket; 0: 4 times the searched settings "
             "plus 4"},
    {.name = "eta",
     .type = SETTING_INT,
     .lo = 2,
     .hi = 10,
     .preset = "3",
     .help = "ratio of one fidelity to the next"},
    {.name = "full",
     .type = SETTING_REAL,
     .lo = 0,
     .hi = 1,
     .preset = "0.5",
     .help = "least share of the epochs after the first bracket that goes to full fidelity"},
    {.name = "output",
     .type = SETTING_CHOICE,
     .choices = "standard|power|rank",
     .preset = "power",
     .help = "the objective as the model sees it: standardised, bent to a normal (Yeo-Johnson), "
             "or by rank"},
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
    {.name = "candidates",
     .type = SETTING_INT,
     .lo = 64,
     .hi = 65536,
     .scale = SETTING_LOG,
     .preset = "1024",
     .help = "points of the cube scored before the best are climbed"},
    {0},
};

/* The first bracket: n, n/eta, n/eta^2 ... trials, but never fewer than two below the top, where
 * there is one; then the probes as a rung of their own. Without fidelities, the design of plain
 * Bayesian optimisation. */
static void plan_design(struct mfbo *mfbo, int n) {
    mfbo->rungs = bracket_rungs(mfbo->task, mfbo->eta, mfbo->s_max, n, 0, mfbo->rung);
    for (int r = 0; r < mfbo->rungs && mfbo->s_max; r++) {
        int least = r < mfbo->rungs - 1 ? 2 : 1;
        if (mfbo->rung[r].trials < least || r == mfbo->rungs - 1)
            mfbo->rung[r].trials = least;
    }
    if (mfbo->s_max)
        mfbo->rung[mfbo->rungs++] =
            (struct hpo_rung){.bracket = 1, .trials = PROBES, .fidelity = mfbo->task->fidelity_max};
    for (int r = 0; r < mfbo->rungs; r++)
        mfbo->design += mfbo->rung[r].trials;
}

static int mfbo_open(void *state, const struct hpo_task *task) {
    struct mfbo *mfbo = state;
    mfbo->task = task;
    mfbo->eta = (int)config_int(task->settings, "eta");
    mfbo->s_max = bracket_s_max(task, mfbo->eta);
    mfbo->full_share = config_real(task->settings, "full");
    mfbo->candidates = (int)config_int(task->settings, "candidates");
    int n = (int)config_int(task->settings, "design");
    plan_design(mfbo, n ? n : (mfbo->s_max ? 4 : 2) * (task->space->n + 1));
    history_open(&mfbo->history, task);
    struct model_options options = {
        .noise_sd = config_real(task->settings, "noise"),
        .output = (enum gp_output)config_choice(task->settings, "output"),
        .parego = true,
        .fidelity = true,
        .learn_failures = config_choice(task->settings, "failures") == 1,
    };
    model_open(&mfbo->model, task, &options);
    history_open(&mfbo->full, task);
    options.fidelity = false;
    model_open(&mfbo->plain, task, &options);
    return 0;
}

/* The trial that went furthest with this x, running ones included; -1: none. */
static int furthest(const struct history *history, const double *x) {
    int best = -1;
    for (int i = 0; i < history->asked; i++)
        if (space_same(history->task->space, history->record[i].x, x) &&
            (best < 0 || history->record[i].fidelity > history->record[best].fidelity))
            best = i;
    return best;
}

/* Whether there is nothing to learn at x any more: at full fidelity, running, or failed. */
static bool is_taken(void *context, const double *x) {
    const struct mfbo *mfbo = context;
    int last = furthest(&mfbo->history, x);
    return last >= 0 && (last >= mfbo->history.told || !mfbo->history.record[last].ok ||
                         mfbo->history.record[last].fidelity >= mfbo->task->fidelity_max);
}

static int score(void *context, int count, const double *x, double *value) {
    struct mfbo *mfbo = context;
    return model_score(&mfbo->model, count, x, value);
}

static double climb(void *context, const double *x, double *gradient) {
    struct mfbo *mfbo = context;
    return model_climb(&mfbo->model, x, gradient);
}

/* New epochs of a known trial. */
static double charged(const struct mfbo *mfbo, const struct record *record) {
    double before = record->parent >= 0 && mfbo->task->resumable
                        ? mfbo->history.record[record->parent].fidelity
                        : 0;
    return record->fidelity - before;
}

/* Whether full fidelity is behind its share of the epochs. */
static bool is_full_due(const struct mfbo *mfbo) {
    double full = 0, all = 0;
    for (int i = mfbo->design; i < mfbo->history.asked; i++) {
        const struct record *record = &mfbo->history.record[i];
        all += charged(mfbo, record);
        full += record->fidelity >= mfbo->task->fidelity_max ? charged(mfbo, record) : 0;
    }
    return full < mfbo->full_share * all;
}

struct choice {
    double value;
    double x[SPACE_MAX_DIMS], fidelity;
    int parent;
};

/* Tries x at every fidelity beyond its own. */
static void consider(const struct mfbo *mfbo, const double *x, double log_ei, bool full_only,
                     struct choice *best) {
    int parent = furthest(&mfbo->history, x);
    double reached = parent >= 0 ? mfbo->history.record[parent].fidelity : 0;
    for (int left = full_only ? 0 : mfbo->s_max; left >= 0; left--) {
        double fidelity = bracket_fidelity(mfbo->task, mfbo->eta, left);
        if (fidelity <= reached)
            continue;
        double cost = fidelity - (mfbo->task->resumable ? reached : 0);
        double value = log_ei + log(fidelity_information(&mfbo->model, x, fidelity)) - log(cost);
        if (!(value > best->value))
            continue;
        *best = (struct choice){.value = value, .fidelity = fidelity, .parent = parent};
        memcpy(best->x, x, (size_t)mfbo->task->space->n * sizeof *x);
    }
}

/* The partly trained x of the greatest score, best first, into x (CONTINUED_MAX, n); how many. */
static int partly_trained(struct mfbo *mfbo, double *x, double *value) {
    const struct history *history = &mfbo->history;
    size_t n = (size_t)mfbo->task->space->n;
    int count = 0;
    for (int i = 0; i < history->told; i++) {
        const struct record *record = &history->record[i];
        double at;
        if (!record->ok || record->fidelity >= mfbo->task->fidelity_max ||
            furthest(history, record->x) != i || score(mfbo, 1, record->x, &at))
            continue;
        int place = count;
        while (place > 0 && at > value[place - 1])
            place--;
        if (place == CONTINUED_MAX)
            continue;
        count += count < CONTINUED_MAX;
        memmove(x + ((size_t)place + 1) * n, x + (size_t)place * n,
                (size_t)(count - 1 - place) * n * sizeof *x);
        memmove(value + place + 1, value + place, (size_t)(count - 1 - place) * sizeof *value);
        memcpy(x + (size_t)place * n, record->x, n * sizeof *x);
        value[place] = at;
    }
    return count;
}

/* Points of the Sobol design tried at full fidelity. */
static int full_designs(const struct mfbo *mfbo) {
    int count = 0;
    for (int i = 0; i < mfbo->full.asked; i++)
        count += strcmp(mfbo->full.record[i].origin, "design") == 0;
    return count;
}

/* Whether plain Bayesian optimisation would still be at its first design. */
static bool wants_design(const struct mfbo *mfbo) {
    return mfbo->full.asked < 2 * mfbo->task->space->n + 2;
}

/* Whether shorter trials help to predict full ones. Doubt lasts until the design is made up. */
static bool is_trusted(const struct mfbo *mfbo) {
    if (full_designs(mfbo) > PROBES && wants_design(mfbo))
        return false;
    return fidelity_evidence(&mfbo->model, &mfbo->history) >= EVIDENCE;
}

/* The plain model's own search, at full fidelity. */
static int plain_score(void *context, int count, const double *x, double *value) {
    struct mfbo *mfbo = context;
    return model_score(&mfbo->plain, count, x, value);
}

static double plain_climb(void *context, const double *x, double *gradient) {
    struct mfbo *mfbo = context;
    return model_climb(&mfbo->plain, x, gradient);
}

static struct search make_search(struct mfbo *mfbo, bool plain, int id) {
    int n = plain ? mfbo->full.told : mfbo->history.told;
    const struct model *model = plain ? &mfbo->plain : &mfbo->model;
    return (struct search){
        .space = mfbo->task->space,
        .context = mfbo,
        .score = plain ? plain_score : score,
        .climb = plain ? plain_climb : climb,
        .taken = is_taken,
        .seed = mfbo->task->seed,
        .index = (uint32_t)id,
        .centre = model->centre,
        .n_centre = model->n_centre,
        .n_sobol = mfbo->candidates,
        .n_near = mfbo->candidates / 4,
        .n_climbs = n <= 300 ? 4 : 2,
        .n_steps = n <= 300 ? 30 : 10,
    };
}

/* The i-th point of the design, unless it was tried. */
static bool propose_design(const struct mfbo *mfbo, int i, struct trial *trial) {
    const struct space *space = mfbo->task->space;
    struct sobol sobol;
    bool fresh = !sobol_open(&sobol, space->n, mfbo->task->seed, rng_stream("design"), 0);
    if (fresh) {
        sobol_at(&sobol, i, trial->x);
        space_canonical(space, trial->x);
        fresh = !history_has(&mfbo->history, trial->x);
    }
    sobol_close(&sobol);
    strcpy(trial->origin, "design");
    return fresh;
}

/* A probe: one of the first trials, whose place had nothing to do with its result, taken to full
 * fidelity. Like it, it is a point of the design. */
static bool propose_probe(const struct mfbo *mfbo, int i, struct trial *trial) {
    int last = i < mfbo->history.told ? furthest(&mfbo->history, mfbo->history.record[i].x) : -1;
    if (last < 0 || last >= mfbo->history.told || !mfbo->history.record[last].ok ||
        mfbo->history.record[last].fidelity >= mfbo->task->fidelity_max)
        return false;
    bracket_promote(&mfbo->history, last, trial);
    strcpy(trial->origin, "design");
    return true;
}

static bool propose_plain(struct mfbo *mfbo, struct trial *trial) {
    double value;
    int designs = full_designs(mfbo);
    trial->fidelity = mfbo->task->fidelity_max;
    if (wants_design(mfbo) && propose_design(mfbo, mfbo->design + designs, trial))
        return true;
    if (model_update(&mfbo->plain, &mfbo->full, trial->id))
        return false;
    struct search search = make_search(mfbo, true, trial->id);
    if (search_maximise(&search, trial->x, &value))
        return false;
    trial->parent = furthest(&mfbo->history, trial->x);
    strcpy(trial->origin, trial->parent >= 0 ? "promoted" : "model-full");
    return true;
}

static bool propose_model(struct mfbo *mfbo, struct trial *trial) {
    if (model_update(&mfbo->model, &mfbo->history, trial->id))
        return false;
    if (mfbo->s_max > 0 && !is_trusted(mfbo))
        return propose_plain(mfbo, trial);
    struct search search = make_search(mfbo, false, trial->id);
    bool full_only = is_full_due(mfbo);
    struct choice best = {.value = -INFINITY};
    double x[CONTINUED_MAX * SPACE_MAX_DIMS], value[CONTINUED_MAX], top;
    double at_top[SPACE_MAX_DIMS];
    if (search_maximise(&search, at_top, &top) == 0)
        consider(mfbo, at_top, top, full_only, &best);
    int count = partly_trained(mfbo, x, value);
    for (int i = 0; i < count; i++)
        consider(mfbo, x + (size_t)i * (size_t)mfbo->task->space->n, value[i], full_only, &best);
    if (isinf(best.value))
        return false;
    memcpy(trial->x, best.x, sizeof best.x);
    trial->fidelity = best.fidelity;
    trial->parent = best.parent;
    strcpy(trial->origin, best.parent >= 0 ? "promoted" : "model");
    return true;
}

static enum hpo_answer propose_fresh(const struct mfbo *mfbo, struct trial *trial) {
    struct rng rng = rng_make(mfbo->task->seed, rng_stream("random"), (uint32_t)trial->id);
    design_random(&mfbo->history, &rng, trial->x);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static enum hpo_answer answer_of(enum bracket_answer answer) {
    return answer == BRACKET_PROMOTED ? HPO_TRIAL : answer == BRACKET_WAIT ? HPO_WAIT : HPO_DONE;
}

static enum hpo_answer mfbo_ask(void *state, struct trial *trial) {
    struct mfbo *mfbo = state;
    if (trial->id < mfbo->design) {
        enum bracket_answer answer = bracket_next(mfbo->rung, mfbo->rungs, &mfbo->history, trial);
        if (answer != BRACKET_FRESH)
            return answer_of(answer);
        int probe = mfbo->s_max ? trial->id - (mfbo->design - PROBES) : -1;
        if (probe >= 0 && propose_probe(mfbo, probe, trial))
            return HPO_TRIAL;
        return propose_design(mfbo, trial->id, trial) ? HPO_TRIAL : propose_fresh(mfbo, trial);
    }
    if (propose_model(mfbo, trial))
        return HPO_TRIAL;
    if (history_exhausted(&mfbo->history))
        return answer_of(bracket_complete(&mfbo->history, trial));
    return propose_fresh(mfbo, trial);
}

static void mfbo_asked(void *state, const struct trial *trial) {
    struct mfbo *mfbo = state;
    history_asked(&mfbo->history, trial);
    if (trial->fidelity >= mfbo->task->fidelity_max)
        history_asked(&mfbo->full, trial);
}

static void mfbo_tell(void *state, const struct trial *trial, const struct result *front,
                      int n_front) {
    struct mfbo *mfbo = state;
    (void)front, (void)n_front;
    history_tell(&mfbo->history, trial);
    if (trial->fidelity >= mfbo->task->fidelity_max) {
        struct trial renumbered = *trial;
        renumbered.id = mfbo->full.told;
        history_tell(&mfbo->full, &renumbered);
    }
}

static void mfbo_close(void *state) {
    struct mfbo *mfbo = state;
    model_close(&mfbo->model);
    model_close(&mfbo->plain);
    history_close(&mfbo->full);
    history_close(&mfbo->history);
}

const struct hpo_ops hpo_mfbo = {
    .name = "mfbo",
    .about = "Bayesian optimisation over settings and fidelity, by information per epoch",
    .paper = "Kandasamy et al., Multi-fidelity Bayesian optimisation with continuous "
             "approximations, ICML 2017; Takeno et al., Multi-fidelity Bayesian optimization with "
             "max-value entropy search, ICML 2020",
    .settings = settings,
    .state_size = sizeof(struct mfbo),
    .open = mfbo_open,
    .ask = mfbo_ask,
    .asked = mfbo_asked,
    .tell = mfbo_tell,
    .close = mfbo_close,
};
