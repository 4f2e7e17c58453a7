/* concrete.c - concrete variables, their density and score, and SNAS's cost of an edge. */
#include "search/concrete.h"
#include "search/relax.h"
#include <math.h>

void concrete_draw(int n, const double *logit, double temperature, struct rng *rng, double *z) {
    for (int i = 0; i < n; i++) {
        double u = rng_uniform(rng) + 0x1p-54; /* in (0,1) */
        z[i] = (logit[i] - log(-log(u))) / temperature;
    }
    relax_softmax(n, z, z);
}

void concrete_backward(int n, const double *z, const double *dz, double temperature,
                       double *dlogit) {
    double by[NET_OPS] = {0};
    relax_softmax_backward(n, z, dz, by);
    for (int i = 0; i < n; i++)
        dlogit[i] += by[i] / temperature;
}

/* logit_i - t ln z_i; a z that has underflowed counts as the least normal number. */
static void tilted(int n, const double *logit, const double *z, double t, double *v) {
    for (int i = 0; i < n; i++)
        v[i] = logit[i] - t * log(fmax(z[i], 0x1p-1022));
}

double concrete_log(int n, const double *logit, const double *z, double t) {
    double v[NET_OPS] = {0}, sum = lgamma(n) + (n - 1) * log(t);
    tilted(n, logit, z, t, v);
    for (int i = 0; i < n; i++)
        sum += logit[i] - (t + 1) * log(fmax(z[i], 0x1p-1022));
    return sum - n * relax_log_sum(n, v);
}

void concrete_score(int n, const double *logit, const double *z, double t, double scale,
                    double *dlogit) {
    double v[NET_OPS] = {0};
    tilted(n, logit, z, t, v);
    relax_softmax(n, v, v);
    for (int i = 0; i < n; i++)
        dlogit[i] += scale * (1 - n * v[i]);
}

double concrete_temperature(double first, double least, double progress) {
    return fmax(least, (1 - progress) * (first - least) + least);
}

/* ---- costs ---- */

/* Memory accesses: tensors read and written, and the weights. */
static double accesses(enum net_op op, int c, int stride, double pixels, double size) {
    const double n = c * pixels;
    const bool two = stride == 2;
    switch (op) {
    case NET_MAX_POOL_3:
    case NET_AVG_POOL_3:
        return (two ? 5 : 2) * n;
    case NET_SKIP:
        return two ? 9 * n + size : 2 * n;
    case NET_SEP_CONV_3:
    case NET_SEP_CONV_5:
        return (two ? 11 : 8) * n + size;
    case NET_DIL_CONV_3:
    case NET_DIL_CONV_5:
        return (two ? 7 : 4) * n + size;
    default:
        return 0;
    }
}

void concrete_price(const struct cell_space *space, int c, int stride, double pixels,
                    struct concrete_cost *cost) {
    for (int o = 0; o < space->ops; o++) {
        const enum net_op op = space->op[o];
        const bool pool = op == NET_MAX_POOL_3 || op == NET_AVG_POOL_3;
        cost->size[o] = cell_op_weights(op, c, stride);
        cost->flops[o] = pool ? 9 * pixels * c : cost->size[o] * pixels;
        cost->mac[o] = accesses(op, c, stride, pixels, cost->size[o]);
    }
}

double concrete_edge_cost(const struct concrete_cost *cost, enum concrete_form form, int n,
                          const double *z, double *slope) {
    static const double linear[3] = {0.43 * 2, 0.43 / 4000, 0.43 / 100};
    const double *const price[3] = {cost->size, cost->flops, cost->mac};
    double value = 0;
    for (int o = 0; o < n; o++)
        slope[o] = 0;
    for (int k = 0; k < 3; k++) {
        double sum = 0, factor = linear[k];
        for (int o = 0; o < n; o++)
            sum += z[o] * price[k][o];
        if (form == CONCRETE_LOG)
            factor = sum > 1 ? 1 / (3 * sum) : 0;
        value += form == CONCRETE_LOG ? log(fmax(1, sum)) / 3 : factor * sum;
        for (int o = 0; o < n; o++)
            slope[o] += factor * price[k][o];
    }
    return value;
}
