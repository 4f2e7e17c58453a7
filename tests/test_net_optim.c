/* test_net_optim.c - optimisers against their formulas written out for one number, schedules and
 * the loss against closed forms, and checkpoints through every kind of damage. */
#include "check.h"
#undef fail /* cmocka has one of its own */
#include "fail.h"
#include "net/net.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct net *net;

/* Ten steps of an optimiser on w = 1 with gradient 0.3 w + 0.1 step. */
static double trained(const struct net_optim *optim, double slot0, bool decay) {
    real w = 1, g = 0, s[2] = {(real)slot0, 0};
    struct net_weight weight = {
        .value = &w, .grad = &g, .slot = {&s[0], &s[1]}, .count = 1, .decay = decay};
    for (int t = 1; t <= 10; t++) {
        g = (real)(0.3 * w + 0.1 * t);
        net_optim_step(net, optim, 0.05, t, &weight, 1);
    }
    return w;
}

static void sgd(void **state) {
    (void)state;
    for (int nesterov = 0; nesterov <= 1; nesterov++) {
        double w = 1, v = 0;
        for (int t = 1; t <= 10; t++) {
            double g = 0.3 * w + 0.1 * t + 0.01 * w;
            v = 0.9 * v + g;
            w -= 0.05 * (nesterov ? g + 0.9 * v : v);
        }
        const struct net_optim optim = {NET_SGD, .momentum = 0.9, .weight_decay = 0.01,
                                        .nesterov = nesterov};
        assert_true(fabs(trained(&optim, 0, true) - w) < 1e-5);
    }
    double w = 1;
    for (int t = 1; t <= 10; t++)
        w -= 0.05 * (0.3 * w + 0.1 * t);
    assert_true(fabs(trained(&(struct net_optim){.kind = NET_SGD}, 0, true) - w) < 1e-5);
}

static void rmsprop(void **state) {
    (void)state;
    double w = 1, s = 1, v = 0;
    for (int t = 1; t <= 10; t++) {
        double g = 0.3 * w + 0.1 * t;
        s += (g * g - s) * (1 - 0.8);
        v = 0.9 * v + 0.05 * g / sqrt(s + 1e-3);
        w -= v;
    }
    const struct net_optim optim = {NET_RMSPROP, .momentum = 0.9, .rho = 0.8, .eps = 1e-3,
                                    .weight_decay = 0.5};
    assert_true(fabs(trained(&optim, 1, false) - w) < 1e-5);
}

static void adam(void **state) {
    (void)state;
    double w = 1, m = 0, v = 0;
    for (int t = 1; t <= 10; t++) {
        double g = 0.3 * w + 0.1 * t;
        m = 0.9 * m + 0.1 * g;
        v = 0.99 * v + 0.01 * g * g;
        w -= 0.05 * (m / (1 - pow(0.9, t))) / (sqrt(v / (1 - pow(0.99, t))) + 1e-8);
    }
    const struct net_optim optim = {NET_ADAM, .momentum = 0.9, .rho = 0.99, .eps = 1e-8};
    assert_true(fabs(trained(&optim, 0, true) - w) < 1e-5);
}

static void frozen_weights_stay(void **state) {
    (void)state;
    static const enum net_optim_kind kinds[] = {NET_SGD, NET_RMSPROP, NET_ADAM};
    for (int i = 0; i < 3; i++) {
        real w[2] = {1, 2}, g[2] = {3, 4}, s[4] = {5, 6, 7, 8}, average[2] = {9, 10};
        struct net_weight weight = {.value = w,
                                    .grad = g,
                                    .slot = {s, s + 2},
                                    .average = average,
                                    .count = 2,
                                    .decay = true,
                                    .frozen = true};
        const struct net_optim optim = {kinds[i], 0.9, 0.9, 1e-3, 0.1, false};
        net_optim_step(net, &optim, 0.1, 1, &weight, 1);
        net_average(net, &weight, 1, 0.5);
        assert_true(net_grad_clip(net, &weight, 1, 1) == 0);
        assert_true(w[0] == 1 && w[1] == 2 && g[0] == 3 && average[1] == 10);
        for (int j = 0; j < 4; j++)
            assert_true(s[j] == (real)(5 + j));
    }
}

static void clipping_and_average(void **state) {
    (void)state;
    real w[3] = {1, 2, 3}, g[3] = {3, 0, 4}, average[3] = {0, 0, 0};
    struct net_weight weight[2] = {{.value = w, .grad = g, .count = 2, .average = average},
                                   {.value = w + 2, .grad = g + 2, .count = 1}};
    assert_true(fabs(net_grad_clip(net, weight, 2, 10) - 5) < 1e-6 && g[2] == 4);
    assert_true(fabs(net_grad_clip(net, weight, 2, 0.5) - 5) < 1e-6);
    assert_true(fabs(g[0] - 0.3) < 1e-6 && fabs(g[2] - 0.4) < 1e-6);
    net_average(net, weight, 2, 0.75);
    assert_true(fabs(average[1] - 0.5) < 1e-6);
    net_grad_zero(net, weight, 2);
    assert_true(g[0] == 0 && g[2] == 0);
}

static void schedules(void **state) {
    (void)state;
    assert_true(net_rate_cosine(2, 1, 0, 10) == 2 && net_rate_cosine(2, 1, 20, 10) == 1);
    assert_true(fabs(net_rate_cosine(2, 1, 5, 10) - 1.5) < 1e-12);
    assert_true(fabs(net_rate_exponential(1, 0.5, 5, 2, true) - 0.25) < 1e-12);
    assert_true(fabs(net_rate_exponential(1, 0.5, 5, 2, false) - pow(0.5, 2.5)) < 1e-12);
    const double at[2] = {10, 20};
    assert_true(net_rate_steps(1, 0.5, 9, at, 2) == 1 && net_rate_steps(1, 0.5, 10, at, 2) == 0.5 &&
                net_rate_steps(1, 0.5, 25, at, 2) == 0.25);
}

static void initial_weights(void **state) {
    (void)state;
    enum { N = 100000 };
    static real w[N];
    struct rng rng = rng_make(5, 1, 0);
    double sum = 0, square = 0;
    net_init_normal(&rng, N, 50, w);
    for (int i = 0; i < N; i++)
        sum += w[i], square += (double)w[i] * w[i];
    assert_true(fabs(sum / N) < 0.003 && fabs(square / N - 0.04) < 0.001);
}

/* Uniform logits: loss ln 4 whatever the smoothing. A sure answer: near smoothing's floor. */
static void loss(void **state) {
    (void)state;
    const int labels[2] = {1, 3};
    real logits[8] = {0}, gradient[8];
    int correct;
    assert_true(fabs(net_loss(2, 4, logits, labels, 0.1, gradient, &correct) - log(4)) < 1e-6);
    assert_int_equal(correct, 0);
    assert_true(fabs(gradient[0] - (0.25 - 0.025) / 2) < 1e-7);
    assert_true(fabs(gradient[1] - (0.25 - 0.925) / 2) < 1e-7);
    logits[1] = 1000;
    assert_true(fabs(net_loss(1, 4, logits, labels, 0, NULL, &correct)) < 1e-6);
    assert_int_equal(correct, 1);
    logits[2] = NAN;
    assert_true(isnan(net_loss(2, 4, logits, labels, 0.1, NULL, NULL)));
    logits[2] = INFINITY;
    assert_false(isfinite(net_loss(2, 4, logits, labels, 0.1, NULL, NULL)));
}

static void dropout(void **state) {
    (void)state;
    enum { N = 20000 };
    static real mask[N];
    struct rng rng = rng_make(9, 1, 0);
    int kept = 0;
    net_dropout_mask(&rng, N, 0.8, mask);
    for (int i = 0; i < N; i++) {
        assert_true(mask[i] == 0 || fabs(mask[i] - 1.25) < 1e-6);
        kept += mask[i] != 0;
    }
    assert_true(fabs(kept / (double)N - 0.8) < 0.01);
}

/* Without anything random the image is kept; a crop is the image moved, and every move and both
 * directions occur; the same batch again gives the same. */
static void augmentation(void **state) {
    (void)state;
    enum { N = 400, SIDE = 6, IMAGE = SIDE * SIDE * 2 };
    const struct net_shape shape = {N, SIDE, SIDE, 2};
    static real x[N * IMAGE], y[N * IMAGE], again[N * IMAGE];
    for (int i = 0; i < N * IMAGE; i++)
        x[i] = (real)(1 + i % IMAGE);
    net_augment(shape, &(struct net_augment){0}, 1, 0, x, y);
    assert_memory_equal(x, y, sizeof x);
    const struct net_augment how = {.pad = 1, .flip = true};
    net_augment(shape, &how, 1, 5, x, y);
    net_augment(shape, &how, 1, 5, x, again);
    assert_memory_equal(y, again, sizeof y);
    int seen[18] = {0};
    for (int n = 0; n < N; n++) {
        const real *at = y + n * IMAGE + (2 * SIDE + 2) * 2; /* pixel (2,2) */
        assert_true(at[1] == at[0] + 1);
        const int pixel = ((int)at[0] - 1) / 2, row = pixel / SIDE, column = pixel % SIDE;
        const real *right = at + 2; /* its neighbour tells the direction */
        const bool flip = right[0] < at[0];
        const int dx = flip ? column - (SIDE - 3) : column - 2;
        assert_true(row >= 1 && row <= 3 && dx >= -1 && dx <= 1);
        seen[(row - 1) * 6 + (dx + 1) * 2 + flip]++;
    }
    for (int i = 0; i < 18; i++)
        assert_true(seen[i] > 0);
    net_augment(shape, &(struct net_augment){.cutout = 2}, 1, 5, x, y);
    for (int n = 0; n < N; n++) {
        int zeros = 0;
        for (int i = 0; i < IMAGE; i++)
            zeros += y[n * IMAGE + i] == 0;
        assert_true(zeros == 8 || zeros == 4 || zeros == 2); /* cut at the border */
    }
}

/* ---- checkpoints ---- */

static char path[256];
static real numbers[100];
static int step;
static struct net_record records[2] = {{"numbers", numbers, sizeof numbers},
                                       {"step", &step, sizeof step}};

static void write_checkpoint(void) {
    for (int i = 0; i < 100; i++)
        numbers[i] = (real)(i / 7.0);
    step = 42;
    assert_int_equal(net_checkpoint_save(path, records, 2), 0);
}

static void checkpoint_round_trip(void **state) {
    (void)state;
    write_checkpoint();
    real before[100];
    memcpy(before, numbers, sizeof before);
    memset(numbers, 0, sizeof numbers);
    step = 0;
    assert_int_equal(net_checkpoint_load(path, records, 2), 0);
    assert_memory_equal(numbers, before, sizeof before);
    assert_int_equal(step, 42);
    assert_int_equal(net_checkpoint_save("/nonexistent/folder/x", records, 2), -1);
    assert_non_null(strstr(fail_message(), "/nonexistent/folder/x"));
    assert_int_equal(net_checkpoint_load("/nonexistent/x", records, 2), -1);
}

/* Every byte of the file flipped, and every length cut: refused, and nothing touched. */
static void checkpoint_damage(void **state) {
    (void)state;
    write_checkpoint();
    static char bytes[4096];
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(size > 400 && size < sizeof bytes);
    step = 7;
    for (size_t i = 0; i < 2 * size; i++) {
        size_t length = i < size ? size : i - size;
        if (i < size)
            bytes[i] ^= 0x10;
        file = fopen(path, "wb");
        fwrite(bytes, 1, length, file);
        fclose(file);
        if (i < size)
            bytes[i] ^= 0x10;
        assert_int_equal(net_checkpoint_load(path, records, 2), -1);
        assert_int_equal(step, 7);
    }
}

static void checkpoint_of_another_network(void **state) {
    (void)state;
    write_checkpoint();
    struct net_record other[2] = {records[0], {"stop", &step, sizeof step}};
    assert_int_equal(net_checkpoint_load(path, other, 2), -1);
    assert_non_null(strstr(fail_message(), "stop"));
    assert_int_equal(net_checkpoint_load(path, records, 1), -1);
    other[0] = records[1], other[1] = records[0];
    assert_int_equal(net_checkpoint_load(path, other, 2), -1);
}

static int set_up(void **state) {
    (void)state;
    snprintf(path, sizeof path, "test_net_checkpoint.%ld", (long)getpid());
    return net_open(&net, 1);
}
static int tear_down(void **state) {
    (void)state;
    unlink(path);
    net_close(net);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd),
        cmocka_unit_test(rmsprop),
        cmocka_unit_test(adam),
        cmocka_unit_test(frozen_weights_stay),
        cmocka_unit_test(clipping_and_average),
        cmocka_unit_test(schedules),
        cmocka_unit_test(initial_weights),
        cmocka_unit_test(loss),
        cmocka_unit_test(dropout),
        cmocka_unit_test(augmentation),
        cmocka_unit_test(checkpoint_round_trip),
        cmocka_unit_test(checkpoint_damage),
        cmocka_unit_test(checkpoint_of_another_network),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
