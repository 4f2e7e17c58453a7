/* asha.c - asynchronous successive halving, the promoting kind (Li et al., "A system for massively
 * parallel hyperparameter tuning", MLSys 2020, algorithm 2): whenever a rung holds a trial among
 * its best 1/eta that was not promoted, it goes on; else a new trial starts at the bottom. It never
 * waits for a rung to fill. */
#include "bracket/bracket.h"
#include "design/design.h"
#include "fail.h"
#include "pareto/pareto.h"
#include "setting.h"
#include <stdlib.h>
#include <string.h>

struct asha {
    const struct hpo_task *task;
    struct history history;
    int eta, s_max;
};

static const struct setting settings[] = {
    {.name = "eta",
     .type = SETTING_INT,
     .lo = 2,
     .hi = 10,
     .preset = "3",
     .help = "one trial in so many goes on to the next rung"},
    {0},
};

static int asha_open(void *state, const struct hpo_task *task) {
    struct asha *asha = state;
    asha->task = task;
    asha->eta = (int)config_int(task->settings, "eta");
    asha->s_max = bracket_s_max(task, asha->eta);
    history_open(&asha->history, task);
    return 0;
}

static bool is_promoted(const struct history *history, int id) {
    for (int i = id + 1; i < history->asked; i++)
        if (history->record[i].parent == id)
            return true;
    return false;
}

/* The best trial of the rung at this fidelity that may go on, or -1. room (told). */
static int promotable(const struct asha *asha, double fidelity, int *room) {
    const struct history *history = &asha->history;
    int count = 0;
    for (int i = 0; i < history->told; i++)
        if (history->record[i].fidelity == fidelity)
            room[count++] = i;
    if (count < asha->eta || pareto_order(history, room, count))
        return -1;
    for (int i = 0; i < count / asha->eta; i++)
        if (history->record[room[i]].ok && !is_promoted(history, room[i]))
            return room[i];
    return -1;
}

/* From the top rung down. */
static bool promote(const struct asha *asha, struct trial *trial) {
    int *room = malloc(((size_t)asha->history.told + 1) * sizeof *room), id = -1;
    for (int left = 1; room && left <= asha->s_max && id < 0; left++) {
        id = promotable(asha, bracket_fidelity(asha->task, asha->eta, left), room);
        if (id < 0)
            continue;
        bracket_promote(&asha->history, id, trial);
        trial->fidelity = bracket_fidelity(asha->task, asha->eta, left - 1);
    }
    free(room);
    return id >= 0;
}

static enum hpo_answer asha_ask(void *state, struct trial *trial) {
    struct asha *asha = state;
    if (promote(asha, trial))
        return HPO_TRIAL;
    if (history_exhausted(&asha->history)) {
        enum bracket_answer answer = bracket_complete(&asha->history, trial);
        return answer == BRACKET_PROMOTED ? HPO_TRIAL
               : answer == BRACKET_WAIT   ? HPO_WAIT
                                          : HPO_DONE;
    }
    struct rng rng = rng_make(asha->task->seed, rng_stream("random"), (uint32_t)trial->id);
    design_random(&asha->history, &rng, trial->x);
    trial->fidelity = bracket_fidelity(asha->task, asha->eta, asha->s_max);
    strcpy(trial->origin, "random");
    return HPO_TRIAL;
}

static void asha_asked(void *state, const struct trial *trial) {
    struct asha *asha = state;
    history_asked(&asha->history, trial);
}

static void asha_tell(void *state, const struct trial *trial, const struct result *front,
                      int n_front) {
    struct asha *asha = state;
    (void)front, (void)n_front;
    history_tell(&asha->history, trial);
}

static void asha_close(void *state) {
    struct asha *asha = state;
    history_close(&asha->history);
}

const struct hpo_ops hpo_asha = {
    .name = "asha",
    .about = "asynchronous successive halving: promotes as soon as there is something to promote",
    .paper = "Li et al., A system for massively parallel hyperparameter tuning, MLSys 2020",
    .settings = settings,
    .state_size = sizeof(struct asha),
    .open = asha_open,
    .ask = asha_ask,
    .asked = asha_asked,
    .tell = asha_tell,
    .close = asha_close,
};
