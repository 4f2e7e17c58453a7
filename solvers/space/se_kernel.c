/* se_kernel.c - masking a squeeze matrix by the norms of its rows, forward and backward
 * (se_kernel.h). */
#include "space/se_kernel.h"
#include "space/indicator.h"
#include <math.h>

void se_kernel_natural_units(struct se_kernel *kernel) {
    double variance = 2.0 / kernel->rows;
    int further = kernel->rows - kernel->rows_small;
    kernel->unit[SE_KERNEL_ON] = sqrt(variance * kernel->rows_small * kernel->channels);
    kernel->unit[SE_KERNEL_50] = sqrt(variance * (further > 0 ? further : 1) * kernel->channels);
}

/* Inner product of the rows of each group. */
static void products(const struct se_kernel *kernel, const real *a, const real *b,
                     double sum[SE_KERNEL_GATES]) {
    int small = kernel->rows_small * kernel->channels, all = kernel->rows * kernel->channels;
    sum[SE_KERNEL_ON] = sum[SE_KERNEL_50] = 0;
    for (int i = 0; i < all; i++)
        sum[i < small ? SE_KERNEL_ON : SE_KERNEL_50] += (double)a[i] * (double)b[i];
}

static void scale(const struct se_kernel *kernel, double on, double further, const real *w,
                  real *effective) {
    int small = kernel->rows_small * kernel->channels, all = kernel->rows * kernel->channels;
    for (int i = 0; i < all; i++)
        effective[i] = w[i] * (real)(i < small ? on : on * further);
}

void se_kernel_forward(struct se_kernel *kernel, const real *w, const real *threshold,
                       const double keep[SE_KERNEL_GATES], real *effective) {
    double square[SE_KERNEL_GATES];
    products(kernel, w, w, square);
    for (int i = 0; i < SE_KERNEL_GATES; i++) {
        kernel->norm[i] = sqrt(square[i]) / kernel->unit[i];
        kernel->margin[i] = kernel->norm[i] - (double)threshold[i];
        kernel->keep[i] = keep[i];
        kernel->gate[i] = kernel->margin[i] >= 0 ? keep[i] : 0;
    }
    scale(kernel, kernel->gate[SE_KERNEL_ON], kernel->gate[SE_KERNEL_50], w, effective);
}

void se_kernel_backward(const struct se_kernel *kernel, const real *w, const real *d_effective,
                        const double d_gate[SE_KERNEL_GATES], real *dw, real *d_threshold) {
    int small = kernel->rows_small * kernel->channels, all = kernel->rows * kernel->channels;
    double on = kernel->gate[SE_KERNEL_ON], further = kernel->gate[SE_KERNEL_50];
    double dot[SE_KERNEL_GATES], by_gate[SE_KERNEL_GATES], by_entry[SE_KERNEL_GATES];
    products(kernel, w, d_effective, dot);
    by_gate[SE_KERNEL_ON] = dot[SE_KERNEL_ON] + further * dot[SE_KERNEL_50] + d_gate[SE_KERNEL_ON];
    by_gate[SE_KERNEL_50] = on * dot[SE_KERNEL_50] + d_gate[SE_KERNEL_50];
    for (int i = 0; i < SE_KERNEL_GATES; i++) {
        double by_margin = by_gate[i] * kernel->keep[i] * indicator_slope(kernel->margin[i]);
        by_entry[i] = by_margin * indicator_norm_slope(kernel->norm[i], kernel->unit[i]);
        d_threshold[i] -= (real)by_margin;
    }
    for (int i = 0; i < all; i++) {
        double direct = i < small ? on : on * further;
        double own = by_entry[i < small ? SE_KERNEL_ON : SE_KERNEL_50];
        dw[i] += (real)(direct * (double)d_effective[i] + own * (double)w[i]);
    }
}

void se_kernel_mask(const struct se_kernel *kernel, int se, const real *w, real *effective) {
    scale(kernel, se > 0, se == 50, w, effective);
}

int se_kernel_choice(const struct se_kernel *kernel) {
    if (kernel->margin[SE_KERNEL_ON] < 0)
        return 0;
    return kernel->margin[SE_KERNEL_50] >= 0 ? 50 : 25;
}
