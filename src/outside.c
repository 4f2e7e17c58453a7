/* outside.c - trials handed out and taken back (outside.h). */
#include "outside.h"
#include "fail.h"
#include "platform.h"
#include "worker.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANSWER_LIMIT = 64 << 20, PATH_SIZE = 640 };
static const double patience = 30; /* s for the lock */

/* ---- files beside a journal ---- */

static void path_of(const struct run *run, const char *kind, int trial, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "%.500s/%s/%d", run->folder, kind, trial);
}

static bool exists(const struct run *run, const char *kind, int trial) {
    char path[PATH_SIZE];
    path_of(run, kind, trial, path);
    return access(path, F_OK) == 0;
}

/* Writes a file whole or not at all, and waits for the disk. */
static int put(const struct run *run, const char *kind, int trial, const char *bytes, size_t n) {
    char folder[PATH_SIZE], path[PATH_SIZE], temporary[PATH_SIZE + 8];
    snprintf(folder, sizeof folder, "%.500s/%s", run->folder, kind);
    path_of(run, kind, trial, path);
    snprintf(temporary, sizeof temporary, "%s.tmp", path); /* one writer: we hold the lock */
    if (mkdir(folder, 0777) && errno != EEXIST)
        return fail("%s: %s", folder, strerror(errno));
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return fail("%s: %s", temporary, strerror(errno));
    bool good = buffer_write(fd, bytes, n) == 0 && fdatasync(fd) == 0;
    int why = errno;
    close(fd);
    if (!good)
        return fail("%s: %s", temporary, strerror(why));
    if (rename(temporary, path))
        return fail("%s: %s", path, strerror(errno));
    return results_sync_folder(folder);
}

static void forget(const struct run *run, int trial) {
    char path[PATH_SIZE];
    path_of(run, "asked", trial, path);
    unlink(path);
    path_of(run, "told", trial, path);
    unlink(path);
}

/* ---- what was told ---- */

static struct flight *flight_of(const struct run *run, int trial) {
    return &run->flight[trial % run->study->pending];
}

static int take_told(struct run *run, int trial) {
    char path[PATH_SIZE];
    struct buffer text = {0};
    struct flight *flight = flight_of(run, trial);
    path_of(run, "told", trial, path);
    if (buffer_read_file(&text, path, ANSWER_LIMIT))
        return -1;
    flight->job.timing.started = platform_clock();
    flight->job.timing.seconds = flight->job.timing.cpu_seconds = flight->job.timing.peak_memory =
        NAN;
    worker_answer(run->study, &flight->job, text.data, text.length);
    flight->state = FLIGHT_ENDED;
    buffer_free(&text);
    return 0;
}

/* Commits what was told, as far as trial order allows, and proposes what may be proposed. */
static int advance(struct run *run) {
    int before = run->told;
    if (run_advance(run))
        return -1;
    for (int t = run->told; t < run->asked; t++)
        if (flight_of(run, t)->state == FLIGHT_READY && exists(run, "told", t) && take_told(run, t))
            return -1;
    if (run_advance(run) || journal_sync(&run->journal))
        return -1;
    /* Marks of committed trials: of this call, and of one that was killed before it came to this.
     */
    for (int t = before > run->study->pending ? before - run->study->pending : 0; t < run->told;
         t++)
        forget(run, t);
    return 0;
}

/* ---- opening ---- */

static int open_results(struct outside *outside, const char *parent) {
    int status;
    double until = platform_monotonic() + patience;
    while ((status = results_open(&outside->results, outside->study, parent)) == RESULTS_BUSY &&
           platform_monotonic() < until)
        usleep(20000);
    return status;
}

static int open_runs(struct outside *outside) {
    const struct study *study = outside->study;
    char folder[512];
    outside->runs = calloc((size_t)(study->n_methods * study->repeats), sizeof *outside->runs);
    if (!outside->runs)
        return fail("out of memory");
    for (int m = 0; m < study->n_methods; m++)
        for (int r = 0; r < study->repeats; r++) {
            struct run *run = &outside->runs[outside->n_runs++];
            results_run_folder(&outside->results, study, m, r, folder, sizeof folder);
            if (run_open(run, study, m, r, folder) || advance(run))
                return -1;
        }
    return 0;
}

int outside_open(struct outside *outside, const struct study *study, const char *parent) {
    *outside = (struct outside){.study = study, .results = {.lock = -1}};
    int status = open_results(outside, parent);
    if (status == 0)
        status = open_runs(outside);
    return status;
}

void outside_close(struct outside *outside) {
    for (int i = 0; i < outside->n_runs; i++)
        run_close(&outside->runs[i]);
    free(outside->runs);
    results_close(&outside->results);
}

/* ---- ask and tell ---- */

/* The first trial of a run that nobody has, or -1; *out: how many somebody has. */
static int first_free(const struct run *run, int *out) {
    int free_trial = -1;
    *out = 0;
    for (int t = run->told; t < run->asked; t++) {
        bool handed_out = flight_of(run, t)->state != FLIGHT_READY || exists(run, "asked", t);
        *out += handed_out;
        if (!handed_out && free_trial < 0)
            free_trial = t;
    }
    return free_trial;
}

int outside_ask(struct outside *outside, struct run **run, struct job **job) {
    int least_out = 0, least_told = 0, trial = -1;
    bool over = true;
    for (int i = 0; i < outside->n_runs; i++) { /* as when nastune runs them itself */
        struct run *candidate = &outside->runs[i];
        int handed_out, t = first_free(candidate, &handed_out);
        over = over && run_over(candidate);
        if (t < 0 || (trial >= 0 && (handed_out > least_out ||
                                     (handed_out == least_out && candidate->told >= least_told))))
            continue;
        *run = candidate;
        trial = t;
        least_out = handed_out;
        least_told = candidate->told;
    }
    if (trial < 0)
        return over ? OUTSIDE_OVER : OUTSIDE_WAIT;
    *job = &flight_of(*run, trial)->job;
    return put(*run, "asked", trial, "", 0) ? -1 : OUTSIDE_TRIAL;
}

int outside_tell(struct outside *outside, int method, int repeat, int trial,
                 const struct outcome *outcome, const char *why) {
    struct run *run = &outside->runs[method * outside->study->repeats + repeat];
    const char *label = outside->study->method[method].label;
    struct buffer text = {0};
    if (trial < run->told)
        return fail("trial %d of %s %d was told before", trial, label, repeat);
    if (trial >= run->asked || !exists(run, "asked", trial))
        return fail("trial %d of %s %d was never asked for", trial, label, repeat);
    if (flight_of(run, trial)->state != FLIGHT_READY)
        return fail("trial %d of %s %d was told before", trial, label, repeat);
    int status = worker_answer_text(outside->study, outcome, why ? why : "", &text);
    if (status == 0)
        status = put(run, "told", trial, text.data, text.length);
    buffer_free(&text);
    if (status == 0)
        status = advance(run);
    return status ? status : results_merge(&outside->results, outside->study);
}
