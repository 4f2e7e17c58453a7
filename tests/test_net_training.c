/* test_net_training.c - whole training steps: they allocate nothing, give the same bytes for any
 * number of threads, go on after a checkpoint as if nothing had been, and learn. */
#include "check.h"
#include "space/cell_net.h"
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define COUNTS_ALLOCATIONS 0
static atomic_int allocations;
#else
#define COUNTS_ALLOCATIONS 1
/* Every allocation of the program, the threads' run-time included, comes past here. */
static atomic_int allocations;
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
    allocations++;
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t size) {
    allocations++;
    return __libc_realloc(p, size);
}
#endif

static const struct cell_space space = {
    .image = {10, 12, 12, 3},
    .cells = 3,
    .nodes = 2,
    .channels = 16,
    .stem = 3,
    .classes = 4,
    .ops = 4,
    .op = {NET_MAX_POOL_3, NET_SKIP, NET_SEP_CONV_3, NET_DIL_CONV_5},
};

struct training {
    struct cell_net *cn;
    real *x, *mix, *dmix;
    int labels[10];
    double loss;
    long step;
};

static struct training training_open(int threads) {
    struct training t = {.x = calloc(net_count(space.image), sizeof(real))};
    assert_int_equal(cell_net_open(&t.cn, &space, threads, 3), 0);
    t.mix = calloc(cell_net_mix(t.cn), sizeof(real));
    t.dmix = calloc(cell_net_mix(t.cn), sizeof(real));
    struct rng rng = rng_make(4, 1, 0);
    for (size_t i = 0; i < net_count(space.image); i++)
        t.x[i] = (real)rng_normal(&rng);
    for (size_t i = 0; i < cell_net_mix(t.cn); i++)
        t.mix[i] = i % 7 == 2 ? 0 : (real)0.25;
    for (int i = 0; i < 10; i++)
        t.labels[i] = i % 4;
    return t;
}

static void training_free(struct training *t) {
    cell_net_close(t->cn);
    free(t->x);
    free(t->mix);
    free(t->dmix);
}

static void train(struct training *t, int steps) {
    const struct net_optim optim = {NET_SGD, .momentum = 0.9, .weight_decay = 3e-4};
    int n;
    struct net_weight *weights = cell_net_weights(t->cn, &n);
    struct net *net = cell_net_engine(t->cn);
    for (int i = 0; i < steps; i++) {
        net_grad_zero(net, weights, n);
        t->loss = cell_net_forward(t->cn, t->x, t->labels, t->mix, 0, NULL);
        cell_net_backward(t->cn, t->x, t->mix, t->dmix);
        net_grad_clip(net, weights, n, 5);
        net_optim_step(net, &optim, 0.05, ++t->step, weights, n);
    }
}

static void same_weights(struct training *a, struct training *b) {
    int n;
    struct net_weight *v = cell_net_weights(a->cn, &n), *w = cell_net_weights(b->cn, &n);
    for (int i = 0; i < n; i++) {
        assert_memory_equal(v[i].value, w[i].value, v[i].count * sizeof(real));
        assert_memory_equal(v[i].slot[0], w[i].slot[0], v[i].count * sizeof(real));
    }
    assert_memory_equal(a->dmix, b->dmix, cell_net_mix(a->cn) * sizeof(real));
}

static void nothing_allocated(void **state) {
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        struct training t = training_open(threads);
        train(&t, 1); /* the threads are made in the first step */
        const int before = allocations;
        assert_true(!COUNTS_ALLOCATIONS || before > 0);
        train(&t, 2);
        assert_int_equal(allocations, before);
        training_free(&t);
    }
    if (!COUNTS_ALLOCATIONS)
        skip();
}

static void any_number_of_threads(void **state) {
    (void)state;
    struct training one = training_open(1);
    train(&one, 3);
    for (int threads = 2; threads <= 5; threads++) {
        struct training many = training_open(threads);
        train(&many, 3);
        same_weights(&one, &many);
        assert_true(one.loss == many.loss);
        training_free(&many);
    }
    training_free(&one);
}

/* Everything that training goes on from: values, slots, the step. Two records a weight. */
static int records_of(struct training *t, struct net_record *records) {
    int n, count = 0;
    struct net_weight *w = cell_net_weights(t->cn, &n);
    for (int i = 0; i < n; i++) {
        const size_t bytes = w[i].count * sizeof(real);
        records[count++] = (struct net_record){w[i].name, w[i].value, bytes};
        records[count++] = (struct net_record){w[i].name, w[i].slot[0], bytes};
    }
    records[count++] = (struct net_record){"step", &t->step, sizeof t->step};
    return count;
}

static void checkpoint_and_on(void **state) {
    (void)state;
    static struct net_record records[2000];
    char path[64];
    snprintf(path, sizeof path, "test_net_training.%ld", (long)getpid());
    struct training through = training_open(1), first = training_open(1), then = training_open(1);
    train(&through, 4);
    train(&first, 2);
    assert_int_equal(net_checkpoint_save(path, records, records_of(&first, records)), 0);
    assert_int_equal(net_checkpoint_load(path, records, records_of(&then, records)), 0);
    unlink(path);
    memcpy(then.dmix, first.dmix, cell_net_mix(first.cn) * sizeof(real));
    train(&then, 2);
    same_weights(&through, &then);
    training_free(&through);
    training_free(&first);
    training_free(&then);
}

static void it_learns(void **state) {
    (void)state;
    struct training t = training_open(2);
    train(&t, 1);
    const double before = t.loss;
    train(&t, 25);
    assert_true(isfinite(before) && before > 0.7 && t.loss < 0.3 * before);
    t.x[5] = NAN; /* and what is not a number is seen at once */
    train(&t, 1);
    assert_false(isfinite(t.loss));
    training_free(&t);
}

/* With the batch's own statistics as running ones, evaluation is the forward pass. */
static void mbconv_evaluation(void **state) {
    (void)state;
    struct net *net;
    struct net_mbconv b = {.in = {6, 9, 7, 12},
                           .expanded = 36,
                           .out = 12,
                           .window = {5, 1, 1},
                           .act = NET_RELU6,
                           .expand = true,
                           .residual = true,
                           .eps = (real)1e-3};
    struct net_arena arena = {0};
    size_t work;
    struct rng rng = rng_make(2, 1, 0);
    real *v[8], *mean[3], *var[3];
    const size_t sizes[8] = {net_count(b.in), 12 * 36,        25 * 36, 36 * 12, 36, 36,
                             net_count(b.in), net_count(b.in)};
    assert_int_equal(net_open(&net, 1), 0);
    net_mbconv_plan(&b, &arena, &work);
    assert_int_equal(net_arena_reserve(&arena), 0);
    net_mbconv_plan(&b, &arena, &work);
    for (int i = 0; i < 8; i++) {
        v[i] = calloc(sizes[i], sizeof(real));
        for (size_t j = 0; j < sizes[i]; j++)
            v[i][j] = (real)rng_normal(&rng);
    }
    real *room = calloc(work, sizeof(real));
    const struct net_mbconv_weights w = {v[1], v[2], v[3], {v[4], v[5], NULL}, {v[5], NULL, NULL}};
    net_mbconv_forward(net, &b, v[0], &w, room, v[6]);
    for (int i = 0; i < 3; i++) {
        const int c = i < 2 ? 36 : 12;
        mean[i] = calloc((size_t)c, sizeof(real)), var[i] = calloc((size_t)c, sizeof(real));
        net_bn_track(c, b.mean[i], b.inverse[i], b.eps, 0, 0, mean[i], var[i]);
    }
    net_mbconv_evaluate(net, &b, v[0], &w, mean, var, room, v[7]);
    for (size_t j = 0; j < sizes[6]; j++)
        assert_true(fabs(v[6][j] - v[7][j]) < 1e-4);
    for (int i = 0; i < 8; i++)
        free(v[i]);
    for (int i = 0; i < 3; i++)
        free(mean[i]), free(var[i]);
    free(room);
    net_arena_free(&arena);
    net_close(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_allocated), cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(checkpoint_and_on), cmocka_unit_test(it_learns),
        cmocka_unit_test(mbconv_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
