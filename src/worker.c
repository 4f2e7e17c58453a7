/* worker.c - orders to, answers from, and the inside of a trial's process (worker.h). */
#include "worker.h"
#include "cells.h"
#include "fail.h"
#include "platform.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ORDER_MAX = 1 << 20, PATH_SIZE = 512 };

/* A committed trial's checkpoint is on disk like its row. */
static int sync_file(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int status = fd < 0 || fsync(fd) ? fail("%s: %s", path, strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    return status;
}

int worker_solve(const struct solver_ops *solver, const struct solver_task *task, const char *load,
                 const char *save, struct outcome *outcome) {
    void *state = calloc(1, solver->state_size);
    if (!state)
        return fail("out of memory");
    int status = solver->open(state, task);
    if (status == 0 && *load)
        status = solver->load(state, load);
    if (status == 0)
        status = solver->train(state, task->fidelity, outcome);
    if (status == 0 && *save)
        status = solver->save(state, save) || sync_file(save) ? -1 : 0;
    solver->close(state);
    free(state);
    return status;
}

/* ---- the order ---- */

static void order_final(const struct study *study, const struct job *job, struct buffer *text) {
    buffer_print(text, "seed %d\narch %s\n", job->final_seed, job->arch);
    for (int i = 0; i < study->final.count; i++)
        if (study->final.text[i])
            buffer_print(text, "final %s %s\n", study->final.table[i].name, study->final.text[i]);
}

int worker_order(const struct study *study, const struct job *job, struct buffer *text) {
    double value[SPACE_MAX_DIMS];
    space_decode(&study->space, job->trial.x, value);
    buffer_print(text, "trial %d\nrepeat %d\nfidelity %.17g\nthreads 1\n", job->trial.id,
                 job->repeat, job->trial.fidelity);
    buffer_print(text, "folder %s\nload %s\nsave %s\n", job->folder, job->load, job->save);
    if (job->arch)
        order_final(study, job, text);
    for (int d = 0; d < study->space.n; d++)
        if (!isnan(value[d])) {
            char word[SPACE_NAME_MAX];
            const struct setting *setting = &study->table[study->space.dim[d].setting];
            buffer_print(text, "set %s %s\n", setting->name,
                         setting_format(setting, value[d], word, sizeof word));
        }
    return buffer_check(text);
}

struct order {
    struct trial trial;
    int repeat, threads;
    char folder[PATH_SIZE], load[PATH_SIZE], save[PATH_SIZE];
    int final_seed;
    char *arch; /* owned; NULL: a search */
};

static int order_line(struct study *study, char *line, struct order *order, double *value) {
    char *rest = line + strcspn(line, " ");
    if (*rest)
        *rest++ = 0;
    if (strcmp(line, "trial") == 0)
        order->trial.id = atoi(rest);
    else if (strcmp(line, "repeat") == 0)
        order->repeat = atoi(rest);
    else if (strcmp(line, "fidelity") == 0)
        order->trial.fidelity = strtod(rest, NULL);
    else if (strcmp(line, "threads") == 0)
        order->threads = atoi(rest);
    else if (strcmp(line, "folder") == 0)
        snprintf(order->folder, PATH_SIZE, "%s", rest);
    else if (strcmp(line, "load") == 0)
        snprintf(order->load, PATH_SIZE, "%s", rest);
    else if (strcmp(line, "save") == 0)
        snprintf(order->save, PATH_SIZE, "%s", rest);
    else if (strcmp(line, "final") == 0) {
        char *text = rest + strcspn(rest, " ");
        if (*text)
            *text++ = 0;
        return config_set(&study->final, rest, text);
    } else if (strcmp(line, "seed") == 0)
        order->final_seed = atoi(rest);
    else if (strcmp(line, "arch") == 0)
        return (order->arch = strdup(rest)) ? 0 : fail("out of memory");
    else if (strcmp(line, "set") == 0) {
        char *text = rest + strcspn(rest, " ");
        if (*text)
            *text++ = 0;
        for (int d = 0; d < study->space.n; d++) {
            const struct setting *setting = &study->table[study->space.dim[d].setting];
            if (strcmp(setting->name, rest) == 0)
                return setting_parse(setting, text, &value[d]);
        }
        return fail("order: no searched setting '%s'", rest);
    } else
        return fail("order: unknown line '%s'", line);
    return 0;
}

static int order_read(struct study *study, struct order *order) {
    struct buffer text = {0};
    double value[SPACE_MAX_DIMS];
    for (int d = 0; d < study->space.n; d++)
        value[d] = NAN;
    int status = buffer_read_file(&text, "/dev/stdin", ORDER_MAX);
    char *line = text.data;
    while (status == 0 && line && *line) {
        char *end = line + strcspn(line, "\n");
        char *next = *end ? end + 1 : end;
        *end = 0;
        status = order_line(study, line, order, value);
        line = next;
    }
    space_encode(&study->space, value, order->trial.x);
    buffer_free(&text);
    return status;
}

/* ---- inside the process ---- */

int worker_answer_text(const struct study *study, const struct outcome *outcome, const char *why,
                       struct buffer *text) {
    char reason[TRIAL_DETAIL_MAX];
    int extra = journal_extra_columns(study);
    snprintf(reason, sizeof reason, "%s", why);
    cells_sanitize(reason, sizeof reason);
    for (int i = 0; i < outcome->count; i++) {
        cells_text(text, "point");
        journal_point_cells(text, &outcome->point[i], extra);
        cells_end(text);
    }
    cells_text(text, "end");
    cells_text(text, reason);
    cells_end(text);
    return buffer_check(text);
}

static int write_answer(const struct study *study, const struct outcome *outcome, const char *why) {
    struct buffer text = {0};
    int status = worker_answer_text(study, outcome, why, &text) ||
                 buffer_write(WORKER_FD, text.data, text.length);
    buffer_free(&text);
    return status;
}

static int train_finally(const struct study *study, const struct order *order,
                         const struct config *settings, struct outcome *outcome) {
    struct final_task task = {
        .settings = settings,
        .final = &study->final,
        .arch = order->arch,
        .seed = rng_derive(study->seed, rng_stream("final"), (uint32_t)order->final_seed),
        .threads = order->threads,
    };
    return study->solver->retrain(&task, outcome);
}

static int carry_out(const struct study *study, const struct order *order,
                     struct outcome *outcome) {
    struct config settings;
    if (study_trial_settings(study, &order->trial, &settings))
        return -1;
    if (order->arch) {
        int status = train_finally(study, order, &settings, outcome);
        config_free(&settings);
        return status;
    }
    struct solver_task task = {
        .settings = &settings,
        .seed = study_trial_seed(study, order->repeat, order->trial.id),
        .fidelity = order->trial.fidelity,
        .fidelity_max = study->fidelity_max,
        .folder = *order->folder ? order->folder : NULL,
        .threads = order->threads,
    };
    int status = worker_solve(study->solver, &task, order->load, order->save, outcome);
    config_free(&settings);
    return status;
}

int worker_main(const char *resolved) {
    struct study *study;
    struct order order = {.threads = 1};
    struct outcome outcome = {0};
    char *faults = NULL;
    platform_prepare_thread();
    fcntl(WORKER_FD, F_SETFD, FD_CLOEXEC); /* a solver's own processes have no business with it */
    if (study_load(resolved, &study, &faults)) {
        fprintf(stderr, "%s\n", faults ? faults : fail_message());
        free(faults);
        return 70; /* EX_SOFTWARE: the harness wrote that file */
    }
    int status = order_read(study, &order);
    if (status == 0)
        status = carry_out(study, &order, &outcome);
    char why[TRIAL_DETAIL_MAX] = "";
    if (status)
        snprintf(why, sizeof why, "%s", *fail_message() ? fail_message() : "no reason given");
    status = write_answer(study, &outcome, why);
    outcome_free(&outcome);
    free(order.arch);
    study_free(study);
    return status ? 74 /* EX_IOERR */ : 0;
}

/* ---- the answer ---- */

static int answer_line(const struct study *study, struct job *job, struct cells *cells,
                       bool *ended) {
    int extra = journal_extra_columns(study);
    if (*ended)
        return fail("something after its end");
    if (cells->count == 2 && strcmp(cells->cell[0], "end") == 0) {
        *ended = true;
        if (*cells->cell[1]) {
            job->trial.status = TRIAL_FAILED;
            snprintf(job->trial.detail, TRIAL_DETAIL_MAX, "%s", cells->cell[1]);
        }
        return 0;
    }
    struct point point;
    if (cells->count != 1 + journal_point_cell_count(extra) || strcmp(cells->cell[0], "point") != 0)
        return fail("a line that is neither a point nor its end");
    return journal_point_read(cells->cell + 1, extra, &point) || outcome_add(&job->outcome, &point)
               ? -1
               : 0;
}

static int read_answer(const struct study *study, struct job *job, const char *text,
                       size_t length) {
    struct cells cells = {0};
    bool ended = false;
    int status = 0;
    while (status == 0 && length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t n = end ? (size_t)(end - text) + 1 : length;
        if (!end || n < 2 || end[-1] != '\r')
            status = fail("an unfinished line");
        else
            status = cells_split(&cells, text, n - 2) || answer_line(study, job, &cells, &ended);
        text += n;
        length -= n;
    }
    cells_free(&cells);
    if (status == 0 && !ended)
        return fail("it ends too early");
    return status ? -1 : 0;
}

void worker_answer(const struct study *study, struct job *job, const char *text, size_t length) {
    if (read_answer(study, job, text, length) == 0)
        return;
    outcome_free(&job->outcome);
    job->trial.status = TRIAL_INVALID;
    snprintf(job->trial.detail, TRIAL_DETAIL_MAX, "unreadable answer: %.150s", fail_message());
}
