/* bench_engine.c - times training steps of the engine (forward, backward, clipping, SGD), for
 * scripts/bench_engine.sh:
 *
 *     bench_engine machine THREADS          FMA peak (GFLOP/s) and stream bandwidth (GB/s)
 *     bench_engine CASE THREADS STEPS       one line a step: seconds; then a line of facts; STEPS
 * 0: a step for every line of the input bench_engine curve CASE STEPS FILE    writes the initial
 * weights, the batches and the losses
 *
 * Cases, batch 64 of 32x32x3: `sep` the DARTS-style supernet of {sep_conv_3x3, skip}, `darts` the
 * full eight operations (`small`: three cells of it), `mbconv` a single-path supernet of MBConv
 * superkernels, `fixed` the DARTS evaluation cell. */
#include "fail.h"
#include "space/cell_net.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 64, SIDE = 32, CLASSES = 10 };

static double clock_seconds(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(void) {
    return clock_seconds(CLOCK_MONOTONIC);
}

static real *array(size_t count) {
    real *v = calloc(count, sizeof *v);
    if (!v) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return v;
}

/* Each class has an image of its own, under noise: something to learn. */
static void batch_draw(uint32_t index, real *x, int *labels) {
    enum { IMAGE = SIDE * SIDE * 3 };
    struct rng rng = rng_make(1, rng_stream("bench-batch"), index);
    for (int n = 0; n < BATCH; n++) {
        labels[n] = (int)rng_below(&rng, CLASSES);
        struct rng own = rng_make(1, rng_stream("bench-class"), (uint32_t)labels[n]);
        for (int i = 0; i < IMAGE; i++)
            x[n * IMAGE + i] = (real)(rng_normal(&own) + rng_normal(&rng));
    }
}

/* ---- networks: each has its weights, and a step that leaves gradients ---- */

struct subject {
    struct net *net;
    struct net_weight *weights;
    int n;
    double (*step)(struct subject *s, const real *x, const int *labels);
    double flops; /* multiply-adds times two, of one step */
    struct cell_net *cn;
    real *mix, *dmix;
    struct mbconv_net *mb;
};

static double cell_step(struct subject *s, const real *x, const int *labels) {
    const double loss = cell_net_forward(s->cn, x, labels, s->mix, 0, NULL);
    cell_net_backward(s->cn, x, s->mix, s->dmix);
    return loss;
}

/* Multiply-adds of a branch; a step does three times that: forward, and two gradients. */
static double branch_work(const struct net_branch *b) {
    double sum = 0;
    for (int i = 0; i < b->units; i++) {
        const struct net_unit *u = &b->unit[i];
        const double pixels = (double)(u->out.n * u->out.h * u->out.w);
        sum += pixels * (double)(net_unit_depth(b, i) + net_unit_point(b, i));
    }
    return sum;
}

static double cell_work(const struct cell_space *space, const real *mix) {
    struct net_branch b;
    struct net_shape shape[2] = {{BATCH, SIDE, SIDE, 3 * space->channels}}, s;
    int c = space->channels;
    double sum = 27.0 * 3 * c * BATCH * SIDE * SIDE;
    shape[1] = shape[0];
    for (int k = 0; k < space->cells; k++) {
        const bool reduces = cell_reduces(space, k);
        c *= reduces ? 2 : 1;
        for (int i = 0; i < 2; i++) {
            const int stride = shape[i].h != shape[1].h ? 2 : 1;
            net_branch_open(&b, stride == 2 ? NET_SKIP : NET_RELU_CONV_1, shape[i], stride, c);
            sum += branch_work(&b);
        }
        const struct net_shape in = b.out;
        for (int node = 0, e = 0; node < space->nodes; node++)
            for (int j = 0; j < 2 + node; j++, e++)
                for (int o = 0; o < space->ops; o++) {
                    const bool shrinks = reduces && j < 2;
                    s = reduces && j >= 2 ? net_window_output(in, (struct net_window){3, 2, 1}, c)
                                          : in;
                    net_branch_open(&b, space->op[o], s, shrinks ? 2 : 1, c);
                    if (mix[(k * cell_edges(space->nodes) + e) * space->ops + o] != 0)
                        sum += branch_work(&b);
                }
        shape[0] = shape[1];
        shape[1] = net_window_output(in, (struct net_window){3, reduces ? 2 : 1, 1}, 4 * c);
    }
    return sum;
}

/* The cells of DARTS_V2 (Liu et al.): (operation, predecessor) pairs, two a node. */
static const struct {
    enum net_op op;
    int from;
} darts_v2[2][8] = {{{NET_SEP_CONV_3, 0},
                     {NET_SEP_CONV_3, 1},
                     {NET_SEP_CONV_3, 0},
                     {NET_SEP_CONV_3, 1},
                     {NET_SEP_CONV_3, 1},
                     {NET_SKIP, 0},
                     {NET_SKIP, 0},
                     {NET_DIL_CONV_3, 2}},
                    {{NET_MAX_POOL_3, 0},
                     {NET_MAX_POOL_3, 1},
                     {NET_SKIP, 2},
                     {NET_MAX_POOL_3, 1},
                     {NET_MAX_POOL_3, 0},
                     {NET_SKIP, 2},
                     {NET_SKIP, 2},
                     {NET_MAX_POOL_3, 1}}};

static void mix_fixed(const struct cell_space *space, real *mix) {
    for (int k = 0; k < space->cells; k++)
        for (int i = 0; i < 8; i++) {
            const int reduction = cell_reduces(space, k), node = i / 2;
            const int edge = cell_edges(node) + darts_v2[reduction][i].from;
            mix[(k * 14 + edge) * space->ops + (int)darts_v2[reduction][i].op] = 1;
        }
}

static int cell_open(struct subject *s, const char *name, int threads) {
    struct cell_space space = {.image = {BATCH, SIDE, SIDE, 3},
                               .cells = 8,
                               .nodes = 4,
                               .channels = 16,
                               .stem = 3,
                               .classes = CLASSES};
    if (!strcmp(name, "small"))
        space.cells = 3;
    space.ops = strcmp(name, "sep") ? NET_OPS : 2;
    for (int i = 0; i < space.ops; i++)
        space.op[i] = space.ops == 2 ? (i ? NET_SEP_CONV_3 : NET_SKIP) : (enum net_op)i;
    space.affine = !strcmp(name, "fixed");
    if (cell_net_open(&s->cn, &space, threads, 1))
        return -1;
    s->net = cell_net_engine(s->cn);
    s->weights = cell_net_weights(s->cn, &s->n);
    s->mix = array(cell_net_mix(s->cn));
    s->dmix = array(cell_net_mix(s->cn));
    if (space.affine)
        mix_fixed(&space, s->mix);
    for (size_t i = 0; !space.affine && i < cell_net_mix(s->cn); i++)
        s->mix[i] = (real)(space.ops == 2 ? 0.5 : 0.125);
    s->flops = 6 * cell_work(&space, s->mix);
    s->step = cell_step;
    return 0;
}

/* ---- a single-path supernet: superkernels of 5x5 and expansion 6 ---- */

enum { BLOCKS = 9, STEM = 16, HEAD = 256 };
static const struct {
    int kernel, stride, expansion, out;
} layout[BLOCKS] = {{3, 1, 1, 16}, {5, 1, 6, 24}, {5, 1, 6, 24}, {5, 2, 6, 40}, {5, 1, 6, 40},
                    {5, 1, 6, 40}, {5, 2, 6, 80}, {5, 1, 6, 80}, {5, 1, 6, 80}};

struct mbconv_net {
    struct net_mbconv block[BLOCKS];
    struct net_mbconv_weights w[BLOCKS], dw[BLOCKS];
    struct net_shape image, stem, head, last;
    real *stem_z, *stem_y, *stem_mean, *stem_inverse, *y[BLOCKS], *dy[2];
    real *head_z, *head_y, *head_mean, *head_inverse, *pooled, *dpooled, *logits, *dlogits, *work;
    struct net_weight *stem_w, *stem_g, *stem_b, *head_w, *head_g, *head_b, *fc, *bias;
    struct net_weight list[8 + 9 * BLOCKS];
    struct net_arena arena;
};

static struct net_weight *weight(struct subject *s, size_t count, double fan_out, bool ones,
                                 struct rng *rng) {
    struct net_weight *w = &s->mb->list[s->n++];
    w->count = count, w->decay = true, w->name = "w";
    w->value = array(count), w->grad = array(count), w->slot[0] = array(count);
    if (fan_out > 0)
        net_init_normal(rng, count, fan_out, w->value);
    for (size_t i = 0; ones && i < count; i++)
        w->value[i] = 1;
    return w;
}

static void block_weights(struct subject *s, int i, struct rng *rng) {
    struct net_mbconv *b = &s->mb->block[i];
    struct net_mbconv_weights *w = &s->mb->w[i], *dw = &s->mb->dw[i];
    const size_t in = (size_t)b->in.c, e = (size_t)b->expanded, out = (size_t)b->out;
    const size_t k = (size_t)(b->window.k * b->window.k);
    struct net_weight *t;
    if (b->expand)
        t = weight(s, in * e, (double)e, false, rng), w->expand = t->value, dw->expand = t->grad;
    t = weight(s, k * e, (double)k, false, rng), w->depth = t->value, dw->depth = t->grad;
    t = weight(s, e * out, (double)out, false, rng), w->project = t->value, dw->project = t->grad;
    for (int j = b->expand ? 0 : 1; j < 3; j++) {
        const size_t c = j < 2 ? e : out;
        t = weight(s, c, 0, true, rng), w->gamma[j] = t->value, dw->gamma[j] = t->grad;
        t = weight(s, c, 0, false, rng), w->beta[j] = t->value, dw->beta[j] = t->grad;
    }
}

static void mbconv_plan(struct mbconv_net *m) {
    struct net_shape at = m->stem;
    size_t work = 0, one, most = net_count(m->stem);
    m->stem_z = net_arena_take(&m->arena, net_count(m->stem));
    m->stem_y = net_arena_take(&m->arena, net_count(m->stem));
    for (int i = 0; i < BLOCKS; i++) {
        m->block[i] = (struct net_mbconv){.in = at,
                                          .expanded = at.c * layout[i].expansion,
                                          .out = layout[i].out,
                                          .window = {layout[i].kernel, layout[i].stride, 1},
                                          .act = NET_RELU,
                                          .expand = layout[i].expansion > 1,
                                          .eps = (real)1e-3};
        m->block[i].residual = layout[i].stride == 1 && at.c == layout[i].out;
        net_mbconv_plan(&m->block[i], &m->arena, &one);
        work = one > work ? one : work;
        at = m->block[i].result;
        most = net_count(at) > most ? net_count(at) : most;
        m->y[i] = net_arena_take(&m->arena, net_count(at));
    }
    m->last = at;
    m->head = at, m->head.c = HEAD;
    most = net_count(m->head) > most ? net_count(m->head) : most;
    m->head_z = net_arena_take(&m->arena, net_count(m->head));
    m->head_y = net_arena_take(&m->arena, net_count(m->head));
    m->dy[0] = net_arena_take(&m->arena, most);
    m->dy[1] = net_arena_take(&m->arena, most);
    m->stem_mean = net_arena_take(&m->arena, STEM);
    m->stem_inverse = net_arena_take(&m->arena, STEM);
    m->head_mean = net_arena_take(&m->arena, HEAD);
    m->head_inverse = net_arena_take(&m->arena, HEAD);
    m->pooled = net_arena_take(&m->arena, BATCH * HEAD);
    m->dpooled = net_arena_take(&m->arena, BATCH * HEAD);
    m->logits = net_arena_take(&m->arena, BATCH * CLASSES);
    m->dlogits = net_arena_take(&m->arena, BATCH * CLASSES);
    m->work = net_arena_take(&m->arena, work);
}

static const struct net_window window3 = {3, 1, 1};

static double mbconv_step(struct subject *s, const real *x, const int *labels) {
    struct mbconv_net *m = s->mb;
    struct net *net = s->net;
    const real eps = (real)1e-3;
    net_conv_forward(net, m->image, window3, STEM, x, m->stem_w->value, m->stem_z);
    net_bn_forward(net, m->stem, NET_RELU, m->stem_z, m->stem_g->value, m->stem_b->value, eps,
                   m->stem_mean, m->stem_inverse, m->stem_y);
    const real *at = m->stem_y;
    for (int i = 0; i < BLOCKS; at = m->y[i++])
        net_mbconv_forward(net, &m->block[i], at, &m->w[i], m->work, m->y[i]);
    net_pw_forward(net, m->last, HEAD, at, m->head_w->value, m->head_z);
    net_bn_forward(net, m->head, NET_RELU, m->head_z, m->head_g->value, m->head_b->value, eps,
                   m->head_mean, m->head_inverse, m->head_y);
    net_gap_forward(net, m->head, m->head_y, m->pooled);
    net_linear_forward(net, BATCH, HEAD, CLASSES, m->pooled, m->fc->value, m->bias->value,
                       m->logits);
    const double loss = net_loss(BATCH, CLASSES, m->logits, labels, 0, m->dlogits, NULL);
    net_linear_backward(net, BATCH, HEAD, CLASSES, m->pooled, m->fc->value, m->dlogits, m->dpooled,
                        m->fc->grad, m->bias->grad);
    net_gap_backward(net, m->head, m->dpooled, m->dy[0]);
    net_bn_backward(net, m->head, NET_RELU, m->head_z, m->head_g->value, m->head_b->value,
                    m->head_mean, m->head_inverse, m->dy[0], m->dy[0], m->head_g->grad,
                    m->head_b->grad);
    net_pw_backward(net, m->last, HEAD, at, m->head_w->value, m->dy[0], m->dy[1], m->head_w->grad);
    int now = 1;
    for (int i = BLOCKS - 1; i >= 0; i--, now = !now)
        net_mbconv_backward(net, &m->block[i], i ? m->y[i - 1] : m->stem_y, &m->w[i], m->dy[now],
                            m->work, m->dy[!now], &m->dw[i]);
    net_bn_backward(net, m->stem, NET_RELU, m->stem_z, m->stem_g->value, m->stem_b->value,
                    m->stem_mean, m->stem_inverse, m->dy[now], m->dy[now], m->stem_g->grad,
                    m->stem_b->grad);
    net_conv_backward(net, m->image, window3, STEM, x, m->stem_w->value, m->dy[now], NULL,
                      m->stem_w->grad);
    return loss;
}

static int mbconv_open(struct subject *s, int threads) {
    struct mbconv_net *m = s->mb = calloc(1, sizeof *m);
    struct rng rng = rng_make(1, rng_stream("bench-weights"), 0);
    if (!m || net_open(&s->net, threads))
        return -1;
    m->image = (struct net_shape){BATCH, SIDE, SIDE, 3};
    m->stem = (struct net_shape){BATCH, SIDE, SIDE, STEM};
    mbconv_plan(m);
    if (net_arena_reserve(&m->arena))
        return -1;
    mbconv_plan(m);
    m->stem_w = weight(s, 27 * STEM, 9 * STEM, false, &rng);
    m->stem_g = weight(s, STEM, 0, true, &rng);
    m->stem_b = weight(s, STEM, 0, false, &rng);
    double work = 27.0 * STEM * BATCH * SIDE * SIDE;
    for (int i = 0; i < BLOCKS; i++) {
        const struct net_mbconv *b = &m->block[i];
        block_weights(s, i, &rng);
        work += (double)net_count(b->middle) * (b->window.k * b->window.k + b->out);
        work += b->expand ? (double)net_count(b->in) * b->expanded : 0;
    }
    const size_t last = (size_t)m->last.c;
    m->head_w = weight(s, last * HEAD, HEAD, false, &rng);
    m->head_g = weight(s, HEAD, 0, true, &rng);
    m->head_b = weight(s, HEAD, 0, false, &rng);
    m->fc = weight(s, HEAD * CLASSES, 2.0 * HEAD, false, &rng);
    m->bias = weight(s, CLASSES, 0, false, &rng);
    s->weights = m->list;
    s->flops = 6 * (work + (double)net_count(m->last) * HEAD);
    s->step = mbconv_step;
    return 0;
}

static int subject_open(struct subject *s, const char *name, int threads) {
    *s = (struct subject){0};
    if (!strcmp(name, "mbconv"))
        return mbconv_open(s, threads);
    if (!strcmp(name, "sep") || !strcmp(name, "darts") || !strcmp(name, "fixed") ||
        !strcmp(name, "small"))
        return cell_open(s, name, threads);
    return fail("unknown case '%s': sep, darts, small, mbconv, fixed", name);
}

/* The curve is compared with another implementation's, step by step: small steps, so that rounding
 * does not grow into other weights. */
static const double bench_rate = 0.025, curve_rate = 0.002;

static double subject_train(struct subject *s, double rate, long step, const real *x,
                            const int *labels) {
    const struct net_optim optim = {NET_SGD, .momentum = 0.9, .weight_decay = 3e-4};
    net_grad_zero(s->net, s->weights, s->n);
    const double loss = s->step(s, x, labels);
    net_grad_clip(s->net, s->weights, s->n, 5);
    net_optim_step(s->net, &optim, rate, step, s->weights, s->n);
    return loss;
}

/* ---- what is printed ---- */

static int bench(const char *name, int threads, int steps) {
    struct subject s;
    struct rusage usage;
    static real x[BATCH * SIDE * SIDE * 3];
    int labels[BATCH];
    if (subject_open(&s, name, threads))
        return fprintf(stderr, "%s\n", fail_message()), 1;
    batch_draw(0, x, labels);
    subject_train(&s, bench_rate, 1, x, labels); /* touches the memory */
    for (int i = 0; steps ? i < steps : getchar() != EOF; i++) {
        const double start = seconds(), busy = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
        subject_train(&s, bench_rate, 2 + i, x, labels);
        printf("step %.6f %.6f\n", seconds() - start,
               clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - busy);
        fflush(stdout);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("facts flops %.6g memory_mb %.1f path %s\n", s.flops, (double)usage.ru_maxrss / 1024,
           net_path(s.net));
    return 0;
}

static void write_array(FILE *file, const char *name, const void *data, size_t bytes) {
    fprintf(file, "%s %zu\n", name, bytes);
    fwrite(data, 1, bytes, file);
}

static int curve(const char *name, int steps, const char *path) {
    struct subject s;
    static real x[BATCH * SIDE * SIDE * 3];
    int labels[BATCH];
    FILE *file = fopen(path, "wb");
    if (!file || subject_open(&s, name, 2))
        return fprintf(stderr, "cannot write %s: %s\n", path, fail_message()), 1;
    for (int i = 0; i < s.n; i++)
        write_array(file, s.weights[i].name, s.weights[i].value, s.weights[i].count * sizeof(real));
    for (int i = 0; i < steps; i++) {
        char title[32];
        batch_draw((uint32_t)i, x, labels);
        snprintf(title, sizeof title, "x%d", i);
        write_array(file, title, x, sizeof x);
        snprintf(title, sizeof title, "labels%d", i);
        write_array(file, title, labels, sizeof labels);
        const double loss = subject_train(&s, curve_rate, 1 + i, x, labels);
        snprintf(title, sizeof title, "loss%d", i);
        write_array(file, title, &loss, sizeof loss);
    }
    return fclose(file) ? 1 : 0;
}

/* ---- the machine's limits, on the spot ---- */

#if defined(__x86_64__)
#include <immintrin.h>
/* Ten independent chains, by name: an array of them would live in memory. */
#define CHAINS(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9)
#define CHAIN_START(I) a##I = x;
#define CHAIN_STEP(I) __asm__ volatile("vfmadd213ps %2, %1, %0" : "+v"(a##I) : "v"(x), "v"(y));
enum { FMA_CHAINS = 10 };

__attribute__((target("avx512f"))) static void fma512(long n) {
    const __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.1f);
    __m512 a0, a1, a2, a3, a4, a5, a6, a7, a8, a9;
    CHAINS(CHAIN_START)
    for (long r = 0; r < n; r++) {
        CHAINS(CHAIN_STEP)
    }
}
__attribute__((target("avx2,fma"))) static void fma256(long n) {
    const __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.1f);
    __m256 a0, a1, a2, a3, a4, a5, a6, a7, a8, a9;
    CHAINS(CHAIN_START)
    for (long r = 0; r < n; r++) {
        CHAINS(CHAIN_STEP)
    }
}
#endif

static double fma_rate(void) {
#if defined(__x86_64__)
    const bool wide = __builtin_cpu_supports("avx512f");
    const long n = 20000000;
    const double start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
    if (wide)
        fma512(n);
    else if (__builtin_cpu_supports("fma"))
        fma256(n);
    return (double)n * FMA_CHAINS * (wide ? 32 : 16) /
           (clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start) / 1e9;
#else
    return NAN;
#endif
}

static int machine(int threads) {
    const size_t count = (size_t)1 << 24; /* 64 MiB: past the caches */
    const double peak = threads * fma_rate();
    double best = 0;
    struct net *net;
    if (net_open(&net, threads))
        return 1;
    real *a = array(count), *b = array(count), *c = array(count);
    const struct net_shape shape = {NET_SLICES, 1, 1, (int)(count / NET_SLICES)};
    for (int i = 0; i < 8; i++) {
        const double start = seconds();
        net_add(net, shape, a, b, c);
        const double rate = 3.0 * (double)(count * sizeof(real)) / (seconds() - start) / 1e9;
        best = i && rate > best ? rate : best;
    }
    printf("machine fma_gflops %.1f stream_gbs %.1f\n", peak, best);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "machine"))
        return machine(atoi(argv[2]));
    if (argc == 5 && !strcmp(argv[1], "curve"))
        return curve(argv[2], atoi(argv[3]), argv[4]);
    if (argc == 4)
        return bench(argv[1], atoi(argv[2]), atoi(argv[3]));
    fprintf(stderr, "usage: bench_engine CASE THREADS STEPS | machine THREADS | curve CASE STEPS "
                    "FILE\n");
    return 2;
}
