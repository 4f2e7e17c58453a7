/* test_search_gates.c - GOLD-NAS: the regulariser against its formula and differences, pruning
 * against a case by hand and its promises on random gates, lambda against a trace by hand. */
#include "check.h"
#include "rng.h"
#include "search/gates.h"
#include "space/cell.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 3, NODES = 2, OPS = 2, EDGES = 5 };

static double logit(double s) {
    return log(s / (1 - s));
}

static void open_random(struct gates *g, uint64_t seed, double spread) {
    assert_int_equal(gates_open(g, CELLS, NODES, OPS), 0);
    struct rng rng = rng_make(seed, 1, 0);
    for (size_t i = 0; i < g->count; i++) {
        g->a[i] = spread * rng_normal(&rng);
        g->flops[i] = 3 * rng_uniform(&rng);
        g->dead[i] = rng_below(&rng, 6) == 0;
    }
}

/* The formula once more, node by node. */
static double regulariser(const struct gates *g, double eta, double base, double mu) {
    double value = 0;
    for (int cell = 0; cell < CELLS; cell++)
        for (int node = 0, edge = 0; node < NODES; edge += 2 + node++) {
            double sum = 0;
            int n = 0, from = (cell * EDGES + edge) * OPS, to = from + (2 + node) * OPS;
            for (int o = from; o < to; o++)
                sum += g->dead[o] ? 0 : 1 / (1 + exp(-g->a[o]));
            for (int o = from; o < to; o++)
                n += !g->dead[o] && 1 / (1 + exp(-g->a[o])) / sum > eta;
            for (int o = from; o < to; o++) {
                double q = 1 / (1 + exp(-g->a[o])) / sum;
                if (!g->dead[o] && q > eta)
                    value += log(1 + n * q) * (base + mu * g->flops[o]);
            }
        }
    return value;
}

static void regulariser_and_its_gradient(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct gates g;
        double gradient[CELLS * EDGES * OPS] = {0};
        const double eta = seed % 2 ? 0.01 : 0.1, mu = seed % 3 ? 0.7 : 0;
        open_random(&g, seed, 1.5);
        double value = gates_regulariser(&g, eta, 0.8, mu, 2, gradient);
        assert_float_equal(value, regulariser(&g, eta, 0.8, mu), 1e-10);
        for (size_t i = 0; i < g.count; i++) {
            const double was = g.a[i], h = 1e-6;
            g.a[i] = was + h;
            double up = regulariser(&g, eta, 0.8, mu);
            g.a[i] = was - h;
            double down = regulariser(&g, eta, 0.8, mu);
            g.a[i] = was;
            assert_float_equal(gradient[i], 2 * (up - down) / (2 * h), 1e-7);
        }
        gates_free(&g);
    }
}

/* One node with four gates: 0.5, 0.02, 0.03, 0.004; S = 0.554. By hand with eta 0.01 and 0.05:
 * round 1: 0.004 / 0.554 = 0.0072 goes, S = 0.550; the least other is 0.02 / 0.554 = 0.0361: goes.
 * round 2: S = 0.53; 0.03 / 0.53 = 0.0566 stays. */
static void pruning_by_hand(void **state) {
    (void)state;
    struct gates g;
    assert_int_equal(gates_open(&g, 1, 1, 2), 0);
    const double s[4] = {0.5, 0.02, 0.03, 0.004};
    for (int i = 0; i < 4; i++)
        g.a[i] = logit(s[i]);
    struct gates two = g;
    unsigned char dead[4] = {0};
    two.dead = dead;
    assert_int_equal(gates_prune(&two, 1, 0.01, 0.05), 2);
    assert_memory_equal(dead, ((unsigned char[]){0, 1, 0, 1}), 4);
    assert_int_equal(gates_prune(&g, 2, 0.01, 0.05), 2);
    assert_memory_equal(g.dead, dead, 4);
    assert_int_equal(gates_prune(&g, 1, 0.01, 0.06), 1);
    assert_int_equal(gates_prune(&g, 9, 0.01, 0.99), 0); /* the last one stays */
    assert_int_equal(gates_alive(&g), 1);
    g.flops[0] = 5, g.flops[1] = 7;
    assert_true(gates_flops(&g) == 5);
    gates_free(&g);
    /* 0.5, 0.12, 0.1225; eta 0.17: 0.12 / 0.7425 = 0.162 goes, then 0.1225 / 0.6225 = 0.197 stays
     */
    assert_int_equal(gates_open(&g, 1, 1, 2), 0);
    g.a[0] = logit(0.5), g.a[1] = logit(0.12), g.a[2] = logit(0.1225), g.dead[3] = 1;
    assert_int_equal(gates_prune(&g, 1, 0.17, 0.18), 1);
    assert_memory_equal(g.dead, ((unsigned char[]){0, 1, 0, 1}), 4);
    gates_free(&g);
}

static void promises_on_random_gates(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct gates g;
        double s[CELLS * EDGES * OPS];
        open_random(&g, seed, 4);
        memset(g.dead, 0, g.count);
        struct rng rng = rng_make(seed, 2, 0);
        int alive = gates_alive(&g);
        for (int epoch = 0; epoch < 20; epoch++) {
            int pruned = gates_prune(&g, 1 + (int)rng_below(&rng, 6), 0.02, 0.3);
            assert_int_equal(gates_alive(&g), alive - pruned);
            alive -= pruned;
            gates_values(&g, 0.02, s);
            for (int cell = 0; cell < CELLS; cell++)
                for (int node = 0; node < NODES; node++) {
                    int live = 0, from = (cell * EDGES + cell_edge(node, 0)) * OPS;
                    for (int o = from; o < from + (2 + node) * OPS; o++)
                        live += s[o] > 0;
                    assert_true(live >= 1);
                }
            for (size_t i = 0; i < g.count; i++)
                g.a[i] += rng_normal(&rng);
        }
        gates_free(&g);
    }
}

/* lambda0 = 1e-5, c0 = 2, n0 = 4. */
static void lambda_by_hand(void **state) {
    (void)state;
    static const int pruned[8] = {0, 0, 3, 4, 0, 7, 5, 1};
    static const double lambda[8] = {2e-5, 6e-5, 14e-5, 7e-5, 9e-5, 4.5e-5, 2.25e-5, 4.25e-5};
    struct gates_pace pace = gates_pace(1e-5, 2, 4);
    for (int i = 0; i < 8; i++) {
        gates_pace_step(&pace, pruned[i]);
        assert_float_equal(pace.lambda, lambda[i], 1e-15);
    }
    /* k slow epochs: lambda0 (2^(k+1) - 2) */
    pace = gates_pace(1e-5, 2, 4);
    for (int k = 1; k <= 10; k++) {
        gates_pace_step(&pace, 0);
        assert_float_equal(pace.lambda, 1e-5 * (pow(2, k + 1) - 2), 1e-12);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regulariser_and_its_gradient),
        cmocka_unit_test(pruning_by_hand),
        cmocka_unit_test(promises_on_random_gates),
        cmocka_unit_test(lambda_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
