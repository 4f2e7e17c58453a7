/* superkernel.h - one depthwise 5x5 kernel that holds all choices of an MBConv block: kernel 3 or
 * 5, expansion 3 or 6, skip.
 *
 * Stamoulis et al., "Single-Path NAS: Designing Hardware-Efficient ConvNets in less than 4 Hours",
 * ECML-PKDD 2019. With W (5,5,C), its centre W3, its outer ring W5\3, its halves by channel V50 and
 * V100, thresholds t and norms measured in units u:
 *     d5   = I(|W5\3| / u5 - t5)            V = W3 + d5 W5\3
 *     d100 = I(|V100| / u100 - t100)
 *     d50  = I(|V50| / u50 - t50)           1 where the block cannot be skipped
 *     effective kernel = d50 (V50 + d100 V100)
 * I(x) = 1 for x >= 0, else 0; its gradient is that of the logistic function. During warm-up each
 * indicator is dropped at random (keep: 0, or 1/probability). The paper's repository has u = 1; see
 * `unit`. */
#ifndef SPACE_SUPERKERNEL_H
#define SPACE_SUPERKERNEL_H

#include "net/net.h"
#include "space/mbconv.h"

enum { SUPERKERNEL_5, SUPERKERNEL_50, SUPERKERNEL_100, SUPERKERNEL_GATES };

struct superkernel {
    int channels;   /* C, even: expansion 6 */
    bool skippable; /* otherwise d50 is 1 and t50 unused */
    /* What the norms are measured in. With 1 (the repository) the norms of the initial kernels are
     * 10 to 40, where the logistic gradient is below 1e-4, in the end 0 in single precision:
     * neither loss nor runtime moves a threshold. With the norms that the initial distribution
     * leads to expect (superkernel_natural_units), indicators start near I(1). */
    double unit[SUPERKERNEL_GATES];

    /* Of the last forward. */
    double norm[SUPERKERNEL_GATES];   /* in units */
    double margin[SUPERKERNEL_GATES]; /* norm - threshold */
    double keep[SUPERKERNEL_GATES];   /* of the dropout; 1: none */
    double gate[SUPERKERNEL_GATES];   /* d5, d50, d100, times keep */
};

void superkernel_natural_units(struct superkernel *kernel);

/* w (5,5,C), threshold (3) -> effective (5,5,C). */
void superkernel_forward(struct superkernel *kernel, const real *w, const real *threshold,
                         const double keep[SUPERKERNEL_GATES], real *effective);

/* From d_effective (5,5,C) and d_gate, what the loss gains by the gates in other ways (runtime);
 * ADDS to dw (5,5,C) and d_threshold (3). */
void superkernel_backward(const struct superkernel *kernel, const real *w, const real *d_effective,
                          const double d_gate[SUPERKERNEL_GATES], real *dw, real *d_threshold);

/* The kernel of a choice, without gates: w (5,5,C) -> effective (5,5,C). */
void superkernel_mask(const struct superkernel *kernel, const struct mbconv_choice *choice,
                      const real *w, real *effective);

/* What the indicators of the last forward choose, without regard to dropout. */
struct mbconv_choice superkernel_choice(const struct superkernel *kernel);

#endif
