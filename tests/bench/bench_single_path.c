/* bench_single_path.c - what a step of a Single-Path search costs, against one of training the
 * largest fixed network of the same space: time and memory. The method claims that both are nearly
 * equal.
 */
#include "fail.h"
#include "space/supernet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 64, STEPS = 30 };

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

struct bench {
    struct net *engine;
    struct mbconv_net *fixed;
    struct supernet supernet[2]; /* without and with SE */
    struct net_optim optim;
    real *x, *dlogits;
    int label[BATCH];
};

static void finish_step(struct bench *b, struct mbconv_net *net, long step) {
    net_optim_step(b->engine, &b->optim, 0.01, step, net->weight, net->weights);
    net_average(b->engine, net->weight, net->weights, 0.99);
}

static void loss(struct bench *b, struct mbconv_net *net) {
    net_grad_zero(b->engine, net->weight, net->weights);
    net_loss(BATCH, net->space->classes, net->logits, b->label, 0.1, b->dlogits, NULL);
}

static void fixed_step(struct bench *b, long step) {
    mbconv_net_forward(b->fixed, b->x, 1, NULL);
    loss(b, b->fixed);
    mbconv_net_backward(b->fixed, b->x, b->dlogits);
    finish_step(b, b->fixed, step);
}

static void search_step(struct bench *b, struct supernet *supernet, long step) {
    static const struct supernet_slope slope[MBCONV_MAX_BLOCKS];
    supernet_gate(supernet, 1, NULL);
    mbconv_net_forward(supernet->net, b->x, 1, NULL);
    loss(b, supernet->net);
    supernet_backward(supernet, b->x, b->dlogits, slope);
    finish_step(b, supernet->net, step);
}

static int open_bench(struct bench *b, const struct mbconv_space *space) {
    struct mbconv_arch largest;
    size_t count = (size_t)BATCH * (size_t)(space->height * space->width * space->channels);
    mbconv_largest(space, &largest);
    *b = (struct bench){.optim = {.kind = NET_RMSPROP, .momentum = 0.9, .rho = 0.9, .eps = 1e-3}};
    b->x = malloc(count * sizeof *b->x);
    b->dlogits = malloc((size_t)(BATCH * space->classes) * sizeof *b->dlogits);
    if (!b->x || !b->dlogits || net_open(&b->engine, 1) ||
        mbconv_net_open(&b->fixed, b->engine, &largest, BATCH, NULL, 0) ||
        supernet_open(&b->supernet[0], b->engine, space, BATCH, true, false) ||
        supernet_open(&b->supernet[1], b->engine, space, BATCH, true, true))
        return -1;
    struct rng rng = rng_make(1, rng_stream("bench"), 0);
    for (size_t i = 0; i < count; i++)
        b->x[i] = (real)rng_normal(&rng);
    for (int i = 0; i < BATCH; i++)
        b->label[i] = i % space->classes;
    mbconv_net_init(b->fixed, 1);
    supernet_init(&b->supernet[0], 1, 0);
    supernet_init(&b->supernet[1], 1, 0);
    return 0;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The three take turns, so that what else the machine does falls on all alike. */
static void run(struct bench *b, double ms[3][STEPS]) {
    for (long step = -3; step < STEPS; step++) {
        double at[4] = {now_ms()};
        fixed_step(b, step + 4);
        at[1] = now_ms();
        search_step(b, &b->supernet[0], step + 4);
        at[2] = now_ms();
        search_step(b, &b->supernet[1], step + 4);
        at[3] = now_ms();
        for (int i = 0; i < 3 && step >= 0; i++)
            ms[i][step] = at[i + 1] - at[i];
    }
}

int main(int argc, char **argv) {
    struct bench b;
    const struct mbconv_space *space = mbconv_find(argc > 1 ? argv[1] : "fashion");
    if (!space || open_bench(&b, space)) {
        fprintf(stderr, "%s\n", space ? fail_message() : "spaces: " MBCONV_SPACES);
        return 1;
    }
    double ms[3][STEPS];
    run(&b, ms);
    const char *const name[3] = {"largest fixed network", "search", "search with SE"};
    size_t bytes[3] = {b.fixed->arena.size};
    for (int i = 0; i < 2; i++)
        bytes[i + 1] = b.supernet[i].net->arena.size + b.supernet[i].arena.size;
    printf("space,what,step_ms,memory_mib,time_ratio,memory_ratio\n");
    for (int i = 0; i < 3; i++) {
        qsort(ms[i], STEPS, sizeof ms[i][0], compare);
        printf("%s,%s,%.2f,%.1f,%.3f,%.3f\n", space->name, name[i], ms[i][STEPS / 2],
               (double)bytes[i] / 1048576, ms[i][STEPS / 2] / ms[0][STEPS / 2],
               (double)bytes[i] / (double)bytes[0]);
    }
    return 0;
}
