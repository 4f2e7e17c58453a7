/* net.c - work over fixed slices of the batch, scratch memory, and the choice of kernels. */
#include "fail.h"
#include "internal.h"
#include "threads.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#define SCRATCH_BYTES (NET_SCRATCH * sizeof(real))
#define MEMORY_BYTES ((2 * NET_SLICES + 1) * SCRATCH_BYTES)

/* Denormal numbers cost up to 60 times a normal one's time; they are flushed to zero (FTZ, DAZ). */
static void flush_denormals(void) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

static bool usable(const struct net_kernels *kernels) {
#if defined(__x86_64__)
    if (!strcmp(kernels->name, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (!strcmp(kernels->name, "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return !strcmp(kernels->name, "plain");
}

static const struct net_kernels *const paths[] = {
#ifndef NET_DOUBLE
    &net_avx512, &net_avx2,
#endif
    &net_plain};

int net_use(struct net *net, const char *path) {
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (!strcmp(paths[i]->name, path) && usable(paths[i])) {
            net->kernels = paths[i];
            return 0;
        }
    return fail("kernels '%s': unknown, or not for this processor", path);
}

const char *net_path(const struct net *net) {
    return net->kernels->name;
}

int net_open(struct net **out, int threads) {
    struct net *net = calloc(1, sizeof *net);
    if (!net)
        return fail("out of memory");
    net->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (net->memory == MAP_FAILED) {
        free(net);
        return fail("no address space for the network's scratch memory (%zu MiB)",
                    MEMORY_BYTES >> 20);
    }
    if (threads_open(&net->threads, threads < NET_SLICES ? threads : NET_SLICES)) {
        net_close(net);
        return -1;
    }
    for (size_t i = sizeof paths / sizeof *paths; i-- > 0;)
        if (usable(paths[i]))
            net->kernels = paths[i];
    flush_denormals();
    *out = net;
    return 0;
}

void net_close(struct net *net) {
    if (!net)
        return;
    threads_close(net->threads);
    munmap(net->memory, MEMORY_BYTES);
    free(net);
}

static real *scratch(struct net *net, int i) {
    return (real *)(void *)(net->memory + (size_t)i * SCRATCH_BYTES);
}

real *net_partial(struct net *net, int slice) {
    return scratch(net, NET_SLICES + slice);
}

real *net_shared(struct net *net) {
    return scratch(net, 2 * NET_SLICES);
}

real *net_partial_zero(struct net *net, int slice, size_t count) {
    assert(count <= NET_SCRATCH);
    return memset(net_partial(net, slice), 0, count * sizeof(real));
}

struct region {
    struct net *net;
    void (*body)(struct net *, void *, int, real *);
    void *job;
};

static void run_slice(void *region, int slice, int thread) {
    const struct region *r = region;
    flush_denormals();
    r->body(r->net, r->job, slice, scratch(r->net, thread));
}

void net_slices(struct net *net, void (*body)(struct net *, void *, int, real *), void *job) {
    struct region region = {net, body, job};
    threads_run(net->threads, NET_SLICES, run_slice, &region);
}

struct net_range net_slice(int n, int slice) {
    return (struct net_range){(int)((long)n * slice / NET_SLICES),
                              (int)((long)n * (slice + 1) / NET_SLICES)};
}

void net_reduce(struct net *net, int n, size_t at, size_t count, real *to) {
    for (int slice = 0; slice < NET_SLICES; slice++) {
        struct net_range range = net_slice(n, slice);
        if (range.first < range.end)
            net->kernels->add(count, to, net_partial(net, slice) + at, to);
    }
}
