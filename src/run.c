/* run.c - the loop in the middle: ask, run, commit, tell (run.h).
 *
 * A run's proposals depend on the order of its asks and tells alone, so that order is fixed: trials
 * are told in trial order, and whatever can be asked is asked before the next tell. On resume the
 * same loop goes over the committed trials, with `asked` in the place of ask, at the point where
 * each was asked (the column `known`). */
#include "run.h"
#include "fail.h"
#include "platform.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct hpo_ops *ops(const struct run *run) {
    return run->study->method[run->method].ops;
}

static struct flight *flight_of(struct run *run, int trial) {
    return &run->flight[trial % run->study->pending];
}

/* ---- telling ---- */

static void note_best(struct run *run, const struct trial *trial) {
    if (trial->status != TRIAL_DONE || trial->violation > 0)
        return;
    const struct objective *objective = run->study->objective;
    double value = objective_shown(objective, 0, trial->result.objective[0]);
    bool better =
        objective_maximizes(objective, 0) ? value > run->best.value : value < run->best.value;
    if (!run->best.any || better)
        run->best = (struct run_best){true, trial->id, value, run->told_cost};
}

/* Judges the trial's points and tells the method. *chosen: index of the point taken, or -1. */
static int judge_and_tell(struct run *run, struct trial *trial, const struct outcome *outcome,
                          int *chosen) {
    int n_front = 0;
    *chosen = -1;
    struct result *front = calloc((size_t)outcome->count + 1, sizeof *front);
    if (!front)
        return fail("out of memory");
    if (trial->status == TRIAL_ASKED || trial->status == TRIAL_DONE)
        objective_judge(run->study->objective, outcome, trial, front, &n_front, chosen);
    ops(run)->tell(run->state, trial, front, n_front);
    free(front);
    run->told++;
    run->told_cost += trial->cost;
    run->count[trial->status]++;
    run->waiting = false;
    note_best(run, trial);
    return 0;
}

/* ---- asking ---- */

static double budget_left(const struct run *run) {
    return run->study->budget - (run->study->budget_in_trials ? run->asked : run->asked_cost);
}

static int note_asked(struct run *run, const struct trial *trial) {
    double *grown = realloc(run->cost_of, (size_t)(run->asked + 1) * sizeof *grown);
    if (!grown)
        return fail("out of memory");
    run->cost_of = grown;
    run->cost_of[run->asked++] = trial->fidelity;
    run->asked_cost += trial->cost;
    if (ops(run)->asked)
        ops(run)->asked(run->state, trial);
    return 0;
}

static void checkpoint_path(const struct run *run, int trial, char *path, size_t size) {
    snprintf(path, size, "%.480s/checkpoint-%d", run->folder, trial);
}

/* Where its checkpoints are read and written, and what the trial costs. */
static void plan_checkpoints(const struct run *run, struct job *job) {
    struct trial *trial = &job->trial;
    trial->cost = run->study->has_fidelity ? trial->fidelity : 1;
    if (!run->task.resumable)
        return;
    if (trial->parent >= 0) {
        checkpoint_path(run, trial->parent, job->load, sizeof job->load);
        trial->cost -= run->cost_of[trial->parent];
    }
    if (trial->fidelity < run->task.fidelity_max)
        checkpoint_path(run, trial->id, job->save, sizeof job->save);
}

/* A method's proposal is its own business, but what is outside the study would corrupt it. */
static int check_proposal(const struct run *run, const struct trial *trial) {
    const struct hpo_task *task = &run->task;
    bool good = trial->fidelity >= task->fidelity_min && trial->fidelity <= task->fidelity_max &&
                trial->parent < run->asked;
    for (int d = 0; d < task->space->n; d++)
        good = good && trial->x[d] >= 0 && trial->x[d] <= 1;
    return good ? 0
                : fail("method '%s' proposed something outside the study for trial %d",
                       ops(run)->name, trial->id);
}

static int ask_one(struct run *run) {
    struct flight *flight = flight_of(run, run->asked);
    *flight = (struct flight){.known = run->told};
    struct trial *trial = &flight->job.trial;
    *trial = (struct trial){.id = run->asked, .parent = -1, .fidelity = run->task.fidelity_max};
    double start = platform_monotonic();
    enum hpo_answer answer = ops(run)->ask(run->state, trial);
    flight->job.timing.ask_seconds = platform_monotonic() - start;
    run->waiting = answer == HPO_WAIT;
    run->finished = run->exhausted = answer == HPO_DONE;
    if (answer != HPO_TRIAL)
        return 0;
    if (check_proposal(run, trial))
        return -1;
    space_canonical(&run->study->space, trial->x);
    plan_checkpoints(run, &flight->job);
    double cost = run->study->budget_in_trials ? 1 : trial->cost;
    if (cost >
        budget_left(run) + 1e-9) { /* ask again after the budget has grown: it changed nothing */
        run->finished = true;
        return 0;
    }
    flight->job.method = run->method;
    flight->job.repeat = run->repeat;
    if (run->study->isolate)
        snprintf(flight->job.folder, sizeof flight->job.folder, "%.480s/trial-%d", run->folder,
                 trial->id);
    flight->state = FLIGHT_READY;
    return note_asked(run, trial);
}

static bool may_ask(const struct run *run) {
    return !run->finished && !run->waiting && run->asked - run->told < run->study->pending;
}

/* ---- the loop ---- */

static void note_times(struct run *run, const struct timing *timing) {
    run->ask_seconds += timing->ask_seconds;
    run->tell_seconds += timing->tell_seconds;
    run->trial_seconds += timing->seconds;
    run->timed++;
}

static int commit(struct run *run, struct flight *flight) {
    struct job *job = &flight->job;
    int chosen;
    double start = platform_monotonic();
    if (judge_and_tell(run, &job->trial, &job->outcome, &chosen))
        return -1;
    job->timing.tell_seconds = platform_monotonic() - start;
    int status = 0;
    if (!flight->committed) {
        note_times(run, &job->timing);
        status = journal_append(&run->journal, &job->trial, flight->known, &job->outcome, chosen,
                                &job->timing);
    }
    outcome_free(&job->outcome);
    flight->state = FLIGHT_FREE;
    return status;
}

int run_advance(struct run *run) {
    for (;;) {
        if (!run->finished && budget_left(run) < 1e-9)
            run->finished = true;
        if (may_ask(run)) {
            if (ask_one(run))
                return -1;
        } else if (run->told < run->asked && flight_of(run, run->told)->state == FLIGHT_ENDED) {
            if (commit(run, flight_of(run, run->told)))
                return -1;
        } else
            break;
    }
    if (run->waiting && run->told == run->asked)
        return fail("method '%s' waits although no trial is running", ops(run)->name);
    return 0;
}

struct flight *run_ready(struct run *run) {
    for (int t = run->told; t < run->asked; t++)
        if (flight_of(run, t)->state == FLIGHT_READY)
            return flight_of(run, t);
    return NULL;
}

int run_running(const struct run *run) {
    int n = 0;
    for (int i = 0; i < run->study->pending; i++)
        n += run->flight[i].state == FLIGHT_RUNNING;
    return n;
}

bool run_over(const struct run *run) {
    return run->finished && run->told == run->asked;
}

double run_share(const struct run *run) {
    double spent = run->study->budget_in_trials ? run->told : run->told_cost;
    return run_over(run) ? 1 : fmin(1, spent / run->study->budget);
}

/* ---- opening ---- */

/* The tell of a committed trial that comes next in the order of events. */
static int retell(struct run *run, struct journal_entry *entry) {
    int chosen;
    enum trial_status recorded = entry->trial.status;
    int status = judge_and_tell(run, &entry->trial, &entry->outcome, &chosen);
    outcome_free(&entry->outcome);
    if (status == 0 && entry->trial.status != recorded)
        return fail("%s/trials.csv:%d: it is recorded as %s, but its points make it %s",
                    run->folder, entry->trial.id + 2, trial_status_name(recorded),
                    trial_status_name(entry->trial.status));
    return status;
}

/* Committed trials whose tell comes after an ask that has yet to be made: they go in flight again,
 * ended. */
static void put_in_flight(struct run *run, struct journal_entry *entry) {
    struct flight *flight = flight_of(run, entry->trial.id);
    *flight = (struct flight){.state = FLIGHT_ENDED, .known = entry->known, .committed = true};
    flight->job.trial = entry->trial;
    flight->job.outcome = entry->outcome;
    entry->outcome = (struct outcome){0};
}

static int replay(struct run *run, struct journal_entry *entries, int count) {
    for (int t = 0; t < count; t++) {
        if (entries[t].known < run->told || entries[t].known > t ||
            t - entries[t].known >= run->study->pending)
            return fail("%s: trial %d cannot have known %d results", run->folder, t,
                        entries[t].known);
        while (run->told < entries[t].known)
            if (retell(run, &entries[run->told]))
                return -1;
        if (note_asked(run, &entries[t].trial))
            return -1;
    }
    for (int t = run->told; t < count; t++)
        put_in_flight(run, &entries[t]);
    return 0;
}

static int open_method(struct run *run) {
    run->state = calloc(1, ops(run)->state_size);
    run->flight = calloc((size_t)run->study->pending, sizeof *run->flight);
    if (!run->state || !run->flight)
        return fail("out of memory");
    study_hpo_task(run->study, run->method, run->repeat, &run->task);
    return ops(run)->open(run->state, &run->task);
}

int run_open(struct run *run, const struct study *study, int method, int repeat,
             const char *folder) {
    *run = (struct run){.study = study, .method = method, .repeat = repeat};
    snprintf(run->folder, sizeof run->folder, "%s", folder);
    if (mkdir(folder, 0777) && errno != EEXIST)
        return fail("%s: %s", folder, strerror(errno));
    struct journal_entry *entries = NULL;
    int count = 0;
    int status = open_method(run);
    if (status == 0)
        status = journal_open(&run->journal, study, method, repeat, folder);
    if (status == 0 && (status = journal_read(&run->journal, &entries, &count)))
        fail_within("%s", folder);
    if (status == 0)
        status = replay(run, entries, count);
    journal_entries_free(entries, count);
    return status;
}

void run_close(struct run *run) {
    if (!run->study)
        return;
    for (int i = 0; i < run->study->pending && run->flight; i++)
        outcome_free(&run->flight[i].job.outcome);
    if (run->state)
        ops(run)->close(run->state);
    journal_close(&run->journal);
    free(run->flight);
    free(run->state);
    free(run->cost_of);
    *run = (struct run){0};
}
