/* cell_net.h - the network that cell search spaces train: stem, cells, global pool, linear layer
 * (Liu, Simonyan & Yang, DARTS, ICLR 2019; also SNAS, CARS, PARSEC, ISTA-NAS, GOLD-NAS). Which
 * operations run with which weight is given from outside at every step, so that the same network
 * serves as dense supernet, as sampled path and as fixed architecture.
 *
 * A cell has two input nodes, the outputs of the two cells before it, each through (ReLU, 1x1,
 * batch norm) to C channels (a factorized reduction where the resolution differs); then `nodes`
 * nodes, each the sum over the edges from all nodes before it; its output is their concatenation.
 * Node i (0 ..) has edges from 2 + i predecessors; the edge from predecessor j has index i(i+3)/2 +
 * j. Cells cells/3 and 2*cells/3 reduce: they double C, and their edges from the input nodes have
 * stride 2. */
#ifndef SPACE_CELL_NET_H
#define SPACE_CELL_NET_H

#include "space/cell.h"

struct cell_net;

/* Fails when memory is out. The weights are drawn from the seed. */
int cell_net_open(struct cell_net **out, const struct cell_space *space, int threads,
                  uint64_t seed);
void cell_net_close(struct cell_net *cn); /* NULL is fine */
struct net *cell_net_engine(struct cell_net *cn);

/* All weight tensors; borrowed. Those of operations that the last forward left out are frozen. */
struct net_weight *cell_net_weights(struct cell_net *cn, int *n);

/* Reals of the mix: (cells,edges,ops). */
size_t cell_net_mix(const struct cell_net *cn);
/* Bytes of the saved tensors of the last forward: what its operations need, not the whole space. */
size_t cell_net_saved(const struct cell_net *cn);

/* Mean cross-entropy of a batch x (image), labels (batch), with the mix (cells,edges,ops): an
 * operation of weight 0 is not computed. Batch norms take the batch's statistics. *correct may be
 * NULL. */
double cell_net_forward(struct cell_net *cn, const real *x, const int *labels, const real *mix,
                        double smoothing, int *correct);
const real *cell_net_logits(const struct cell_net *cn); /* (batch,classes) of the last forward */
/* After a forward, with the same x and mix: adds to the weights' gradients, and to dmix
 * (cells,edges,ops; NULL: not wanted) for the operations that ran. */
void cell_net_backward(struct cell_net *cn, const real *x, const real *mix, real *dmix);
/* Only dmix: the gradients of the weights are not computed. */
void cell_net_backward_mix(struct cell_net *cn, const real *x, const real *mix, real *dmix);

#endif
