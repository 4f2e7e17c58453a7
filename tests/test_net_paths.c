/* test_net_paths.c - the kernels for AVX2 and AVX-512 against the plain ones (<= 1e-5 of the
 * tensor's root mean square), and every result bit-identical for any number of threads. */
#include "check.h"
#include "net/branch.h"
#include "net/net.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OUTPUTS 16

/* The results of one run of a case: arrays in the order they were asked for. */
struct results {
    int n;
    size_t count[MAX_OUTPUTS];
    real *array[MAX_OUTPUTS];
};

static real *result(struct results *r, size_t count) {
    assert_true(r->n < MAX_OUTPUTS);
    r->count[r->n] = count;
    return r->array[r->n++] = calloc(count + 1, sizeof(real));
}

static void results_free(struct results *r) {
    for (int i = 0; i < r->n; i++)
        free(r->array[i]);
}

/* What the cases run on. */
struct scene {
    struct net_shape in;
    struct net_window window;
    enum net_act act;
    int c_out;
};

static real *input(size_t count, uint32_t seed) {
    real *v = calloc(count + 1, sizeof *v);
    struct rng rng = rng_make(seed, 78, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        v[i] = (real)(rng_normal(&rng) + 0.3);
    return v;
}

typedef void run(struct net *net, const struct scene *s, struct results *r);

static void run_conv(struct net *net, const struct scene *s, struct results *r) {
    const size_t out = net_count(net_window_output(s->in, s->window, s->c_out));
    const size_t weights = (size_t)(s->window.k * s->window.k * s->in.c * s->c_out);
    real *x = input(net_count(s->in), 1), *w = input(weights, 2), *dy = input(out, 3);
    net_conv_forward(net, s->in, s->window, s->c_out, x, w, result(r, out));
    real *dx = result(r, net_count(s->in));
    net_conv_backward(net, s->in, s->window, s->c_out, x, w, dy, dx, result(r, weights));
    free(x), free(w), free(dy);
}

static void run_dw(struct net *net, const struct scene *s, struct results *r) {
    const size_t out = net_count(net_window_output(s->in, s->window, s->in.c));
    const size_t weights = (size_t)(s->window.k * s->window.k * s->in.c);
    real *x = input(net_count(s->in), 1), *w = input(weights, 2), *dy = input(out, 3);
    net_dw_forward(net, s->in, s->window, x, w, result(r, out));
    real *dx = result(r, net_count(s->in));
    net_dw_backward(net, s->in, s->window, x, w, dy, dx, result(r, weights));
    free(x), free(w), free(dy);
}

static void run_pw(struct net *net, const struct scene *s, struct results *r) {
    const size_t in = net_count(s->in), out = in / (size_t)s->in.c * (size_t)s->c_out;
    const size_t weights = (size_t)(s->in.c * s->c_out);
    real *x = input(in, 1), *w = input(weights, 2), *dy = input(out, 3);
    net_pw_forward(net, s->in, s->c_out, x, w, result(r, out));
    real *dx = result(r, in);
    net_pw_backward(net, s->in, s->c_out, x, w, dy, dx, result(r, weights));
    free(x), free(w), free(dy);
}

static void run_bn(struct net *net, const struct scene *s, struct results *r) {
    const size_t count = net_count(s->in), c = (size_t)s->in.c;
    real *x = input(count, 1), *dy = input(count, 2), *gamma = input(c, 3), *beta = input(c, 4);
    real *mean = result(r, c), *inverse = result(r, c);
    net_bn_forward(net, s->in, s->act, x, gamma, beta, (real)1e-3, mean, inverse, result(r, count));
    net_bn_again(net, s->in, s->act, x, gamma, beta, mean, inverse, result(r, count));
    assert_memory_equal(r->array[2], r->array[3], count * sizeof(real));
    real *dx = result(r, count), *dgamma = result(r, c);
    net_bn_backward(net, s->in, s->act, x, gamma, beta, mean, inverse, dy, dx, dgamma,
                    result(r, c));
    net_bn_evaluate(net, s->in, s->act, x, gamma, beta, (real)1e-3, beta, inverse,
                    result(r, count));
    free(x), free(dy), free(gamma), free(beta);
}

static void run_each(struct net *net, const struct scene *s, struct results *r) {
    const size_t count = net_count(s->in), pooled = (size_t)(s->in.n * s->in.c);
    real *x = input(count, 1), *dy = input(count, 2);
    net_act_forward(net, s->in, s->act, x, result(r, count));
    net_act_backward(net, s->in, s->act, x, dy, result(r, count));
    net_add(net, s->in, x, dy, result(r, count));
    net_multiply(net, s->in, x, dy, result(r, count));
    net_gap_forward(net, s->in, x, result(r, pooled));
    net_gap_backward(net, s->in, x, result(r, count));
    free(x), free(dy);
}

static void run_mbconv(struct net *net, const struct scene *s, struct results *r) {
    struct net_mbconv b = {.in = s->in,
                           .expanded = 3 * s->in.c,
                           .out = s->c_out,
                           .window = s->window,
                           .act = s->act,
                           .expand = true,
                           .residual = s->window.stride == 1 && s->c_out == s->in.c,
                           .eps = (real)1e-3};
    struct net_arena arena = {0};
    size_t work;
    net_mbconv_plan(&b, &arena, &work);
    assert_int_equal(net_arena_reserve(&arena), 0);
    net_mbconv_plan(&b, &arena, &work);
    const size_t e = (size_t)b.expanded, in = (size_t)s->in.c, o = (size_t)b.out;
    const size_t k = (size_t)(s->window.k * s->window.k);
    real *x = input(net_count(s->in), 1), *dy = input(net_count(b.result), 2);
    real *we = input(in * e, 3), *wd = input(k * e, 4), *wp = input(e * o, 5);
    real *gamma = input(e, 6), *room = calloc(work, sizeof(real));
    const struct net_mbconv_weights w = {we, wd, wp, {gamma, gamma, NULL}, {gamma, NULL, NULL}};
    net_mbconv_forward(net, &b, x, &w, room, result(r, net_count(b.result)));
    real *dx = result(r, net_count(s->in));
    /* The middle beta's gradient is zero but for rounding where the activation is the identity:
     * the last batch norm takes every constant away. */
    const struct net_mbconv_weights dw = {result(r, in * e),
                                          result(r, k * e),
                                          result(r, e * o),
                                          {result(r, e), result(r, e), result(r, o)},
                                          {result(r, e), NULL, result(r, o)}};
    net_mbconv_backward(net, &b, x, &w, dy, room, dx, &dw);
    free(x), free(dy), free(we), free(wd), free(wp), free(gamma), free(room);
    net_arena_free(&arena);
}

static void run_pool(struct net *net, const struct scene *s, struct results *r) {
    const size_t out = net_count(net_window_output(s->in, s->window, s->in.c));
    real *x = input(net_count(s->in), 1), *dy = input(out, 3);
    for (int largest = 0; largest <= 1; largest++) {
        net_pool_forward(net, s->in, s->window.stride, largest, x, result(r, out));
        net_pool_backward(net, s->in, s->window.stride, largest, x, dy,
                          result(r, net_count(s->in)));
    }
    free(x), free(dy);
}

/* A separable branch at `stride` beside a skip, summed, forward and backward. */
static void run_branch(struct net *net, const struct scene *s, struct results *r) {
    struct net_branch a, b;
    struct net_arena arena = {0};
    net_branch_open(&a, NET_SEP_CONV_5, s->in, s->window.stride, s->in.c);
    net_branch_open(&b, NET_SKIP, s->in, s->window.stride, s->in.c);
    for (int twice = 0; twice < 2; twice++) {
        net_branch_plan(&a, &arena), net_branch_plan(&b, &arena);
        if (!twice)
            assert_int_equal(net_arena_reserve(&arena), 0);
    }
    const size_t depth = net_unit_depth(&a, 0), point = net_unit_point(&a, 0);
    real *x = input(net_count(s->in), 1), *dy = input(net_count(a.out), 2);
    real *wd = input(depth, 3), *wp = input(point, 4);
    real *work = calloc(net_branch_work(&a) + net_branch_work(&b), sizeof(real));
    const struct net_branch_weights wa = {{wd, wd}, {wp, wp}, {NULL}, {NULL}},
                                    wb = {{NULL}, {wp}, {NULL}, {NULL}};
    net_branch_forward(net, &a, x, &wa, (real)1e-5);
    net_branch_forward(net, &b, x, &wb, (real)1e-5);
    net_mix_forward(net, a.out, 2, (const struct net_branch *[]){&a, &b}, (const real *[]){x, x},
                    (real[]){(real)0.7, (real)-0.3}, result(r, net_count(a.out)));
    const struct net_branch_weights da = {
        {result(r, depth), result(r, depth)}, {result(r, point), result(r, point)}, {NULL}, {NULL}};
    real *dx = result(r, net_count(s->in)), *by_weight = result(r, 2);
    by_weight[0] = (real)net_branch_backward(net, &a, x, &wa, (real)0.7, dy, work, dx, &da);
    by_weight[1] = (real)net_branch_backward(net, &b, x, &wb, (real)-0.3, dy, work, dx, NULL);
    free(x), free(dy), free(wd), free(wp), free(work);
    net_arena_free(&arena);
}

static void compare(const struct results *a, const struct results *b, double tolerance,
                    const struct scene *s, const char *what) {
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        double square = 0;
        for (size_t j = 0; j < a->count[i]; j++)
            square += (double)a->array[i][j] * a->array[i][j];
        const double size = sqrt(square / (double)a->count[i]);
        for (size_t j = 0; j < a->count[i]; j++) {
            const double x = a->array[i][j], y = b->array[i][j];
            if (!(fabs(x - y) <= tolerance * (size + fabs(x))))
                fail_msg("%s (%d,%d,%d,%d) k%d s%d d%d act %d -> %d: result %d[%zu]: %.9g, %.9g",
                         what, s->in.n, s->in.h, s->in.w, s->in.c, s->window.k, s->window.stride,
                         s->window.dilation, (int)s->act, s->c_out, i, j, x, y);
        }
    }
}

/* One scene on every path against the plain one, and on every path with 1, 2, 3 and 8 threads. */
static void check_scene(run *f, const struct scene *s, double tolerance, const char *what) {
    static const char *const paths[] = {"plain", "avx2", "avx512"};
    struct results plain = {0};
    for (int p = 0; p < 3; p++) {
        struct net *net;
        assert_int_equal(net_open(&net, 1), 0);
        if (net_use(net, paths[p])) {
            net_close(net);
            continue;
        }
        struct results one = {0};
        f(net, s, &one);
        net_close(net);
        for (int threads = 2; threads <= 8; threads += threads == 3 ? 5 : 1) {
            struct results many = {0};
            assert_int_equal(net_open(&net, threads), 0);
            assert_int_equal(net_use(net, paths[p]), 0);
            f(net, s, &many);
            for (int i = 0; i < one.n; i++)
                if (memcmp(one.array[i], many.array[i], one.count[i] * sizeof(real)))
                    fail_msg("%s on %s: result %d depends on the threads", what, paths[p], i);
            results_free(&many);
            net_close(net);
        }
        if (p == 0) {
            plain = one;
            continue;
        }
        char title[64];
        snprintf(title, sizeof title, "%s on %s", what, paths[p]);
        compare(&plain, &one, tolerance, s, title);
        results_free(&one);
    }
    results_free(&plain);
}

static const struct net_shape shapes[] = {{2, 1, 1, 16},  {1, 7, 7, 24},   {3, 7, 7, 3},
                                          {1, 28, 28, 1}, {13, 5, 6, 40},  {1, 33, 31, 16},
                                          {9, 4, 3, 64},  {2, 16, 16, 48}, {16, 9, 9, 33}};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void convolutions(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int stride = 1; stride <= 2; stride++)
            for (int c_out = 16; c_out <= 40; c_out += 24)
                check_scene(run_conv, &(struct scene){shapes[i], {3, stride, 1}, .c_out = c_out},
                            1e-5, "conv");
}

static void depthwise(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int k = 3; k <= 7; k += 2)
            for (int stride = 1; stride <= 2; stride++)
                for (int dilation = 1; dilation <= 2; dilation++)
                    check_scene(run_dw,
                                &(struct scene){shapes[i], {k, stride, dilation}, .c_out = 0}, 1e-5,
                                "depthwise");
}

static void pointwise(void **state) {
    (void)state;
    static const int widths[] = {1, 16, 24, 40, 96};
    for (size_t i = 0; i < SHAPES; i++)
        for (int o = 0; o < 5; o++)
            check_scene(run_pw, &(struct scene){shapes[i], .c_out = widths[o]}, 1e-5, "pointwise");
}

static void batch_norm(void **state) {
    (void)state;
    for (size_t i = 1; i < SHAPES; i++) /* without a variance, noise is all there is */
        for (int act = NET_IDENTITY; act <= NET_HSWISH; act++)
            check_scene(run_bn, &(struct scene){shapes[i], .act = (enum net_act)act}, 1e-5,
                        "batch norm");
}

static void elements(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int act = NET_IDENTITY; act <= NET_HSWISH; act++)
            check_scene(run_each, &(struct scene){shapes[i], .act = (enum net_act)act}, 1e-5,
                        "elements");
}

/* Deep in a block an activation's input may fall on either side of its kink, so a path may differ
 * there by more than rounding: the identity shows rounding, the others are checked for threads. */
static void mbconv(void **state) {
    (void)state;
    static const struct scene scenes[] = {{{3, 7, 7, 24}, {5, 1, 1}, NET_IDENTITY, 24},
                                          {{10, 8, 9, 16}, {3, 2, 1}, NET_IDENTITY, 40},
                                          {{8, 14, 14, 16}, {3, 1, 1}, NET_HSWISH, 16}};
    for (size_t i = 0; i < 3; i++)
        check_scene(run_mbconv, &scenes[i], i == 2 ? 1e-3 : 2e-5, "mbconv");
}

static void pools(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int stride = 1; stride <= 2; stride++)
            check_scene(run_pool, &(struct scene){shapes[i], {3, stride, 1}, .c_out = 0}, 1e-5,
                        "pool");
}

/* Two ReLUs deep: where an input is within rounding of 0 the paths part by more than rounding. */
static void branches(void **state) {
    (void)state;
    static const struct net_shape in[] = {{9, 8, 8, 16}, {3, 7, 9, 24}};
    for (int i = 0; i < 2; i++)
        for (int stride = 1; stride <= 2; stride++)
            check_scene(run_branch, &(struct scene){in[i], {3, stride, 1}, .c_out = 0}, 1e-4,
                        "branch");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions), cmocka_unit_test(depthwise), cmocka_unit_test(pointwise),
        cmocka_unit_test(batch_norm),   cmocka_unit_test(elements),  cmocka_unit_test(mbconv),
        cmocka_unit_test(pools),        cmocka_unit_test(branches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
