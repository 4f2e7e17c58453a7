/* retrain.c - carries out final trainings and keeps final.csv (retrain.h). */
#include "retrain.h"
#include "cells.h"
#include "executor.h"
#include "fail.h"
#include "results.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char header[] = "method,repeat,trial,point,seed,status,search_accuracy,runtime,epochs,"
                             "train_accuracy,train_loss,"
                             "test_accuracy,params,flops,settings,arch,detail\r\n";
enum {
    SEED = 4,
    STATUS = 5,
    TEST = 11,
    SETTINGS = 14,
    ARCH = 15,
    CELLS = 17,
    FILE_LIMIT = 1 << 28
};

struct training {
    struct job job;
    const struct retrain_choice *choice;
    bool known;  /* in the file already */
    bool ended;  /* waits for its turn to be written */
    double test; /* test accuracy; NAN: failed */
};

struct retrain {
    const struct study *study;
    struct results results;
    int fd;
    struct buffer settings; /* of the final training, as one cell */
    struct training *training;
    int count, written, running, next;
};

static void describe_settings(const struct config *final, struct buffer *text) {
    for (int i = 0; i < final->count; i++)
        buffer_print(text, "%s%s=%s", i ? " " : "", final->table[i].name, final->text[i]);
}

/* ---- final.csv ---- */

static void mark_known(struct retrain *retrain, const struct cells *cells) {
    for (int i = 0; i < retrain->count; i++) {
        struct training *training = &retrain->training[i];
        double seed;
        if (strcmp(cells->cell[ARCH], training->choice->arch) == 0 &&
            strcmp(cells->cell[SETTINGS], retrain->settings.data) == 0 &&
            cells_read_number(cells->cell[SEED], &seed) == 0 && seed == training->job.final_seed &&
            strcmp(cells->cell[STATUS], "done") == 0) {
            training->known = true;
            if (cells_read_number(cells->cell[TEST], &training->test))
                training->test = NAN;
        }
    }
}

/* Reads what is there, and cuts an unfinished last line. */
static int read_known(struct retrain *retrain, const char *path) {
    struct buffer text = {0};
    struct cells cells = {0};
    int status = buffer_read_file(&text, path, FILE_LIMIT), line = 1;
    size_t at = sizeof header - 1;
    if (status == 0 && text.length >= at && memcmp(text.data, header, at) != 0)
        status = fail("%s: its first line is not that of final.csv", path);
    if (status == 0 && text.length < at) {
        at = 0;
        status = ftruncate(retrain->fd, 0) ||
                         write(retrain->fd, header, sizeof header - 1) != sizeof header - 1
                     ? fail("%s: %s", path, strerror(errno))
                     : 0;
        text.length = 0;
    }
    while (status == 0 && at < text.length) {
        char *end = memchr(text.data + at, '\n', text.length - at);
        if (!end)
            break;
        line++;
        if (cells_split(&cells, text.data + at, (size_t)(end - text.data) - at - 1) ||
            (cells.count != CELLS && fail("%d cells instead of %d", cells.count, CELLS)))
            status = fail_within("%s:%d", path, line);
        else
            mark_known(retrain, &cells);
        at = (size_t)(end - text.data) + 1;
    }
    if (status == 0 && at < text.length && ftruncate(retrain->fd, (off_t)at))
        status = fail("%s: %s", path, strerror(errno));
    cells_free(&cells);
    buffer_free(&text);
    return status;
}

static int open_file(struct retrain *retrain) {
    char path[512];
    snprintf(path, sizeof path, "%s/final.csv", retrain->results.folder);
    retrain->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (retrain->fd < 0)
        return fail("%s: %s", path, strerror(errno));
    return read_known(retrain, path);
}

static int write_row(struct retrain *retrain, struct training *training) {
    const struct retrain_choice *choice = training->choice;
    const struct trial *trial = &training->job.trial;
    bool done = training->job.outcome.count > 0;
    struct point point = done ? training->job.outcome.point[0] : point_none();
    struct buffer line = {0};
    cells_text(&line, choice->method);
    cells_number(&line, choice->repeat < 0 ? NAN : choice->repeat);
    cells_number(&line, choice->trial < 0 ? NAN : choice->trial);
    cells_number(&line, choice->point < 0 ? NAN : choice->point);
    cells_integer(&line, training->job.final_seed);
    cells_text(&line, trial_status_name(done ? TRIAL_DONE : trial->status));
    const double number[] = {
        choice->search_accuracy, choice->runtime, point.epoch, point.accuracy, point.loss,
        point.test_accuracy,     point.params,    point.flops};
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        cells_number(&line, number[i]);
    cells_text(&line, retrain->settings.data);
    cells_text(&line, choice->arch);
    cells_text(&line, done ? "" : trial->detail);
    cells_end(&line);
    training->test = point.test_accuracy;
    int status = buffer_check(&line);
    if (status == 0 && (write(retrain->fd, line.data, line.length) != (ssize_t)line.length ||
                        fdatasync(retrain->fd)))
        status = fail("final.csv: %s", strerror(errno));
    buffer_free(&line);
    outcome_free(&training->job.outcome);
    return status;
}

/* ---- the loop ---- */

static void report(const struct retrain *retrain, const struct training *training) {
    fprintf(stderr, "%d of %d: ", retrain->written + 1, retrain->count);
    if (isnan(training->test))
        fprintf(stderr, "%s: %s", trial_status_name(training->job.trial.status),
                training->job.trial.detail);
    else
        fprintf(stderr, "test accuracy %.4f", training->test);
    fprintf(stderr, ", seed %d, %s\n", training->job.final_seed, training->choice->arch);
}

/* Rows are written in the order of the plan, so that the file does not depend on `jobs`. */
static int write_ended(struct retrain *retrain) {
    for (; retrain->written < retrain->count; retrain->written++) {
        struct training *training = &retrain->training[retrain->written];
        if (training->known)
            continue;
        if (!training->ended)
            return 0;
        if (write_row(retrain, training))
            return -1;
        report(retrain, training);
    }
    return 0;
}

static int start_next(struct retrain *retrain, struct executor *executor) {
    while (retrain->next < retrain->count && executor_free_slot(executor)) {
        struct training *training = &retrain->training[retrain->next++];
        if (training->known)
            continue;
        if (executor_start(executor, &training->job))
            return -1;
        retrain->running++;
    }
    return 0;
}

static int loop(struct retrain *retrain, struct executor *executor) {
    while (!executor_interrupted()) {
        if (write_ended(retrain) || start_next(retrain, executor))
            return -1;
        if (retrain->running == 0)
            break;
        struct job *job = executor_wait(executor, 0.5);
        if (!job)
            continue;
        ((struct training *)((char *)job - offsetof(struct training, job)))->ended = true;
        retrain->running--;
    }
    return write_ended(retrain);
}

static int plan_trainings(struct retrain *retrain, const struct retrain_plan *plan, int seeds) {
    retrain->count = plan->count * seeds;
    retrain->training = calloc((size_t)retrain->count, sizeof *retrain->training);
    if (!retrain->training)
        return fail("out of memory");
    for (int i = 0; i < retrain->count; i++) {
        struct training *training = &retrain->training[i];
        training->choice = &plan->choice[i / seeds];
        training->test = NAN;
        training->job.arch = training->choice->arch;
        training->job.final_seed = i % seeds;
        training->job.trial.parent = -1;
        training->job.trial.fidelity = retrain->study->fidelity_max;
        for (int d = 0; d < retrain->study->space.n; d++)
            training->job.trial.x[d] = 0.5;
        space_canonical(&retrain->study->space, training->job.trial.x);
    }
    return 0;
}

/* ---- the closing table ---- */

static int compare_ranks(const double *v, int n, int i) {
    int below = 0;
    for (int j = 0; j < n; j++)
        below += (v[j] < v[i]) * 2 + (v[j] == v[i]);
    return below; /* twice the mean rank, from 1 */
}

/* Spearman's rank correlation; NAN when a side is constant. */
static double spearman(const double *a, const double *b, int n) {
    double mean = n, ab = 0, aa = 0, bb = 0; /* doubled ranks have mean n */
    for (int i = 0; i < n; i++) {
        double x = compare_ranks(a, n, i) - mean, y = compare_ranks(b, n, i) - mean;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return ab / sqrt(aa * bb);
}

static void mean_and_deviation(const struct training *training, int seeds, double *mean,
                               double *deviation, int *n) {
    double sum = 0, squares = 0;
    *n = 0;
    for (int s = 0; s < seeds; s++)
        if (!isnan(training[s].test)) {
            sum += training[s].test;
            squares += training[s].test * training[s].test;
            ++*n;
        }
    *mean = *n ? sum / *n : NAN;
    *deviation = *n > 1 ? sqrt(fmax(0, (squares - sum * sum / *n) / (*n - 1))) : NAN;
}

static void print_table(const struct retrain *retrain, const struct retrain_plan *plan, int seeds) {
    double search[RETRAIN_MAX], test[RETRAIN_MAX];
    int both = 0;
    printf("%8s %10s %10s %6s %10s  %s\n", "search", "test mean", "deviation", "seeds", "runtime",
           "architecture");
    for (int i = 0; i < plan->count; i++) {
        double mean, deviation;
        int n;
        mean_and_deviation(&retrain->training[i * seeds], seeds, &mean, &deviation, &n);
        printf("%8.4f %10.4f %10.4f %6d %10.4g  %s\n", plan->choice[i].search_accuracy, mean,
               deviation, n, plan->choice[i].runtime, plan->choice[i].arch);
        if (isnan(mean) || isnan(plan->choice[i].search_accuracy))
            continue;
        search[both] = plan->choice[i].search_accuracy;
        test[both++] = mean;
    }
    if (both > 2)
        printf("\nSpearman's rank correlation of search and test accuracy over %d architectures: "
               "%.3f\n",
               both, spearman(search, test, both));
    printf("\n%s/final.csv\n", retrain->results.folder);
}

int retrain_run(const struct retrain_plan *plan, const struct study *study, const char *folder,
                int seeds, int jobs) {
    struct retrain retrain = {.study = study, .fd = -1};
    struct executor *executor = NULL;
    int status = results_open_folder(&retrain.results, folder);
    if (status)
        return status;
    describe_settings(&study->final, &retrain.settings);
    status = buffer_check(&retrain.settings) || plan_trainings(&retrain, plan, seeds) ||
                     open_file(&retrain) ||
                     executor_open(&executor, study, retrain.results.resolved, jobs)
                 ? -1
                 : loop(&retrain, executor);
    executor_close(executor);
    if (status == 0 && !executor_interrupted())
        print_table(&retrain, plan, seeds);
    int failed = 0;
    for (int i = 0; i < retrain.count && retrain.training; i++) {
        failed += isnan(retrain.training[i].test);
        outcome_free(&retrain.training[i].job.outcome);
    }
    free(retrain.training);
    buffer_free(&retrain.settings);
    if (retrain.fd >= 0)
        close(retrain.fd);
    results_close(&retrain.results);
    if (status == 0 && !executor_interrupted() && failed > 0)
        status = fail("%d of %d trainings failed; final.csv says why", failed, retrain.count);
    return status ? status : executor_interrupted() ? 1 : 0;
}
