/* test_net_gradient.c - every layer's gradients, in the double-precision build of the engine,
 * against central finite differences of L = sum(y * r) for a random r: relative error <= 1e-6 over
 * odd shapes, strides and dilations. */
#include "check.h"
#include "net/branch.h"
#include "net/net.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INPUTS 20

static struct net *net;

/* A layer under test: its inputs (what it is differentiated by), and its two directions. */
struct layer {
    int inputs;
    size_t count[MAX_INPUTS];
    real *value[MAX_INPUTS], *grad[MAX_INPUTS];
    size_t outputs;
    real *y, *r;
    struct net_shape in;
    struct net_window window;
    enum net_act act;
    int c_out;
    real *mean, *inverse, *work;
    struct net_mbconv block;
    struct net_branch branch[2];
    int branches;
    const int *labels;
    void (*forward)(struct layer *l);
    void (*backward)(struct layer *l); /* dy is r */
};

static real *random_array(size_t count, uint32_t seed) {
    real *v = calloc(count + 1, sizeof *v);
    struct rng rng = rng_make(seed, 77, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        v[i] = rng_normal(&rng);
    return v;
}

static void layer_input(struct layer *l, size_t count) {
    l->count[l->inputs] = count;
    l->value[l->inputs] = random_array(count, (uint32_t)l->inputs + 5);
    l->grad[l->inputs] = calloc(count + 1, sizeof(real));
    l->inputs++;
}

static double layer_loss(struct layer *l) {
    double sum = 0;
    l->forward(l);
    for (size_t i = 0; i < l->outputs; i++)
        sum += l->y[i] * l->r[i];
    return sum;
}

/* d loss / d value[i][j], five-point; the step is short, so that hardly ever a ReLU switches within
 * it. */
static double difference(struct layer *l, int i, size_t j) {
    const double h = 1e-5, at = l->value[i][j];
    double f[4];
    for (int s = 0; s < 4; s++) {
        l->value[i][j] = at + h * (double[]){-2, -1, 1, 2}[s];
        f[s] = layer_loss(l);
    }
    l->value[i][j] = at;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

static void layer_check(struct layer *l, const char *what) {
    l->y = calloc(l->outputs + 1, sizeof(real));
    l->r = random_array(l->outputs, 3);
    l->forward(l);
    l->backward(l);
    struct rng pick = rng_make(1, 2, 3);
    for (int i = 0; i < l->inputs; i++) {
        double scale = 0; /* root mean square of this gradient */
        for (size_t j = 0; j < l->count[i]; j++)
            scale += l->grad[i][j] * l->grad[i][j];
        scale = sqrt(scale / (double)l->count[i]);
        for (int t = 0; t < 12; t++) {
            size_t j = rng_below(&pick, (uint32_t)l->count[i]);
            if (t == 0)
                j = 0;
            if (t == 1)
                j = l->count[i] - 1;
            const double want = difference(l, i, j), got = l->grad[i][j];
            if (!(fabs(want - got) <= 1e-6 * (scale + fabs(want)) + 1e-9))
                fail_msg("%s (%d,%d,%d,%d) k%d s%d d%d -> %d: input %d[%zu]: %.12g, differences "
                         "%.12g",
                         what, l->in.n, l->in.h, l->in.w, l->in.c, l->window.k, l->window.stride,
                         l->window.dilation, l->c_out, i, j, got, want);
        }
    }
    for (int i = 0; i < l->inputs; i++) {
        free(l->value[i]);
        free(l->grad[i]);
    }
    free(l->y);
    free(l->r);
    free(l->mean);
    free(l->inverse);
    free(l->work);
}

/* ---- convolutions ---- */

static void conv_forward(struct layer *l) {
    net_conv_forward(net, l->in, l->window, l->c_out, l->value[0], l->value[1], l->y);
}
static void conv_backward(struct layer *l) {
    net_conv_backward(net, l->in, l->window, l->c_out, l->value[0], l->value[1], l->r, l->grad[0],
                      l->grad[1]);
}
static void dw_forward(struct layer *l) {
    net_dw_forward(net, l->in, l->window, l->value[0], l->value[1], l->y);
}
static void dw_backward(struct layer *l) {
    net_dw_backward(net, l->in, l->window, l->value[0], l->value[1], l->r, l->grad[0], l->grad[1]);
}
static void pw_forward(struct layer *l) {
    net_pw_forward(net, l->in, l->c_out, l->value[0], l->value[1], l->y);
}
static void pw_backward(struct layer *l) {
    net_pw_backward(net, l->in, l->c_out, l->value[0], l->value[1], l->r, l->grad[0], l->grad[1]);
}

/* The shapes of the list: small ones with every channel count, large ones with few. */
static const struct net_shape shapes[] = {{2, 1, 1, 16},  {1, 7, 7, 24}, {3, 7, 7, 3},
                                          {1, 28, 28, 1}, {2, 5, 6, 40}, {1, 33, 31, 16},
                                          {9, 4, 3, 64},  {2, 8, 8, 3}};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void convolutions(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int stride = 1; stride <= 2; stride++)
            for (int c_out = 5; c_out <= 16; c_out += 11) {
                struct layer l = {.in = shapes[s], .window = {3, stride, 1}, .c_out = c_out};
                l.outputs = net_count(net_window_output(l.in, l.window, c_out));
                layer_input(&l, net_count(l.in));
                layer_input(&l, (size_t)(9 * l.in.c * c_out));
                l.forward = conv_forward, l.backward = conv_backward;
                layer_check(&l, "conv");
            }
}

static void depthwise(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int k = 1; k <= 7; k += 2)
            for (int stride = 1; stride <= 2; stride++)
                for (int dilation = 1; dilation <= 2; dilation++) {
                    struct layer l = {.in = shapes[s], .window = {k, stride, dilation}};
                    l.outputs = net_count(net_window_output(l.in, l.window, l.in.c));
                    layer_input(&l, net_count(l.in));
                    layer_input(&l, (size_t)(k * k * l.in.c));
                    l.forward = dw_forward, l.backward = dw_backward;
                    layer_check(&l, "depthwise");
                }
}

static void pointwise(void **state) {
    (void)state;
    static const int widths[] = {1, 16, 24, 40};
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t o = 0; o < 4; o++) {
            struct layer l = {.in = shapes[s], .c_out = widths[o]};
            l.outputs = net_count(l.in) / (size_t)l.in.c * (size_t)l.c_out;
            layer_input(&l, net_count(l.in));
            layer_input(&l, (size_t)(l.in.c * l.c_out));
            l.forward = pw_forward, l.backward = pw_backward;
            layer_check(&l, "pointwise");
        }
}

/* ---- batch norm, activations, pooling ---- */

static void bn_forward(struct layer *l) {
    net_bn_forward(net, l->in, l->act, l->value[0], l->value[1], l->value[2], 1e-3, l->mean,
                   l->inverse, l->y);
}
static void bn_backward(struct layer *l) {
    net_bn_backward(net, l->in, l->act, l->value[0], l->value[1], l->value[2], l->mean, l->inverse,
                    l->r, l->grad[0], l->grad[1], l->grad[2]);
}
static void act_forward(struct layer *l) {
    net_act_forward(net, l->in, l->act, l->value[0], l->y);
}
static void act_backward(struct layer *l) {
    net_act_backward(net, l->in, l->act, l->value[0], l->r, l->grad[0]);
}

/* Moves x off the kinks of the activations, where no difference is a derivative. */
static void off_kinks(struct layer *l, enum net_act act) {
    real *x = l->value[0];
    for (size_t i = 0; i < l->count[0]; i++) {
        x[i] *= 3;
        for (int kink = -3; kink <= 6; kink += 3)
            if (act != NET_IDENTITY && fabs(x[i] - kink) < 0.02)
                x[i] += 0.05;
    }
}

static void batch_norm(void **state) {
    (void)state;
    for (size_t s = 1; s < SHAPES; s++) { /* a single pixel a channel has no variance */
        struct layer l = {.in = shapes[s], .outputs = net_count(shapes[s]), .act = NET_IDENTITY};
        layer_input(&l, l.outputs);
        layer_input(&l, (size_t)l.in.c);
        layer_input(&l, (size_t)l.in.c);
        l.mean = calloc((size_t)l.in.c, sizeof(real));
        l.inverse = calloc((size_t)l.in.c, sizeof(real));
        l.forward = bn_forward, l.backward = bn_backward;
        layer_check(&l, "batch norm");
    }
}

/* With an activation the batch norm's kinks move with its input: take shapes with few pixels and
 * keep u = gamma xhat + beta off the kinks by drawing again until it is. */
static void batch_norm_act(void **state) {
    (void)state;
    for (int act = NET_RELU; act <= NET_HSWISH; act++)
        for (uint32_t seed = 0, done = 0; done < 4; seed++) {
            assert_true(seed < 1000);
            struct layer l = {.in = {2, 2, 3, 5}, .outputs = 60, .act = NET_IDENTITY};
            layer_input(&l, 60), layer_input(&l, 5), layer_input(&l, 5);
            struct rng rng = rng_make(seed, 4, 4);
            for (int i = 0; i < 60; i++)
                l.value[0][i] = rng_normal(&rng);
            for (int i = 0; i < 5; i++)
                l.value[1][i] = 3 * rng_normal(&rng), l.value[2][i] = 3 * rng_normal(&rng);
            l.mean = calloc(5, sizeof(real)), l.inverse = calloc(5, sizeof(real));
            l.forward = bn_forward, l.backward = bn_backward;
            l.y = calloc(60, sizeof(real));
            bn_forward(&l);
            bool clear = true;
            for (int i = 0; i < 60; i++)
                for (int kink = -3; kink <= 6; kink += 3)
                    clear &= fabs(l.y[i] - kink) > 0.03;
            free(l.y);
            l.act = (enum net_act)act;
            if (clear) {
                layer_check(&l, "batch norm with activation");
                done++;
                continue;
            }
            for (int i = 0; i < 3; i++)
                free(l.value[i]), free(l.grad[i]);
            free(l.mean), free(l.inverse);
        }
}

static void activations(void **state) {
    (void)state;
    for (int act = NET_IDENTITY; act <= NET_HSWISH; act++) {
        struct layer l = {.in = {2, 7, 7, 3}, .outputs = 294, .act = (enum net_act)act};
        layer_input(&l, 294);
        off_kinks(&l, l.act);
        l.forward = act_forward, l.backward = act_backward;
        layer_check(&l, "activation");
    }
}

static void gap_forward(struct layer *l) {
    net_gap_forward(net, l->in, l->value[0], l->y);
}
static void gap_backward(struct layer *l) {
    net_gap_backward(net, l->in, l->r, l->grad[0]);
}

static void pooling(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct layer l = {.in = shapes[s], .outputs = (size_t)(shapes[s].n * shapes[s].c)};
        layer_input(&l, net_count(l.in));
        l.forward = gap_forward, l.backward = gap_backward;
        layer_check(&l, "global average pool");
    }
}

static void pool3_forward(struct layer *l) {
    net_pool_forward(net, l->in, l->window.stride, l->act, l->value[0], l->y);
}
static void pool3_backward(struct layer *l) {
    net_pool_backward(net, l->in, l->window.stride, l->act, l->value[0], l->r, l->grad[0]);
}

static void pooling_3x3(void **state) {
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int stride = 1; stride <= 2; stride++)
            for (int largest = 0; largest <= 1; largest++) {
                struct layer l = {.in = shapes[s], .window = {3, stride, 1}};
                l.act = largest ? NET_RELU : NET_IDENTITY; /* stands for `largest` */
                l.outputs = net_count(net_window_output(l.in, l.window, l.in.c));
                layer_input(&l, net_count(l.in));
                l.forward = pool3_forward, l.backward = pool3_backward;
                layer_check(&l, largest ? "max pool" : "average pool");
            }
}

/* Of equal values the first takes the whole gradient. */
static void pooling_of_equals(void **state) {
    (void)state;
    real x[9] = {0}, dy[9], dx[9], sum = 0;
    for (int i = 0; i < 9; i++)
        dy[i] = i + 1;
    net_pool_backward(net, (struct net_shape){1, 3, 3, 1}, 1, true, x, dy, dx);
    for (int i = 0; i < 9; i++)
        sum += dx[i];
    assert_true(sum == 45 && dx[0] == 1 + 2 + 4 + 5 && dx[8] == 0 && dx[4] == 9);
    real y[9]; /* the mean of ones is one at the border too */
    for (int i = 0; i < 9; i++)
        x[i] = 1;
    net_pool_forward(net, (struct net_shape){1, 3, 3, 1}, 1, false, x, y);
    for (int i = 0; i < 9; i++)
        assert_true(fabs(y[i] - 1) < 1e-12);
}

static void place_forward(struct layer *l) {
    const struct net_shape part = {l->in.n, l->in.h, l->in.w, 2};
    net_place(net, part, l->value[0], 5, 0, l->y);
    net_place(net, (struct net_shape){part.n, part.h, part.w, 3}, l->value[1], 5, 2, l->y);
    net_scale_images(net, (struct net_shape){part.n, part.h, part.w, 5}, l->y, l->work, l->y);
}
static void place_backward(struct layer *l) {
    struct net_shape whole = {l->in.n, l->in.h, l->in.w, 5}, part = whole;
    real *dy = calloc(net_count(whole), sizeof(real));
    net_scale_images(net, whole, l->r, l->work, dy);
    part.c = 2;
    net_place_backward(net, part, dy, 5, 0, l->grad[0]);
    part.c = 3;
    net_place_backward(net, part, dy, 5, 2, l->grad[1]);
    free(dy);
}

static void placement_and_drop_path(void **state) {
    (void)state;
    struct layer l = {.in = {3, 4, 5, 5}, .outputs = 300};
    layer_input(&l, 120), layer_input(&l, 180);
    l.work = calloc(3, sizeof(real));
    l.work[0] = 1.25, l.work[2] = -2;
    l.forward = place_forward, l.backward = place_backward;
    layer_check(&l, "placement");
}

static struct net_se se_of(struct layer *l) {
    const int n = l->in.n, c = l->in.c;
    return (struct net_se){l->value[1],
                           l->value[2],
                           l->value[3],
                           l->value[4],
                           l->work,
                           l->work + n * c,
                           l->work + n * (c + l->c_out)};
}
static void se_forward(struct layer *l) {
    const struct net_se se = se_of(l);
    net_se_forward(net, l->in, l->c_out, &se, l->value[0], l->y);
}
static void se_backward(struct layer *l) {
    const struct net_se se = se_of(l);
    const struct net_se_gradient gradient = {l->grad[1], l->grad[2], l->grad[3], l->grad[4]};
    const int n = l->in.n, c = l->in.c;
    net_se_backward(net, l->in, l->c_out, &se, l->value[0], l->r, l->work + n * (2 * c + l->c_out),
                    l->grad[0], &gradient);
}

static void squeeze_and_excitation(void **state) {
    (void)state;
    struct layer l = {.in = {3, 4, 5, 18}, .c_out = 5, .outputs = 1080};
    layer_input(&l, 1080), layer_input(&l, 90), layer_input(&l, 5);
    layer_input(&l, 90), layer_input(&l, 18);
    l.work = calloc(3 * 2 * (2 * 18 + 5), sizeof(real));
    l.forward = se_forward, l.backward = se_backward;
    layer_check(&l, "squeeze and excitation");
}

/* ---- classifier ---- */

static void classifier_forward(struct layer *l) {
    const int n = l->in.n, classes = l->c_out;
    net_linear_forward(net, n, l->in.c, classes, l->value[0], l->value[1], l->value[2], l->work);
    l->y[0] = net_loss(n, classes, l->work, l->labels, 0.1, NULL, NULL);
}
static void classifier_backward(struct layer *l) {
    const int n = l->in.n, classes = l->c_out;
    real *dlogits = calloc((size_t)(n * classes), sizeof(real));
    net_loss(n, classes, l->work, l->labels, 0.1, dlogits, NULL);
    for (int i = 0; i < n * classes; i++)
        dlogits[i] *= l->r[0];
    net_linear_backward(net, n, l->in.c, classes, l->value[0], l->value[1], dlogits, l->grad[0],
                        l->grad[1], l->grad[2]);
    free(dlogits);
}

static void classifier(void **state) {
    (void)state;
    static const int labels[] = {3, 0, 9, 9, 1};
    struct layer l = {.in = {5, 1, 1, 24}, .c_out = 10, .outputs = 1, .labels = labels};
    layer_input(&l, 120), layer_input(&l, 240), layer_input(&l, 10);
    l.work = calloc(50, sizeof(real));
    l.forward = classifier_forward, l.backward = classifier_backward;
    layer_check(&l, "classifier");
}

/* ---- MBConv ---- */

/* Inputs: x, expand, depth, project, then gamma and beta of the last batch norm. */
static struct net_mbconv_weights block_weights(struct layer *l, real **v) {
    struct net_mbconv_weights w = {.expand = l->block.expand ? v[1] : NULL,
                                   .depth = v[2],
                                   .project = v[3],
                                   .gamma = {v[4], v[5], v[6]},
                                   .beta = {v[7], NULL, v[8]}};
    return w;
}
static void block_forward(struct layer *l) {
    const struct net_mbconv_weights w = block_weights(l, l->value);
    net_mbconv_forward(net, &l->block, l->value[0], &w, l->work, l->y);
}
static void block_backward(struct layer *l) {
    const struct net_mbconv_weights w = block_weights(l, l->value), dw = block_weights(l, l->grad);
    net_mbconv_backward(net, &l->block, l->value[0], &w, l->r, l->work, l->grad[0], &dw);
}

static void mbconv(void **state) {
    (void)state;
    static const struct net_mbconv blocks[] = {
        {.in = {2, 5, 6, 4},
         .expanded = 12,
         .out = 4,
         .window = {5, 1, 1},
         .expand = true,
         .residual = true},
        {.in = {2, 5, 6, 4}, .expanded = 12, .out = 7, .window = {3, 2, 1}, .expand = true},
        {.in = {1, 7, 7, 16}, .expanded = 16, .out = 5, .window = {3, 1, 1}},
        {.in = {2, 5, 5, 18},
         .expanded = 40,
         .out = 18,
         .window = {5, 1, 1},
         .expand = true,
         .residual = true},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        struct layer l = {.in = blocks[i].in, .block = blocks[i], .c_out = blocks[i].out};
        struct net_arena arena = {0};
        size_t work;
        l.window = l.block.window;
        l.block.act = (enum net_act)(i % 4);
        l.block.eps = 1e-3;
        net_mbconv_plan(&l.block, &arena, &work);
        assert_int_equal(net_arena_reserve(&arena), 0);
        net_mbconv_plan(&l.block, &arena, &work);
        l.work = calloc(work, sizeof(real));
        const size_t e = (size_t)l.block.expanded, k = (size_t)l.window.k, o = (size_t)l.c_out;
        const size_t sizes[9] = {
            net_count(l.in), (size_t)l.in.c * e, k * k * e, e * o, e, e, o, e, o};
        for (int v = 0; v < 9; v++) {
            bool unused = !l.block.expand && (v == 1 || v == 4 || v == 7);
            layer_input(&l, unused ? 1 : sizes[v]);
        }
        l.outputs = net_count(l.block.result);
        l.forward = block_forward, l.backward = block_backward;
        layer_check(&l, "mbconv");
        net_arena_free(&arena);
    }
}

/* ---- branches and their sum ---- */

enum { PER_BRANCH = 9 }; /* inputs: depthwise, 1x1, gamma, beta of two units, then the weight */

static struct net_branch_weights branch_weights(struct layer *l, real **v, int b) {
    struct net_branch_weights w = {{NULL}, {NULL}, {NULL}, {NULL}};
    v += 1 + b * PER_BRANCH;
    for (int i = 0; i < l->branch[b].units; i++)
        w.depth[i] = v[4 * i], w.point[i] = v[4 * i + 1], w.gamma[i] = v[4 * i + 2],
        w.beta[i] = v[4 * i + 3];
    return w;
}
static real *branch_weight(struct layer *l, real **v, int b) {
    (void)l;
    return v[1 + b * PER_BRANCH + 8];
}

static void branch_forward(struct layer *l) {
    const struct net_branch *branch[2] = {&l->branch[0], &l->branch[1]};
    const real *x[2] = {l->value[0], l->value[0]};
    real weight[2];
    for (int b = 0; b < l->branches; b++) {
        const struct net_branch_weights w = branch_weights(l, l->value, b);
        net_branch_forward(net, &l->branch[b], l->value[0], &w, 1e-5);
        weight[b] = *branch_weight(l, l->value, b);
    }
    net_mix_forward(net, l->branch[0].out, l->branches, branch, x, weight, l->y);
}

static void branch_backward(struct layer *l) {
    for (int b = 0; b < l->branches; b++) {
        const struct net_branch_weights w = branch_weights(l, l->value, b),
                                        dw = branch_weights(l, l->grad, b);
        *branch_weight(l, l->grad, b) +=
            net_branch_backward(net, &l->branch[b], l->value[0], &w, *branch_weight(l, l->value, b),
                                l->r, l->work, l->grad[0], &dw);
    }
}

static void branches(void **state) {
    (void)state;
    static const struct net_shape in[] = {{3, 5, 4, 6}, {2, 7, 7, 3}, {1, 8, 8, 18}};
    for (int s = 0; s < 3; s++)
        for (int op = NET_NONE; op <= NET_RELU_CONV_1; op++)
            for (int stride = 1; stride <= 2; stride++) {
                struct layer l = {.in = in[s], .window = {op, stride, 1}, .branches = 2};
                struct net_arena arena = {0};
                const int second = op == NET_SEP_CONV_3 ? NET_MAX_POOL_3 : NET_SEP_CONV_3;
                if (op == NET_RELU_CONV_1 && stride == 2)
                    continue;
                net_branch_open(&l.branch[0], (enum net_op)op, l.in, stride, l.in.c);
                net_branch_open(&l.branch[1], (enum net_op)second, l.in, stride, l.in.c);
                for (int twice = 0; twice < 2; twice++) {
                    net_branch_plan(&l.branch[0], &arena);
                    net_branch_plan(&l.branch[1], &arena);
                    if (!twice)
                        assert_int_equal(net_arena_reserve(&arena), 0);
                }
                layer_input(&l, net_count(l.in));
                for (int b = 0; b < 2; b++) {
                    for (int i = 0; i < 2; i++) {
                        bool used = i < l.branch[b].units;
                        size_t depth = used ? net_unit_depth(&l.branch[b], i) : 0;
                        size_t point = used ? net_unit_point(&l.branch[b], i) : 0;
                        layer_input(&l, depth ? depth : 1);
                        layer_input(&l, point ? point : 1);
                        layer_input(&l, (size_t)l.in.c);
                        layer_input(&l, (size_t)l.in.c);
                    }
                    layer_input(&l, 1);
                }
                size_t work = net_branch_work(&l.branch[0]), more = net_branch_work(&l.branch[1]);
                l.work = calloc((work > more ? work : more) + 1, sizeof(real));
                l.outputs = net_count(l.branch[0].out);
                l.forward = branch_forward, l.backward = branch_backward;
                layer_check(&l, net_op_name((enum net_op)op));
                net_arena_free(&arena);
            }
}

/* A branch whose channels change, without gamma and beta. */
static void factorized(void **state) {
    (void)state;
    struct layer l = {.in = {2, 6, 6, 5}, .branches = 1};
    struct net_arena arena = {0};
    net_branch_open(&l.branch[0], NET_SKIP, l.in, 2, 7);
    net_branch_plan(&l.branch[0], &arena);
    assert_int_equal(net_arena_reserve(&arena), 0);
    net_branch_plan(&l.branch[0], &arena);
    layer_input(&l, net_count(l.in));
    layer_input(&l, 1), layer_input(&l, 35), layer_input(&l, 7), layer_input(&l, 7);
    for (int i = 0; i < 4; i++)
        layer_input(&l, 1);
    layer_input(&l, 1);
    l.work = calloc(net_branch_work(&l.branch[0]) + 1, sizeof(real));
    l.outputs = net_count(l.branch[0].out);
    l.forward = branch_forward, l.backward = branch_backward;
    layer_check(&l, "factorized reduction");
    net_arena_free(&arena);
}

static int open_net(void **state) {
    (void)state;
    return net_open(&net, 2);
}
static int close_net(void **state) {
    (void)state;
    net_close(net);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(depthwise),
        cmocka_unit_test(pointwise),
        cmocka_unit_test(batch_norm),
        cmocka_unit_test(batch_norm_act),
        cmocka_unit_test(activations),
        cmocka_unit_test(pooling),
        cmocka_unit_test(classifier),
        cmocka_unit_test(pooling_3x3),
        cmocka_unit_test(pooling_of_equals),
        cmocka_unit_test(placement_and_drop_path),
        cmocka_unit_test(squeeze_and_excitation),
        cmocka_unit_test(mbconv),
        cmocka_unit_test(branches),
        cmocka_unit_test(factorized),
    };
    return cmocka_run_group_tests(tests, open_net, close_net);
}
