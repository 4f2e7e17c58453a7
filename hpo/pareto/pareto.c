/* pareto.c - non-dominated sorting with constraints, and crowding (pareto.h). */
#include "pareto/pareto.h"
#include "fail.h"
#include <math.h>
#include <stdlib.h>

struct entry {
    int id;
    const struct record *record;
    int front;       /* 0: not dominated; only among equals in violation */
    double crowding; /* larger: lonelier */
};

static int by_violation(const void *a, const void *b) {
    const struct entry *p = a, *q = b;
    if (p->record->ok != q->record->ok)
        return p->record->ok ? -1 : 1;
    if (p->record->violation != q->record->violation)
        return p->record->violation < q->record->violation ? -1 : 1;
    return p->id - q->id;
}

static int by_front(const void *a, const void *b) {
    const struct entry *p = a, *q = b;
    if (p->front != q->front)
        return p->front - q->front;
    if (p->crowding != q->crowding)
        return p->crowding > q->crowding ? -1 : 1;
    return p->id - q->id;
}

static int by_objective(const void *a, const void *b) {
    const struct entry *p = a, *q = b;
    double x = p->record->objective[0], y = q->record->objective[0];
    return x != y ? (x > y) - (x < y) : p->id - q->id;
}

/* Peels off one front after another: O(m^2) comparisons a front. */
static void set_fronts(struct entry *entry, int m, int objectives) {
    for (int i = 0; i < m; i++)
        entry[i].front = -1;
    for (int front = 0, left = m; left > 0; front++) {
        for (int i = 0; i < m; i++) {
            bool free = entry[i].front < 0;
            for (int j = 0; j < m && free; j++)
                if (entry[j].front < 0 || entry[j].front == front)
                    free = !history_dominates(objectives, entry[j].record->objective,
                                              entry[i].record->objective);
            if (free) {
                entry[i].front = front;
                left--;
            }
        }
    }
}

/* Crowding distance within each front; the ends of a front are infinitely lonely. */
static void set_crowding(struct entry *entry, int m, int objectives) {
    for (int i = 0; i < m; i++) {
        entry[i].crowding = 0;
        for (int k = 0; k < objectives; k++) {
            double lo = -INFINITY, hi = INFINITY, at = entry[i].record->objective[k];
            double least = at, most = at;
            for (int j = 0; j < m; j++) {
                double other = entry[j].record->objective[k];
                if (j == i || entry[j].front != entry[i].front)
                    continue;
                least = fmin(least, other);
                most = fmax(most, other);
                if (other < at || (other == at && entry[j].id < entry[i].id))
                    lo = fmax(lo, other);
                else
                    hi = fmin(hi, other);
            }
            entry[i].crowding += isinf(lo) || isinf(hi) ? INFINITY
                                 : most > least         ? (hi - lo) / (most - least)
                                                        : 0;
        }
    }
}

/* Sorts entries (m) that are equal in violation. */
static void order_equals(struct entry *entry, int m, int objectives) {
    if (objectives == 1) {
        qsort(entry, (size_t)m, sizeof *entry, by_objective);
        return;
    }
    set_fronts(entry, m, objectives);
    set_crowding(entry, m, objectives);
    qsort(entry, (size_t)m, sizeof *entry, by_front);
}

int pareto_order(const struct history *history, int *id, int count) {
    struct entry *entry = malloc(((size_t)count + 1) * sizeof *entry);
    if (!entry)
        return fail("no memory to sort %d trials", count);
    for (int i = 0; i < count; i++)
        entry[i] = (struct entry){.id = id[i], .record = &history->record[id[i]]};
    qsort(entry, (size_t)count, sizeof *entry, by_violation);
    for (int start = 0; start < count && entry[start].record->ok;) {
        int end = start + 1;
        while (end < count && entry[end].record->ok &&
               entry[end].record->violation == entry[start].record->violation)
            end++;
        order_equals(entry + start, end - start, history->task->n_objectives);
        start = end;
    }
    for (int i = 0; i < count; i++)
        id[i] = entry[i].id;
    free(entry);
    return 0;
}
