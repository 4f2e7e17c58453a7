/* augment.c - random crops, flips and cutout of a batch. */
#include "net.h"
#include <string.h>

/* One row of the output: row `from` of the image, moved by `shift` columns, or mirrored after. */
static void augment_row(struct net_shape s, const real *x, int from, int shift, bool flip,
                        real *y) {
    const size_t pixel = (size_t)s.c * sizeof(real);
    memset(y, 0, (size_t)s.w * pixel);
    if (from < 0 || from >= s.h)
        return;
    x += (ptrdiff_t)from * s.w * s.c;
    for (int j = 0; j < s.w; j++) {
        const int at = (flip ? s.w - 1 - j : j) + shift;
        if (at >= 0 && at < s.w)
            memcpy(y + (ptrdiff_t)j * s.c, x + (ptrdiff_t)at * s.c, pixel);
    }
}

static int clamp(int v, int lo, int hi) {
    return v < lo ? lo : v > hi ? hi : v;
}

static void cut_out(struct net_shape s, int side, int row, int column, real *y) {
    const int top = clamp(row - side / 2, 0, s.h), bottom = clamp(row - side / 2 + side, 0, s.h);
    const int left = clamp(column - side / 2, 0, s.w);
    const int right = clamp(column - side / 2 + side, 0, s.w);
    for (int i = top; i < bottom; i++)
        memset(y + ((ptrdiff_t)i * s.w + left) * s.c, 0,
               (size_t)(right - left) * (size_t)s.c * sizeof(real));
}

void net_augment(struct net_shape shape, const struct net_augment *how, uint64_t seed,
                 uint32_t batch, const real *x, real *y) {
    const uint32_t stream = rng_stream("augment");
    const uint64_t key = rng_derive(seed, stream, batch);
    const ptrdiff_t image = (ptrdiff_t)shape.h * shape.w * shape.c;
    for (int n = 0; n < shape.n; n++, x += image, y += image) {
        struct rng rng = rng_make(key, stream, (uint32_t)n);
        const int down = (int)rng_below(&rng, (uint32_t)(2 * how->pad + 1)) - how->pad;
        const int right = (int)rng_below(&rng, (uint32_t)(2 * how->pad + 1)) - how->pad;
        const bool flip = how->flip && rng_below(&rng, 2);
        for (int i = 0; i < shape.h; i++)
            augment_row(shape, x, i + down, right, flip, y + (ptrdiff_t)i * shape.w * shape.c);
        const int row = (int)rng_below(&rng, (uint32_t)shape.h);
        const int column = (int)rng_below(&rng, (uint32_t)shape.w);
        if (how->cutout)
            cut_out(shape, how->cutout, row, column, y);
    }
}
