/* se_kernel.h - squeeze-and-excitation as a searched operation, by the single-path encoding
 * (Stamoulis et al., "Single-Path Mobile AutoML", 2020, apply it to SE; the form is ours).
 *
 * The squeeze matrix S (R,C) holds two ratios: its first rows alone (a quarter of the block's input
 * channels), or all of them (a half). With norms in units u:
 *     dse   = I(|S25| / u - t)      whether there is SE at all
 *     dse50 = I(|S50\25| / u - t50)  whether the further rows are used
 *     effective squeeze = dse (S25 + dse50 S50\25),   y = (1 - dse) x + dse SE(x)
 * with the indicators of superkernel.h. */
#ifndef SPACE_SE_KERNEL_H
#define SPACE_SE_KERNEL_H

#include "net/net.h"

enum { SE_KERNEL_ON, SE_KERNEL_50, SE_KERNEL_GATES };

struct se_kernel {
    int channels, rows, rows_small; /* C, R, rows of the smaller ratio */
    double unit[SE_KERNEL_GATES];

    /* Of the last forward. */
    double norm[SE_KERNEL_GATES], margin[SE_KERNEL_GATES];
    double keep[SE_KERNEL_GATES], gate[SE_KERNEL_GATES];
};

/* Entries of S are drawn from N(0, sqrt(2 / R)): the norms that leads to expect. */
void se_kernel_natural_units(struct se_kernel *kernel);

/* w (R,C), threshold (2) -> effective (R,C). */
void se_kernel_forward(struct se_kernel *kernel, const real *w, const real *threshold,
                       const double keep[SE_KERNEL_GATES], real *effective);
/* ADDS to dw (R,C) and d_threshold (2); d_gate: what the loss gains by the gates in other ways. */
void se_kernel_backward(const struct se_kernel *kernel, const real *w, const real *d_effective,
                        const double d_gate[SE_KERNEL_GATES], real *dw, real *d_threshold);
/* The squeeze matrix of a choice (0, 25 or 50), without gates. */
void se_kernel_mask(const struct se_kernel *kernel, int se, const real *w, real *effective);

/* What the indicators of the last forward choose: 0, 25 or 50 (per cent). */
int se_kernel_choice(const struct se_kernel *kernel);

#endif
