/* measure.c - timing the operators of a space on this machine (runtime.h). */
#include "fail.h"
#include "runtime/runtime.h"
#include "space/mbconv_net.h"
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STEPS = MBCONV_MAX_BLOCKS + 2 };

/* A network of batch 1 with running statistics, and an image. */
struct bench {
    struct net *engine;
    struct mbconv_net *net;
    real *x;
    double *sample; /* (steps + 1, rounds) ms; the last row is the whole network */
    int rounds;
};

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median and distance of the quartiles; sorts. */
static struct runtime_cell summarise(double *sample, int n) {
    qsort(sample, (size_t)n, sizeof *sample, compare);
    return (struct runtime_cell){.ms = sample[n / 2],
                                 .spread = sample[n - 1 - n / 4] - sample[n / 4]};
}

/* What reading the clock costs by itself. */
static double clock_cost(void) {
    enum { READS = 201 };
    double sample[READS], last = now_ms();
    for (int i = 0; i < READS; i++) {
        double t = now_ms();
        sample[i] = t - last;
        last = t;
    }
    return summarise(sample, READS).ms;
}

static void bench_close(struct bench *bench) {
    mbconv_net_close(bench->net);
    net_close(bench->engine);
    free(bench->x);
    free(bench->sample);
}

static int bench_open(struct bench *bench, const struct mbconv_arch *arch, int rounds) {
    const struct mbconv_space *space = arch->space;
    size_t pixels = (size_t)space->height * (size_t)space->width * (size_t)space->channels;
    *bench = (struct bench){.rounds = rounds};
    if (net_open(&bench->engine, 1) ||
        mbconv_net_open(&bench->net, bench->engine, arch, 1, NULL, 0))
        return -1;
    bench->x = malloc(pixels * sizeof *bench->x);
    bench->sample = malloc((STEPS + 1) * (size_t)rounds * sizeof *bench->sample);
    if (!bench->x || !bench->sample)
        return fail("out of memory for %d measurements", rounds);
    struct rng rng = rng_make(1, rng_stream("measure"), 0);
    for (size_t i = 0; i < pixels; i++)
        bench->x[i] = (real)rng_normal(&rng);
    mbconv_net_init(bench->net, 1);
    mbconv_net_forward(bench->net, bench->x, 1, NULL);
    mbconv_net_track(bench->net, 0); /* statistics such as a network in use has */
    return 0;
}

/* Keeps the thread on its processor, or lets it go again. */
static void pin(cpu_set_t *allowed, bool on) {
    cpu_set_t here;
    CPU_ZERO(&here);
    int cpu = sched_getcpu();
    if (on && (cpu < 0 || sched_getaffinity(0, sizeof *allowed, allowed)))
        CPU_ZERO(allowed);
    if (cpu >= 0)
        CPU_SET(cpu, &here);
    if (CPU_COUNT(allowed))
        sched_setaffinity(0, sizeof here, on ? &here : allowed);
}

static void bench_run(struct bench *bench) {
    int steps = mbconv_net_steps(bench->net);
    cpu_set_t allowed;
    pin(&allowed, true);
    double cost = clock_cost();
    for (int round = -(bench->rounds + 9) / 10; round < bench->rounds; round++) {
        double start = now_ms(), last = start;
        for (int step = 0; step < steps; step++) {
            mbconv_net_evaluate_step(bench->net, bench->x, step);
            double t = now_ms();
            if (round >= 0)
                bench->sample[step * bench->rounds + round] = fmax(t - last - cost, 1e-6);
            last = t;
        }
        if (round >= 0)
            bench->sample[steps * bench->rounds + round] =
                fmax(last - start - (steps + 1) * cost, 1e-6);
    }
    pin(&allowed, false);
}

static struct runtime_cell bench_step(const struct bench *bench, int step) {
    return summarise(bench->sample + step * bench->rounds, bench->rounds);
}

static void describe_device(struct runtime_table *table, const struct net *engine) {
    char line[256], model[96] = "unknown processor";
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && fgets(line, sizeof line, info))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            snprintf(model, sizeof model, "%.90s", strchr(line, ':') + 2);
            model[strcspn(model, "\n")] = 0;
            break;
        }
    if (info)
        fclose(info);
    snprintf(table->device, sizeof table->device, "%s; 1 thread; %s kernels", model,
             net_path(engine));
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(table->date, sizeof table->date, "%Y-%m-%d", &utc);
}

/* All searchable blocks with the same choice. */
static void uniform(const struct mbconv_space *space, enum runtime_op op, int se,
                    struct mbconv_arch *arch) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    mbconv_largest(space, arch);
    mbconv_blocks(space, block);
    for (int b = 0; b < arch->blocks; b++)
        if (block[b].searchable)
            arch->choice[b] = (struct mbconv_choice){
                .kernel = op >= RUNTIME_K5E3 ? 5 : 3, .expansion = op & 1 ? 6 : 3, .se = se};
}

/* The blocks of a network of equal choices, and the rest of it. */
struct column {
    struct runtime_cell cell[MBCONV_MAX_BLOCKS], rest;
};

static int measure_column(struct runtime_table *table, enum runtime_op op, int se, int rounds,
                          struct column *column) {
    struct mbconv_arch arch;
    struct bench bench;
    uniform(table->space, op, se, &arch);
    int status = bench_open(&bench, &arch, rounds);
    if (!status) {
        bench_run(&bench);
        column->rest = (struct runtime_cell){0, 0};
        for (int step = 0; step < mbconv_net_steps(bench.net); step++) {
            struct runtime_cell cell = bench_step(&bench, step);
            bool searchable =
                step > 0 && step <= arch.blocks && bench.net->layer[step - 1].block.searchable;
            if (searchable) {
                column->cell[step - 1] = cell;
            } else {
                column->rest.ms += cell.ms;
                column->rest.spread += cell.spread;
            }
        }
        describe_device(table, bench.engine);
    }
    bench_close(&bench);
    return status;
}

/* What SE of this ratio adds: the mean over the narrowest and the widest block. */
static int measure_se(struct runtime_table *table, const struct column *plain, enum runtime_op op,
                      int se, int rounds) {
    struct column narrow, wide;
    if (measure_column(table, RUNTIME_K3E3, se, rounds, &narrow) ||
        measure_column(table, RUNTIME_K5E6, se, rounds, &wide))
        return -1;
    for (int b = 0; b < table->blocks; b++) {
        if (isnan(table->cell[b][RUNTIME_K3E3].ms))
            continue;
        double more = narrow.cell[b].ms - plain[RUNTIME_K3E3].cell[b].ms + wide.cell[b].ms -
                      plain[RUNTIME_K5E6].cell[b].ms;
        table->cell[b][op] =
            (struct runtime_cell){.ms = fmax(more / 2, 1e-6),
                                  .spread = (narrow.cell[b].spread + wide.cell[b].spread) / 2};
    }
    return 0;
}

int runtime_measure(struct runtime_table *table, const struct mbconv_space *space, int rounds) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    struct column plain[RUNTIME_K5E6 + 1];
    *table = (struct runtime_table){.space = space, .blocks = mbconv_blocks(space, block)};
    for (int b = 0; b < MBCONV_MAX_BLOCKS; b++)
        for (int op = 0; op < RUNTIME_OPS; op++)
            table->cell[b][op] = (struct runtime_cell){NAN, NAN};
    for (int op = RUNTIME_K3E3; op <= RUNTIME_K5E6; op++) {
        if (measure_column(table, (enum runtime_op)op, 0, rounds, &plain[op]))
            return -1;
        for (int b = 0; b < table->blocks; b++)
            if (block[b].searchable)
                table->cell[b][op] = plain[op].cell[b];
        table->rest.ms += plain[op].rest.ms / 4; /* the mean over the four networks */
        table->rest.spread += plain[op].rest.spread / 4;
    }
    return measure_se(table, plain, RUNTIME_SE25, 25, rounds) ||
                   measure_se(table, plain, RUNTIME_SE50, 50, rounds)
               ? -1
               : 0;
}

int runtime_measure_arch(const struct mbconv_arch *arch, int rounds, struct runtime_cell *cell) {
    struct bench bench;
    int status = bench_open(&bench, arch, rounds);
    if (!status) {
        bench_run(&bench);
        *cell = bench_step(&bench, mbconv_net_steps(bench.net));
    }
    bench_close(&bench);
    return status;
}
