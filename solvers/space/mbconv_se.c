/* mbconv_se.c - forward, backward and evaluation of an MBConv block with SE (mbconv_se.h). As in
 * the engine's own block, only the tensors in front of the batch norms are saved. */
#include "space/mbconv_se.h"

enum { EXPAND, DEPTH, PROJECT };

static struct net_shape wide_shape(const struct net_mbconv *op) {
    struct net_shape shape = op->in;
    shape.c = op->expanded;
    return shape;
}

size_t mbconv_se_work(const struct net_mbconv *op) {
    return 2 * net_count(wide_shape(op)) + 3 * net_count(op->middle) + net_count(op->result);
}

static void norm_forward(struct net *engine, struct mbconv_layer *layer, int i,
                         struct net_shape shape, real *y) {
    struct net_mbconv *op = &layer->op;
    net_bn_forward(engine, shape, i == PROJECT ? NET_IDENTITY : op->act, op->z[i],
                   layer->w.gamma[i], layer->w.beta[i], op->eps, op->mean[i], op->inverse[i], y);
}

static void norm_backward(struct net *engine, struct mbconv_layer *layer, int i,
                          struct net_shape shape, const real *dy, real *dx) {
    struct net_mbconv *op = &layer->op;
    net_bn_backward(engine, shape, i == PROJECT ? NET_IDENTITY : op->act, op->z[i],
                    layer->w.gamma[i], layer->w.beta[i], op->mean[i], op->inverse[i], dy, dx,
                    layer->dw.gamma[i], layer->dw.beta[i]);
}

static void norm_evaluate(struct net *engine, struct mbconv_layer *layer, int i,
                          struct net_shape shape, real *y) {
    struct net_mbconv *op = &layer->op;
    net_bn_evaluate(engine, shape, i == PROJECT ? NET_IDENTITY : op->act, op->z[i],
                    layer->w.gamma[i], layer->w.beta[i], op->eps, layer->running_mean[i],
                    layer->running_var[i], y);
}

void mbconv_se_forward(struct net *engine, struct mbconv_layer *layer, const real *x, real *work,
                       real *y) {
    struct net_mbconv *op = &layer->op;
    struct net_shape wide = wide_shape(op);
    real *a = work, *h = a + net_count(wide), *u = h + net_count(op->middle);
    net_pw_forward(engine, op->in, op->expanded, x, layer->w.expand, op->z[EXPAND]);
    norm_forward(engine, layer, EXPAND, wide, a);
    net_dw_forward(engine, wide, op->window, a, layer->w.depth, op->z[DEPTH]);
    norm_forward(engine, layer, DEPTH, op->middle, h);
    net_gated_se_forward(engine, &layer->se, h, layer->squeeze, layer->excite, u);
    net_pw_forward(engine, op->middle, op->out, u, layer->w.project, op->z[PROJECT]);
    norm_forward(engine, layer, PROJECT, op->result, y);
    if (op->residual)
        net_add(engine, op->result, y, x, y);
}

void mbconv_se_backward(struct net *engine, struct mbconv_layer *layer, const real *x,
                        const real *dy, real *work, real *dx) {
    struct net_mbconv *op = &layer->op;
    struct net_shape wide = wide_shape(op);
    real *a = work, *da = a + net_count(wide), *h = da + net_count(wide);
    real *u = h + net_count(op->middle), *dh = u + net_count(op->middle);
    real *dz = dh + net_count(op->middle);
    norm_backward(engine, layer, PROJECT, op->result, dy, dz);
    norm_forward(engine, layer, DEPTH, op->middle, h); /* again, as it was */
    net_gated_se_forward(engine, &layer->se, h, layer->squeeze, layer->excite, u);
    net_pw_backward(engine, op->middle, op->out, u, layer->w.project, dz, dh, layer->dw.project);
    net_gated_se_backward(engine, &layer->se, h, layer->squeeze, layer->excite, dh, u,
                          layer->dsqueeze, layer->dexcite, &layer->dmix);
    norm_backward(engine, layer, DEPTH, op->middle, u, u);
    norm_forward(engine, layer, EXPAND, wide, a);
    net_dw_backward(engine, wide, op->window, a, layer->w.depth, u, da, layer->dw.depth);
    norm_backward(engine, layer, EXPAND, wide, da, da);
    net_pw_backward(engine, op->in, op->expanded, x, layer->w.expand, da, dx, layer->dw.expand);
    if (op->residual)
        net_add(engine, op->in, dx, dy, dx);
}

void mbconv_se_evaluate(struct net *engine, struct mbconv_layer *layer, const real *x, real *work,
                        real *y) {
    struct net_mbconv *op = &layer->op;
    struct net_shape wide = wide_shape(op);
    net_pw_forward(engine, op->in, op->expanded, x, layer->w.expand, op->z[EXPAND]);
    norm_evaluate(engine, layer, EXPAND, wide, op->z[EXPAND]);
    net_dw_forward(engine, wide, op->window, op->z[EXPAND], layer->w.depth, op->z[DEPTH]);
    norm_evaluate(engine, layer, DEPTH, op->middle, op->z[DEPTH]);
    net_gated_se_forward(engine, &layer->se, op->z[DEPTH], layer->squeeze, layer->excite, work);
    net_pw_forward(engine, op->middle, op->out, work, layer->w.project, op->z[PROJECT]);
    norm_evaluate(engine, layer, PROJECT, op->result, y);
    if (op->residual)
        net_add(engine, op->result, y, x, y);
}
