/* random.c - uniform random search: the control that every comparison carries (Bergstra & Bengio,
 * "Random search for hyper-parameter optimization", JMLR 2012). In a finite space nothing is drawn
 * twice. */
#include "design/design.h"
#include <string.h>

struct random_search {
    const struct hpo_task *task;
    struct history history;
    uint32_t stream;
};

static const struct setting settings[] = {{0}};

static int random_open(void *state, const struct hpo_task *task) {
    struct random_search *search = state;
    search->task = task;
    search->stream = rng_stream("random");
    history_open(&search->history, task);
    return 0;
}

static enum hpo_answer random_ask(void *state, struct trial *trial) {
    struct random_search *search = state;
    if (history_exhausted(&search->history))
        return HPO_DONE;
    struct rng rng = rng_make(search->task->seed, search->stream, (uint32_t)trial->id);
    design_random(&search->history, &rng,
                  trial->x); /* a repeat where a huge space is nearly full */
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void random_asked(void *state, const struct trial *trial) {
    struct random_search *search = state;
    history_asked(&search->history, trial);
}

static void random_tell(void *state, const struct trial *trial, const struct result *front,
                        int n_front) {
    struct random_search *search = state;
    (void)front, (void)n_front;
    history_tell(&search->history, trial);
}

static void random_close(void *state) {
    struct random_search *search = state;
    history_close(&search->history);
}

const struct hpo_ops hpo_random = {
    .name = "random",
    .about = "uniform random search",
    .paper = "Bergstra & Bengio, Random search for hyper-parameter optimization, JMLR 2012",
    .settings = settings,
    .state_size = sizeof(struct random_search),
    .open = random_open,
    .ask = random_ask,
    .asked = random_asked,
    .tell = random_tell,
    .close = random_close,
};
