/* test_net_gradient_search.c - the architecture gradients of the differentiable solvers in double:
 * DARTS's second order on a small analytic problem with its exact formula; DARTS in both orders,
 * SNAS and GOLD-NAS on a whole tiny supernet against differences of the loss itself. */
#include "check.h"
#include "search/bilevel.h"
#include "search/concrete.h"
#include "search/gates.h"
#include "search/relax.h"
#include "space/cell_net.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- an analytic problem ----
 * L_train = sum_i (w_i - sum_j P_ij a_j)^2 / 2 + sum_i c_i w_i^2 a_0 / 2
 * L_valid = sum_i (w_i - t_i)^2 / 2 + sum_j a_j^2 q_j / 2 */
enum { W = 3, A = 2 };
static const double P[W][A] = {{0.7, -0.2}, {0.1, 0.9}, {-0.4, 0.3}};
static const double c[W] = {0.5, -0.3, 0.8}, t[W] = {1, -2, 0.5}, q[A] = {0.4, 1.1};
static double a[A] = {0.6, -0.9};
static real value[W], grad[W], slot[W];

static int analytic(void *context, enum bilevel_part part, bool by_weights, double *by_arch) {
    (void)context;
    for (int j = 0; by_arch && j < A; j++)
        by_arch[j] = part == BILEVEL_VALID ? q[j] * a[j] : 0;
    for (int i = 0; i < W; i++) {
        double r = value[i];
        for (int j = 0; j < A; j++)
            r -= P[i][j] * a[j];
        if (by_weights)
            grad[i] = part == BILEVEL_VALID ? value[i] - t[i] : r + c[i] * value[i] * a[0];
        for (int j = 0; by_arch && part == BILEVEL_TRAIN && j < A; j++)
            by_arch[j] += -P[i][j] * r + (j == 0 ? c[i] * value[i] * value[i] / 2 : 0);
    }
    return 0;
}

static void second_order_term_of_an_analytic_problem(void **state) {
    (void)state;
    struct net_weight weight = {
        .value = value, .grad = grad, .slot = {slot, NULL}, .count = W, .decay = true};
    struct bilevel b = {&weight, 1, A, analytic, NULL};
    struct bilevel_step step = {.xi = 0.3, .momentum = 0.9, .decay = 0.05, .radius = 0.01};
    double g[A], start[W] = {0.2, 1.3, -0.7};
    for (int i = 0; i < W; i++)
        value[i] = start[i], slot[i] = 0.1 * (i + 1);
    assert_int_equal(bilevel_gradient(&b, &step, g), 0);
    for (int i = 0; i < W; i++)
        assert_true(value[i] == start[i]);
    for (int j = 0; j < A; j++) {
        double want = q[j] * a[j];
        for (int i = 0; i < W; i++) {
            double slope = start[i] - P[i][0] * a[0] - P[i][1] * a[1] + c[i] * start[i] * a[0];
            double ahead =
                start[i] - step.xi * (step.momentum * slot[i] + slope + step.decay * start[i]);
            double mixed = -P[i][j] + (j == 0 ? c[i] * start[i] : 0); /* d2 L_train / da_j dw_i */
            want -= step.xi * mixed * (ahead - t[i]);
        }
        assert_float_equal(g[j], want, 1e-9);
    }
    step.xi = 0;
    assert_int_equal(bilevel_gradient(&b, &step, g), 0);
    for (int j = 0; j < A; j++)
        assert_float_equal(g[j], q[j] * a[j], 1e-15);
}

/* ---- a supernet ---- */

enum { BATCH = 3, CLASSES = 4 };
static struct cell_space space = {.image = {BATCH, 8, 8, 2},
                                  .cells = 3,
                                  .nodes = 2,
                                  .channels = 4,
                                  .stem = 2,
                                  .classes = CLASSES};
static const int labels[2][BATCH] = {{0, 2, 1}, {3, 1, 2}};
static struct cell_net *cn;
static struct net_weight *weights;
static int n_weights, row;
static real x[2][BATCH * 8 * 8 * 2], *mix, *dmix;
static double alpha[2 * 5 * NET_OPS], z[2 * 5 * NET_OPS];

static void mix_from_alpha(void) {
    for (int i = 0; i < 2 * row; i += space.ops)
        relax_softmax(space.ops, alpha + i, z + i);
    for (int cell = 0; cell < space.cells; cell++)
        for (int i = 0; i < row; i++)
            mix[cell * row + i] = z[cell_reduces(&space, cell) * row + i];
}

static double loss(int part) {
    mix_from_alpha();
    return cell_net_forward(cn, x[part], labels[part], mix, 0, NULL);
}

static int supernet(void *context, enum bilevel_part part, bool by_weights, double *by_arch) {
    (void)context;
    loss((int)part);
    memset(dmix, 0, cell_net_mix(cn) * sizeof *dmix);
    if (by_weights) {
        net_grad_zero(cell_net_engine(cn), weights, n_weights);
        cell_net_backward(cn, x[part], mix, dmix);
    } else {
        cell_net_backward_mix(cn, x[part], mix, dmix);
    }
    if (!by_arch)
        return 0;
    double dz[2 * 5 * NET_OPS] = {0};
    for (int cell = 0; cell < space.cells; cell++)
        for (int i = 0; i < row; i++)
            dz[cell_reduces(&space, cell) * row + i] += dmix[cell * row + i];
    memset(by_arch, 0, 2 * (size_t)row * sizeof *by_arch);
    for (int i = 0; i < 2 * row; i += space.ops)
        relax_softmax_backward(space.ops, z + i, dz + i, by_arch + i);
    return 0;
}

/* L_valid after the look-ahead step, at the weights `start`. */
static double unrolled(const struct bilevel_step *step, const real *start) {
    supernet(NULL, BILEVEL_TRAIN, true, NULL);
    for (int i = 0; i < n_weights; i++)
        for (size_t j = 0; j < weights[i].count; j++) {
            struct net_weight *w = &weights[i];
            w->value[j] -= step->xi * (step->momentum * w->slot[0][j] + w->grad[j] +
                                       step->decay * w->value[j]);
        }
    double result = loss(BILEVEL_VALID);
    for (int i = 0; i < n_weights; start += weights[i++].count)
        memcpy(weights[i].value, start, weights[i].count * sizeof *start);
    return result;
}

static real *start;

static void open_supernet(void) {
    struct rng rng = rng_make(5, 1, 0);
    size_t count = 0;
    cell_operators(&space, CELL_GOLD); /* ReLU's kinks: steps so small that none is crossed */
    space.op[space.ops++] = NET_AVG_POOL_3;
    space.op[space.ops++] = NET_NONE;
    assert_int_equal(cell_net_open(&cn, &space, 1, 11), 0);
    weights = cell_net_weights(cn, &n_weights);
    row = cell_edges(space.nodes) * space.ops;
    mix = calloc(cell_net_mix(cn), sizeof *mix);
    dmix = calloc(cell_net_mix(cn), sizeof *dmix);
    for (int i = 0; i < 2 * row; i++)
        alpha[i] = 0.3 * rng_normal(&rng);
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < BATCH * 128; i++)
            x[p][i] = rng_normal(&rng);
    for (int i = 0; i < n_weights; i++) {
        count += weights[i].count;
        for (size_t j = 0; j < weights[i].count; j++)
            weights[i].slot[0][j] = 0.01 * rng_normal(&rng);
    }
    real *at = start = malloc(count * sizeof *start);
    for (int i = 0; i < n_weights; at += weights[i++].count)
        memcpy(at, weights[i].value, weights[i].count * sizeof *at);
}

static void close_supernet(void) {
    free(start);
    free(mix);
    free(dmix);
    cell_net_close(cn);
}

static void both_orders_of_a_supernet(void **state) {
    (void)state;
    open_supernet();
    struct bilevel b = {weights, n_weights, 2 * (size_t)row, supernet, NULL};
    for (int order = 1; order <= 2; order++) {
        struct bilevel_step step = {
            .xi = order == 2 ? 0.002 : 0, .momentum = 0.9, .decay = 0.01, .radius = 1e-8};
        double g[2 * 5 * NET_OPS], first[2 * 5 * NET_OPS], moved = 0, size = 0, error = 0;
        assert_int_equal(bilevel_gradient(&b, &step, g), 0);
        supernet(NULL, BILEVEL_VALID, false, first);
        for (int i = 0; i < 2 * row; i++) {
            const double h = 1e-8, was = alpha[i];
            alpha[i] = was + h;
            double up = order == 2 ? unrolled(&step, start) : loss(BILEVEL_VALID);
            alpha[i] = was - h;
            double down = order == 2 ? unrolled(&step, start) : loss(BILEVEL_VALID);
            alpha[i] = was;
            error = fmax(error, fabs(g[i] - (up - down) / (2 * h)));
            size = fmax(size, fabs(g[i]));
            moved = fmax(moved, fabs(g[i] - first[i]));
        }
        if (error > 1e-5 * size)
            print_error("order %d: error %g of %g\n", order, error, size);
        assert_true(error <= (order == 2 ? 1e-4 : 1e-5) * size);
        assert_true(order == 1 ? moved == 0 : moved > 20 * error); /* the term itself is seen */
    }
    close_supernet();
}

/* SNAS: through Z, the noise fixed. */
static double concrete_loss(double heat, bool gradient, double *by) {
    struct rng rng = rng_make(8, 2, 0);
    const int ops = space.ops;
    for (int i = 0; i < 2 * row; i += ops)
        concrete_draw(ops, alpha + i, heat, &rng, z + i);
    for (int cell = 0; cell < space.cells; cell++)
        for (int i = 0; i < row; i++)
            mix[cell * row + i] = z[cell_reduces(&space, cell) * row + i];
    double total = cell_net_forward(cn, x[0], labels[0], mix, 0, NULL);
    if (!gradient)
        return total;
    double dz[2 * 5 * NET_OPS] = {0};
    memset(dmix, 0, cell_net_mix(cn) * sizeof *dmix);
    cell_net_backward_mix(cn, x[0], mix, dmix);
    for (int cell = 0; cell < space.cells; cell++)
        for (int i = 0; i < row; i++)
            dz[cell_reduces(&space, cell) * row + i] += dmix[cell * row + i];
    for (int i = 0; i < 2 * row; i += ops)
        concrete_backward(ops, z + i, dz + i, heat, by + i);
    return total;
}

static void snas_through_its_draw(void **state) {
    (void)state;
    open_supernet();
    for (int round = 0; round < 2; round++) {
        const double heat = round ? 0.4 : 1.5, h = 1e-7;
        double by[2 * 5 * NET_OPS] = {0}, size = 0, error = 0;
        concrete_loss(heat, true, by);
        for (int i = 0; i < 2 * row; i++) {
            const double was = alpha[i];
            alpha[i] = was + h;
            double up = concrete_loss(heat, false, NULL);
            alpha[i] = was - h;
            double down = concrete_loss(heat, false, NULL);
            alpha[i] = was;
            error = fmax(error, fabs(by[i] - (up - down) / (2 * h)));
            size = fmax(size, fabs(by[i]));
        }
        assert_true(size > 0.01 && error <= 1e-5 * size);
    }
    close_supernet();
}

/* GOLD-NAS: cross-entropy and regulariser by the gates, pruned operators left out. */
static double gated_loss(struct gates *g, double *by) {
    double *s = malloc(g->count * sizeof *s);
    gates_values(g, 0.01, s);
    for (size_t o = 0; o < g->count; o++)
        mix[o] = s[o];
    double total = cell_net_forward(cn, x[1], labels[1], mix, 0, NULL);
    if (by) {
        memset(dmix, 0, cell_net_mix(cn) * sizeof *dmix);
        cell_net_backward(cn, x[1], mix, dmix);
        for (size_t o = 0; o < g->count; o++)
            by[o] = dmix[o] * s[o] * (1 - s[o]);
    }
    free(s);
    return total + 0.05 * gates_regulariser(g, 0.01, 1, 0.5, 0.05, by);
}

static void gold_by_its_gates(void **state) {
    (void)state;
    struct gates g;
    open_supernet();
    assert_int_equal(gates_open(&g, space.cells, space.nodes, space.ops), 0);
    double *by = malloc(g.count * sizeof *by), size = 0, error = 0;
    struct rng rng = rng_make(4, 3, 0);
    for (size_t o = 0; o < g.count; o++) {
        g.a[o] = rng_normal(&rng);
        g.flops[o] = rng_uniform(&rng);
        g.dead[o] = o % 4 == 3 || o % 7 == 2; /* `none`, and some others */
    }
    gated_loss(&g, by);
    for (size_t o = 0; o < g.count; o++) {
        const double was = g.a[o], h = 1e-7;
        g.a[o] = was + h;
        double up = gated_loss(&g, NULL);
        g.a[o] = was - h;
        double down = gated_loss(&g, NULL);
        g.a[o] = was;
        error = fmax(error, fabs(by[o] - (up - down) / (2 * h)));
        size = fmax(size, fabs(by[o]));
    }
    assert_true(size > 0.01 && error <= 1e-5 * size);
    gates_free(&g);
    free(by);
    close_supernet();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_order_term_of_an_analytic_problem),
        cmocka_unit_test(both_orders_of_a_supernet),
        cmocka_unit_test(snas_through_its_draw),
        cmocka_unit_test(gold_by_its_gates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
