/* conduct.c - conducts a study (conduct.h).
 *
 * The runs are independent, so which trial starts first decides how long a study takes and nothing
 * else: trials of different runs are trained side by side before several of one run. */
#include "conduct.h"
#include "executor.h"
#include "fail.h"
#include "platform.h"
#include "progress.h"
#include "reap.h"
#include "results.h"
#include "run.h"
#include "summary.h"
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const double sync_every = 0.05; /* s: instant trials are committed in groups */

struct conduct {
    const struct study *study;
    struct results results;
    struct executor *executor;
    struct run *runs;
    int n_runs, running;
    struct progress progress;
    double synced; /* monotonic */
};

static int sync_runs(struct conduct *conduct) {
    for (int i = 0; i < conduct->n_runs; i++)
        if (journal_sync(&conduct->runs[i].journal))
            return fail_within("%s", conduct->runs[i].folder);
    conduct->synced = platform_monotonic();
    progress_show(&conduct->progress, conduct->runs, conduct->n_runs);
    return 0;
}

/* Of the runs with a trial to start: the one with the fewest running, then the fewest told. */
static struct flight *choose(struct conduct *conduct) {
    struct flight *chosen = NULL;
    int least_running = 0, least_told = 0;
    for (int i = 0; i < conduct->n_runs; i++) {
        struct run *run = &conduct->runs[i];
        struct flight *ready = run_ready(run);
        if (!ready)
            continue;
        int running = run_running(run);
        if (!chosen || running < least_running ||
            (running == least_running && run->told < least_told)) {
            chosen = ready;
            least_running = running;
            least_told = run->told;
        }
    }
    return chosen;
}

static int start_trials(struct conduct *conduct) {
    while (executor_free_slot(conduct->executor)) {
        struct flight *flight = choose(conduct);
        if (!flight)
            break;
        if (executor_start(conduct->executor, &flight->job))
            return -1;
        flight->state = FLIGHT_RUNNING;
        conduct->running++;
    }
    return 0;
}

static struct run *run_of(struct conduct *conduct, const struct job *job) {
    return &conduct->runs[job->method * conduct->study->repeats + job->repeat];
}

static int take_ended(struct conduct *conduct, struct job *job) {
    struct flight *flight = (struct flight *)((char *)job - offsetof(struct flight, job));
    flight->state = FLIGHT_ENDED;
    conduct->running--;
    if (run_advance(run_of(conduct, job)))
        return -1;
    bool due = platform_monotonic() - conduct->synced >= sync_every;
    return conduct->study->isolate || due ? sync_runs(conduct) : 0;
}

static int loop(struct conduct *conduct) {
    for (int i = 0; i < conduct->n_runs; i++)
        if (run_advance(&conduct->runs[i]))
            return -1;
    while (!executor_interrupted()) {
        if (start_trials(conduct))
            return -1;
        if (conduct->running == 0)
            break;
        struct job *job = executor_wait(conduct->executor, 0.5);
        if (job && take_ended(conduct, job))
            return -1;
        if (!job)
            progress_show(&conduct->progress, conduct->runs, conduct->n_runs);
    }
    return sync_runs(conduct);
}

/* ---- beginning and end ---- */

static int open_runs(struct conduct *conduct) {
    const struct study *study = conduct->study;
    char folder[512];
    conduct->runs = calloc((size_t)(study->n_methods * study->repeats), sizeof *conduct->runs);
    if (!conduct->runs)
        return fail("out of memory");
    for (int m = 0; m < study->n_methods; m++)
        for (int r = 0; r < study->repeats; r++) {
            results_run_folder(&conduct->results, study, m, r, folder, sizeof folder);
            conduct->n_runs++;
            if (run_open(&conduct->runs[conduct->n_runs - 1], study, m, r, folder))
                return -1;
        }
    snprintf(folder, sizeof folder, "%s/runs", conduct->results.folder);
    return results_sync_folder(folder);
}

/* Every run keeps three files open. */
static void allow_many_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void conduct_handle_signals(void) {
    struct sigaction stop = {.sa_handler = executor_interrupt};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a full quota shall be an error of write, not the end */
}

/* What a killed runner's trials may have left running. The mark is passed on to every trial; the
 * lock says that nobody else's trials carry it. */
static void end_leftovers(const struct results *results) {
    char folder[PATH_MAX], mark[PATH_MAX + 32];
    if (!realpath(results->folder, folder))
        return;
    snprintf(mark, sizeof mark, "NASTUNE_STUDY=%s", folder);
    reap_marked(mark);
    setenv("NASTUNE_STUDY", folder, 1);
}

static int work(struct conduct *conduct, const struct conduct_options *options) {
    if (executor_open(&conduct->executor, conduct->study, conduct->results.resolved,
                      options->jobs) ||
        open_runs(conduct))
        return -1;
    int status = loop(conduct);
    executor_close(conduct->executor);
    conduct->executor = NULL;
    /* After a failure there are trials told that are not on disk: they are not shown. */
    progress_close(&conduct->progress, conduct->runs, status == 0 ? conduct->n_runs : 0);
    if (status == 0)
        status = results_merge(&conduct->results, conduct->study);
    if (status == 0 && !options->quiet) {
        putchar('\n');
        summary_print(conduct->runs, conduct->n_runs, stdout);
        printf("\n%s/trials.csv, points.csv, timing.csv\n", conduct->results.folder);
    }
    return status;
}

enum conduct_end conduct_study(const struct study *study, const struct conduct_options *options) {
    struct conduct conduct = {.study = study};
    if (study->solver->check && study->solver->check(&study->settings))
        return CONDUCT_FAILED;
    conduct_handle_signals();
    int status = results_open(&conduct.results, study, options->parent);
    if (status)
        return status == RESULTS_BUSY ? CONDUCT_BUSY : CONDUCT_FAILED;
    allow_many_files();
    end_leftovers(&conduct.results);
    progress_open(&conduct.progress, options->quiet);
    status = work(&conduct, options);
    executor_close(conduct.executor);
    for (int i = 0; i < conduct.n_runs; i++)
        run_close(&conduct.runs[i]);
    free(conduct.runs);
    results_close(&conduct.results);
    if (status)
        return CONDUCT_FAILED;
    return executor_interrupted() ? CONDUCT_STOPPED : CONDUCT_DONE;
}
