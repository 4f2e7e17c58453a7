/* cell.c - cell search spaces: edges, genotype text, and choosing a genotype from weights. */
#include "space/cell.h"
#include "fail.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cell_edges(int nodes) {
    return nodes * (nodes + 3) / 2;
}

int cell_edge(int node, int predecessor) {
    return cell_edges(node) + predecessor;
}

void cell_ends(int edge, int *node, int *predecessor) {
    *node = 0;
    while (cell_edges(*node + 1) <= edge)
        ++*node;
    *predecessor = edge - cell_edges(*node);
}

bool cell_reduces(const struct cell_space *space, int cell) {
    return cell == space->cells / 3 || cell == 2 * space->cells / 3;
}

void cell_operators(struct cell_space *space, enum cell_operators operators) {
    space->ops = 0;
    for (int op = 0; op < NET_OPS; op++)
        if (operators == CELL_DARTS || (operators == CELL_NO_NONE && op != NET_NONE) ||
            op == NET_SKIP || op == NET_SEP_CONV_3)
            space->op[space->ops++] = (enum net_op)op;
}

void cell_places(const struct cell_space *space, struct cell_place place[CELL_MAX_CELLS]) {
    int c = space->channels, h = space->image.h, w = space->image.w;
    int in[2] = {space->stem * c, space->stem * c};
    for (int i = 0; i < space->cells; i++) {
        struct cell_place *p = &place[i];
        *p = (struct cell_place){.in = {in[0], in[1]}, .height = h, .width = w};
        p->reduction = cell_reduces(space, i);
        p->shrink = i > 0 && place[i - 1].reduction;
        if (p->reduction)
            c *= 2, h = (h - 1) / 2 + 1, w = (w - 1) / 2 + 1;
        p->channels = c, p->out_height = h, p->out_width = w;
        in[0] = in[1], in[1] = space->nodes * c;
    }
}

int cell_stride(const struct cell_place *place, int edge) {
    int node, predecessor;
    cell_ends(edge, &node, &predecessor);
    return place->reduction && predecessor < 2 ? 2 : 1;
}

int cell_kind(const struct cell_arch *arch, const struct cell_place *place, int cell) {
    return arch->own ? cell : place->reduction;
}

/* ---- text ---- */

static char *format_node(const struct cell_arch *arch, int kind, int node, char *at) {
    bool any = false;
    at += sprintf(at, " %d=", node + 2);
    for (int p = 0; p < node + 2; p++)
        for (int op = 0; op < NET_OPS; op++)
            if (arch->has[kind][cell_edge(node, p)] >> op & 1) {
                at += sprintf(at, "%s%s(%d)", any ? "+" : "", net_op_name((enum net_op)op), p);
                any = true;
            }
    return any ? at : at + sprintf(at, "none");
}

char *cell_format(const struct cell_arch *arch, char buffer[CELL_TEXT_MAX]) {
    char *at = buffer;
    for (int kind = 0; kind < arch->kinds; kind++) {
        if (kind)
            *at++ = ' ';
        at += arch->own ? sprintf(at, "cell%d", kind) : sprintf(at, kind ? "reduce" : "normal");
        for (int node = 0; node < arch->nodes; node++) {
            assert(buffer + CELL_TEXT_MAX - at > 1500); /* one node at its longest */
            at = format_node(arch, kind, node, at);
        }
    }
    return buffer;
}

static int parse_term(const char *term, int kind, int node, struct cell_arch *arch) {
    for (int op = 1; op < NET_OPS; op++) {
        const char *name = net_op_name((enum net_op)op);
        size_t length = strlen(name);
        if (strncmp(term, name, length) || term[length] != '(')
            continue;
        char *end;
        long p =
            isdigit((unsigned char)term[length + 1]) ? strtol(term + length + 1, &end, 10) : -1;
        if (p < 0 || p > node + 1 || strcmp(end, ")"))
            return fail("'%s' into node %d: predecessors are 0 to %d, as in %s(0)", term, node + 2,
                        node + 1, name);
        unsigned char *has = &arch->has[kind][cell_edge(node, (int)p)];
        if (*has >> op & 1)
            return fail("'%s' enters node %d twice", term, node + 2);
        *has = (unsigned char)(*has | 1 << op);
        return 0;
    }
    return fail("'%s' into node %d is not an operator and its predecessor, as in skip_connect(0)",
                term, node + 2);
}

/* "2=a(0)+b(1)" */
static int parse_node(char *word, int kind, int node, struct cell_arch *arch) {
    char want[16], *rest;
    size_t length = (size_t)snprintf(want, sizeof want, "%d=", node + 2);
    if (node >= CELL_MAX_NODES)
        return fail("a cell has at most %d nodes", CELL_MAX_NODES);
    if (strncmp(word, want, length))
        return fail("'%s': node %d comes next, as in %sskip_connect(0)", word, node + 2, want);
    word += length;
    if (strcmp(word, "none") == 0)
        return 0;
    if (!*word || word[strlen(word) - 1] == '+')
        return fail("node %d ends in nothing", node + 2);
    for (char *term = strtok_r(word, "+", &rest); term; term = strtok_r(NULL, "+", &rest))
        if (parse_term(term, kind, node, arch))
            return -1;
    return 0;
}

/* "normal", "reduce", "cell7": opens the next kind. */
static int parse_head(const char *word, struct cell_arch *arch) {
    char want[16];
    if (arch->kinds == 0)
        arch->own = strncmp(word, "cell", 4) == 0;
    if (arch->kinds == (arch->own ? CELL_MAX_CELLS : 2))
        return fail("'%s': more cells than there can be", word);
    if (arch->own)
        snprintf(want, sizeof want, "cell%d", arch->kinds);
    else
        snprintf(want, sizeof want, arch->kinds ? "reduce" : "normal");
    if (strcmp(word, want))
        return fail("'%s' stands where '%s' must", word, want);
    arch->kinds++;
    return 0;
}

static int parse_words(char *text, struct cell_arch *arch) {
    char *rest;
    int node = 0;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (isdigit((unsigned char)*word) && arch->kinds > 0) {
            if (parse_node(word, arch->kinds - 1, node++, arch))
                return fail_within("cell %d", arch->kinds - 1);
            continue;
        }
        if (arch->kinds == 1)
            arch->nodes = node;
        if (arch->kinds && (node == 0 || node != arch->nodes))
            return fail("cell %d has %d nodes, cell 0 has %d", arch->kinds - 1, node, arch->nodes);
        if (parse_head(word, arch))
            return -1;
        node = 0;
    }
    if (arch->kinds == 1)
        arch->nodes = node;
    if (arch->kinds == 0 || node == 0 || node != arch->nodes || (!arch->own && arch->kinds != 2))
        return fail("the genotype ends early");
    return 0;
}

int cell_parse(const char *text, struct cell_arch *arch) {
    memset(arch, 0, sizeof *arch);
    char *copy = strdup(text);
    if (!copy)
        return fail("out of memory for a genotype");
    int status = parse_words(copy, arch);
    free(copy);
    return status;
}

/* ---- choosing ---- */

static int heaviest_op(const struct cell_space *space, const double *weight) {
    int best = -1;
    for (int o = 0; o < space->ops; o++)
        if (space->op[o] != NET_NONE && (best < 0 || weight[o] > weight[best]))
            best = o;
    return best;
}

void cell_choose(const struct cell_space *space, const double *weight, int inputs,
                 unsigned char has[CELL_MAX_EDGES]) {
    memset(has, 0, CELL_MAX_EDGES);
    for (int node = 0; node < space->nodes; node++) {
        int keep = inputs && inputs < node + 2 ? inputs : node + 2;
        for (int k = 0; k < keep; k++) {
            int edge = -1, op = -1;
            for (int p = 0; p < node + 2; p++) {
                int e = cell_edge(node, p), o = heaviest_op(space, weight + e * space->ops);
                if (!has[e] &&
                    (edge < 0 || weight[e * space->ops + o] > weight[edge * space->ops + op]))
                    edge = e, op = o;
            }
            has[edge] = (unsigned char)(1 << space->op[op]);
        }
    }
}

void cell_random(const struct cell_space *space, struct rng *rng,
                 unsigned char has[CELL_MAX_EDGES]) {
    memset(has, 0, CELL_MAX_EDGES);
    int first = space->op[0] == NET_NONE, ops = space->ops - first;
    for (int node = 0; node < space->nodes; node++) {
        int a = (int)rng_below(rng, (uint32_t)node + 2),
            b = (int)rng_below(rng, (uint32_t)node + 1);
        b += b >= a;
        for (int k = 0; k < 2; k++) {
            int op = first + (int)rng_below(rng, (uint32_t)ops);
            has[cell_edge(node, k ? b : a)] = (unsigned char)(1 << space->op[op]);
        }
    }
}

int cell_skips(const struct cell_arch *arch, int kind) {
    int skips = 0;
    for (int e = 0; e < cell_edges(arch->nodes); e++)
        skips += arch->has[kind][e] >> NET_SKIP & 1;
    return skips;
}
