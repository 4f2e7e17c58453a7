/* parsec.c - PARSEC: a distribution over architectures, fitted by importance-weighted samples.
 *
 * Casale, Gordon & Fusi, "Probabilistic Neural Architecture Search", arXiv 1902.05116 (2019).
 * Empirical Bayes: with A_k drawn from p(A|pi) and w_k = p(y|A_k) / sum_j p(y|A_j), weights and
 * distribution both follow sum_k w_k grad log p. A step draws K networks for the distribution (its
 * own images) and uses the same ones for the weights, one at a time: the memory is that of one
 * network. The cost term and the number of samples by entropy are those of FP-NAS (Yan et al.,
 * CVPR 2021). */
#include "fail.h"
#include "search/prior.h"
#include "search/search.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SAMPLES = 64 };
/* A sample of less weight than this beside the best one is not worth a backward. */
#define NEGLIGIBLE 1e-6

static const struct setting settings[] = {
    SEARCH_CHOICE("adapt", "no|yes", "no", "samples a step: fixed, or by the entropy"),
    {.name = "samples",
     .type = SETTING_INT,
     .lo = 2,
     .hi = MOST_SAMPLES,
     .scale = SETTING_LOG,
     .preset = "16",
     .when = "adapt=no",
     .help = "networks drawn each step (K)"},
    {.name = "samples_per_nat",
     .type = SETTING_REAL,
     .lo = 0.05,
     .hi = 1,
     .scale = SETTING_LOG,
     .preset = "0.25",
     .when = "adapt=yes",
     .help = "networks drawn each step, per nat of entropy; at least 2, at most 64"},
    SEARCH_REAL("lr_arch", 1e-4, 0.3, SETTING_LOG, "0.01",
                "learning rate of the distribution's logits (Adam)"),
    SEARCH_REAL("beta1", 0, 0.95, SETTING_LINEAR, "0.5", "Adam's decay of the mean"),
    SEARCH_REAL("temperature", 1, 4096, SETTING_LOG, "1",
                "divides the log-likelihood of a batch; 1 is exact, the batch size gives the mean"),
    SEARCH_WEIGHT_SETTINGS("0.025"),
    SEARCH_COSINE_SETTING,
    SEARCH_REAL("warmup", 0, 0.9, SETTING_LINEAR, "0",
                "share of the schedule in which the distribution stays as it begins"),
    {.name = "init_from",
     .type = SETTING_TEXT,
     .preset = "",
     .help = "file of a distribution to start from; empty: uniform"},
    SEARCH_REAL("smoothing", 0, 0.5, SETTING_LINEAR, "0.05",
                "share of the uniform that is mixed into init_from"),
    {.name = "save_to",
     .type = SETTING_TEXT,
     .preset = "",
     .help = "file for the final distribution; empty: distribution.txt in the trial's folder"},
    SEARCH_REAL("cost", 0, 1, SETTING_LINEAR, "0", "weight of the log of the excess multiply-adds"),
    {.name = "cost_target",
     .type = SETTING_REAL,
     .lo = 1e-3,
     .hi = 1e5,
     .scale = SETTING_LOG,
     .preset = "10",
     .unit = "million multiply-adds",
     .help = "what a network may cost before the cost term counts"},
    SEARCH_INT("sampled_points", 0, 64, SETTING_LINEAR, "0",
               "points drawn from the distribution beside its mode"),
    SEARCH_PORTION_SETTING,
    SEARCH_CHOICE("operators", CELL_OPERATORS, "no-none", "what a slot chooses from"),
    SEARCH_SPACE_SETTINGS("16", "8"),
    SEARCH_DATA_SETTINGS("64"),
    SEARCH_EPOCH_SETTINGS("100"),
    {0}};

struct parsec {
    struct search search;
    struct prior prior;
    struct net_weight theta; /* (prior.count) the logits as they are trained */
    double *gradient;        /* (prior.count) */
    bool *touched;           /* (weights) some sample of this step used it */
    char save_to[4096];
};

static void theta_to_prior(struct parsec *p) {
    for (size_t i = 0; i < p->theta.count; i++)
        p->prior.logit[i] = (double)p->theta.value[i];
}

static int open_prior(struct parsec *p, const struct solver_task *task) {
    struct search *s = &p->search;
    const char *from = config_text(s->config, "init_from"), *to = config_text(s->config, "save_to");
    if (prior_open(&p->prior, &s->space))
        return -1;
    if (*from && prior_read(&p->prior, from, config_real(s->config, "smoothing")))
        return -1;
    if (search_params_open(&p->theta, "theta", p->prior.count))
        return -1;
    for (size_t i = 0; i < p->theta.count; i++)
        p->theta.value[i] = (real)p->prior.logit[i];
    if (*to)
        snprintf(p->save_to, sizeof p->save_to, "%s", to);
    else if (task->folder)
        snprintf(p->save_to, sizeof p->save_to, "%s/distribution.txt", task->folder);
    return 0;
}

static int parsec_open(void *state, const struct solver_task *task) {
    struct parsec *p = state;
    struct search *s = &p->search;
    cell_operators(&s->space, (enum cell_operators)config_choice(task->settings, "operators"));
    if (search_open(s, task, config_real(task->settings, "train_portion")) || open_prior(p, task))
        return -1;
    p->gradient = calloc(p->prior.count, sizeof *p->gradient);
    p->touched = calloc((size_t)s->weights, sizeof *p->touched);
    return p->gradient && p->touched ? 0 : fail("out of memory for the distribution");
}

static void parsec_close(void *state) {
    struct parsec *p = state;
    search_close(&p->search);
    prior_free(&p->prior);
    search_params_free(&p->theta);
    free(p->gradient);
    free(p->touched);
}

/* ---- one step ---- */

static int sample_count(const struct parsec *p) {
    const struct config *config = p->search.config;
    if (!config_flag(config, "adapt"))
        return (int)config_int(config, "samples");
    double wanted = ceil(config_real(config, "samples_per_nat") * prior_entropy(&p->prior));
    return (int)fmax(2, fmin(MOST_SAMPLES, wanted));
}

static void follow(struct parsec *p, const struct prior_sample *sample, struct cell_arch *arch) {
    prior_arch(&p->prior, sample, arch);
    search_follow(&p->search, arch);
}

/* Adds the gradient of cost * ln(mean excess) by the logits. */
static void cost_gradient(struct parsec *p, int n, const struct prior_sample *sample) {
    const struct search *s = &p->search;
    double excess[MOST_SAMPLES], sum = 0, target = 1e6 * config_real(s->config, "cost_target");
    for (int k = 0; k < n; k++) {
        struct cell_arch arch;
        prior_arch(&p->prior, &sample[k], &arch);
        excess[k] = fmax(0, cell_flops(&arch, &s->space) / target - 1);
        sum += excess[k];
    }
    for (int k = 0; k < n && sum > 0; k++)
        prior_gradient(&p->prior, &sample[k], config_real(s->config, "cost") * excess[k] / sum,
                       p->gradient);
}

static int train_theta(struct parsec *p, int n, const struct prior_sample *sample) {
    struct search *s = &p->search;
    double likelihood[MOST_SAMPLES], weight[MOST_SAMPLES], loss;
    struct cell_arch arch;
    search_batch(s, 1, s->step);
    for (int k = 0; k < n; k++) {
        follow(p, &sample[k], &arch);
        if (search_forward(s, &loss, NULL))
            return -1;
        likelihood[k] = -s->batch * loss;
    }
    prior_weights(n, likelihood, config_real(s->config, "temperature"), weight);
    memset(p->gradient, 0, p->prior.count * sizeof *p->gradient);
    for (int k = 0; k < n; k++)
        prior_gradient(&p->prior, &sample[k], -weight[k], p->gradient);
    cost_gradient(p, n, sample);
    for (size_t i = 0; i < p->theta.count; i++)
        p->theta.grad[i] = (real)p->gradient[i];
    struct net_optim adam = {
        .kind = NET_ADAM, .momentum = config_real(s->config, "beta1"), .rho = 0.999, .eps = 1e-8};
    net_optim_step(s->engine, &adam, config_real(s->config, "lr_arch"), s->step + 1, &p->theta, 1);
    return 0;
}

static void scale_gradients(struct search *s, double by) {
    for (int i = 0; i < s->weights; i++)
        for (size_t j = 0; j < s->weight[i].count; j++)
            s->weight[i].grad[j] *= (real)by;
}

/* sum_k w_k grad_k, one network at a time: the sum is kept relative to the likeliest so far. */
static int train_weights(struct parsec *p, int n, const struct prior_sample *sample) {
    struct search *s = &p->search;
    double best = -INFINITY, total = 0, loss;
    struct cell_arch arch;
    search_batch(s, 0, s->step);
    net_grad_zero(s->engine, s->weight, s->weights);
    memset(p->touched, 0, (size_t)s->weights * sizeof *p->touched);
    for (int k = 0; k < n; k++) {
        follow(p, &sample[k], &arch);
        if (search_forward(s, &loss, NULL))
            return -1;
        double l = -s->batch * loss / config_real(s->config, "temperature");
        double share = exp(l - fmax(best, l)), kept = exp(best - fmax(best, l));
        total = total * kept + share;
        best = fmax(best, l);
        if (share < NEGLIGIBLE)
            continue;
        scale_gradients(s, kept / share); /* backward adds with weight 1 */
        search_backward(s);
        scale_gradients(s, share);
        for (int i = 0; i < s->weights; i++)
            p->touched[i] = p->touched[i] || !s->weight[i].frozen;
    }
    scale_gradients(s, 1 / total);
    for (int i = 0; i < s->weights; i++)
        s->weight[i].frozen = !p->touched[i];
    search_update(s);
    return 0;
}

static int take_step(struct parsec *p) {
    struct search *s = &p->search;
    struct prior_sample sample[MOST_SAMPLES];
    struct rng rng = rng_make(s->seed, rng_stream("parsec-sample"), (uint32_t)s->step);
    theta_to_prior(p);
    int n = sample_count(p);
    for (int k = 0; k < n; k++)
        prior_draw(&p->prior, &rng, &sample[k]);
    bool warm = search_progress(s) >= config_real(s->config, "warmup");
    if ((warm && train_theta(p, n, sample)) || train_weights(p, n, sample))
        return -1;
    s->step++;
    return 0;
}

/* ---- points ---- */

enum column { ENTROPY, CONFIDENCE, SAMPLES, IS_MODE };

static int add_point(struct parsec *p, const struct prior_sample *sample, bool mode, bool final,
                     struct outcome *out) {
    struct search *s = &p->search;
    struct cell_arch arch;
    char text[CELL_TEXT_MAX];
    follow(p, sample, &arch);
    struct point point = search_point(s, &arch, final, text);
    if (search_validate(s, &point.loss, &point.accuracy))
        return -1;
    point.extra[ENTROPY] = prior_entropy(&p->prior);
    point.extra[CONFIDENCE] = prior_confidence(&p->prior);
    point.extra[SAMPLES] = sample_count(p);
    point.extra[IS_MODE] = mode;
    return outcome_add(out, &point);
}

static int add_mode(struct parsec *p, bool final, struct outcome *out) {
    struct prior_sample mode;
    theta_to_prior(p);
    prior_mode(&p->prior, &mode);
    return add_point(p, &mode, true, final, out);
}

static int parsec_train(void *state, double fidelity, struct outcome *out) {
    struct parsec *p = state;
    struct search *s = &p->search;
    long end = (long)fidelity * s->part[0].steps;
    bool curve = config_flag(s->config, "curve");
    while (s->step < end) {
        if (take_step(p))
            return -1;
        if (curve && s->step % s->part[0].steps == 0 && s->step < end && add_mode(p, false, out))
            return -1;
    }
    if (add_mode(p, true, out))
        return -1;
    struct rng rng = rng_make(s->seed, rng_stream("parsec-point"), 0);
    for (int k = 0; k < config_int(s->config, "sampled_points"); k++) {
        struct prior_sample sample;
        prior_draw(&p->prior, &rng, &sample);
        if (add_point(p, &sample, false, true, out))
            return -1;
    }
    return *p->save_to ? prior_write(&p->prior, p->save_to) : 0;
}

enum { RECORDS = 3 };
static void list_records(const struct parsec *p, struct net_record record[RECORDS]) {
    size_t bytes = p->theta.count * sizeof(real);
    record[0] = (struct net_record){"theta", p->theta.value, bytes};
    record[1] = (struct net_record){"theta.mean", p->theta.slot[0], bytes};
    record[2] = (struct net_record){"theta.square", p->theta.slot[1], bytes};
}

static int parsec_save(void *state, const char *path) {
    struct parsec *p = state;
    struct net_record record[RECORDS];
    list_records(p, record);
    return search_save(&p->search, path, record, RECORDS);
}

static int parsec_load(void *state, const char *path) {
    struct parsec *p = state;
    struct net_record record[RECORDS];
    list_records(p, record);
    return search_load(&p->search, path, record, RECORDS);
}

const struct solver_ops solver_parsec = {
    .name = "parsec",
    .about = "PARSEC: a distribution over cells, fitted by importance-weighted samples",
    .paper = "Casale, Gordon, Fusi: Probabilistic Neural Architecture Search, arXiv 1902.05116, "
             "2019",
    .settings = settings,
    .fidelity = "epochs",
    .columns = "entropy|confidence|samples|is_mode",
    .state_size = sizeof(struct parsec),
    .check = search_check,
    .open = parsec_open,
    .train = parsec_train,
    .save = parsec_save,
    .load = parsec_load,
    .close = parsec_close,
};
