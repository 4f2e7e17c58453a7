/* retrain_plan.c - which architectures of a study's results are to be trained finally (retrain.h).
 */
#include "fail.h"
#include "journal.h"
#include "results.h"
#include "retrain.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool planned(const struct retrain_plan *plan, const char *arch) {
    for (int i = 0; i < plan->count; i++)
        if (strcmp(plan->choice[i].arch, arch) == 0)
            return true;
    return false;
}

/* Visits every final point with an architecture. */
typedef int (*visitor)(void *context, const struct journal_entry *entry, int method, int repeat,
                       int point);

static int visit_run(const struct study *study, const char *folder, int method, int repeat,
                     visitor visit, void *context) {
    struct results results;
    struct journal journal;
    struct journal_entry *entries = NULL;
    char run[512];
    int count = 0;
    snprintf(results.folder, sizeof results.folder, "%s", folder);
    results_run_folder(&results, study, method, repeat, run, sizeof run);
    int status = journal_open_reader(&journal, study, method, repeat, run);
    if (status == 0)
        status = journal_read(&journal, &entries, &count);
    for (int t = 0; t < count && status == 0; t++)
        for (int p = 0; p < entries[t].outcome.count && status == 0; p++) {
            const struct point *point = &entries[t].outcome.point[p];
            if (point->final && point->arch)
                status = visit(context, &entries[t], method, repeat, p);
        }
    journal_entries_free(entries, count);
    journal_close(&journal);
    return status;
}

static int visit_all(const struct study *study, const char *folder, visitor visit, void *context) {
    for (int m = 0; m < study->n_methods; m++)
        for (int r = 0; r < study->repeats; r++)
            if (visit_run(study, folder, m, r, visit, context))
                return -1;
    return 0;
}

struct search {
    struct retrain_plan *plan;
    const struct study *study;
    const char *method; /* of the trial that is wanted */
    int repeat, trial, point;
    int found;
};

static int add_point(struct search *search, const struct journal_entry *entry, int method,
                     int repeat, int index) {
    struct retrain_plan *plan = search->plan;
    const struct point *point = &entry->outcome.point[index];
    search->found++;
    if (planned(plan, point->arch))
        return 0;
    if (plan->count == RETRAIN_MAX)
        return fail("more than %d architectures", RETRAIN_MAX);
    struct retrain_choice *choice = &plan->choice[plan->count];
    *choice = (struct retrain_choice){.repeat = repeat,
                                      .trial = entry->trial.id,
                                      .point = index,
                                      .search_accuracy = point->accuracy,
                                      .runtime = point->runtime,
                                      .arch = strdup(point->arch)};
    snprintf(choice->method, sizeof choice->method, "%s", search->study->method[method].label);
    if (!choice->arch)
        return fail("out of memory");
    plan->count++;
    return 0;
}

/* ---- the front ---- */

static bool beats(double accuracy, double runtime, const struct retrain_choice *other) {
    bool no_slower = isnan(runtime) || isnan(other->runtime) || runtime <= other->runtime;
    return accuracy >= other->search_accuracy && no_slower;
}

static void drop(struct retrain_plan *plan, int i) {
    free(plan->choice[i].arch);
    for (plan->count--; i < plan->count; i++)
        plan->choice[i] = plan->choice[i + 1];
}

static int visit_front(void *context, const struct journal_entry *entry, int method, int repeat,
                       int index) {
    struct search *search = context;
    struct retrain_plan *plan = search->plan;
    const struct point *point = &entry->outcome.point[index];
    if (isnan(point->accuracy))
        return 0;
    for (int i = 0; i < plan->count; i++) {
        struct retrain_choice *other = &plan->choice[i];
        struct retrain_choice mine = {.search_accuracy = point->accuracy,
                                      .runtime = point->runtime};
        if (beats(other->search_accuracy, other->runtime, &mine))
            return 0;
    }
    for (int i = plan->count - 1; i >= 0; i--)
        if (beats(point->accuracy, point->runtime, &plan->choice[i]))
            drop(plan, i);
    return add_point(search, entry, method, repeat, index);
}

static int by_runtime(const void *a, const void *b) {
    const struct retrain_choice *x = a, *y = b;
    return (x->runtime > y->runtime) - (x->runtime < y->runtime);
}

int retrain_add_front(struct retrain_plan *plan, const struct study *study, const char *folder) {
    struct retrain_plan *front = calloc(1, sizeof *front);
    if (!front)
        return fail("out of memory");
    struct search search = {.plan = front, .study = study};
    int status = visit_all(study, folder, visit_front, &search);
    qsort(front->choice, (size_t)front->count, sizeof *front->choice, by_runtime);
    for (int i = 0; i < front->count; i++) {
        if (status == 0 && plan->count < RETRAIN_MAX && !planned(plan, front->choice[i].arch))
            plan->choice[plan->count++] = front->choice[i];
        else
            free(front->choice[i].arch);
    }
    if (status == 0 && front->count == 0)
        status = fail("%s: no point with an architecture and an accuracy", folder);
    free(front);
    return status;
}

/* ---- one trial, one architecture ---- */

static int visit_trial(void *context, const struct journal_entry *entry, int method, int repeat,
                       int index) {
    struct search *search = context;
    bool wanted = strcmp(search->study->method[method].label, search->method) == 0 &&
                  repeat == search->repeat && entry->trial.id == search->trial &&
                  (search->point < 0 || search->point == index);
    return wanted ? add_point(search, entry, method, repeat, index) : 0;
}

int retrain_add_trial(struct retrain_plan *plan, const struct study *study, const char *folder,
                      const char *name) {
    char method[STUDY_NAME_MAX];
    struct search search = {.plan = plan, .study = study, .method = method, .point = -1};
    int read =
        sscanf(name, "%64[^:]:%d:%d:%d", method, &search.repeat, &search.trial, &search.point);
    if (read < 3)
        return fail("'%s' is no trial; write METHOD:REPEAT:TRIAL or METHOD:REPEAT:TRIAL:POINT",
                    name);
    if (visit_all(study, folder, visit_trial, &search))
        return -1;
    return search.found ? 0 : fail("%s: no final architecture of %s", folder, name);
}

int retrain_add_arch(struct retrain_plan *plan, const char *arch) {
    if (planned(plan, arch))
        return 0;
    if (plan->count == RETRAIN_MAX)
        return fail("more than %d architectures", RETRAIN_MAX);
    struct retrain_choice choice = {.repeat = -1,
                                    .trial = -1,
                                    .point = -1,
                                    .search_accuracy = NAN,
                                    .runtime = NAN,
                                    .arch = strdup(arch)};
    if (!choice.arch)
        return fail("out of memory");
    plan->choice[plan->count++] = choice;
    return 0;
}

void retrain_plan_free(struct retrain_plan *plan) {
    for (int i = 0; i < plan->count; i++)
        free(plan->choice[i].arch);
    plan->count = 0;
}
