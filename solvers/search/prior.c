/* prior.c - sampling, densities, entropy, gradients and text of PARSEC's distribution. */
#include "search/prior.h"
#include "fail.h"
#include "search/relax.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = CELL_MAX_NODES + 1 > NET_OPS ? CELL_MAX_NODES + 1 : NET_OPS };

/* One categorical. */
struct category {
    int kind, node, slot, n;
    bool op;
    size_t at; /* its first logit */
};

/* Steps through all categoricals: start with a zeroed one and *more false. */
static bool next_category(const struct prior *prior, struct category *c) {
    if (c->n == 0)
        c->n = 2;
    else {
        c->at += (size_t)c->n;
        c->op = !c->op;
        c->slot = c->op ? c->slot : !c->slot;
        c->node += !c->op && !c->slot;
        if (c->node == prior->space->nodes)
            c->node = 0, c->kind++;
    }
    c->n = c->op ? prior->space->ops : 2 + c->node;
    return c->kind < 2;
}

static unsigned char *pick_of(struct prior_sample *s, const struct category *c) {
    return c->op ? &s->op[c->kind][c->node][c->slot] : &s->input[c->kind][c->node][c->slot];
}

static int picked(const struct prior_sample *s, const struct category *c) {
    return c->op ? s->op[c->kind][c->node][c->slot] : s->input[c->kind][c->node][c->slot];
}

int prior_open(struct prior *prior, const struct cell_space *space) {
    *prior = (struct prior){.space = space};
    struct category c = {0};
    while (next_category(prior, &c))
        prior->count = c.at + (size_t)c.n;
    prior->logit = calloc(prior->count, sizeof *prior->logit);
    return prior->logit ? 0 : fail("out of memory for a distribution");
}

void prior_free(struct prior *prior) {
    free(prior->logit);
    *prior = (struct prior){0};
}

void prior_draw(const struct prior *prior, struct rng *rng, struct prior_sample *sample) {
    double p[MOST];
    struct category c = {0};
    memset(sample, 0, sizeof *sample);
    while (next_category(prior, &c)) {
        double u = rng_uniform(rng);
        int i = 0;
        relax_softmax(c.n, prior->logit + c.at, p);
        while (i < c.n - 1 && u >= p[i])
            u -= p[i++];
        *pick_of(sample, &c) = (unsigned char)i;
    }
}

void prior_mode(const struct prior *prior, struct prior_sample *sample) {
    struct category c = {0};
    memset(sample, 0, sizeof *sample);
    while (next_category(prior, &c)) {
        const double *logit = prior->logit + c.at;
        int best = 0;
        for (int i = 1; i < c.n; i++)
            best = logit[i] > logit[best] ? i : best;
        *pick_of(sample, &c) = (unsigned char)best;
    }
}

double prior_log(const struct prior *prior, const struct prior_sample *sample) {
    struct category c = {0};
    double sum = 0;
    while (next_category(prior, &c))
        sum += prior->logit[c.at + (size_t)picked(sample, &c)] -
               relax_log_sum(c.n, prior->logit + c.at);
    return sum;
}

double prior_entropy(const struct prior *prior) {
    struct category c = {0};
    double p[MOST], sum = 0;
    while (next_category(prior, &c)) {
        double all = relax_log_sum(c.n, prior->logit + c.at);
        relax_softmax(c.n, prior->logit + c.at, p);
        for (int i = 0; i < c.n; i++)
            sum += p[i] * (all - prior->logit[c.at + (size_t)i]);
    }
    return sum;
}

double prior_confidence(const struct prior *prior) {
    struct category c = {0};
    double p[MOST], sum = 0;
    int categories = 0;
    while (next_category(prior, &c)) {
        double most = 0;
        relax_softmax(c.n, prior->logit + c.at, p);
        for (int i = 0; i < c.n; i++)
            most = fmax(most, p[i]);
        sum += most;
        categories++;
    }
    return sum / categories;
}

void prior_gradient(const struct prior *prior, const struct prior_sample *sample, double scale,
                    double *gradient) {
    struct category c = {0};
    double p[MOST];
    while (next_category(prior, &c)) {
        relax_softmax(c.n, prior->logit + c.at, p);
        for (int i = 0; i < c.n; i++)
            gradient[c.at + (size_t)i] += scale * ((i == picked(sample, &c)) - p[i]);
    }
}

void prior_arch(const struct prior *prior, const struct prior_sample *sample,
                struct cell_arch *arch) {
    memset(arch, 0, sizeof *arch);
    arch->nodes = prior->space->nodes, arch->kinds = 2;
    for (int kind = 0; kind < 2; kind++)
        for (int node = 0; node < arch->nodes; node++)
            for (int slot = 0; slot < 2; slot++) {
                enum net_op op = prior->space->op[sample->op[kind][node][slot]];
                int edge = cell_edge(node, sample->input[kind][node][slot]);
                if (op != NET_NONE)
                    arch->has[kind][edge] = (unsigned char)(arch->has[kind][edge] | 1 << op);
            }
}

void prior_weights(int n, const double *likelihood, double temperature, double *weight) {
    for (int i = 0; i < n; i++)
        weight[i] = likelihood[i] / temperature;
    relax_softmax(n, weight, weight);
}

/* ---- text ---- */

static int head_of(const struct category *c, char *buffer, size_t size) {
    return snprintf(buffer, size, "%s %d %d %s", c->kind ? "reduce" : "normal", c->node + 2,
                    c->slot, c->op ? "op" : "input");
}

int prior_write(const struct prior *prior, const char *path) {
    FILE *file = fopen(path, "w");
    struct category c = {0};
    double p[MOST];
    char head[64];
    if (!file)
        return fail("%s: cannot be written", path);
    while (next_category(prior, &c)) {
        head_of(&c, head, sizeof head);
        fputs(head, file);
        relax_softmax(c.n, prior->logit + c.at, p);
        for (int i = 0; i < c.n; i++)
            fprintf(file, " %.17g", p[i]);
        fputc('\n', file);
    }
    bool bad = ferror(file) != 0;
    return fclose(file) || bad ? fail("%s: cannot be written", path) : 0;
}

static int read_line(const struct category *c, char *line, double smoothing, double *logit) {
    char head[64];
    size_t length = (size_t)head_of(c, head, sizeof head);
    double p[MOST], sum = 0;
    if (strncmp(line, head, length))
        return fail("'%s' and its %d probabilities are wanted", head, c->n);
    char *at = line + length, *end;
    for (int i = 0; i < c->n; i++, at = end) {
        p[i] = strtod(at, &end);
        if (end == at || !(p[i] >= 0 && p[i] <= 1))
            return fail("%d probabilities are wanted behind '%s'", c->n, head);
        sum += p[i];
    }
    if (strspn(at, " \r\n") != strlen(at) || fabs(sum - 1) > 1e-6)
        return fail("%d probabilities that add up to 1 are wanted behind '%s'", c->n, head);
    for (int i = 0; i < c->n; i++)
        logit[i] = log(fmax(1e-12, (1 - smoothing) * p[i] / sum + smoothing / c->n));
    return 0;
}

int prior_read(struct prior *prior, const char *path, double smoothing) {
    FILE *file = fopen(path, "r");
    struct category c = {0};
    char line[1024];
    int number = 0, status = 0;
    if (!file)
        return fail("%s: cannot be read", path);
    while (status == 0 && next_category(prior, &c)) {
        number++;
        if (!fgets(line, sizeof line, file))
            status = fail("%s: ends after %d lines; it is of another space", path, number - 1);
        else if (read_line(&c, line, smoothing, prior->logit + c.at))
            status = fail_within("%s:%d", path, number);
    }
    if (status == 0 && fgets(line, sizeof line, file))
        status = fail("%s: has more than %d lines; it is of another space", path, number);
    fclose(file);
    return status;
}
