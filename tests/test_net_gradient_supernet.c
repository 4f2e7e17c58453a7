/* test_net_gradient_supernet.c - the gradients of a whole superkernel network, in double, against
 * finite differences. The straight-through gates have no slope of their own, so the differences are
 * taken of the surrogate: gate = I(x0) - s(x0) + s(x) with s the logistic function and x0 the
 * margin at the point itself. Also: masked parts of the network can be left out without changing
 * it. */
#include "check.h"
#include "space/supernet.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4, CLASSES = 3, BLOCKS = 3 };

static const struct mbconv_space tiny = {.name = "tiny",
                                         .height = 10,
                                         .width = 8,
                                         .channels = 2,
                                         .classes = CLASSES,
                                         .stem = 4,
                                         .stem_stride = 1,
                                         .head = 5,
                                         .stages = 2,
                                         .stage = {{1, 3, 1, 1, 3, false}, {3, 5, 2, 6, 4, true}}};

struct fixture {
    struct net *engine;
    struct supernet s;
    real x[BATCH * 10 * 8 * 2], dlogits[BATCH * CLASSES];
    int label[BATCH];
    double keep[BLOCKS][5];                    /* dropout of d5, d50, d100, dse, dse50 */
    struct supernet_slope pull[BLOCKS];        /* what the loss gains by each gate */
    double margin[BLOCKS][5], gate[BLOCKS][5]; /* at the point itself */
};

static void open_fixture(struct fixture *f, uint64_t seed, bool se) {
    assert_int_equal(net_open(&f->engine, 1), 0);
    assert_int_equal(supernet_open(&f->s, f->engine, &tiny, BATCH, true, se), 0);
    assert_int_equal(f->s.blocks, BLOCKS);
    supernet_init(&f->s, seed, 0);
    struct rng rng = rng_make(seed, 1, 0);
    for (size_t i = 0; i < sizeof f->x / sizeof *f->x; i++)
        f->x[i] = (real)rng_normal(&rng);
    for (int i = 0; i < BATCH; i++)
        f->label[i] = i % CLASSES;
    struct mbconv_net *net = f->s.net;
    for (int w = 0; w < net->weights; w++) /* away from 0, where ReLU has its kink */
        if (strstr(net->weight[w].name, "beta"))
            for (size_t i = 0; i < net->weight[w].count; i++)
                net->weight[w].value[i] = (real)(0.3 * rng_normal(&rng));
    for (int b = 0; b < BLOCKS; b++)
        for (int i = 0; i < 5; i++) {
            f->keep[b][i] = 1;
            *(i < 3 ? &f->pull[b].kernel[i] : &f->pull[b].se[i - 3]) = 0.2 * rng_normal(&rng);
        }
}

static void close_fixture(struct fixture *f) {
    supernet_close(&f->s);
    net_close(f->engine);
}

static double surrogate_gate(const struct fixture *f, int b, int g, double norm, double threshold) {
    double x = norm - threshold;
    return f->gate[b][g] + f->keep[b][g] * (1 / (1 + exp(-x)) - 1 / (1 + exp(-f->margin[b][g])));
}

/* The same for the squeeze matrix; the channels stay dead or alive. */
static double surrogate_se(struct fixture *f, int b) {
    struct supernet_block *block = &f->s.block[b];
    int c = block->se.channels, small = block->se.rows_small * c, all = block->se.rows * c;
    double square[2] = {0, 0}, gate[2], extra = 0;
    for (int i = 0; i < all; i++)
        square[i >= small] += (double)block->squeeze[i] * (double)block->squeeze[i];
    for (int g = 0; g < 2; g++) {
        gate[g] = surrogate_gate(f, b, 3 + g, sqrt(square[g]) / block->se.unit[g],
                                 (double)block->se_threshold[g]);
        extra += f->pull[b].se[g] * gate[g];
    }
    for (int i = 0; i < all; i++)
        block->effective_squeeze[i] =
            (real)((double)block->squeeze[i] * gate[0] * (i < small ? 1 : gate[1]));
    f->s.net->layer[block->layer].se.mix = (real)gate[0];
    return extra;
}

/* The effective kernels with surrogate gates, written out anew. */
static double surrogate_gates(struct fixture *f) {
    double extra = 0;
    for (int b = 0; b < BLOCKS; b++) {
        struct supernet_block *block = &f->s.block[b];
        int all = block->kernel.channels, half = all / 2;
        double gate[3] = {1, 1, 1}, square[3] = {0, 0, 0};
        for (int g = 0; g < 3; g++) { /* 5, then 50 and 100, which see the gate of 5 */
            for (int i = 0; i < 25 * all; i++) {
                int row = i / all / 5, column = i / all % 5, c = i % all;
                bool ring = row % 4 == 0 || column % 4 == 0;
                double v = (double)block->depth[i] * (g && ring ? gate[0] : 1);
                if (g == 0 ? ring : (c < half) == (g == 1))
                    square[g] += v * v;
            }
            gate[g] = surrogate_gate(f, b, g, sqrt(square[g]) / block->kernel.unit[g],
                                     (double)block->threshold[g]);
            if (g == 1 && !block->kernel.skippable)
                gate[g] = 1;
            if (g != 1 || block->kernel.skippable)
                extra += f->pull[b].kernel[g] * gate[g];
        }
        for (int i = 0; i < 25 * all; i++) {
            int row = i / all / 5, column = i / all % 5;
            bool ring = row % 4 == 0 || column % 4 == 0;
            double v = (double)block->depth[i] * (ring ? gate[0] : 1) * gate[1];
            block->effective[i] = (real)(i % all < half ? v : v * gate[2]);
        }
        if (block->se.rows)
            extra += surrogate_se(f, b);
    }
    return extra;
}

static double surrogate_loss(struct fixture *f) {
    double extra = surrogate_gates(f);
    mbconv_net_forward(f->s.net, f->x, 1, NULL);
    return extra + net_loss(BATCH, CLASSES, f->s.net->logits, f->label, 0.1, NULL, NULL);
}

static void gates_and_gradients(struct fixture *f) {
    for (int b = 0; b < BLOCKS; b++) {
        struct supernet_block *block = &f->s.block[b];
        struct net_gated_se *se = &f->s.net->layer[block->layer].se;
        superkernel_forward(&block->kernel, block->depth, block->threshold, f->keep[b],
                            block->effective);
        memcpy(f->margin[b], block->kernel.margin, sizeof block->kernel.margin);
        memcpy(f->gate[b], block->kernel.gate, sizeof block->kernel.gate);
        if (!block->se.rows)
            continue;
        se_kernel_forward(&block->se, block->squeeze, block->se_threshold, f->keep[b] + 3,
                          block->effective_squeeze);
        memcpy(f->margin[b] + 3, block->se.margin, sizeof block->se.margin);
        memcpy(f->gate[b] + 3, block->se.gate, sizeof block->se.gate);
        int all = block->kernel.channels;
        se->live = f->gate[b][1] == 0 ? 0 : f->gate[b][2] == 0 ? all / 2 : all;
        se->mix = (real)f->gate[b][3];
    }
    mbconv_net_forward(f->s.net, f->x, 1, NULL);
    net_loss(BATCH, CLASSES, f->s.net->logits, f->label, 0.1, f->dlogits, NULL);
    net_grad_zero(f->engine, f->s.net->weight, f->s.net->weights);
    supernet_backward(&f->s, f->x, f->dlogits, f->pull);
}

static void compare_all(struct fixture *f) {
    gates_and_gradients(f);
    struct mbconv_net *net = f->s.net;
    for (int w = 0; w < net->weights; w++) {
        struct net_weight *weight = &net->weight[w];
        double error = 0, size = 1e-3;
        size_t stride = weight->count / 40 + 1;
        for (size_t i = 0; i < weight->count; i += stride) {
            real value = weight->value[i];
            const double h = 1e-6;
            weight->value[i] = (real)((double)value + h);
            double up = surrogate_loss(f);
            weight->value[i] = (real)((double)value - h);
            double down = surrogate_loss(f);
            weight->value[i] = value;
            error = fmax(error, fabs((up - down) / (2 * h) - (double)weight->grad[i]));
            size = fmax(size, fabs((double)weight->grad[i]));
        }
        if (error > 1e-5 * size)
            print_error("%s: error %g of %g\n", weight->name, error, size);
        assert_true(error <= 1e-5 * size);
    }
}

static void gradients_with_all_gates_open(void **state) {
    (void)state;
    static struct fixture f;
    open_fixture(&f, 1, false);
    compare_all(&f);
    close_fixture(&f);
}

/* Every gate closed somewhere, dropout at work, other units. */
static void gradients_with_closed_gates(void **state) {
    (void)state;
    static struct fixture f;
    open_fixture(&f, 2, false);
    f.s.block[0].threshold[SUPERKERNEL_5] = (real)1.7;
    f.s.block[0].threshold[SUPERKERNEL_50] = (real)1.7; /* cannot be skipped: no effect */
    f.s.block[1].threshold[SUPERKERNEL_100] = (real)1.3;
    f.s.block[2].threshold[SUPERKERNEL_50] = (real)1.4;
    compare_all(&f);
    assert_true(f.gate[0][0] == 0 && f.gate[0][1] == 1 && f.gate[1][2] == 0 && f.gate[2][1] == 0);
    close_fixture(&f);
}

static void gradients_with_dropped_indicators(void **state) {
    (void)state;
    static struct fixture f;
    open_fixture(&f, 3, false);
    for (int b = 0; b < BLOCKS; b++) {
        for (int i = 0; i < 3; i++) {
            f.keep[b][i] = (b + i) % 3 ? 1 / 0.6 : 0;
            f.s.block[b].kernel.unit[i] *= 0.7;
        }
        f.s.block[b].threshold[b] = (real)0.8;
    }
    compare_all(&f);
    close_fixture(&f);
}

/* Squeeze-and-excitation open and dropped (amplified), with dead channels. A closed gate leaves
 * rows of zeros, where relu has its kink: that is the next test's. */
static void gradients_with_se(void **state) {
    (void)state;
    for (uint64_t seed = 20; seed < 22; seed++) {
        static struct fixture f;
        open_fixture(&f, seed, true);
        if (seed == 21) {
            f.s.block[0].threshold[SUPERKERNEL_5] = (real)1.7;
            f.keep[0][3] = f.keep[1][4] = 1 / 0.6;
        }
        compare_all(&f);
        close_fixture(&f);
    }
}

/* The squeeze matrix alone, with gates closed, under a linear loss. */
static void gradients_of_closed_se_gates(void **state) {
    (void)state;
    enum { CHANNELS = 6, ROWS = 5, COUNT = ROWS * CHANNELS };
    struct rng rng = rng_make(9, 1, 0);
    for (int round = 0; round < 4; round++) {
        struct se_kernel kernel = {.channels = CHANNELS, .rows = ROWS, .rows_small = 2};
        real w[COUNT], effective[COUNT], g[COUNT], dw[COUNT] = {0}, dt[2] = {0, 0};
        real t[2] = {round & 1 ? 3 : (real)0.4, round & 2 ? 3 : (real)0.3};
        const double keep[2] = {1, 1 / 0.6}, pull[2] = {0.3, -0.2};
        se_kernel_natural_units(&kernel);
        for (int i = 0; i < COUNT; i++) {
            w[i] = (real)rng_normal(&rng);
            g[i] = (real)rng_normal(&rng);
        }
        se_kernel_forward(&kernel, w, t, keep, effective);
        assert_int_equal(se_kernel_choice(&kernel), round & 1 ? 0 : round & 2 ? 25 : 50);
        const struct se_kernel at = kernel;
        se_kernel_backward(&kernel, w, g, pull, dw, dt);
        for (int i = 0; i < COUNT + 2; i++) {
            real *v = i < COUNT ? &w[i] : &t[i - COUNT];
            double loss[2];
            for (int side = 0; side < 2; side++) {
                real value = *v;
                *v = (real)((double)value + (side ? 1e-6 : -1e-6));
                se_kernel_forward(&kernel, w, t, keep, effective);
                double gate[2];
                loss[side] = 0;
                for (int k = 0; k < 2; k++) {
                    gate[k] = at.gate[k] + keep[k] * (1 / (1 + exp(-kernel.margin[k])) -
                                                      1 / (1 + exp(-at.margin[k])));
                    loss[side] += pull[k] * gate[k];
                }
                for (int e = 0; e < COUNT; e++)
                    loss[side] += (double)(g[e] * w[e]) * gate[0] * (e < 12 ? 1 : gate[1]);
                *v = value;
            }
            assert_float_equal((loss[1] - loss[0]) / 2e-6, i < COUNT ? dw[i] : dt[i - COUNT], 1e-7);
        }
    }
}

/* Dead channels are 0 in the output and unknown to the others, but take gradients like any other.
 */
static void dead_channels_of_se(void **state) {
    (void)state;
    enum { N = 3, H = 4, W = 2, C = 6, R = 2, COUNT = N * H * W * C };
    struct net *engine;
    assert_int_equal(net_open(&engine, 1), 0);
    struct net_arena arena = {0};
    struct net_gated_se se = {.in = {N, H, W, C}, .width = R, .live = 4, .mix = 1}, all = se;
    for (int plan = 0; plan < 2; plan++) {
        net_gated_se_plan(&se, &arena);
        net_gated_se_plan(&all, &arena);
        if (!plan)
            assert_int_equal(net_arena_reserve(&arena), 0);
    }
    all.live = C;
    struct rng rng = rng_make(11, 1, 0);
    real x[COUNT], y[COUNT], y_all[COUNT], dx[COUNT], squeeze[R * C], excite[R * C],
        none[R * C] = {0};
    for (int i = 0; i < COUNT; i++)
        x[i] = (real)rng_normal(&rng);
    for (int i = 0; i < R * C; i++) {
        squeeze[i] = (real)rng_normal(&rng);
        excite[i] = (real)rng_normal(&rng);
    }
    net_gated_se_forward(engine, &se, x, squeeze, excite, y);
    for (int r = 0; r < R; r++) /* what the dead channels hold plays no part for the others */
        squeeze[r * C + 4] = squeeze[r * C + 5] = 0;
    net_gated_se_forward(engine, &all, x, squeeze, excite, y_all);
    double dmix;
    net_gated_se_backward(engine, &se, x, squeeze, excite, x, dx, none, none, &dmix);
    for (int i = 0; i < COUNT; i++)
        if (i % C < 4) {
            assert_float_equal(y[i], y_all[i], 1e-12);
        } else {
            assert_true(y[i] == 0);
            assert_float_equal(dx[i], y_all[i], 1e-12);
        }
    net_arena_free(&arena);
    net_close(engine);
}

/* ---- decoding ---- */

/* Copies the weights of a stand-alone network out of the supernet: the centre of a 5x5 kernel, the
 * first half of the channels. */
static void inherit(struct mbconv_net *to, const struct supernet *s) {
    const struct mbconv_net *from = s->net;
    for (int w = 0; w < to->weights; w++) {
        const struct net_weight *source = NULL;
        struct net_weight *target = &to->weight[w];
        for (int v = 0; v < from->weights; v++)
            if (strcmp(from->weight[v].name, target->name) == 0)
                source = &from->weight[v];
        assert_non_null(source);
        int layer = strncmp(target->name, "block", 5) ? -1 : atoi(target->name + 5);
        if (source->count == target->count) {
            memcpy(target->value, source->value, source->count * sizeof(real));
            continue;
        }
        const struct net_mbconv *big = &from->layer[layer].op, *small = &to->layer[layer].op;
        int k = small->window.k, wide = small->expanded, all = big->expanded;
        if (strstr(target->name, "depth"))
            for (int tap = 0; tap < k * k; tap++)
                for (int c = 0; c < wide; c++) {
                    int at = k == 5 ? tap : (tap / 3 + 1) * 5 + tap % 3 + 1;
                    target->value[tap * wide + c] = source->value[at * all + c];
                }
        else if (strstr(target->name, "expand"))
            for (int i = 0; i < big->in.c; i++)
                memcpy(target->value + i * wide, source->value + i * all,
                       (size_t)wide * sizeof(real));
        else if (strstr(target->name, "squeeze") || strstr(target->name, "excite"))
            for (int r = 0; r < to->layer[layer].se.width; r++)
                memcpy(target->value + r * wide, source->value + r * all,
                       (size_t)wide * sizeof(real));
        else /* project, gamma, beta: the first rows or entries */
            memcpy(target->value, source->value, target->count * sizeof(real));
    }
}

static void leave_out_masked_parts(bool se) {
    static struct fixture f;
    open_fixture(&f, 4, se);
    struct mbconv_arch arch, again;
    mbconv_largest(&tiny, &arch);
    arch.choice[1] = (struct mbconv_choice){.kernel = 3, .expansion = 6};
    arch.choice[2] = (struct mbconv_choice){.skip = true, .kernel = 5, .expansion = 3};
    arch.choice[3] = (struct mbconv_choice){.kernel = 5, .expansion = 3};
    if (se) {
        arch.choice[1].se = 25;
        arch.choice[2].se = 50;
        f.s.block[0].se_threshold[SE_KERNEL_50] = 2;
        f.s.block[2].se_threshold[SE_KERNEL_ON] = 2;
    }
    /* thresholds that lead to these choices */
    f.s.block[0].threshold[SUPERKERNEL_5] = 2;
    f.s.block[1].threshold[SUPERKERNEL_50] = f.s.block[1].threshold[SUPERKERNEL_100] = 2;
    f.s.block[2].threshold[SUPERKERNEL_100] = 2;
    supernet_gate(&f.s, 1, NULL);
    supernet_arch(&f.s, &again);
    for (int b = 0; b < arch.blocks; b++) {
        assert_int_equal(arch.choice[b].skip, again.choice[b].skip);
        assert_int_equal(arch.choice[b].kernel, again.choice[b].kernel);
        assert_int_equal(arch.choice[b].expansion, again.choice[b].expansion);
        assert_int_equal(arch.choice[b].se, again.choice[b].se);
    }
    double whole[BATCH * CLASSES], masked[BATCH * CLASSES];
    mbconv_net_forward(f.s.net, f.x, 1, NULL); /* with closed gates in every place */
    memcpy(whole, f.s.net->logits, sizeof whole);
    supernet_mask(&f.s, &arch);
    supernet_follow(&f.s, &arch);
    mbconv_net_forward(f.s.net, f.x, 1, NULL); /* the dropped block left out */
    memcpy(masked, f.s.net->logits, sizeof masked);

    struct mbconv_net *alone;
    assert_int_equal(mbconv_net_open(&alone, f.engine, &arch, BATCH, NULL, 0), 0);
    inherit(alone, &f.s);
    mbconv_net_forward(alone, f.x, 1, NULL);
    for (int i = 0; i < BATCH * CLASSES; i++) {
        assert_float_equal(masked[i], whole[i], 1e-9);
        assert_float_equal(alone->logits[i], whole[i], 1e-9);
    }
    double params = 0;
    for (int w = 0; w < alone->weights; w++)
        params += (double)alone->weight[w].count;
    assert_true(params == mbconv_params(&arch));
    mbconv_net_close(alone);
    close_fixture(&f);
}

static void masked_parts_can_be_left_out(void **state) {
    (void)state;
    leave_out_masked_parts(false);
    leave_out_masked_parts(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_with_all_gates_open),
        cmocka_unit_test(gradients_with_closed_gates),
        cmocka_unit_test(gradients_with_dropped_indicators),
        cmocka_unit_test(gradients_with_se),
        cmocka_unit_test(gradients_of_closed_se_gates),
        cmocka_unit_test(dead_channels_of_se),
        cmocka_unit_test(masked_parts_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
