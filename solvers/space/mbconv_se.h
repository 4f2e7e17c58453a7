/* mbconv_se.h - an MBConv block with squeeze-and-excitation behind the depthwise convolution's
 * batch norm and activation (as MnasNet places it), put together from the engine's layers. */
#ifndef SPACE_MBCONV_SE_H
#define SPACE_MBCONV_SE_H

#include "space/mbconv_net.h"

/* Reals of work space. */
size_t mbconv_se_work(const struct net_mbconv *op);

void mbconv_se_forward(struct net *engine, struct mbconv_layer *layer, const real *x, real *work,
                       real *y);
/* Also sets layer->dmix. */
void mbconv_se_backward(struct net *engine, struct mbconv_layer *layer, const real *x,
                        const real *dy, real *work, real *dx);
void mbconv_se_evaluate(struct net *engine, struct mbconv_layer *layer, const real *x, real *work,
                        real *y);

#endif
