/* bracket.c - Hyperband's arithmetic and the walk through its rungs (bracket.h). */
#include "bracket/bracket.h"
#include "pareto/pareto.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BRACKET_TRIALS_MAX = 1 << 24 }; /* in the widest rung */

static long power(int eta, int s) {
    long value = 1;
    while (s-- > 0)
        value *= eta;
    return value;
}

int bracket_s_max(const struct hpo_task *task, int eta) {
    int s = 0;
    double reached = task->fidelity_min; /* products of whole numbers: exact below 2^53 */
    for (long n = eta; n <= BRACKET_TRIALS_MAX; n *= eta) {
        if (s == BRACKET_MAX || reached * eta > task->fidelity_max * (1 + 1e-12))
            break;
        reached *= eta;
        s++;
    }
    return s;
}

double bracket_fidelity(const struct hpo_task *task, int eta, int left) {
    double fidelity = task->fidelity_max / (double)power(eta, left);
    if (task->fidelity_integral)
        fidelity = floor(fidelity + 0.5);
    return fmin(task->fidelity_max, fmax(task->fidelity_min, fidelity));
}

int bracket_rungs(const struct hpo_task *task, int eta, int s, int n, int number,
                  struct hpo_rung *rung) {
    for (int i = 0; i <= s; i++)
        rung[i] = (struct hpo_rung){
            .bracket = number,
            .trials = (int)(n / power(eta, i)),
            .fidelity = bracket_fidelity(task, eta, s - i),
            .continued = i ? bracket_fidelity(task, eta, s - i + 1) : 0,
        };
    return s + 1;
}

int bracket_hyperband(const struct hpo_task *task, int eta, struct hpo_rung rung[HPO_MAX_RUNGS]) {
    int s_max = bracket_s_max(task, eta), count = 0;
    for (int s = s_max; s >= 0; s--) {
        long n = ((s_max + 1) * power(eta, s) + s) / (s + 1); /* rounded up */
        count += bracket_rungs(task, eta, s, (int)n, s_max - s, rung + count);
    }
    return count;
}

int bracket_halving(const struct hpo_task *task, int eta, struct hpo_rung rung[HPO_MAX_RUNGS]) {
    int s = bracket_s_max(task, eta);
    return bracket_rungs(task, eta, s, (int)power(eta, s), 0, rung);
}

struct slot bracket_slot(const struct hpo_rung *rung, int rungs, int id) {
    int length = 0;
    for (int i = 0; i < rungs; i++)
        length += rung[i].trials;
    struct slot slot = {.sweep = id / length, .index = id % length};
    while (slot.index >= rung[slot.rung].trials)
        slot.index -= rung[slot.rung++].trials;
    slot.first = id - slot.index;
    return slot;
}

void bracket_promote(const struct history *history, int id, struct trial *trial) {
    memcpy(trial->x, history->record[id].x, sizeof trial->x);
    trial->parent = id;
    strcpy(trial->origin, "promoted");
}

/* The trial that went furthest with the x of record i, running ones included. */
static int furthest(const struct history *history, int i) {
    int best = i;
    for (int j = 0; j < history->asked; j++)
        if (history->record[j].fidelity > history->record[best].fidelity &&
            space_same(history->task->space, history->record[i].x, history->record[j].x))
            best = j;
    return best;
}

/* The index-th best trial with a result of the rung below, or -1 when there are not so many. */
static int nth_best(const struct history *history, const struct hpo_rung *below, int first,
                    int index) {
    int *id = malloc(((size_t)below->trials + 1) * sizeof *id), count = 0, found = -1;
    if (!id)
        return -1;
    for (int i = first; i < first + below->trials; i++)
        if (history->record[i].ok && history->record[i].fidelity == below->fidelity)
            id[count++] = i;
    if (index < count && pareto_order(history, id, count) == 0)
        found = id[index];
    free(id);
    return found;
}

enum bracket_answer bracket_complete(const struct history *history, struct trial *trial) {
    int best = -1;
    for (int i = 0; i < history->told; i++) {
        const struct record *record = &history->record[i];
        if (record->ok && record->fidelity < history->task->fidelity_max &&
            furthest(history, i) == i &&
            (best < 0 || history_better(record, &history->record[best])))
            best = i;
    }
    if (best < 0)
        return history->told < history->asked ? BRACKET_WAIT : BRACKET_DONE;
    trial->fidelity = history->task->fidelity_max;
    bracket_promote(history, best, trial);
    return BRACKET_PROMOTED;
}

enum bracket_answer bracket_next(const struct hpo_rung *rung, int rungs,
                                 const struct history *history, struct trial *trial) {
    struct slot slot = bracket_slot(rung, rungs, trial->id);
    const struct hpo_rung *at = &rung[slot.rung];
    trial->fidelity = at->fidelity;
    if (at->continued > 0) {
        const struct hpo_rung *below = at - 1;
        if (history->told < slot.first)
            return BRACKET_WAIT;
        int id = nth_best(history, below, slot.first - below->trials, slot.index);
        /* In an exhausted space its x may have been completed already. */
        if (id >= 0 && history->record[furthest(history, id)].fidelity < at->fidelity) {
            bracket_promote(history, id, trial);
            return BRACKET_PROMOTED;
        }
    }
    return history_exhausted(history) ? bracket_complete(history, trial) : BRACKET_FRESH;
}
