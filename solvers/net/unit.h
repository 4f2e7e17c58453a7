/* unit.h - one unit of a branch (branch.h) on one image, single-threaded. */
#ifndef NET_UNIT_H
#define NET_UNIT_H

#include "branch.h"
#include "internal.h"

/* z (one image of unit->out) = the unit of x (one of unit->in) seen through pre. */
void net_unit_forward(struct net *net, const struct net_unit *u, const struct net_pre *pre,
                      const real *x, const real *depth, const real *point, real *z, real *scratch);

/* turned = the 1x1 weights transposed, for the data gradient; nothing for a pool. */
void net_unit_turn(const struct net_unit *u, const real *point, real *turned);

/* da = gradient by what the unit saw (through pre); adds to dw_depth and dw_point. NULL: not
 * wanted.
 */
void net_unit_backward(struct net *net, const struct net_unit *u, const struct net_pre *pre,
                       const real *x, const real *depth, const real *turned, const real *dz,
                       real *da, real *dw_depth, real *dw_point, real *scratch);

#endif
