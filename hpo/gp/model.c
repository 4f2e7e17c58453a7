/* model.c - the processes of a history and the score of a proposal (model.h). */
#include "gp/model.h"
#include "fail.h"
#include "gp/acquisition.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 512 }; /* candidates scored at once: bounds the memory */

static const double PAREGO_RHO = 0.05, REFERENCE_ROOM = 0.1, PI_MARGIN = 0.01;

void model_open(struct model *model, const struct hpo_task *task,
                const struct model_options *options) {
    *model = (struct model){.task = task, .options = *options};
    gp_kernel_open(&model->kernel, task->space);
    if (options->fidelity) {
        model->kernel.dim[model->kernel.n].kind = GP_NUMBER;
        model->kernel.dim[model->kernel.n++].scale = 1;
    }
    model->objectives = task->n_objectives == 2 && !options->parego ? 2 : 1;
    struct gp_prior prior = gp_prior_scaled(model->kernel.n, options->noise_sd);
    for (int q = 0; q < MODEL_QUANTITIES; q++) {
        bool bent = q == 0 && model->objectives == 1; /* hypervolumes are of plain quantities */
        surrogate_open(&model->quantity[q], &model->kernel, &prior,
                       bent ? options->output : GP_OUTPUT_STANDARD);
    }
}

void model_close(struct model *model) {
    for (int q = 0; q < MODEL_QUANTITIES; q++)
        surrogate_close(&model->quantity[q]);
    free(model->front.point);
    model->front.point = NULL;
}

void model_embed(const struct model *model, const double *x, double fidelity, double *e) {
    const struct hpo_task *task = model->task;
    gp_embed(&model->kernel, task->space, x, e);
    if (!model->options.fidelity)
        return;
    double range = log(task->fidelity_max / task->fidelity_min);
    e[task->space->n] = range > 0 ? log(fidelity / task->fidelity_min) / range : 1;
}

static void embed_record(const struct model *model, const struct record *record, double *e) {
    model_embed(model, record->x, record->fidelity, e);
}

static bool is_scalarised(const struct model *model) {
    return model->task->n_objectives > model->objectives;
}

/* The value of quantity q of a known trial; NAN: failed. Failures are learnt as 1 against -1. */
static double quantity_value(const struct model *model, const struct record *record, int q) {
    int constraint = q - model->objectives;
    if (constraint >= model->task->n_constraints)
        return record->ok ? -1 : 1;
    if (!record->ok)
        return NAN;
    return constraint >= 0 ? record->constraint[constraint] : record->objective[q];
}

/* Least and largest of an objective over the trials that have one. */
static void objective_range(const struct history *history, int k, double *lo, double *hi) {
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int i = 0; i < history->told; i++)
        if (history->record[i].ok) {
            *lo = fmin(*lo, history->record[i].objective[k]);
            *hi = fmax(*hi, history->record[i].objective[k]);
        }
}

/* ParEGO's y (told): the augmented Chebyshev sum under the weights of trial `id`. */
static void scalarised_values(const struct model *model, const struct history *history, int id,
                              double *y) {
    int goals = model->task->n_objectives;
    double weight[TRIAL_MAX_OBJECTIVES], lo[TRIAL_MAX_OBJECTIVES], hi[TRIAL_MAX_OBJECTIVES];
    double total = 0;
    struct rng rng = rng_make(model->task->seed, rng_stream("parego"), (uint32_t)id);
    for (int k = 0; k < goals; k++) {
        weight[k] = -log(1 - rng_uniform(&rng)); /* exponentials: uniform on the simplex */
        total += weight[k];
        objective_range(history, k, &lo[k], &hi[k]);
    }
    for (int i = 0; i < history->told; i++) {
        double largest = -INFINITY, sum = 0;
        for (int k = 0; k < goals; k++) {
            double scale = hi[k] > lo[k] ? hi[k] - lo[k] : 1;
            double part = weight[k] / total * (history->record[i].objective[k] - lo[k]) / scale;
            largest = fmax(largest, part);
            sum += part;
        }
        y[i] = history->record[i].ok ? largest + PAREGO_RHO * sum : NAN;
    }
}

static void set_limits(struct model *model) {
    for (int q = model->objectives; q < model->quantities; q++) {
        int constraint = q - model->objectives;
        struct gp_affine affine = model->quantity[q].affine;
        bool target = constraint < model->task->n_constraints &&
                      model->task->constraint_kind[constraint] == HPO_TARGET;
        double room = target ? log1p(MODEL_TARGET_TOLERANCE) : 0;
        model->lo[q] = target ? (-room - affine.shift) / affine.scale : -INFINITY;
        model->hi[q] = (room - affine.shift) / affine.scale;
    }
}

/* Posterior mean of row i of the objective's process, at full fidelity. */
static double full_mean(const struct model *model, const struct history *history, int i) {
    const struct surrogate *objective = &model->quantity[0];
    if (!model->options.fidelity)
        return gp_mean_at(&objective->gp, i);
    double e[GP_MAX_DIMS];
    model_embed(model, history->record[objective->trial[i]].x, model->task->fidelity_max, e);
    return gp_mean(&objective->gp, e);
}

/* Whether a is a better centre than b: history_better, but by posterior mean. */
static bool is_better(const struct record *a, double mean_a, const struct record *b,
                      double mean_b) {
    if (a->ok != b->ok || a->violation != b->violation)
        return history_better(a, b);
    return mean_a < mean_b;
}

/* The best trials become the centres; the first is the incumbent. */
static void set_incumbent(struct model *model, const struct history *history) {
    const struct surrogate *objective = &model->quantity[0];
    const struct record *best[MODEL_CENTRES + 1] = {NULL};
    double mean[MODEL_CENTRES + 1] = {0};
    int n = model->task->space->n, count = 0;
    for (int row = 0; row < objective->rows; row++) {
        const struct record *record = &history->record[objective->trial[row]];
        double at_full = full_mean(model, history, row);
        int at = count;
        for (; at > 0 && is_better(record, at_full, best[at - 1], mean[at - 1]); at--) {
            best[at] = best[at - 1];
            mean[at] = mean[at - 1];
        }
        best[at] = record;
        mean[at] = at_full;
        count += count < MODEL_CENTRES;
    }
    for (int i = 0; i < count; i++)
        memcpy(model->centre + i * n, best[i]->x, (size_t)n * sizeof(double));
    assert(count > 0); /* a model without a result was refused */
    model->n_centre = count;
    model->best = mean[0];
    model->feasible = best[0]->violation <= 0;
}

/* Whether a known trial's result is dominated by the archive. */
static bool is_dominated(const struct history *history, const struct record *record) {
    for (int i = 0; i < history->archived; i++)
        if (history_dominates(2, history->archive + 2 * i, record->objective))
            return true;
    return false;
}

/* Trials on the front as centres: a window of them that moves on with the trial to propose. */
static int centre_on_front(struct model *model, const struct history *history, int id) {
    int n = model->task->space->n, count = 0;
    int *on_front = malloc(((size_t)history->told + 1) * sizeof *on_front);
    if (!on_front)
        return fail("no memory for a front of %d trials", history->told);
    for (int i = 0; i < history->told; i++) {
        const struct record *record = &history->record[i];
        if (record->ok && record->violation <= 0 && !is_dominated(history, record))
            on_front[count++] = i;
    }
    if (count) /* the archive may hold nothing but other points of the trials */
        model->n_centre = count < MODEL_CENTRES ? count : MODEL_CENTRES;
    for (int c = 0; c < model->n_centre && count; c++)
        memcpy(model->centre + c * n, history->record[on_front[((long)id + c) % count]].x,
               (size_t)n * sizeof(double));
    free(on_front);
    return 0;
}

/* The archive in the models' units, and its reference. */
static int set_front(struct model *model, const struct history *history, int id) {
    int m = history->archived;
    double *point = realloc(model->front.point, (2 * (size_t)m + 2) * sizeof *point), reference[2];
    if (!point)
        return fail("no memory for a front of %d points", m);
    model->front.point = point;
    for (int k = 0; k < 2; k++) {
        struct gp_affine affine = model->quantity[k].affine;
        double lo = INFINITY, hi = -INFINITY;
        for (int i = 0; i < m; i++) {
            double z = (history->archive[2 * i + k] - affine.shift) / affine.scale;
            point[2 * i + k] = z;
            lo = fmin(lo, z);
            hi = fmax(hi, z);
        }
        reference[k] = hi + REFERENCE_ROOM * (hi > lo ? hi - lo : 1);
        if (id % 2 == 0) {
            objective_range(history, k, &lo, &hi);
            reference[k] = fmax(reference[k], (hi - affine.shift) / affine.scale);
        }
    }
    gp_front_make(&model->front, m, point, reference);
    return centre_on_front(model, history, id);
}

static bool any_ok(const struct history *history, bool *any_failed) {
    bool any = false;
    *any_failed = false;
    for (int i = 0; i < history->told; i++) {
        any |= history->record[i].ok;
        *any_failed |= !history->record[i].ok;
    }
    return any;
}

static int believe_running(struct model *model, const struct history *history) {
    double e[GP_MAX_DIMS];
    for (int i = history->told; i < history->asked; i++) {
        embed_record(model, &history->record[i], e);
        for (int q = 0; q < model->quantities; q++)
            if (surrogate_believe(&model->quantity[q], e))
                return -1;
    }
    return 0;
}

/* e (told, kernel n) and room y (told) for the values. */
static int update_quantities(struct model *model, const struct history *history, int id,
                             const double *e, double *y) {
    for (int q = 0; q < model->quantities; q++) {
        for (int i = 0; i < history->told; i++)
            y[i] = quantity_value(model, &history->record[i], q);
        if (q == 0 && is_scalarised(model)) {
            scalarised_values(model, history, id, y);
            model->quantity[0].fitted = 0; /* other weights, other values: a new fit */
        }
        if (surrogate_update(&model->quantity[q], history->told, e, y))
            return -1;
    }
    return 0;
}

int model_update(struct model *model, const struct history *history, int id) {
    int n = history->told, dims = model->kernel.n;
    bool any_failed;
    if (history->lost || !any_ok(history, &any_failed))
        return fail("no trial has a result to model");
    double *e = malloc(((size_t)n * (size_t)(dims + 1)) * sizeof *e);
    if (!e)
        return fail("no memory for a model of %d trials", n);
    for (int i = 0; i < n; i++)
        embed_record(model, &history->record[i], e + i * dims);
    model->quantities = model->objectives + model->task->n_constraints;
    model->quantities += any_failed && model->options.learn_failures;
    int result = update_quantities(model, history, id, e, e + (size_t)n * (size_t)dims);
    free(e);
    if (result)
        return -1;
    set_limits(model);
    set_incumbent(model, history);
    if (model->objectives == 2) {
        model->feasible = history->archived > 0;
        if (model->feasible && set_front(model, history, id))
            return -1;
    }
    return believe_running(model, history);
}

/* Posterior of the objectives in, what they promise out, with derivatives. */
static double promise(const struct model *model, const double *mean, const double *sd,
                      double *dmean, double *dsd) {
    if (model->objectives == 2)
        return gp_log_ehvi(&model->front, mean, sd, dmean, dsd);
    bool linear = model->greedy || model->options.acquisition == MODEL_LCB;
    if (!linear && model->options.acquisition == MODEL_EI)
        return gp_log_ei(mean[0], sd[0], model->best, dmean, dsd);
    if (!linear)
        return gp_log_below(mean[0], sd[0], model->best - PI_MARGIN, dmean, dsd);
    dmean[0] = -1;
    dsd[0] = model->greedy ? 0 : model->options.beta;
    return -mean[0] + dsd[0] * sd[0];
}

/* Log probability that constraint q holds under N(mean, sd^2). */
static double log_holds(const struct model *model, int q, double mean, double sd, double *dmean,
                        double *dsd) {
    return isinf(model->lo[q]) ? gp_log_below(mean, sd, model->hi[q], dmean, dsd)
                               : gp_log_between(mean, sd, model->lo[q], model->hi[q], dmean, dsd);
}

/* The first quantity that counts: while nothing is feasible, objectives do not. */
static int first_quantity(const struct model *model) {
    return model->feasible ? 0 : model->objectives;
}

static int score_chunk(const struct model *model, int count, const double *e, double *value) {
    double mean[2][CHUNK], sd[2][CHUNK], dmean[2], dsd[2];
    for (int i = 0; i < count; i++)
        value[i] = 0;
    for (int q = model->objectives; q < model->quantities; q++) {
        if (gp_predict(&model->quantity[q].gp, count, e, mean[0], sd[0]))
            return -1;
        for (int i = 0; i < count; i++)
            value[i] += log_holds(model, q, mean[0][i], sd[0][i], dmean, dsd);
    }
    if (!model->feasible)
        return 0;
    for (int q = 0; q < model->objectives; q++)
        if (gp_predict(&model->quantity[q].gp, count, e, mean[q], sd[q]))
            return -1;
    for (int i = 0; i < count; i++) {
        double at[2] = {mean[0][i]}, around[2] = {sd[0][i]};
        if (model->objectives == 2) {
            at[1] = mean[1][i];
            around[1] = sd[1][i];
        }
        value[i] += promise(model, at, around, dmean, dsd);
    }
    return 0;
}

int model_score(void *context, int count, const double *x, double *value) {
    const struct model *model = context;
    int n = model->kernel.n, space_n = model->task->space->n;
    double *e = malloc(((size_t)CHUNK * (size_t)n + 1) * sizeof *e);
    if (!e)
        return fail("no memory to score candidates");
    int result = 0;
    for (int start = 0; start < count && !result; start += CHUNK) {
        int m = count - start < CHUNK ? count - start : CHUNK;
        for (int i = 0; i < m; i++)
            model_embed(model, x + (size_t)(start + i) * (size_t)space_n, model->task->fidelity_max,
                        e + i * n);
        result = score_chunk(model, m, e, value + start);
    }
    free(e);
    return result;
}

double model_climb(void *context, const double *x, double *gradient) {
    const struct model *model = context;
    int n = model->task->space->n, first = first_quantity(model);
    double e[GP_MAX_DIMS], mean[MODEL_QUANTITIES], sd[MODEL_QUANTITIES], value = 0;
    double dmean[MODEL_QUANTITIES][GP_MAX_DIMS], dsd[MODEL_QUANTITIES][GP_MAX_DIMS];
    double by_mean[MODEL_QUANTITIES], by_sd[MODEL_QUANTITIES];
    double *work = malloc((4 * (size_t)model->quantity[0].gp.points.n + 1) * sizeof *work);
    if (!work)
        return NAN;
    model_embed(model, x, model->task->fidelity_max, e);
    for (int q = first; q < model->quantities; q++)
        gp_predict_gradient(&model->quantity[q].gp, e, &mean[q], &sd[q], dmean[q], dsd[q], work);
    free(work);
    if (model->feasible)
        value += promise(model, mean, sd, by_mean, by_sd);
    for (int q = model->objectives; q < model->quantities; q++)
        value += log_holds(model, q, mean[q], sd[q], &by_mean[q], &by_sd[q]);
    for (int d = 0; d < n; d++) {
        gradient[d] = 0;
        for (int q = first; q < model->quantities; q++)
            gradient[d] += by_mean[q] * dmean[q][d] + by_sd[q] * dsd[q][d];
        gradient[d] *= model->kernel.dim[d].scale;
    }
    return value;
}
