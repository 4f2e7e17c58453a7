/* history.c - the record of asked and told trials (history.h). */
#include "history/history.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void history_open(struct history *history, const struct hpo_task *task) {
    *history = (struct history){.task = task};
}

void history_close(struct history *history) {
    free(history->record);
    free(history->archive);
    *history = (struct history){0};
}

static bool reserve(struct history *history, int count) {
    if (count <= history->room)
        return true;
    int room = history->room ? 2 * history->room : 64;
    struct record *record = realloc(history->record, (size_t)room * sizeof *record);
    if (!record)
        return false;
    history->record = record;
    history->room = room;
    return true;
}

void history_asked(struct history *history, const struct trial *trial) {
    if (!reserve(history, history->asked + 1)) {
        history->lost = true;
        return;
    }
    struct record *record = &history->record[history->asked++];
    *record = (struct record){
        .fidelity = trial->fidelity, .parent = trial->parent, .violation = INFINITY};
    memcpy(record->x, trial->x, sizeof record->x);
    memcpy(record->origin, trial->origin, sizeof record->origin);
}

static bool all_finite(const double *v, int n) {
    for (int i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

void history_tell(struct history *history, const struct trial *trial) {
    if (history->lost || trial->id != history->told)
        return;
    if (history->told == history->asked)
        history_asked(history, trial);
    if (history->lost)
        return;
    struct record *record = &history->record[history->told++];
    const struct hpo_task *task = history->task;
    record->ok = trial->status == TRIAL_DONE &&
                 all_finite(trial->result.objective, task->n_objectives) &&
                 all_finite(trial->result.constraint, task->n_constraints);
    if (!record->ok)
        return;
    memcpy(record->objective, trial->result.objective, sizeof record->objective);
    memcpy(record->constraint, trial->result.constraint, sizeof record->constraint);
    record->violation = isnan(trial->violation) ? INFINITY : trial->violation;
}

bool history_dominates(int n, const double *a, const double *b) {
    bool better = false;
    for (int i = 0; i < n; i++) {
        if (a[i] > b[i])
            return false;
        better |= a[i] < b[i];
    }
    return better;
}

static bool archive_point(struct history *history, const double *point) {
    size_t n = (size_t)history->task->n_objectives;
    int kept = 0;
    for (int i = 0; i < history->archived; i++) {
        const double *old = history->archive + (size_t)i * n;
        if (history_dominates((int)n, old, point) || memcmp(old, point, n * sizeof *old) == 0)
            return true; /* then nothing was dropped before it either */
        if (!history_dominates((int)n, point, old))
            memmove(history->archive + (size_t)kept++ * n, old, n * sizeof *old);
    }
    history->archived = kept;
    if (kept == history->archive_room) {
        int room = kept ? 2 * kept : 64;
        double *archive = realloc(history->archive, (size_t)room * n * sizeof *archive);
        if (!archive)
            return false;
        history->archive = archive;
        history->archive_room = room;
    }
    memcpy(history->archive + (size_t)history->archived++ * n, point, n * sizeof *point);
    return true;
}

void history_archive(struct history *history, const struct trial *trial, const struct result *front,
                     int n_front) {
    if (history->lost || trial->id >= history->told || history->record[trial->id].violation > 0)
        return;
    for (int i = 0; i < n_front; i++)
        if (all_finite(front[i].objective, history->task->n_objectives) &&
            !archive_point(history, front[i].objective))
            history->lost = true;
}

bool history_has(const struct history *history, const double *x) {
    for (int i = 0; i < history->asked; i++)
        if (space_same(history->task->space, history->record[i].x, x))
            return true;
    return false;
}

bool history_exhausted(const struct history *history) {
    double size = space_size(history->task->space);
    if (history->asked < size)
        return false;
    int distinct = 0;
    for (int i = 0; i < history->asked; i++) {
        bool repeat = false;
        for (int j = 0; j < i && !repeat; j++)
            repeat = space_same(history->task->space, history->record[i].x, history->record[j].x);
        distinct += !repeat;
    }
    return distinct >= size;
}

bool history_better(const struct record *a, const struct record *b) {
    if (a->ok != b->ok)
        return a->ok;
    if (a->violation != b->violation)
        return a->violation < b->violation;
    return a->ok && a->objective[0] < b->objective[0];
}

int history_best(const struct history *history) {
    int best = -1;
    for (int i = 0; i < history->told; i++)
        if (history->record[i].ok &&
            (best < 0 || history_better(&history->record[i], &history->record[best])))
            best = i;
    return best;
}
