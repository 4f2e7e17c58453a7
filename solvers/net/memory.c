/* memory.c - shapes, and the arena that a plan lays out twice. */
#include "fail.h"
#include "internal.h"
#include <string.h>
#include <sys/mman.h>

size_t net_count(struct net_shape shape) {
    return (size_t)shape.n * (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}

struct net_shape net_window_output(struct net_shape in, struct net_window window, int c_out) {
    assert(window.k % 2 == 1 && window.stride >= 1 && window.dilation >= 1);
    return (struct net_shape){in.n, (in.h - 1) / window.stride + 1, (in.w - 1) / window.stride + 1,
                              c_out};
}

void *net_arena_bytes(struct net_arena *arena, size_t bytes) {
    size_t at = arena->used;
    arena->used = (at + bytes + 63) / 64 * 64;
    if (!arena->base)
        return NULL;
    assert(arena->used <= arena->size);
    return arena->base + at;
}

real *net_arena_take(struct net_arena *arena, size_t count) {
    return net_arena_bytes(arena, count * sizeof(real));
}

int net_arena_reserve(struct net_arena *arena) {
    const size_t size = arena->used + 64;
    if (net_arena_reserve_lazily(arena))
        return -1;
    memset(arena->base, 0, size); /* take the pages now, not in the first step */
    return 0;
}

int net_arena_reserve_lazily(struct net_arena *arena) {
    const size_t size = arena->used + 64;
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return fail("out of memory: a network of %zu MiB", size >> 20);
    madvise(base, size, MADV_HUGEPAGE); /* advice: it may be ignored */
    *arena = (struct net_arena){.base = base, .size = size};
    return 0;
}

void net_arena_free(struct net_arena *arena) {
    if (arena->base)
        munmap(arena->base, arena->size);
    *arena = (struct net_arena){0};
}
