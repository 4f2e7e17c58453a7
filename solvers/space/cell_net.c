/* cell_net.c - the network of cell search spaces: its plan, forward and backward. */
#include "space/cell_net.h"
#include "fail.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NODES = 8, MOST_INPUTS = MOST_NODES + 2, NAME_MAX_BYTES = 48 };
static const real epsilon = (real)1e-5;

/* A branch with its weights; `first` .. are its tensors in the list of weights. */
struct op_slot {
    struct net_branch branch;
    struct net_branch_weights w, dw;
    int first, count;
};

struct cell {
    struct net_shape shape; /* of its nodes */
    struct op_slot input[2];
    struct op_slot *op;            /* (edges,ops) */
    real *node[MOST_INPUTS];       /* two inputs, then the nodes; saved */
    real *gradient[MOST_INPUTS];   /* by them; shares memory with that of cells 3, 6 ... away */
    const real *parts[MOST_NODES]; /* its output: the nodes side by side */
    real *dparts[MOST_NODES];
};

struct cell_net {
    struct cell_space space;
    struct net *net;
    int edges;
    struct cell *cell; /* (cells) */
    struct net_arena weights_memory, fixed, saved;
    char (*names)[NAME_MAX_BYTES];
    struct net_weight *weights;
    int n_weights, room;
    struct rng rng;
    real *all_grads;
    struct net_shape stem;
    real *stem_z, *stem_y, *stem_gradient, *stem_mean, *stem_inverse;
    real *stem_w, *stem_dw, *stem_affine[2], *stem_daffine[2];
    real *head_w, *head_dw, *head_bias, *head_dbias;
    real *pooled, *dpooled, *logits, *dlogits, *one_pooled, *work;
    size_t work_count, saved_bytes;
};

size_t cell_net_mix(const struct cell_net *cn) {
    return (size_t)cn->space.cells * (size_t)cn->edges * (size_t)cn->space.ops;
}

size_t cell_net_saved(const struct cell_net *cn) {
    return cn->saved_bytes;
}

struct net *cell_net_engine(struct cell_net *cn) {
    return cn->net;
}

struct net_weight *cell_net_weights(struct cell_net *cn, int *n) {
    *n = cn->n_weights;
    return cn->weights;
}

const real *cell_net_logits(const struct cell_net *cn) {
    return cn->logits;
}

/* ---- weights: laid out twice (net_arena), drawn the second time ---- */

enum start { DRAWN, ONES, ZEROS };

/* One tensor; *grad is its gradient. */
static real *add_weight(struct cell_net *cn, const char *owner, const char *part, size_t count,
                        enum start start, double fan_out, real **grad) {
    real *value = net_arena_take(&cn->weights_memory, count);
    *grad = net_arena_take(&cn->weights_memory, count);
    real *slot[2] = {net_arena_take(&cn->weights_memory, count),
                     net_arena_take(&cn->weights_memory, count)};
    if (value) {
        char *name = cn->names[cn->n_weights];
        snprintf(name, NAME_MAX_BYTES, "%s/%s", owner, part);
        if (start == DRAWN)
            net_init_normal(&cn->rng, count, fan_out, value);
        for (size_t i = 0; start == ONES && i < count; i++)
            value[i] = 1;
        cn->weights[cn->n_weights] = (struct net_weight){.name = name,
                                                         .value = value,
                                                         .grad = *grad,
                                                         .slot = {slot[0], slot[1]},
                                                         .count = count,
                                                         .decay = true};
    }
    cn->n_weights++;
    return value;
}

static void slot_weights(struct cell_net *cn, struct op_slot *s, const char *owner) {
    static const char *const parts[NET_UNITS][4] = {{"depth0", "point0", "gamma0", "beta0"},
                                                    {"depth1", "point1", "gamma1", "beta1"}};
    s->first = cn->n_weights;
    for (int i = 0; i < s->branch.units; i++) {
        const struct net_unit *u = &s->branch.unit[i];
        const size_t depth = net_unit_depth(&s->branch, i), point = net_unit_point(&s->branch, i);
        const size_t c = (size_t)u->out.c;
        if (depth)
            s->w.depth[i] = add_weight(cn, owner, parts[i][0], depth, DRAWN,
                                       u->window.k * u->window.k, &s->dw.depth[i]);
        if (point)
            s->w.point[i] =
                add_weight(cn, owner, parts[i][1], point, DRAWN, u->out.c, &s->dw.point[i]);
        if (!cn->space.affine)
            continue;
        s->w.gamma[i] = add_weight(cn, owner, parts[i][2], c, ONES, 0, &s->dw.gamma[i]);
        s->w.beta[i] = add_weight(cn, owner, parts[i][3], c, ZEROS, 0, &s->dw.beta[i]);
    }
    s->count = cn->n_weights - s->first;
}

static void cell_weights(struct cell_net *cn, int k) {
    char owner[32];
    struct cell *cell = &cn->cell[k];
    for (int i = 0; i < 2; i++) {
        snprintf(owner, sizeof owner, "cell%d/input%d", k, i);
        slot_weights(cn, &cell->input[i], owner);
    }
    for (int e = 0; e < cn->edges; e++)
        for (int o = 0; o < cn->space.ops; o++) {
            snprintf(owner, sizeof owner, "cell%d/edge%d/%s", k, e, net_op_name(cn->space.op[o]));
            slot_weights(cn, &cell->op[e * cn->space.ops + o], owner);
        }
}

static void all_weights(struct cell_net *cn) {
    const size_t in = (size_t)cn->space.image.c, stem = (size_t)cn->stem.c;
    const struct net_shape last = cn->cell[cn->space.cells - 1].shape;
    const size_t features = (size_t)last.c * (size_t)cn->space.nodes;
    const size_t classes = (size_t)cn->space.classes;
    cn->n_weights = 0;
    cn->stem_w =
        add_weight(cn, "stem", "conv", 9 * in * stem, DRAWN, 9 * (double)stem, &cn->stem_dw);
    cn->stem_affine[0] = add_weight(cn, "stem", "gamma", stem, ONES, 0, &cn->stem_daffine[0]);
    cn->stem_affine[1] = add_weight(cn, "stem", "beta", stem, ZEROS, 0, &cn->stem_daffine[1]);
    for (int k = 0; k < cn->space.cells; k++)
        cell_weights(cn, k);
    cn->head_w = add_weight(cn, "head", "weight", features * classes, DRAWN, 2 * (double)features,
                            &cn->head_dw);
    cn->head_bias = add_weight(cn, "head", "bias", classes, ZEROS, 0, &cn->head_dbias);
}

/* ---- shapes ---- */

/* Output of cell k: -2 and -1 are the stem. */
static struct net_shape output_shape(const struct cell_net *cn, int k) {
    if (k < 0)
        return cn->stem;
    struct net_shape shape = cn->cell[k].shape;
    shape.c *= cn->space.nodes;
    return shape;
}

static void cell_shapes(struct cell_net *cn, int k, int channels) {
    struct cell *cell = &cn->cell[k];
    const struct net_shape from[2] = {output_shape(cn, k - 2), output_shape(cn, k - 1)};
    const bool reduces = cell_reduces(&cn->space, k);
    for (int i = 0; i < 2; i++) {
        const bool shrink = from[i].h != from[1].h || from[i].w != from[1].w;
        net_branch_open(&cell->input[i].branch, shrink ? NET_SKIP : NET_RELU_CONV_1, from[i],
                        shrink ? 2 : 1, channels);
        const int of = k - 2 + i;
        cell->input[i].branch.parts = of < 0 ? 0 : cn->space.nodes;
        cell->input[i].branch.part = of < 0 ? NULL : cn->cell[of].parts;
        cell->input[i].branch.dpart = of < 0 ? NULL : cn->cell[of].dparts;
    }
    const struct net_shape in = cell->input[1].branch.out;
    cell->shape = net_window_output(in, (struct net_window){3, reduces ? 2 : 1, 1}, channels);
    for (int node = 0, e = 0; node < cn->space.nodes; node++)
        for (int j = 0; j < 2 + node; j++, e++)
            for (int o = 0; o < cn->space.ops; o++)
                net_branch_open(&cell->op[e * cn->space.ops + o].branch, cn->space.op[o],
                                j < 2 ? in : cell->shape, reduces && j < 2 ? 2 : 1, channels);
}

static void all_shapes(struct cell_net *cn) {
    const struct cell_space *s = &cn->space;
    int channels = s->channels;
    cn->stem = net_window_output(s->image, (struct net_window){3, 1, 1}, s->stem * channels);
    for (int k = 0; k < s->cells; k++) {
        if (cell_reduces(s, k))
            channels *= 2;
        cell_shapes(cn, k, channels);
    }
}

/* ---- memory ---- */

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static struct net_shape node_shape(const struct cell *cell, int i) {
    return i < 2 ? cell->input[1].branch.out : cell->shape;
}

static size_t gradient_count(const struct cell_net *cn, int k) {
    size_t count = 0;
    for (int i = 0; i < cn->space.nodes + 2; i++)
        count += (net_count(node_shape(&cn->cell[k], i)) + 15) / 16 * 16;
    return count;
}

/* Nodes and their gradients. The gradients of a cell are written by the two cells behind it and
 * read by its own backward, so three cells' worth of memory goes round. */
static void plan_nodes(struct cell_net *cn) {
    real *ring[3];
    for (int r = 0; r < 3; r++) {
        size_t count = 0;
        for (int k = r; k < cn->space.cells; k += 3)
            count = most(count, gradient_count(cn, k));
        ring[r] = net_arena_take(&cn->fixed, count);
    }
    for (int k = 0; k < cn->space.cells; k++) {
        struct cell *cell = &cn->cell[k];
        real *gradient = ring[k % 3];
        for (int i = 0; i < cn->space.nodes + 2; i++) {
            const size_t count = net_count(node_shape(cell, i));
            cell->node[i] = net_arena_take(&cn->fixed, count);
            cell->gradient[i] = gradient;
            gradient = gradient ? gradient + (count + 15) / 16 * 16 : NULL;
            if (i >= 2)
                cell->parts[i - 2] = cell->node[i], cell->dparts[i - 2] = cell->gradient[i];
        }
    }
}

/* Tensors that every step needs: nodes, stem and head. */
static void plan_fixed(struct cell_net *cn) {
    struct net_arena *arena = &cn->fixed;
    const size_t batch = (size_t)cn->space.image.n, classes = (size_t)cn->space.classes;
    const size_t stem = net_count(cn->stem);
    size_t work = 0;
    cn->stem_z = net_arena_take(arena, stem);
    cn->stem_y = net_arena_take(arena, stem);
    cn->stem_gradient = net_arena_take(arena, stem);
    cn->stem_mean = net_arena_take(arena, (size_t)cn->stem.c);
    cn->stem_inverse = net_arena_take(arena, (size_t)cn->stem.c);
    plan_nodes(cn);
    for (int k = 0; k < cn->space.cells; k++) {
        const struct cell *cell = &cn->cell[k];
        for (int i = 0; i < 2; i++)
            work = most(work, net_branch_work(&cell->input[i].branch));
        for (int i = 0; i < cn->edges * cn->space.ops; i++)
            work = most(work, net_branch_work(&cell->op[i].branch));
    }
    const struct net_shape last = cn->cell[cn->space.cells - 1].shape;
    const size_t features = (size_t)last.c * (size_t)cn->space.nodes;
    cn->pooled = net_arena_take(arena, batch * features);
    cn->dpooled = net_arena_take(arena, batch * features);
    cn->one_pooled = net_arena_take(arena, batch * (size_t)last.c);
    cn->logits = net_arena_take(arena, batch * classes);
    cn->dlogits = net_arena_take(arena, batch * classes);
    cn->work = net_arena_take(arena, work);
}

/* Saved tensors of all operations whose weight is not 0 (mix NULL: of all). */
static void plan_saved(struct cell_net *cn, const real *mix) {
    cn->saved.used = 0;
    for (int k = 0; k < cn->space.cells; k++) {
        struct cell *cell = &cn->cell[k];
        for (int i = 0; i < 2; i++)
            net_branch_plan(&cell->input[i].branch, &cn->saved);
        for (int i = 0; i < cn->edges * cn->space.ops; i++)
            if (!mix || mix[(k * cn->edges) * cn->space.ops + i] != 0)
                net_branch_plan(&cell->op[i].branch, &cn->saved);
    }
    cn->saved_bytes = cn->saved.used;
}

static int open_memory(struct cell_net *cn, uint64_t seed) {
    all_weights(cn);
    cn->names = calloc((size_t)cn->n_weights, sizeof *cn->names);
    cn->weights = calloc((size_t)cn->n_weights, sizeof *cn->weights);
    if (!cn->names || !cn->weights || net_arena_reserve(&cn->weights_memory))
        return fail("out of memory");
    cn->rng = rng_make(seed, rng_stream("cell-weights"), 0);
    all_weights(cn);
    plan_fixed(cn);
    if (net_arena_reserve(&cn->fixed))
        return -1;
    plan_fixed(cn);
    plan_saved(cn, NULL);
    return net_arena_reserve_lazily(&cn->saved);
}

int cell_net_open(struct cell_net **out, const struct cell_space *space, int threads,
                  uint64_t seed) {
    struct cell_net *cn = calloc(1, sizeof *cn);
    assert(space->nodes >= 1 && space->nodes <= MOST_NODES && space->ops <= NET_OPS);
    if (!cn)
        return fail("out of memory");
    cn->space = *space;
    cn->edges = cell_edges(space->nodes);
    const size_t slots = (size_t)cn->edges * (size_t)space->ops;
    cn->cell = calloc((size_t)space->cells, sizeof *cn->cell);
    bool bad = !cn->cell;
    for (int k = 0; k < space->cells && !bad; k++)
        bad = !(cn->cell[k].op = calloc(slots, sizeof(struct op_slot)));
    if (bad) {
        cell_net_close(cn);
        return fail("out of memory");
    }
    all_shapes(cn);
    if (net_open(&cn->net, threads) || open_memory(cn, seed)) {
        cell_net_close(cn);
        return -1;
    }
    *out = cn;
    return 0;
}

void cell_net_close(struct cell_net *cn) {
    if (!cn)
        return;
    for (int k = 0; cn->cell && k < cn->space.cells; k++)
        free(cn->cell[k].op);
    free(cn->cell);
    free(cn->names);
    free(cn->weights);
    net_arena_free(&cn->weights_memory);
    net_arena_free(&cn->fixed);
    net_arena_free(&cn->saved);
    net_close(cn->net);
    free(cn);
}

/* ---- forward ---- */

/* The weights of one cell in the mix, (edges,ops). */
static size_t mix_at(const struct cell_net *cn, int k) {
    return (size_t)k * (size_t)(cn->edges * cn->space.ops);
}

static void freeze(struct cell_net *cn, const struct op_slot *s, bool frozen) {
    for (int i = 0; i < s->count; i++)
        cn->weights[s->first + i].frozen = frozen;
}

static void input_forward(struct cell_net *cn, struct cell *cell, int i) {
    struct op_slot *s = &cell->input[i];
    const struct net_branch *branch = &s->branch;
    const real one = 1, *x = cn->stem_y;
    net_branch_forward(cn->net, &s->branch, x, &s->w, epsilon);
    net_mix_forward(cn->net, s->branch.out, 1, &branch, &x, &one, cell->node[i]);
}

static void node_forward(struct cell_net *cn, struct cell *cell, int node, const real *mix) {
    const int first = cell_edges(node), ops = cn->space.ops;
    const struct net_branch *branch[MOST_INPUTS * NET_OPS];
    const real *x[MOST_INPUTS * NET_OPS];
    real weight[MOST_INPUTS * NET_OPS];
    int n = 0;
    for (int j = 0; j < 2 + node; j++)
        for (int o = 0; o < ops; o++) {
            struct op_slot *s = &cell->op[(first + j) * ops + o];
            const real w = mix[(first + j) * ops + o];
            freeze(cn, s, w == 0);
            if (w == 0)
                continue;
            net_branch_forward(cn->net, &s->branch, cell->node[j], &s->w, epsilon);
            branch[n] = &s->branch, x[n] = cell->node[j], weight[n] = w;
            n++;
        }
    net_mix_forward(cn->net, cell->shape, n, branch, x, weight, cell->node[2 + node]);
}

/* Features (batch, nodes*C) of the last cell, and the classifier. */
static void head_forward(struct cell_net *cn) {
    const struct cell *last = &cn->cell[cn->space.cells - 1];
    const int c = last->shape.c, nodes = cn->space.nodes, batch = last->shape.n;
    for (int i = 0; i < nodes; i++) {
        net_gap_forward(cn->net, last->shape, last->node[2 + i], cn->one_pooled);
        for (int n = 0; n < batch; n++)
            memcpy(cn->pooled + (ptrdiff_t)(n * nodes + i) * c, cn->one_pooled + (ptrdiff_t)n * c,
                   (size_t)c * sizeof(real));
    }
    net_linear_forward(cn->net, batch, nodes * c, cn->space.classes, cn->pooled, cn->head_w,
                       cn->head_bias, cn->logits);
}

double cell_net_forward(struct cell_net *cn, const real *x, const int *labels, const real *mix,
                        double smoothing, int *correct) {
    plan_saved(cn, mix);
    net_conv_forward(cn->net, cn->space.image, (struct net_window){3, 1, 1}, cn->stem.c, x,
                     cn->stem_w, cn->stem_z);
    net_bn_forward(cn->net, cn->stem, NET_IDENTITY, cn->stem_z, cn->stem_affine[0],
                   cn->stem_affine[1], epsilon, cn->stem_mean, cn->stem_inverse, cn->stem_y);
    for (int k = 0; k < cn->space.cells; k++) {
        for (int i = 0; i < 2; i++)
            input_forward(cn, &cn->cell[k], i);
        for (int node = 0; node < cn->space.nodes; node++)
            node_forward(cn, &cn->cell[k], node, mix + mix_at(cn, k));
    }
    head_forward(cn);
    return net_loss(cn->space.image.n, cn->space.classes, cn->logits, labels, smoothing,
                    cn->dlogits, correct);
}

/* ---- backward ---- */

static void head_backward(struct cell_net *cn, bool weights) {
    const struct cell *last = &cn->cell[cn->space.cells - 1];
    const int c = last->shape.c, nodes = cn->space.nodes, batch = last->shape.n;
    net_linear_backward(cn->net, batch, nodes * c, cn->space.classes, cn->pooled, cn->head_w,
                        cn->dlogits, cn->dpooled, weights ? cn->head_dw : NULL,
                        weights ? cn->head_dbias : NULL);
    for (int i = 0; i < nodes; i++) {
        for (int n = 0; n < batch; n++)
            memcpy(cn->one_pooled + (ptrdiff_t)n * c, cn->dpooled + (ptrdiff_t)(n * nodes + i) * c,
                   (size_t)c * sizeof(real));
        net_gap_backward(cn->net, last->shape, cn->one_pooled, last->gradient[2 + i]);
    }
}

static void node_backward(struct cell_net *cn, struct cell *cell, int node, const real *mix,
                          real *dmix, bool weights) {
    const int first = cell_edges(node), ops = cn->space.ops;
    for (int j = 0; j < 2 + node; j++)
        for (int o = 0; o < ops; o++) {
            struct op_slot *s = &cell->op[(first + j) * ops + o];
            const real w = mix[(first + j) * ops + o];
            if (w == 0)
                continue;
            const double by_weight = net_branch_backward(
                cn->net, &s->branch, cell->node[j], &s->w, w, cell->gradient[2 + node], cn->work,
                cell->gradient[j], weights ? &s->dw : NULL);
            if (dmix)
                dmix[(first + j) * ops + o] += (real)by_weight;
        }
}

static void gradient_clear(struct cell_net *cn, int k) {
    for (int i = 0; k >= 0 && i < cn->space.nodes + 2; i++)
        net_clear(cn->net, node_shape(&cn->cell[k], i), cn->cell[k].gradient[i]);
}

static void backward(struct cell_net *cn, const real *x, const real *mix, real *dmix,
                     bool weights) {
    net_clear(cn->net, cn->stem, cn->stem_gradient);
    gradient_clear(cn, cn->space.cells - 1);
    gradient_clear(cn, cn->space.cells - 2);
    head_backward(cn, weights);
    for (int k = cn->space.cells - 1; k >= 0; k--) {
        struct cell *cell = &cn->cell[k];
        gradient_clear(cn, k - 2);
        for (int node = cn->space.nodes - 1; node >= 0; node--)
            node_backward(cn, cell, node, mix + mix_at(cn, k), dmix ? dmix + mix_at(cn, k) : NULL,
                          weights);
        for (int i = 1; i >= 0; i--)
            net_branch_backward(cn->net, &cell->input[i].branch, cn->stem_y, &cell->input[i].w, 1,
                                cell->gradient[i], cn->work, cn->stem_gradient,
                                weights ? &cell->input[i].dw : NULL);
    }
    if (!weights)
        return;
    net_bn_backward(cn->net, cn->stem, NET_IDENTITY, cn->stem_z, cn->stem_affine[0],
                    cn->stem_affine[1], cn->stem_mean, cn->stem_inverse, cn->stem_gradient,
                    cn->stem_gradient, cn->stem_daffine[0], cn->stem_daffine[1]);
    net_conv_backward(cn->net, cn->space.image, (struct net_window){3, 1, 1}, cn->stem.c, x,
                      cn->stem_w, cn->stem_gradient, NULL, cn->stem_dw);
}

void cell_net_backward(struct cell_net *cn, const real *x, const real *mix, real *dmix) {
    backward(cn, x, mix, dmix, true);
}

void cell_net_backward_mix(struct cell_net *cn, const real *x, const real *mix, real *dmix) {
    backward(cn, x, mix, dmix, false);
}
