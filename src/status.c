/* status.c - how far a study is, read from its journals (status.h). */
#include "status.h"
#include "cells.h"
#include "fail.h"
#include "journal.h"
#include "progress.h"
#include "results.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REASONS_MAX = 5, TIMINGS_MAX = 1 << 28 };

/* A method's runs added up. */
struct sum {
    int trials, count[TRIAL_STATUSES];
    double spent;   /* of the budget, over all its runs */
    double seconds; /* of the trials whose time is known, */
    double timed;   /* and the budget they spent */
    bool any;       /* a feasible trial */
    double best;    /* in the study's direction */
    int best_trial, best_repeat;
};

struct reasons {
    int count; /* of all; the last ones are kept */
    char text[REASONS_MAX][TRIAL_DETAIL_MAX + 128];
};

static double charge(const struct study *study, const struct trial *trial) {
    return study->budget_in_trials ? 1 : trial->cost;
}

static int note_trial(const struct study *study, struct journal_entry *entry, int repeat,
                      struct sum *sum) {
    struct trial *trial = &entry->trial;
    int n_front = 0, chosen = -1;
    struct result *front = calloc((size_t)entry->outcome.count + 1, sizeof *front);
    if (!front)
        return fail("out of memory");
    if (trial->status == TRIAL_DONE)
        objective_judge(study->objective, &entry->outcome, trial, front, &n_front, &chosen);
    free(front);
    sum->trials++;
    sum->count[trial->status]++;
    sum->spent += charge(study, trial);
    if (trial->status != TRIAL_DONE || trial->violation > 0)
        return 0;
    double value = objective_shown(study->objective, 0, trial->result.objective[0]);
    bool better = objective_maximizes(study->objective, 0) ? value > sum->best : value < sum->best;
    if (!sum->any || better) {
        sum->any = true;
        sum->best = value;
        sum->best_trial = trial->id;
        sum->best_repeat = repeat;
    }
    return 0;
}

static void note_reason(const struct study *study, int method, int repeat,
                        const struct trial *trial, struct reasons *reasons) {
    if (trial->status == TRIAL_DONE)
        return;
    snprintf(reasons->text[reasons->count++ % REASONS_MAX], sizeof reasons->text[0],
             "%s %d, trial %d: %s, %s", study->method[method].label, repeat, trial->id,
             trial_status_name(trial->status), trial->detail);
}

/* Adds up the times of the trials that were read. Lines that cannot be read are passed over. */
static void note_times(const struct study *study, const char *folder,
                       const struct journal_entry *entries, int count, struct sum *sum) {
    enum { TRIAL = 2, SECONDS = 4 };
    char path[600];
    struct buffer text = {0};
    struct cells cells = {0};
    snprintf(path, sizeof path, "%s/%s", folder, journal_file_name[JOURNAL_TIMING]);
    buffer_read_file(&text, path, TIMINGS_MAX);
    char *rest = text.data, *line;
    while ((line = strsep(&rest, "\n"))) {
        size_t length = strcspn(line, "\r");
        double trial, seconds;
        if (cells_split(&cells, line, length) || cells.count <= SECONDS ||
            cells_read_number(cells.cell[TRIAL], &trial) ||
            cells_read_number(cells.cell[SECONDS], &seconds))
            continue;
        if (!(trial >= 0 && trial < count) || isnan(seconds))
            continue;
        sum->seconds += seconds;
        sum->timed += charge(study, &entries[(int)trial].trial);
    }
    cells_free(&cells);
    buffer_free(&text);
}

static int add_run(const struct study *study, const struct results *results, int method, int repeat,
                   struct sum *sum, struct reasons *reasons) {
    char folder[512];
    struct journal journal;
    struct journal_entry *entries = NULL;
    int count = 0;
    results_run_folder(results, study, method, repeat, folder, sizeof folder);
    if (access(folder, F_OK) && errno == ENOENT) /* not begun */
        return 0;
    int status = journal_open_reader(&journal, study, method, repeat, folder);
    if (status == 0 && (status = journal_read(&journal, &entries, &count)))
        fail_within("%s", folder);
    for (int i = 0; i < count && status == 0; i++) {
        status = note_trial(study, &entries[i], repeat, sum);
        note_reason(study, method, repeat, &entries[i].trial, reasons);
    }
    if (status == 0)
        note_times(study, folder, entries, count, sum);
    journal_entries_free(entries, count);
    journal_close(&journal);
    return status;
}

static void print_sum(const struct study *study, int method, const struct sum *sum, int width,
                      FILE *out) {
    char best[64] = "none feasible";
    double share = sum->spent / (study->budget * study->repeats);
    if (sum->any)
        snprintf(best, sizeof best, "%.6g (repeat %d, trial %d)", sum->best, sum->best_repeat,
                 sum->best_trial);
    fprintf(out, "%-*s %5.0f %% %7d %7d %7d %8d %8d %8d  %s\n", width, study->method[method].label,
            100 * fmin(1, share), sum->trials, sum->count[TRIAL_DONE], sum->count[TRIAL_FAILED],
            sum->count[TRIAL_CRASHED], sum->count[TRIAL_TIMEOUT], sum->count[TRIAL_INVALID], best);
}

static void print_left(const struct study *study, const struct sum *sums, FILE *out) {
    double left = 0;
    bool known = true;
    for (int m = 0; m < study->n_methods; m++) {
        double budget = fmax(0, study->budget * study->repeats - sums[m].spent);
        known &= budget == 0 || sums[m].timed > 0;
        left += sums[m].timed > 0 ? budget * sums[m].seconds / sums[m].timed : 0;
    }
    char text[64];
    if (known && left > 0)
        fprintf(out, "\nleft: about %s of trials, run one at a time\n",
                progress_duration(left, text, sizeof text));
}

static int print_runs(const struct study *study, const struct results *results, FILE *out) {
    struct sum sums[STUDY_MAX_METHODS] = {{0}};
    struct reasons reasons = {0};
    int width = (int)strlen("method");
    for (int m = 0; m < study->n_methods; m++) {
        if ((int)strlen(study->method[m].label) > width)
            width = (int)strlen(study->method[m].label);
        for (int r = 0; r < study->repeats; r++)
            if (add_run(study, results, m, r, &sums[m], &reasons))
                return -1;
    }
    fprintf(out, "\n%-*s %7s %7s %7s %7s %8s %8s %8s  best %s\n", width, "method", "budget",
            "trials", "done", "failed", "crashed", "timeout", "invalid",
            objective_goal_text(study->objective, 0));
    for (int m = 0; m < study->n_methods; m++)
        print_sum(study, m, &sums[m], width, out);
    int shown = reasons.count < REASONS_MAX ? reasons.count : REASONS_MAX;
    if (shown)
        fprintf(out, "\nnot done, the last %d of %d:\n", shown, reasons.count);
    for (int i = reasons.count - shown; i < reasons.count; i++)
        fprintf(out, "  %s\n", reasons.text[i % REASONS_MAX]);
    print_left(study, sums, out);
    return 0;
}

int status_print(const char *folder, FILE *out) {
    struct results results;
    struct study *study;
    char *faults = NULL, holder[400];
    if (results_look(&results, folder, holder, sizeof holder))
        return -1;
    if (study_load(results.resolved, &study, &faults)) {
        free(faults);
        return -1;
    }
    fprintf(out, "study %s: %s%s\n", study->name, *holder ? "at work: " : "nobody works on it",
            holder);
    int status = print_runs(study, &results, out);
    study_free(study);
    return status;
}
