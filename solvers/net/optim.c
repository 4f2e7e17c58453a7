/* optim.c - initial weights, optimisers over a list of weight tensors, and learning-rate schedules.
 */
#include "internal.h"
#include <math.h>
#include <string.h>

void net_init_normal(struct rng *rng, size_t count, double fan_out, real *w) {
    const double deviation = sqrt(2 / fan_out);
    for (size_t i = 0; i < count; i++)
        w[i] = (real)(deviation * rng_normal(rng));
}

int net_optim_slots(const struct net_optim *optim) {
    return optim->kind == NET_SGD ? optim->momentum != 0 : 2;
}

/* One tensor's constants; the loops below are plain enough for the compiler to vectorise. */
struct update {
    real rate, momentum, rho, eps, decay, correct1, correct2;
    bool nesterov;
};

static void sgd_step(const struct update *u, size_t count, real *restrict w,
                     const real *restrict grad, real *restrict v) {
    if (!v) {
        for (size_t i = 0; i < count; i++)
            w[i] -= u->rate * (grad[i] + u->decay * w[i]);
        return;
    }
    const real look = u->nesterov ? u->momentum : 0, now = u->nesterov ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        const real g = grad[i] + u->decay * w[i];
        v[i] = u->momentum * v[i] + g;
        w[i] -= u->rate * (now * g + (u->nesterov ? look : 1) * v[i]);
    }
}

static void rmsprop_step(const struct update *u, size_t count, real *restrict w,
                         const real *restrict grad, real *restrict s, real *restrict v) {
    for (size_t i = 0; i < count; i++) {
        const real g = grad[i] + u->decay * w[i];
        s[i] = u->rho * s[i] + (1 - u->rho) * g * g;
        v[i] = u->momentum * v[i] + u->rate * g / (real)sqrt(s[i] + u->eps);
        w[i] -= v[i];
    }
}

static void adam_step(const struct update *u, size_t count, real *restrict w,
                      const real *restrict grad, real *restrict m, real *restrict v) {
    for (size_t i = 0; i < count; i++) {
        const real g = grad[i] + u->decay * w[i];
        m[i] = u->momentum * m[i] + (1 - u->momentum) * g;
        v[i] = u->rho * v[i] + (1 - u->rho) * g * g;
        w[i] -= u->rate * m[i] * u->correct1 / ((real)sqrt(v[i] * u->correct2) + u->eps);
    }
}

void net_optim_step(struct net *net, const struct net_optim *optim, double rate, long step,
                    struct net_weight *weights, int n) {
    (void)net;
    struct update u = {.rate = (real)rate,
                       .momentum = (real)optim->momentum,
                       .rho = (real)optim->rho,
                       .eps = (real)optim->eps,
                       .nesterov = optim->nesterov};
    u.correct1 = (real)(1 / (1 - pow(optim->momentum, (double)step)));
    u.correct2 = (real)(1 / (1 - pow(optim->rho, (double)step)));
    for (int i = 0; i < n; i++) {
        struct net_weight *w = &weights[i];
        if (w->frozen)
            continue;
        u.decay = w->decay ? (real)optim->weight_decay : 0;
        if (optim->kind == NET_SGD)
            sgd_step(&u, w->count, w->value, w->grad, optim->momentum != 0 ? w->slot[0] : NULL);
        else if (optim->kind == NET_RMSPROP)
            rmsprop_step(&u, w->count, w->value, w->grad, w->slot[0], w->slot[1]);
        else
            adam_step(&u, w->count, w->value, w->grad, w->slot[0], w->slot[1]);
    }
}

void net_grad_zero(struct net *net, struct net_weight *weights, int n) {
    (void)net;
    for (int i = 0; i < n; i++)
        memset(weights[i].grad, 0, weights[i].count * sizeof(real));
}

static double squares(size_t count, const real *v) {
    double lane[8] = {0}; /* fixed order, and short dependency chains */
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int j = 0; j < 8; j++)
            lane[j] += (double)v[i + (size_t)j] * v[i + (size_t)j];
    for (; i < count; i++)
        lane[0] += (double)v[i] * v[i];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

double net_grad_clip(struct net *net, struct net_weight *weights, int n, double limit) {
    (void)net;
    double sum = 0;
    for (int i = 0; i < n; i++)
        if (!weights[i].frozen)
            sum += squares(weights[i].count, weights[i].grad);
    const double norm = sqrt(sum);
    if (limit <= 0 || !(norm > limit))
        return norm;
    const real scale = (real)(limit / norm);
    for (int i = 0; i < n; i++)
        for (size_t j = 0; !weights[i].frozen && j < weights[i].count; j++)
            weights[i].grad[j] *= scale;
    return norm;
}

void net_average(struct net *net, struct net_weight *weights, int n, double decay) {
    (void)net;
    const real keep = (real)decay, rest = (real)(1 - decay);
    for (int i = 0; i < n; i++) {
        struct net_weight *w = &weights[i];
        for (size_t j = 0; w->average && !w->frozen && j < w->count; j++)
            w->average[j] = keep * w->average[j] + rest * w->value[j];
    }
}

double net_rate_cosine(double base, double least, double step, double total) {
    const double done = step < total ? step / total : 1;
    return least + (base - least) * 0.5 * (1 + cos(acos(-1) * done));
}

double net_rate_exponential(double base, double factor, double step, double every, bool staircase) {
    const double power = step / every;
    return base * pow(factor, staircase ? floor(power) : power);
}

double net_rate_steps(double base, double factor, double step, const double *at, int n) {
    for (int i = 0; i < n; i++)
        if (step >= at[i])
            base *= factor;
    return base;
}
