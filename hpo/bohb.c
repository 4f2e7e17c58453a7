/* bohb.c - Hyperband whose new trials come from a pair of kernel density estimates, one of the good
 * trials and one of the others (Falkner, Klein & Hutter, "BOHB: robust and efficient hyperparameter
 * optimization at scale", ICML 2018, algorithm 2). */
#include "bracket/bracket.h"
#include "design/design.h"
#include "fail.h"
#include "pareto/pareto.h"
#include "setting.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bohb {
    const struct hpo_task *task;
    struct history history;
    struct hpo_rung rung[HPO_MAX_RUNGS];
    int rungs;
    double random_share, top_share, bandwidth_factor;
    int samples;
};

static const struct setting settings[] = {
    {.name = "eta",
     .type = SETTING_INT,
     .lo = 2,
     .hi = 10,
     .preset = "3",
     .help = "one trial in so many goes on to the next rung"},
    {.name = "random",
     .type = SETTING_REAL,
     .lo = 0,
     .hi = 1,
     .preset = "0.33333333333333333",
     .help = "share of new trials drawn at random"},
    {.name = "top",
     .type = SETTING_REAL,
     .lo = 0.01,
     .hi = 0.9,
     .preset = "0.15",
     .help = "share of the trials that count as good"},
    {.name = "samples",
     .type = SETTING_INT,
     .lo = 1,
     .hi = 65536,
     .scale = SETTING_LOG,
     .preset = "64",
     .help = "draws from the good ones' density, of which the most promising is tried"},
    {.name = "bandwidth",
     .type = SETTING_REAL,
     .lo = 0.1,
     .hi = 100,
     .scale = SETTING_LOG,
     .preset = "3",
     .help = "factor on the bandwidth when drawing"},
    {0},
};

/* A product-kernel density over the cube: truncated normals for ordered settings, Aitchison &
 * Aitken's kernel for choices. Bandwidths by Scott's rule. */
struct density {
    const struct space *space;
    const struct history *history;
    const int *id; /* (count) the trials it is made of; borrowed */
    int count;
    double bandwidth[SPACE_MAX_DIMS];
};

static const double BANDWIDTH_MIN = 1e-3;

static void density_make(struct density *density, const struct history *history, const int *id,
                         int count) {
    const struct space *space = history->task->space;
    *density = (struct density){.space = space, .history = history, .id = id, .count = count};
    for (int d = 0; d < space->n; d++) {
        double mean = 0, square = 0;
        for (int i = 0; i < count; i++)
            mean += history->record[id[i]].x[d] / count;
        for (int i = 0; i < count; i++)
            square += pow(history->record[id[i]].x[d] - mean, 2) / count;
        double width = 1.06 * sqrt(square) * pow(count, -1.0 / (4 + space->n));
        if (space->dim[d].kind == SPACE_CHOICE)
            width = fmin(width, (space->dim[d].levels - 1.0) / space->dim[d].levels);
        density->bandwidth[d] = fmax(width, BANDWIDTH_MIN);
    }
}

static double normal_cdf(double u) {
    return 0.5 * erfc(-u * M_SQRT1_2);
}

static double kernel(const struct space_dim *dim, double width, double centre, double u) {
    if (dim->kind == SPACE_CHOICE)
        return space_level(dim, centre) == space_level(dim, u) ? 1 - width
                                                               : width / fmax(1, dim->levels - 1);
    double z = (u - centre) / width;
    double inside = normal_cdf((1 - centre) / width) - normal_cdf(-centre / width);
    return exp(-0.5 * z * z) / (width * sqrt(2 * M_PI) * inside);
}

static double density_at(const struct density *density, const double *x) {
    double sum = 0;
    for (int i = 0; i < density->count; i++) {
        double product = 1;
        for (int d = 0; d < density->space->n; d++)
            product *= kernel(&density->space->dim[d], density->bandwidth[d],
                              density->history->record[density->id[i]].x[d], x[d]);
        sum += product / density->count;
    }
    return sum;
}

static double truncated_normal(struct rng *rng, double centre, double width) {
    for (int draw = 0; draw < 64; draw++) {
        double u = centre + width * rng_normal(rng);
        if (u >= 0 && u <= 1)
            return u;
    }
    return rng_uniform(rng);
}

/* A draw from the density widened by the factor. */
static void density_draw(const struct density *density, double factor, struct rng *rng, double *x) {
    int id = density->id[rng_below(rng, (uint32_t)density->count)];
    for (int d = 0; d < density->space->n; d++) {
        const struct space_dim *dim = &density->space->dim[d];
        double centre = density->history->record[id].x[d];
        if (dim->kind == SPACE_CHOICE)
            x[d] = rng_uniform(rng) < 1 - density->bandwidth[d] ? centre : rng_uniform(rng);
        else
            x[d] = truncated_normal(rng, centre, factor * density->bandwidth[d]);
    }
    space_canonical(density->space, x);
}

/* The ids (into room, best first) of the largest fidelity that has enough trials; their count or 0.
 */
static int modelled(const struct bohb *bohb, int *room) {
    const struct history *history = &bohb->history;
    int wanted = bohb->task->space->n + 2;
    for (double fidelity = INFINITY;;) {
        double next = 0;
        for (int i = 0; i < history->told; i++)
            if (history->record[i].ok && history->record[i].fidelity < fidelity)
                next = fmax(next, history->record[i].fidelity);
        if (!(next > 0))
            return 0;
        fidelity = next;
        int count = 0;
        for (int i = 0; i < history->told; i++)
            if (history->record[i].ok && history->record[i].fidelity == fidelity)
                room[count++] = i;
        if (count >= wanted)
            return pareto_order(history, room, count) ? 0 : count;
    }
}

static bool propose(const struct bohb *bohb, struct rng *rng, struct trial *trial) {
    int *room = malloc(((size_t)bohb->history.told + 1) * sizeof *room);
    int count = room ? modelled(bohb, room) : 0, least = bohb->task->space->n + 1;
    double best = -INFINITY;
    if (count) {
        int n_good = (int)fmax(least, floor(bohb->top_share * count));
        int n_bad = (int)fmin(count, fmax(least, floor((1 - bohb->top_share) * count)));
        struct density good, bad;
        density_make(&good, &bohb->history, room, n_good);
        density_make(&bad, &bohb->history, room + count - n_bad, n_bad);
        for (int i = 0; i < bohb->samples; i++) {
            double x[SPACE_MAX_DIMS] = {0};
            density_draw(&good, bohb->bandwidth_factor, rng, x);
            double ratio =
                log(fmax(density_at(&good, x), 1e-32)) - log(fmax(density_at(&bad, x), 1e-32));
            if (ratio > best && !history_has(&bohb->history, x)) {
                best = ratio;
                memcpy(trial->x, x, sizeof x);
            }
        }
    }
    free(room);
    strcpy(trial->origin, "model");
    return isfinite(best);
}

static int bohb_plan(const struct hpo_task *task, struct hpo_rung rung[HPO_MAX_RUNGS]) {
    return bracket_hyperband(task, (int)config_int(task->settings, "eta"), rung);
}

static int bohb_open(void *state, const struct hpo_task *task) {
    struct bohb *bohb = state;
    bohb->task = task;
    bohb->random_share = config_real(task->settings, "random");
    bohb->top_share = config_real(task->settings, "top");
    bohb->samples = (int)config_int(task->settings, "samples");
    bohb->bandwidth_factor = config_real(task->settings, "bandwidth");
    bohb->rungs = bohb_plan(task, bohb->rung);
    history_open(&bohb->history, task);
    return 0;
}

static enum hpo_answer bohb_ask(void *state, struct trial *trial) {
    struct bohb *bohb = state;
    switch (bracket_next(bohb->rung, bohb->rungs, &bohb->history, trial)) {
    case BRACKET_WAIT:
        return HPO_WAIT;
    case BRACKET_DONE:
        return HPO_DONE;
    case BRACKET_PROMOTED:
        return HPO_TRIAL;
    case BRACKET_FRESH:
        break;
    }
    struct rng rng = rng_make(bohb->task->seed, rng_stream("bohb"), (uint32_t)trial->id);
    if (rng_uniform(&rng) >= bohb->random_share && propose(bohb, &rng, trial))
        return HPO_TRIAL;
    design_random(&bohb->history, &rng, trial->x);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void bohb_asked(void *state, const struct trial *trial) {
    struct bohb *bohb = state;
    history_asked(&bohb->history, trial);
}

static void bohb_tell(void *state, const struct trial *trial, const struct result *front,
                      int n_front) {
    struct bohb *bohb = state;
    (void)front, (void)n_front;
    history_tell(&bohb->history, trial);
}

static void bohb_close(void *state) {
    struct bohb *bohb = state;
    history_close(&bohb->history);
}

const struct hpo_ops hpo_bohb = {
    .name = "bohb",
    .about = "Hyperband with new trials from kernel density estimates",
    .paper = "Falkner, Klein & Hutter, BOHB: robust and efficient hyperparameter optimization at "
             "scale, ICML 2018",
    .settings = settings,
    .state_size = sizeof(struct bohb),
    .open = bohb_open,
    .ask = bohb_ask,
    .asked = bohb_asked,
    .tell = bohb_tell,
    .close = bohb_close,
    .plan = bohb_plan,
};
