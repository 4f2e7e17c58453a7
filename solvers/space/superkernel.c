/* superkernel.c - masking a 5x5 depthwise kernel by its own norms, forward and backward
 * (superkernel.h; the official superkernel.py is the model). */
#include "space/superkernel.h"
#include "space/indicator.h"
#include <math.h>

enum { SIDE = 5, TAPS = SIDE * SIDE };

static bool on_ring(int tap) {
    int row = tap / SIDE, column = tap % SIDE;
    return row == 0 || row == SIDE - 1 || column == 0 || column == SIDE - 1;
}

void superkernel_natural_units(struct superkernel *kernel) {
    /* Entries are drawn from N(0, sqrt(2 / 25)): net_init_normal with fan_out = 5*5. */
    double variance = 2.0 / TAPS;
    kernel->unit[SUPERKERNEL_5] = sqrt(variance * 16 * kernel->channels);
    kernel->unit[SUPERKERNEL_50] = kernel->unit[SUPERKERNEL_100] =
        sqrt(variance * TAPS * kernel->channels / 2);
}

/* Sum of squares over the channels [from, to), all taps; those of the ring times ring^2. */
static double squares(const struct superkernel *kernel, const real *w, int from, int to,
                      double centre, double ring) {
    double sum = 0;
    for (int tap = 0; tap < TAPS; tap++) {
        const real *row = w + tap * kernel->channels;
        double scale = on_ring(tap) ? ring : centre, part = 0;
        for (int c = from; c < to && scale != 0; c++)
            part += (double)row[c] * (double)row[c];
        sum += scale * scale * part;
    }
    return sum;
}

static void set_gate(struct superkernel *kernel, int i, double square, const real *threshold,
                     const double *keep) {
    kernel->norm[i] = sqrt(square) / kernel->unit[i];
    kernel->margin[i] = kernel->norm[i] - (double)threshold[i];
    kernel->keep[i] = keep[i];
    kernel->gate[i] = kernel->margin[i] >= 0 ? keep[i] : 0;
}

static void scale(const struct superkernel *kernel, const real *w, double d5, double d50,
                  double d100, real *effective) {
    int all = kernel->channels, half = all / 2;
    for (int tap = 0; tap < TAPS; tap++) {
        double low = d50 * (on_ring(tap) ? d5 : 1), high = low * d100;
        const real *from = w + tap * all;
        real *to = effective + tap * all;
        for (int c = 0; c < all; c++)
            to[c] = from[c] * (real)(c < half ? low : high);
    }
}

void superkernel_forward(struct superkernel *kernel, const real *w, const real *threshold,
                         const double keep[SUPERKERNEL_GATES], real *effective) {
    int all = kernel->channels, half = all / 2;
    set_gate(kernel, SUPERKERNEL_5, squares(kernel, w, 0, all, 0, 1), threshold, keep);
    double d5 = kernel->gate[SUPERKERNEL_5];
    set_gate(kernel, SUPERKERNEL_50, squares(kernel, w, 0, half, 1, d5), threshold, keep);
    set_gate(kernel, SUPERKERNEL_100, squares(kernel, w, half, all, 1, d5), threshold, keep);
    if (!kernel->skippable)
        kernel->gate[SUPERKERNEL_50] = 1;
    scale(kernel, w, d5, kernel->gate[SUPERKERNEL_50], kernel->gate[SUPERKERNEL_100], effective);
}

void superkernel_mask(const struct superkernel *kernel, const struct mbconv_choice *choice,
                      const real *w, real *effective) {
    scale(kernel, w, choice->kernel == 5, !choice->skip, choice->expansion == 6, effective);
}

/* Inner products of the incoming gradient with W, by half of the channels and by centre and ring.
 */
struct products {
    double centre[2], ring[2];
};

static struct products multiply(const struct superkernel *kernel, const real *w, const real *g) {
    struct products p = {{0, 0}, {0, 0}};
    int half = kernel->channels / 2;
    for (int tap = 0; tap < TAPS; tap++)
        for (int h = 0; h < 2; h++) {
            double sum = 0;
            for (int c = h * half; c < (h ? kernel->channels : half); c++)
                sum +=
                    (double)w[tap * kernel->channels + c] * (double)g[tap * kernel->channels + c];
            *(on_ring(tap) ? &p.ring[h] : &p.centre[h]) += sum;
        }
    return p;
}

/* Gradient of the loss by a margin, from that by its gate. */
static double through_gate(const struct superkernel *kernel, int i, double d_gate) {
    return d_gate * kernel->keep[i] * indicator_slope(kernel->margin[i]);
}

static double by_entry(const struct superkernel *kernel, int i, double d_margin) {
    return d_margin * indicator_norm_slope(kernel->norm[i], kernel->unit[i]);
}

void superkernel_backward(const struct superkernel *kernel, const real *w, const real *d_effective,
                          const double d_gate[SUPERKERNEL_GATES], real *dw, real *d_threshold) {
    int all = kernel->channels, half = all / 2;
    double d5 = kernel->gate[SUPERKERNEL_5], d50 = kernel->gate[SUPERKERNEL_50],
           d100 = kernel->gate[SUPERKERNEL_100];
    struct products p = multiply(kernel, w, d_effective);
    double low = p.centre[0] + d5 * p.ring[0], high = p.centre[1] + d5 * p.ring[1];

    double m100 = through_gate(kernel, SUPERKERNEL_100, d50 * high + d_gate[SUPERKERNEL_100]);
    double m50 = kernel->skippable ? through_gate(kernel, SUPERKERNEL_50,
                                                  low + d100 * high + d_gate[SUPERKERNEL_50])
                                   : 0;
    /* V's halves get d50 G + n50 V and d50 d100 G + n100 V; d5 sees them on the ring. */
    double n50 = by_entry(kernel, SUPERKERNEL_50, m50);
    double n100 = by_entry(kernel, SUPERKERNEL_100, m100);
    double ring0 = squares(kernel, w, 0, half, 0, 1), ring1 = squares(kernel, w, half, all, 0, 1);
    double v5 = d50 * p.ring[0] + d50 * d100 * p.ring[1] + d5 * (n50 * ring0 + n100 * ring1);
    double m5 = through_gate(kernel, SUPERKERNEL_5, v5 + d_gate[SUPERKERNEL_5]);
    double n5 = by_entry(kernel, SUPERKERNEL_5, m5);

    for (int tap = 0; tap < TAPS; tap++) {
        double scale = on_ring(tap) ? d5 : 1, own = on_ring(tap) ? n5 : 0;
        for (int c = 0; c < all; c++) {
            int i = tap * all + c;
            double g = d50 * (c < half ? 1 : d100) * scale;
            double n = (c < half ? n50 : n100) * scale * scale + own;
            dw[i] += (real)(g * (double)d_effective[i] + n * (double)w[i]);
        }
    }
    d_threshold[SUPERKERNEL_5] -= (real)m5;
    d_threshold[SUPERKERNEL_50] -= (real)m50;
    d_threshold[SUPERKERNEL_100] -= (real)m100;
}

struct mbconv_choice superkernel_choice(const struct superkernel *kernel) {
    return (struct mbconv_choice){
        .skip = kernel->skippable && kernel->margin[SUPERKERNEL_50] < 0,
        .kernel = kernel->margin[SUPERKERNEL_5] >= 0 ? 5 : 3,
        .expansion = kernel->margin[SUPERKERNEL_100] >= 0 ? 6 : 3,
    };
}
