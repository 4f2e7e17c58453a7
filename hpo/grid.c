/* grid.c - full factorial search in a seeded shuffled order, so that a grid cut short is still
 * spread out. Drawing the grid's points at random without replacement is that order. */
#include "design/design.h"
#include "setting.h"
#include <math.h>
#include <string.h>

struct grid {
    const struct hpo_task *task;
    struct space space;      /* the searched one, with lists for everything */
    struct hpo_task gridded; /* the task over `space` */
    struct history history;  /* in `space` */
};

static const struct setting settings[] = {
    {.name = "levels",
     .type = SETTING_INT,
     .lo = 1,
     .hi = SPACE_MAX_LEVELS,
     .preset = "5",
     .help = "values of a setting that has more, evenly laid on its scale, both ends included"},
    {0},
};

/* Turns a dimension with more than `levels` values into a list of that many. */
static void make_list(struct space_dim *dim, int levels) {
    if ((dim->kind != SPACE_REAL && dim->kind != SPACE_INT) ||
        (dim->kind == SPACE_INT && space_dim_size(dim) <= levels) || !(dim->hi > dim->lo))
        return;
    struct space_dim list = *dim;
    list.kind = SPACE_LIST;
    list.levels = 0;
    for (int l = 0; l < levels; l++) {
        double value = space_value(dim, levels > 1 ? (double)l / (levels - 1) : 0.5);
        if (!list.levels || value > list.level[list.levels - 1]) /* whole numbers may coincide */
            list.level[list.levels++] = value;
    }
    *dim = list;
}

/* The same trial in the other space. */
static void convert(const struct space *from, const struct space *to, const double *x, double *y) {
    double value[SPACE_MAX_DIMS];
    space_decode(from, x, value);
    space_encode(to, value, y);
}

static int grid_open(void *state, const struct hpo_task *task) {
    struct grid *grid = state;
    grid->task = task;
    grid->space = *task->space;
    for (int d = 0; d < grid->space.n; d++)
        make_list(&grid->space.dim[d], (int)config_int(task->settings, "levels"));
    grid->gridded = *task;
    grid->gridded.space = &grid->space;
    history_open(&grid->history, &grid->gridded);
    return 0;
}

static enum hpo_answer grid_ask(void *state, struct trial *trial) {
    struct grid *grid = state;
    if (history_exhausted(&grid->history))
        return HPO_DONE;
    double x[SPACE_MAX_DIMS];
    struct rng rng = rng_make(grid->task->seed, rng_stream("grid"), (uint32_t)trial->id);
    design_random(&grid->history, &rng, x);
    convert(&grid->space, grid->task->space, x, trial->x);
    strcpy(trial->origin, "grid");
    return HPO_TRIAL;
}

static void grid_asked(void *state, const struct trial *trial) {
    struct grid *grid = state;
    struct trial gridded = *trial;
    convert(grid->task->space, &grid->space, trial->x, gridded.x);
    history_asked(&grid->history, &gridded);
}

static void grid_tell(void *state, const struct trial *trial, const struct result *front,
                      int n_front) {
    struct grid *grid = state;
    (void)front, (void)n_front;
    history_tell(&grid->history, trial);
}

static void grid_close(void *state) {
    struct grid *grid = state;
    history_close(&grid->history);
}

const struct hpo_ops hpo_grid = {
    .name = "grid",
    .about = "full factorial search in a shuffled order",
    .paper = "",
    .settings = settings,
    .state_size = sizeof(struct grid),
    .open = grid_open,
    .ask = grid_ask,
    .asked = grid_asked,
    .tell = grid_tell,
    .close = grid_close,
};
