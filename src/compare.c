/* compare.c - the methods of a study, pair by pair (compare.h). */
#include "compare.h"
#include "fail.h"
#include "journal.h"
#include "rank_test.h"
#include "results.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    int a, b;      /* methods */
    int n;         /* repeats in which both found something feasible */
    double median; /* of a - b, in the study's own direction */
    double a12, p;
};

/* The best feasible value (own direction) of a run within the budget; NAN: none. */
static double best_within(const struct study *study, struct journal_entry *entries, int count,
                          double budget) {
    double spent = 0, best = NAN;
    bool up = objective_maximizes(study->objective, 0);
    for (int t = 0; t < count; t++) {
        struct trial *trial = &entries[t].trial;
        int n_front, chosen;
        spent += study->budget_in_trials ? 1 : trial->cost;
        if (spent > budget + 1e-9)
            break;
        if (trial->status != TRIAL_DONE)
            continue;
        struct result *front = calloc((size_t)entries[t].outcome.count + 1, sizeof *front);
        if (!front)
            return NAN;
        objective_judge(study->objective, &entries[t].outcome, trial, front, &n_front, &chosen);
        free(front);
        double value = objective_shown(study->objective, 0, trial->result.objective[0]);
        if (trial->violation == 0 && (isnan(best) || (up ? value > best : value < best)))
            best = value;
    }
    return best;
}

static int read_run(const struct study *study, const struct results *results, int method,
                    int repeat, double budget, double *best) {
    char folder[512];
    struct journal journal;
    struct journal_entry *entries = NULL;
    int count = 0;
    results_run_folder(results, study, method, repeat, folder, sizeof folder);
    int status = journal_open_reader(&journal, study, method, repeat, folder);
    if (status == 0)
        status = journal_read(&journal, &entries, &count);
    if (status == 0)
        *best = best_within(study, entries, count, budget);
    journal_entries_free(entries, count);
    journal_close(&journal);
    return status;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

static struct pair compare_pair(const double *best, int repeats, int a, int b) {
    struct pair pair = {.a = a, .b = b, .median = NAN, .a12 = NAN, .p = 1};
    double da[RANK_TEST_MAX], db[RANK_TEST_MAX], difference[RANK_TEST_MAX];
    for (int r = 0; r < repeats && pair.n < RANK_TEST_MAX; r++) {
        double x = best[a * repeats + r], y = best[b * repeats + r];
        if (isnan(x) || isnan(y))
            continue;
        da[pair.n] = x;
        db[pair.n] = y;
        difference[pair.n++] = x - y;
    }
    if (pair.n > 0) {
        pair.p = rank_test_wilcoxon(difference, pair.n);
        pair.a12 = rank_test_a12(da, pair.n, db, pair.n);
        pair.median = median(difference, pair.n);
    }
    return pair;
}

static void print_pair(const struct study *study, const struct pair *pair, double holm, int width,
                       FILE *out) {
    const char *a = study->method[pair->a].label, *b = study->method[pair->b].label;
    bool up = objective_maximizes(study->objective, 0);
    char verdict[2 * STUDY_NAME_MAX + 16] = "no difference shown";
    if (holm < 0.05) {
        bool a_better = pair->a12 != 0.5 ? (pair->a12 > 0.5) == up : (pair->median > 0) == up;
        snprintf(verdict, sizeof verdict, "%s is better", a_better ? a : b);
    }
    fprintf(out, "%-*s %-*s %7d %12.5g %6.3f %10.3g %10.3g  %s\n", width, a, width, b, pair->n,
            pair->median, pair->a12, pair->p, holm, verdict);
}

static int print_pairs(const struct study *study, const double *best, FILE *out) {
    int n = study->n_methods * (study->n_methods - 1) / 2, k = 0, width = 8;
    struct pair *pairs = calloc((size_t)n + 1, sizeof *pairs);
    double *holm = calloc((size_t)n + 1, sizeof *holm);
    if (!pairs || !holm) {
        free(pairs);
        free(holm);
        return fail("out of memory");
    }
    for (int a = 0; a < study->n_methods; a++) {
        int length = (int)strlen(study->method[a].label);
        width = length > width ? length : width;
        for (int b = a + 1; b < study->n_methods; b++, k++) {
            pairs[k] = compare_pair(best, study->repeats, a, b);
            holm[k] = pairs[k].p;
        }
    }
    rank_test_holm(holm, n);
    fprintf(out, "%-*s %-*s %7s %12s %6s %10s %10s\n", width, "a", width, "b", "repeats",
            "median a-b", "A12", "p", "p (Holm)");
    for (k = 0; k < n; k++)
        print_pair(study, &pairs[k], holm[k], width, out);
    free(pairs);
    free(holm);
    return 0;
}

static int read_and_print(const struct study *study, const struct results *results, double budget,
                          FILE *out) {
    if (study->n_methods < 2)
        return fail("%s has one method; there is nothing to compare", results->folder);
    double *best = calloc((size_t)(study->n_methods * study->repeats), sizeof *best);
    if (!best)
        return fail("out of memory");
    int status = 0;
    for (int m = 0; m < study->n_methods && status == 0; m++)
        for (int r = 0; r < study->repeats && status == 0; r++)
            status = read_run(study, results, m, r, budget, &best[m * study->repeats + r]);
    if (status == 0) {
        fprintf(out, "%s %s after %g %s; paired over repeats: Wilcoxon signed-rank, two-sided\n\n",
                objective_maximizes(study->objective, 0) ? "most" : "least",
                objective_goal_text(study->objective, 0), budget,
                study->budget_in_trials ? "trials" : "units of fidelity");
        status = print_pairs(study, best, out);
    }
    free(best);
    return status;
}

int compare_print(const char *folder, double budget, FILE *out) {
    struct results results = {.lock = -1};
    struct study *study;
    char *faults = NULL;
    snprintf(results.folder, sizeof results.folder, "%s", folder);
    snprintf(results.resolved, sizeof results.resolved, "%.400s/study.resolved.yaml", folder);
    if (study_load(results.resolved, &study, &faults)) {
        free(faults);
        return fail_within("%s", folder);
    }
    int status = read_and_print(study, &results, budget > 0 ? budget : study->budget, out);
    study_free(study);
    return status;
}
