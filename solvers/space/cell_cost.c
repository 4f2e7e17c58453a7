/* cell_cost.c - params and multiply-adds of stand-alone cell networks, from their shapes. */
#include "space/cell.h"

static int kernel_of(enum net_op op) {
    return op == NET_SEP_CONV_5 || op == NET_DIL_CONV_5 ? 5 : 3;
}

/* (depthwise, 1x1) pairs of an operator. */
static int pairs_of(enum net_op op) {
    return op == NET_SEP_CONV_3 || op == NET_SEP_CONV_5   ? 2
           : op == NET_DIL_CONV_3 || op == NET_DIL_CONV_5 ? 1
                                                          : 0;
}

double cell_op_weights(enum net_op op, int c, int stride) {
    const double k = kernel_of(op), n = c;
    if (op == NET_SKIP)
        return stride == 2 ? n * n : 0;
    return pairs_of(op) * (n * k * k + n * n);
}

double cell_op_params(enum net_op op, int c, int stride) {
    const int norms = op == NET_SKIP ? stride == 2 : pairs_of(op);
    return cell_op_weights(op, c, stride) + 2.0 * norms * c;
}

/* Every weight of a convolution is used once for each output pixel. */
double cell_op_flops(enum net_op op, int c, int stride, double pixels) {
    return cell_op_weights(op, c, stride) * pixels;
}

static double input_weights(const struct cell_place *p, int i) {
    return (double)p->in[i] * p->channels;
}

static int last_channels(const struct cell_space *space, const struct cell_place *place) {
    return space->nodes * place[space->cells - 1].channels;
}

double cell_base_params(const struct cell_space *space) {
    struct cell_place place[CELL_MAX_CELLS];
    cell_places(space, place);
    const double stem = (double)space->stem * space->channels;
    double sum = 9 * space->image.c * stem + 2 * stem;
    for (int i = 0; i < space->cells; i++)
        for (int j = 0; j < 2; j++)
            sum += input_weights(&place[i], j) + 2.0 * place[i].channels;
    return sum + (last_channels(space, place) + 1.0) * space->classes;
}

double cell_base_flops(const struct cell_space *space) {
    struct cell_place place[CELL_MAX_CELLS];
    cell_places(space, place);
    double sum =
        9.0 * space->image.c * space->stem * space->channels * space->image.h * space->image.w;
    for (int i = 0; i < space->cells; i++)
        for (int j = 0; j < 2; j++)
            sum += input_weights(&place[i], j) * place[i].height * place[i].width;
    return sum + (double)last_channels(space, place) * space->classes;
}

static double sum_cells(const struct cell_arch *arch, const struct cell_space *space, bool flops) {
    struct cell_place place[CELL_MAX_CELLS];
    cell_places(space, place);
    double sum = 0;
    for (int i = 0; i < space->cells; i++) {
        const struct cell_place *p = &place[i];
        const unsigned char *has = arch->has[cell_kind(arch, p, i)];
        const double pixels = (double)p->out_height * p->out_width;
        for (int e = 0; e < cell_edges(arch->nodes); e++)
            for (int op = 0; op < NET_OPS; op++) {
                if (!(has[e] >> op & 1))
                    continue;
                const int c = p->channels, stride = cell_stride(p, e);
                sum += flops ? cell_op_flops((enum net_op)op, c, stride, pixels)
                             : cell_op_params((enum net_op)op, c, stride);
            }
    }
    return sum;
}

double cell_params(const struct cell_arch *arch, const struct cell_space *space) {
    return cell_base_params(space) + sum_cells(arch, space, false);
}

double cell_flops(const struct cell_arch *arch, const struct cell_space *space) {
    return cell_base_flops(space) + sum_cells(arch, space, true);
}
