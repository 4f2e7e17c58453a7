/* cell.h - the cell search spaces as data: nodes, edges, operators, genotypes, exact costs.
 *
 * A network is a stem (3x3 conv to 3C channels, BN), L cells, global average pooling and a linear
 * classifier (Liu, Simonyan & Yang, "DARTS", ICLR 2019). Cells floor(L/3) and floor(2L/3) are
 * reduction cells: they double the channels and halve the resolution. A cell brings the outputs of
 * the two cells before it to its C channels (ReLU, 1x1 conv, BN; a factorized reduction where the
 * resolutions differ); its nodes 2, 3 ... each sum operators on edges from any earlier node, inputs
 * 0 and 1 included; its output is the concatenation of its nodes. In a reduction cell edges from
 * the inputs have stride 2. */
#ifndef SPACE_CELL_H
#define SPACE_CELL_H

#include "net/branch.h"
#include "rng.h"
#include <stdbool.h>

#define CELL_MAX_NODES 6  /* intermediate nodes of a cell */
#define CELL_MAX_EDGES 27 /* of CELL_MAX_NODES nodes */
#define CELL_MAX_CELLS 32 /* cells of a network */
#define CELL_MIN_CELLS 3  /* fewer have no two reduction cells */

/* Node i (0 .. nodes-1) has edges from its 2 + i predecessors, number 0 .. 1 + i. */
int cell_edges(int nodes);                /* nodes (nodes + 3) / 2 */
int cell_edge(int node, int predecessor); /* which edge it is: node (node + 3) / 2 + predecessor */
void cell_ends(int edge, int *node, int *predecessor);

/* A space, and the size of a network of it. */
struct cell_space {
    struct net_shape image; /* (batch,H,W,C) */
    int cells, nodes; /* L, 3 .. CELL_MAX_CELLS; 1 .. CELL_MAX_NODES: 8 and 4 in DARTS's search */
    int channels;     /* C, of the first cells' nodes: 16 */
    int stem;         /* the stem has stem * channels: 3 */
    int classes;
    int ops; /* candidates of each edge, in the order of a mix */
    enum net_op op[NET_OPS];
    bool affine; /* batch norms have a weight and an offset: fixed networks */
};
/* Fills ops and op. darts: the 8 of DARTS; no-none: the 7 without `none`; gold: skip_connect and
 * sep_conv_3x3. */
enum cell_operators { CELL_DARTS, CELL_NO_NONE, CELL_GOLD };
#define CELL_OPERATORS "darts|no-none|gold" /* choices of a setting */
void cell_operators(struct cell_space *space, enum cell_operators operators);

bool cell_reduces(const struct cell_space *space, int cell);

/* One cell of it. */
struct cell_place {
    bool reduction;
    bool shrink;       /* input 0 comes at twice the resolution of input 1 */
    int in[2];         /* channels of the two inputs */
    int channels;      /* of each node */
    int height, width; /* of input 1 */
    int out_height, out_width;
};
/* All cells in order. */
void cell_places(const struct cell_space *space, struct cell_place place[CELL_MAX_CELLS]);
/* The stride of an edge. */
int cell_stride(const struct cell_place *place, int edge);

/* ---- genotypes ---- */

/* Which operators stand on each edge: bit o set means operator o of enum net_op (never NET_NONE).
 * kinds is 2 (0: all normal cells, 1: all reduction cells) or, when each cell has its own, the
 * number of cells. */
struct cell_arch {
    int nodes, kinds;
    bool own; /* each cell has its own */
    unsigned char has[CELL_MAX_CELLS][CELL_MAX_EDGES];
};
/* The row of `has` that cell `cell` of a network follows. */
int cell_kind(const struct cell_arch *arch, const struct cell_place *place, int cell);

/* One line: "normal 2=sep_conv_3x3(0)+sep_conv_3x3(1) 3=... reduce 2=..."; each node with what
 * enters it, by predecessor, then in the order of enum net_op; "none" when nothing does. With cells
 * of their own: "cell0 2=... cell1 ...". Returns buffer. */
#define CELL_TEXT_MAX 16384
char *cell_format(const struct cell_arch *arch, char buffer[CELL_TEXT_MAX]);
/* Reads it back, operators of a node in any order. Fails with what is wrong and where. */
int cell_parse(const char *text, struct cell_arch *arch);

/* DARTS's choice from weights (edges, ops) of one cell: on each edge the heaviest operator other
 * than `none`; into each node the `inputs` heaviest edges (0: all). First of equals. */
void cell_choose(const struct cell_space *space, const double *weight, int inputs,
                 unsigned char has[CELL_MAX_EDGES]);
/* A random cell: into each node two distinct predecessors, one operator (not `none`) on each. */
void cell_random(const struct cell_space *space, struct rng *rng,
                 unsigned char has[CELL_MAX_EDGES]);
/* How many skip_connect a kind has. */
int cell_skips(const struct cell_arch *arch, int kind);

/* ---- exact costs of stand-alone networks: affine batch norms, none behind pools ---- */

/* Weights of an operator of c channels without its batch norms, and with them. */
double cell_op_weights(enum net_op op, int c, int stride);
double cell_op_params(enum net_op op, int c, int stride);
/* Multiply-adds of its convolutions on `pixels` output pixels. */
double cell_op_flops(enum net_op op, int c, int stride, double pixels);
/* What no choice changes: stem, preprocessing of the inputs, classifier. */
double cell_base_params(const struct cell_space *space);
double cell_base_flops(const struct cell_space *space);
/* The whole network. arch->kinds is space->cells when each cell has its own. */
double cell_params(const struct cell_arch *arch, const struct cell_space *space);
double cell_flops(const struct cell_arch *arch, const struct cell_space *space);

#endif
