/* model.c - the processes of a history and the score of a proposal (model.h). */
#include "gp/model.h"
#include "fail.h"
#include "gp/acquisition.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 512 }; /* candidates scored at once: bounds the memory */

void model_open(struct model *model, const struct hpo_task *task,
                const struct model_options *options) {
    *model = (struct model){.task = task, .options = *options};
    gp_kernel_open(&model->kernel, task->space);
    struct gp_prior prior = gp_prior_scaled(model->kernel.n, options->noise_sd);
    for (int q = 0; q < MODEL_QUANTITIES; q++)
        surrogate_open(&model->quantity[q], &model->kernel, &prior,
                       q ? GP_OUTPUT_STANDARD : options->output);
}

void model_close(struct model *model) {
    for (int q = 0; q < MODEL_QUANTITIES; q++)
        surrogate_close(&model->quantity[q]);
}

/* The value of quantity q of a known trial; NAN: failed. Failures are learnt as 1 against -1. */
static double quantity_value(const struct model *model, const struct record *record, int q) {
    if (q > model->task->n_constraints)
        return record->ok ? -1 : 1;
    if (!record->ok)
        return NAN;
    return q ? record->constraint[q - 1] : record->objective[0];
}

static void set_limits(struct model *model) {
    for (int q = 1; q < model->quantities; q++) {
        struct gp_affine affine = model->quantity[q].affine;
        bool target =
            q <= model->task->n_constraints && model->task->constraint_kind[q - 1] == HPO_TARGET;
        double room = target ? log1p(MODEL_TARGET_TOLERANCE) : 0;
        model->lo[q] = target ? (-room - affine.shift) / affine.scale : -INFINITY;
        model->hi[q] = (room - affine.shift) / affine.scale;
    }
}

/* Whether a is a better centre than b: history_better, but by posterior mean. */
static bool is_better(const struct history *history, const struct gp *gp, const int *trial, int a,
                      int b) {
    const struct record *ra = &history->record[trial[a]], *rb = &history->record[trial[b]];
    if (ra->ok != rb->ok || ra->violation != rb->violation)
        return history_better(ra, rb);
    return gp_mean_at(gp, a) < gp_mean_at(gp, b);
}

/* The best rows of the objective's process become the centres; the first is the incumbent. */
static void set_incumbent(struct model *model, const struct history *history) {
    const struct surrogate *objective = &model->quantity[0];
    int n = model->task->space->n, chosen[MODEL_CENTRES], count = 0;
    for (int row = 0; row < objective->rows; row++) {
        int at = count;
        while (at > 0 && is_better(history, &objective->gp, objective->trial, row, chosen[at - 1]))
            at--;
        if (at == MODEL_CENTRES)
            continue;
        count += count < MODEL_CENTRES;
        memmove(chosen + at + 1, chosen + at, (size_t)(count - 1 - at) * sizeof *chosen);
        chosen[at] = row;
    }
    for (int i = 0; i < count; i++)
        memcpy(model->centre + i * n, history->record[objective->trial[chosen[i]]].x,
               (size_t)n * sizeof(double));
    model->n_centre = count;
    model->best = gp_mean_at(&objective->gp, chosen[0]);
    model->feasible = history->record[objective->trial[chosen[0]]].violation <= 0;
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
        gp_embed(&model->kernel, model->task->space, history->record[i].x, e);
        for (int q = 0; q < model->quantities; q++)
            if (surrogate_believe(&model->quantity[q], e))
                return -1;
    }
    return 0;
}

int model_update(struct model *model, const struct history *history) {
    int n = history->told, dims = model->kernel.n;
    bool any_failed;
    if (history->lost || !any_ok(history, &any_failed))
        return fail("no trial has a result to model");
    double *e = malloc(((size_t)n * (size_t)(dims + 1)) * sizeof *e), *y = e + (size_t)(n * dims);
    if (!e)
        return fail("no memory for a model of %d trials", n);
    for (int i = 0; i < n; i++)
        gp_embed(&model->kernel, model->task->space, history->record[i].x, e + i * dims);
    model->quantities = 1 + model->task->n_constraints;
    model->quantities += any_failed && model->options.learn_failures;
    int result = 0;
    for (int q = 0; q < model->quantities && !result; q++) {
        for (int i = 0; i < n; i++)
            y[i] = quantity_value(model, &history->record[i], q);
        result = surrogate_update(&model->quantity[q], n, e, y);
    }
    free(e);
    if (result)
        return -1;
    set_limits(model);
    set_incumbent(model, history);
    return believe_running(model, history);
}

/* Log probability that constraint q holds under N(mean, sd^2). */
static double log_holds(const struct model *model, int q, double mean, double sd, double *dmean,
                        double *dsd) {
    return isinf(model->lo[q]) ? gp_log_below(mean, sd, model->hi[q], dmean, dsd)
                               : gp_log_between(mean, sd, model->lo[q], model->hi[q], dmean, dsd);
}

static double part(const struct model *model, int q, double mean, double sd, double *dmean,
                   double *dsd) {
    if (q)
        return log_holds(model, q, mean, sd, dmean, dsd);
    if (!model->greedy)
        return gp_log_ei(mean, sd, model->best, dmean, dsd);
    *dmean = -1;
    *dsd = 0;
    return -mean;
}

static bool counts(const struct model *model, int q) {
    return q || model->feasible;
}

static int score_chunk(const struct model *model, int count, const double *e, double *value) {
    double mean[CHUNK], sd[CHUNK], dmean, dsd;
    for (int i = 0; i < count; i++)
        value[i] = 0;
    for (int q = 0; q < model->quantities; q++) {
        if (!counts(model, q))
            continue;
        if (gp_predict(&model->quantity[q].gp, count, e, mean, sd))
            return -1;
        for (int i = 0; i < count; i++)
            value[i] += part(model, q, mean[i], sd[i], &dmean, &dsd);
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
            gp_embed(&model->kernel, model->task->space, x + (size_t)(start + i) * (size_t)space_n,
                     e + i * n);
        result = score_chunk(model, m, e, value + start);
    }
    free(e);
    return result;
}

double model_climb(void *context, const double *x, double *gradient) {
    const struct model *model = context;
    int n = model->kernel.n;
    double e[GP_MAX_DIMS], mean, sd, dmean[GP_MAX_DIMS], dsd[GP_MAX_DIMS], by_mean, by_sd;
    double *work = malloc(4 * (size_t)model->quantity[0].gp.points.n * sizeof *work), value = 0;
    if (!work)
        return NAN;
    gp_embed(&model->kernel, model->task->space, x, e);
    memset(gradient, 0, (size_t)n * sizeof *gradient);
    for (int q = 0; q < model->quantities; q++) {
        if (!counts(model, q))
            continue;
        gp_predict_gradient(&model->quantity[q].gp, e, &mean, &sd, dmean, dsd, work);
        value += part(model, q, mean, sd, &by_mean, &by_sd);
        for (int d = 0; d < n; d++)
            gradient[d] += model->kernel.dim[d].scale * (by_mean * dmean[d] + by_sd * dsd[d]);
    }
    free(work);
    return value;
}
