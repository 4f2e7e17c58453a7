/* cmaes.c - CMA-ES with restarts of doubled population (Hansen, "The CMA evolution strategy: a
 * tutorial", arXiv 1604.00772, with its default parameters; restarts: Auger & Hansen, CEC 2005).
 *
 * It works on the cube. Samples are clamped to it, and the strategy is updated with what was really
 * tried, so bins of whole numbers and lists are seen as their middles; a floor on the deviation of
 * such a setting (a third of a bin) keeps neighbours within reach. Ranking is by pareto_order:
 * feasible first, and by fronts under several objectives. */
#include "design/design.h"
#include "fail.h"
#include "pareto/pareto.h"
#include "setting.h"
#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_MAX SPACE_MAX_DIMS

struct cmaes {
    const struct hpo_task *task;
    struct history history;
    double sigma0;
    int population0; /* 0: by the rule */

    int n, population, first, restarts; /* first: id of the generation's first trial */
    int generation;                     /* since the restart */
    double mean[N_MAX], sigma, path_c[N_MAX], path_s[N_MAX];
    double c[N_MAX][N_MAX]; /* covariance = axes diag(scale^2) axes' */
    double axes[N_MAX][N_MAX], scale[N_MAX];
};

static const struct setting settings[] = {
    {.name = "sigma",
     .type = SETTING_REAL,
     .lo = 1e-3,
     .hi = 1,
     .scale = SETTING_LOG,
     .preset = "0.25",
     .help = "first step size, as a share of the searched ranges"},
    {.name = "population",
     .type = SETTING_INT,
     .lo = 0,
     .hi = 10000,
     .preset = "0",
     .unit = "trials",
     .help = "trials of a generation; 0: 4 + 3 ln(searched settings)"},
    {0},
};

static void identity(struct cmaes *s) {
    memset(s->c, 0, sizeof s->c);
    memset(s->axes, 0, sizeof s->axes);
    for (int d = 0; d < s->n; d++)
        s->c[d][d] = s->axes[d][d] = s->scale[d] = 1;
}

/* A new start: the defaults the first time, else anywhere. */
static void restart(struct cmaes *s) {
    struct rng rng = rng_make(s->task->seed, rng_stream("cmaes-start"), (uint32_t)s->restarts);
    for (int d = 0; d < s->n; d++) {
        s->mean[d] = 0.15 + 0.7 * rng_uniform(&rng);
        if (s->restarts == 0 && s->task->has_start)
            s->mean[d] = s->task->start[d];
    }
    int base = s->population0 ? s->population0 : 4 + (int)(3 * log(s->n > 0 ? s->n : 1));
    s->population = base << (s->restarts < 8 ? s->restarts : 8);
    s->sigma = s->sigma0;
    s->generation = 0;
    memset(s->path_c, 0, sizeof s->path_c);
    memset(s->path_s, 0, sizeof s->path_s);
    identity(s);
    s->restarts++;
}

static int cmaes_open(void *state, const struct hpo_task *task) {
    struct cmaes *s = state;
    s->task = task;
    s->n = task->space->n;
    s->sigma0 = config_real(task->settings, "sigma");
    s->population0 = (int)config_int(task->settings, "population");
    if (s->population0 && s->population0 < 4)
        return fail("a population of %d is too small: 4 or more, or 0", s->population0);
    history_open(&s->history, task);
    restart(s);
    return 0;
}

static enum hpo_answer cmaes_ask(void *state, struct trial *trial) {
    struct cmaes *s = state;
    if (history_exhausted(&s->history))
        return HPO_DONE;
    if (trial->id >= s->first + s->population)
        return HPO_WAIT;
    struct rng rng = rng_make(s->task->seed, rng_stream("cmaes"), (uint32_t)trial->id);
    double z[N_MAX];
    for (int d = 0; d < s->n; d++)
        z[d] = s->scale[d] * rng_normal(&rng);
    for (int d = 0; d < s->n; d++) {
        double step = 0;
        for (int k = 0; k < s->n; k++)
            step += s->axes[d][k] * z[k];
        trial->x[d] = fmin(1, fmax(0, s->mean[d] + s->sigma * step));
    }
    space_canonical(s->task->space, trial->x);
    strcpy(trial->origin, "evolved");
    if (!history_has(&s->history, trial->x))
        return HPO_TRIAL;
    design_random(&s->history, &rng, trial->x);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

/* Eigenvalues of c into scale^2 and axes. False when c is no covariance any more. */
static bool decompose(struct cmaes *s) {
    size_t n = (size_t)s->n;
    double copy[N_MAX * N_MAX];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            copy[i * n + j] = s->c[i][j];
    gsl_matrix_view c = gsl_matrix_view_array(copy, n, n);
    gsl_vector *value = gsl_vector_alloc(n);
    gsl_matrix *vector = gsl_matrix_alloc(n, n);
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
    bool good = value && vector && work && !gsl_eigen_symmv(&c.matrix, value, vector, work);
    for (size_t k = 0; k < n && good; k++) {
        good = gsl_vector_get(value, k) > 1e-28;
        s->scale[k] = sqrt(gsl_vector_get(value, k));
        for (size_t d = 0; d < n; d++)
            s->axes[d][k] = gsl_matrix_get(vector, d, k);
    }
    gsl_vector_free(value);
    gsl_matrix_free(vector);
    gsl_eigen_symmv_free(work);
    return good;
}

/* No bin of a whole number or list may fall out of reach. */
static void widen_discrete(struct cmaes *s) {
    for (int d = 0; d < s->n; d++) {
        double size = space_dim_size(&s->task->space->dim[d]);
        double least = isinf(size) || size <= 1 ? 0 : 1 / (3 * size * s->sigma);
        if (s->c[d][d] < least * least)
            s->c[d][d] = least * least;
    }
}

struct strategy {
    int mu;
    double *weight, mu_eff; /* (mu) recombination; borrowed */
    double c_sigma, damping, c_c, c_1, c_mu, chi;
};

/* The default parameters (Hansen 2016, table 1). */
static void set_strategy(struct strategy *p, int n, int population) {
    double sum = 0, squares = 0;
    p->mu = population / 2;
    for (int i = 0; i < p->mu; i++)
        sum += p->weight[i] = log((population + 1) / 2.0) - log(i + 1);
    for (int i = 0; i < p->mu; i++) {
        p->weight[i] /= sum;
        squares += p->weight[i] * p->weight[i];
    }
    p->mu_eff = 1 / squares;
    p->c_sigma = (p->mu_eff + 2) / (n + p->mu_eff + 5);
    p->damping = 1 + 2 * fmax(0, sqrt((p->mu_eff - 1) / (n + 1)) - 1) + p->c_sigma;
    p->c_c = (4 + p->mu_eff / n) / (n + 4 + 2 * p->mu_eff / n);
    p->c_1 = 2 / (pow(n + 1.3, 2) + p->mu_eff);
    p->c_mu = fmin(1 - p->c_1, 2 * (p->mu_eff - 2 + 1 / p->mu_eff) / (pow(n + 2, 2) + p->mu_eff));
    p->chi = sqrt(n) * (1 - 1 / (4.0 * n) + 1 / (21.0 * n * n));
}

/* Mean, paths, step size and covariance from the generation's ids, best first. */
static void update(struct cmaes *s, const struct strategy *p, const int *id) {
    int n = s->n;
    double step[N_MAX] = {0}, whitened[N_MAX], norm = 0;
    for (int i = 0; i < p->mu; i++)
        for (int d = 0; d < n; d++)
            step[d] += p->weight[i] * (s->history.record[id[i]].x[d] - s->mean[d]) / s->sigma;
    for (int k = 0; k < n; k++) {
        double along = 0;
        for (int d = 0; d < n; d++)
            along += s->axes[d][k] * step[d];
        whitened[k] = along / s->scale[k];
    }
    for (int d = 0; d < n; d++) {
        double back = 0;
        for (int k = 0; k < n; k++)
            back += s->axes[d][k] * whitened[k];
        s->path_s[d] = (1 - p->c_sigma) * s->path_s[d] +
                       sqrt(p->c_sigma * (2 - p->c_sigma) * p->mu_eff) * back;
        norm += s->path_s[d] * s->path_s[d];
    }
    norm = sqrt(norm);
    double decayed = 1 - pow(1 - p->c_sigma, 2 * (s->generation + 1));
    bool moving = norm / sqrt(decayed) < (1.4 + 2 / (n + 1.0)) * p->chi;
    for (int d = 0; d < n; d++)
        s->path_c[d] = (1 - p->c_c) * s->path_c[d] +
                       (moving ? sqrt(p->c_c * (2 - p->c_c) * p->mu_eff) * step[d] : 0);
    double kept = 1 - p->c_1 - p->c_mu + (moving ? 0 : p->c_1 * p->c_c * (2 - p->c_c));
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++) {
            double rank_mu = 0;
            for (int i = 0; i < p->mu; i++) {
                const double *x = s->history.record[id[i]].x;
                rank_mu += p->weight[i] * (x[a] - s->mean[a]) * (x[b] - s->mean[b]);
            }
            s->c[a][b] = kept * s->c[a][b] + p->c_1 * s->path_c[a] * s->path_c[b] +
                         p->c_mu * rank_mu / (s->sigma * s->sigma);
        }
    for (int d = 0; d < n; d++)
        s->mean[d] += s->sigma * step[d];
    s->sigma *= exp(fmin(1, p->c_sigma / p->damping * (norm / p->chi - 1)));
    s->sigma = fmin(s->sigma, 1);
    widen_discrete(s);
}

static bool has_converged(const struct cmaes *s) {
    double least = INFINITY, most = 0;
    for (int k = 0; k < s->n; k++) {
        least = fmin(least, s->scale[k]);
        most = fmax(most, s->scale[k]);
    }
    return !(s->sigma * most > 1e-9) || most > 1e7 * least;
}

static void end_generation(struct cmaes *s) {
    int *id = malloc((size_t)s->population * sizeof *id);
    struct strategy strategy = {.weight = malloc((size_t)s->population * sizeof(double))};
    bool good = id && strategy.weight && s->n > 0;
    for (int i = 0; i < s->population && good; i++)
        id[i] = s->first + i;
    if (good && pareto_order(&s->history, id, s->population) == 0) {
        set_strategy(&strategy, s->n, s->population);
        update(s, &strategy, id);
        good = decompose(s) && !has_converged(s);
    }
    s->first += s->population;
    s->generation++;
    if (!good)
        restart(s);
    free(id);
    free(strategy.weight);
}

static void cmaes_asked(void *state, const struct trial *trial) {
    struct cmaes *s = state;
    history_asked(&s->history, trial);
}

static void cmaes_tell(void *state, const struct trial *trial, const struct result *front,
                       int n_front) {
    struct cmaes *s = state;
    (void)front, (void)n_front;
    history_tell(&s->history, trial);
    if (s->history.told == s->first + s->population)
        end_generation(s);
}

static void cmaes_close(void *state) {
    struct cmaes *s = state;
    history_close(&s->history);
}

const struct hpo_ops hpo_cmaes = {
    .name = "cmaes",
    .about = "CMA-ES with restarts of doubled population",
    .paper = "Hansen, The CMA evolution strategy: a tutorial, arXiv 1604.00772; Auger & Hansen, A "
             "restart CMA evolution strategy with increasing population size, CEC 2005",
    .settings = settings,
    .state_size = sizeof(struct cmaes),
    .open = cmaes_open,
    .ask = cmaes_ask,
    .asked = cmaes_asked,
    .tell = cmaes_tell,
    .close = cmaes_close,
};
