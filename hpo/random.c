/* random.c - uniform random search: the control that every comparison carries (Bergstra & Bengio,
 * "Random search for hyper-parameter optimization", JMLR 2012). */
#include "hpo.h"
#include <string.h>

struct random_search {
    const struct hpo_task *task;
    uint32_t stream;
};

static const struct setting settings[] = {{0}};

static int random_open(void *state, const struct hpo_task *task) {
    struct random_search *search = state;
    search->task = task;
    search->stream = rng_stream("random");
    return 0;
}

static enum hpo_answer random_ask(void *state, struct trial *trial) {
    struct random_search *search = state;
    struct rng rng = rng_make(search->task->seed, search->stream, (uint32_t)trial->id);
    for (int d = 0; d < search->task->space->n; d++)
        trial->x[d] = rng_uniform(&rng);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void random_tell(void *state, const struct trial *trial, const struct result *front,
                        int n_front) {
    (void)state, (void)trial, (void)front, (void)n_front;
}

static void random_close(void *state) {
    (void)state;
}

const struct hpo_ops hpo_random = {
    .name = "random",
    .about = "uniform random search",
    .paper = "Bergstra & Bengio, Random search for hyper-parameter optimization, JMLR 2012",
    .settings = settings,
    .state_size = sizeof(struct random_search),
    .open = random_open,
    .ask = random_ask,
    .tell = random_tell,
    .close = random_close,
};
