/* sobol.c - a randomly shifted Sobol sequence: fills the space more evenly than random draws
 * (Sobol', USSR Comp. Math. 1967; shifted as Cranley & Patterson 1976). In a finite space, points
 * of the sequence that were tried are passed over. */
#include "design/design.h"
#include <math.h>
#include <string.h>

struct sobol_search {
    const struct hpo_task *task;
    struct history history;
    struct sobol sequence;
    int fresh; /* every point before this one is known to be asked (finite spaces) */
};

enum { PASSED_OVER_MAX = 10000 };

static const struct setting settings[] = {{0}};

static int sobol_search_open(void *state, const struct hpo_task *task) {
    struct sobol_search *search = state;
    search->task = task;
    history_open(&search->history, task);
    return sobol_open(&search->sequence, task->space->n, task->seed, rng_stream("sobol"), 0);
}

static enum hpo_answer sobol_search_ask(void *state, struct trial *trial) {
    struct sobol_search *search = state;
    const struct space *space = search->task->space;
    if (history_exhausted(&search->history))
        return HPO_DONE;
    strcpy(trial->origin, "sobol");
    if (isinf(space_size(space))) {
        sobol_at(&search->sequence, trial->id, trial->x);
        return HPO_TRIAL;
    }
    for (int i = 0; i < PASSED_OVER_MAX; i++, search->fresh++) {
        sobol_at(&search->sequence, search->fresh, trial->x);
        space_canonical(space, trial->x);
        if (!history_has(&search->history, trial->x))
            return HPO_TRIAL;
    }
    search->fresh -= PASSED_OVER_MAX; /* asking must not change the next answer */
    struct rng rng = rng_make(search->task->seed, rng_stream("random"), (uint32_t)trial->id);
    design_random(&search->history, &rng, trial->x);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void sobol_search_asked(void *state, const struct trial *trial) {
    struct sobol_search *search = state;
    history_asked(&search->history, trial);
}

static void sobol_search_tell(void *state, const struct trial *trial, const struct result *front,
                              int n_front) {
    struct sobol_search *search = state;
    (void)front, (void)n_front;
    history_tell(&search->history, trial);
}

static void sobol_search_close(void *state) {
    struct sobol_search *search = state;
    sobol_close(&search->sequence);
    history_close(&search->history);
}

const struct hpo_ops hpo_sobol = {
    .name = "sobol",
    .about = "a randomly shifted Sobol sequence",
    .paper = "Sobol', USSR Computational Mathematics and Mathematical Physics 1967; Cranley & "
             "Patterson, SIAM Journal on Numerical Analysis 1976",
    .settings = settings,
    .state_size = sizeof(struct sobol_search),
    .open = sobol_search_open,
    .ask = sobol_search_ask,
    .asked = sobol_search_asked,
    .tell = sobol_search_tell,
    .close = sobol_search_close,
};
