/* runtime.h - what one inference of an architecture costs in time: latency tables by operator.
 *
 * A table holds the milliseconds of every choice of every searchable block of a space on one
 * device, and those of the rest of the network. The runtime of an architecture is their sum. As
 * CSV: space,block,operator,runtime_ms,spread_ms,device,date operator: k3e3, k3e6, k5e3, k5e6, and
 * (where known) se25, se50: what squeeze-and-excitation adds; the rest of the network has "rest" as
 * block and operator. `block` counts from 0, blocks that are not searched included; lines on those
 * are allowed and belong to the rest. spread_ms (the distance between the quartiles of the
 * measurements), device and date may be empty. */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "space/mbconv.h"
#include <stdio.h>

enum runtime_op {
    RUNTIME_K3E3,
    RUNTIME_K3E6,
    RUNTIME_K5E3,
    RUNTIME_K5E6,
    RUNTIME_SE25,
    RUNTIME_SE50,
    RUNTIME_OPS
};

struct runtime_cell {
    double ms, spread; /* spread NAN: not known */
};
struct runtime_table {
    const struct mbconv_space *space;
    int blocks;
    struct runtime_cell cell[MBCONV_MAX_BLOCKS][RUNTIME_OPS]; /* ms NAN: not known */
    struct runtime_cell rest;
    char device[128], date[32];
};

/* Reads the table of a space: a CSV file, or with an empty path (or NULL) the one that ships with
 * the program. Fails with FILE:LINE on operators that lack, runtimes that are not above 0, a table
 * of another space, other columns. */
int runtime_read(struct runtime_table *table, const struct mbconv_space *space, const char *path);
/* Writes it as CSV; -1 when the stream fails. */
int runtime_write(const struct runtime_table *table, FILE *out);

/* ms of one inference, from the table's cells. NAN where the table lacks an operator (SE). */
double runtime_of(const struct runtime_table *table, const struct mbconv_arch *arch);

/* The differentiable runtime (ms) of a searchable block for gates d5, d50, d100 of a superkernel
 * (Single-Path NAS): with q = R(k3e6) / R(k5e6),
 *     R = (q + (1 - q) d5) d50 (R(k5e3) + d100 (R(k5e6) - R(k5e3)))
 * Cell k3e3 is not used: at the corners it is off by a few per cent there. slope: dR by each gate.
 */
double runtime_gated(const struct runtime_table *table, int block, const double gate[3],
                     double slope[3]);

/* What SE adds (ms) for gates dse, dse50 (se_kernel.h), given d50 = gate: a block that is skipped
 * has none.     R = d50 dse (R(se25) + dse50 (R(se50) - R(se25))) slope: dR by dse and dse50;
 * *by_gate: by d50. */
double runtime_gated_se(const struct runtime_table *table, int block, double gate,
                        const double se[2], double slope[2], double *by_gate);
/* Whether every searchable block has cells of SE. */
bool runtime_has_se(const struct runtime_table *table);

/* ---- measuring on this machine ---- */

/* Times every operator of a space, batch 1, one thread: each choice is put into all blocks at once
 * and each block is timed inside the running network, so that it finds the caches as it will in
 * use. CPU time, so that other work on the machine counts little; medians of `rounds` (>= 1), after
 * as many to warm up / 10. Sets device and date. */
int runtime_measure(struct runtime_table *table, const struct mbconv_space *space, int rounds);
/* The whole network of an architecture, in the same way. */
int runtime_measure_arch(const struct mbconv_arch *arch, int rounds, struct runtime_cell *cell);

#endif
