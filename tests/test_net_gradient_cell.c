/* test_net_gradient_cell.c - the gradient of a whole cell supernet, all eight operations, in double
 * precision against central differences, for some hundred random weights and the mix; and that
 * operations of weight 0 are left out altogether. */
#include "check.h"
#include "space/cell_net.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct cell_space space = {
    .image = {3, 9, 8, 3},
    .cells = 4,
    .nodes = 2,
    .channels = 4,
    .stem = 3,
    .classes = 5,
    .ops = 8,
    .op = {NET_NONE, NET_MAX_POOL_3, NET_AVG_POOL_3, NET_SKIP, NET_SEP_CONV_3, NET_SEP_CONV_5,
           NET_DIL_CONV_3, NET_DIL_CONV_5},
    .affine = true,
};
static const int labels[3] = {4, 0, 2};

static struct cell_net *cn;
static real *x, *mix, *dmix;

static double loss(void) {
    return cell_net_forward(cn, x, labels, mix, 0.1, NULL);
}

static double difference(real *value) {
    const double h = 1e-6, at = *value;
    double f[4];
    for (int s = 0; s < 4; s++) {
        *value = at + h * (double[]){-2, -1, 1, 2}[s];
        f[s] = loss();
    }
    *value = at;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

/* A ReLU or a maximum that switches within the step spoils a difference: few may, and a little. */
static void whole_gradient(void **state) {
    (void)state;
    int n, checked = 0, off = 0;
    struct net_weight *weights = cell_net_weights(cn, &n);
    struct rng rng = rng_make(3, 1, 0);
    assert_true(isfinite(loss()));
    net_grad_zero(cell_net_engine(cn), weights, n);
    memset(dmix, 0, cell_net_mix(cn) * sizeof *dmix);
    cell_net_backward(cn, x, mix, dmix);
    for (int t = 0; t < 400; t++) {
        const bool of_mix = t % 8 == 7;
        struct net_weight *w = &weights[rng_below(&rng, (uint32_t)n)];
        const size_t count = of_mix ? cell_net_mix(cn) : w->count;
        const size_t i = rng_below(&rng, (uint32_t)count);
        const double got = of_mix ? dmix[i] : w->grad[i];
        if (of_mix ? mix[i] == 0 : w->frozen)
            continue;
        const double want = difference(of_mix ? &mix[i] : &w->value[i]);
        checked++;
        if (!(fabs(got - want) <= 1e-6 * fabs(want) + 2e-8)) {
            off++;
            if (!(fabs(got - want) <= 1e-2 * fabs(want) + 1e-4))
                fail_msg("%s[%zu]: %.10g, differences %.10g", of_mix ? "mix" : w->name, i, got,
                         want);
        }
    }
    assert_true(checked >= 300);
    if (off > checked / 50)
        fail_msg("%d of %d differences are off", off, checked);
}

/* What weight 0 leaves out gets no gradient, and takes no memory. */
static void sampled_path(void **state) {
    (void)state;
    int n;
    struct net_weight *weights = cell_net_weights(cn, &n);
    loss();
    const size_t dense = cell_net_saved(cn);
    real *before = calloc(cell_net_mix(cn), sizeof *before);
    memcpy(before, mix, cell_net_mix(cn) * sizeof *mix);
    for (size_t i = 0; i < cell_net_mix(cn); i++)
        mix[i] = i % 8 == (i / 8) % 8;
    loss();
    assert_true(cell_net_saved(cn) < dense / 3);
    net_grad_zero(cell_net_engine(cn), weights, n);
    cell_net_backward(cn, x, mix, NULL);
    int frozen = 0;
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < weights[i].count; j++)
            sum += fabs(weights[i].grad[j]);
        frozen += weights[i].frozen;
        assert_true(!weights[i].frozen || sum == 0);
    }
    assert_true(frozen > n / 2);
    memcpy(mix, before, cell_net_mix(cn) * sizeof *mix);
    free(before);
}

static int set_up(void **state) {
    (void)state;
    if (cell_net_open(&cn, &space, 2, 7))
        return -1;
    const size_t count = net_count(space.image);
    struct rng rng = rng_make(8, 1, 0);
    x = calloc(count, sizeof *x);
    mix = calloc(cell_net_mix(cn), sizeof *mix);
    dmix = calloc(cell_net_mix(cn), sizeof *dmix);
    for (size_t i = 0; i < count; i++)
        x[i] = rng_normal(&rng);
    for (size_t i = 0; i < cell_net_mix(cn); i++)
        mix[i] = i % 11 == 3 ? 0 : 0.05 + 0.3 * rng_uniform(&rng);
    int n; /* gammas and betas away from 1 and 0 */
    struct net_weight *weights = cell_net_weights(cn, &n);
    for (int i = 0; i < n; i++)
        if (strstr(weights[i].name, "gamma") || strstr(weights[i].name, "beta"))
            for (size_t j = 0; j < weights[i].count; j++)
                weights[i].value[j] += 0.3 * rng_normal(&rng);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cell_net_close(cn);
    free(x);
    free(mix);
    free(dmix);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_gradient),
        cmocka_unit_test(sampled_path),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
