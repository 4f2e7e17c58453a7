/* summary.c - the closing table (summary.h). */
#include "summary.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct line {
    const struct study *study;
    int method, runs, with_best, trials, failed;
    double spent;                              /* of the budget */
    double value[3];                           /* best objective of a run: least, median, most */
    double trial_seconds, method_milliseconds; /* means, over the trials of this process */
};

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void spread(double *values, int n, double out[3]) {
    qsort(values, (size_t)n, sizeof *values, ascending);
    out[0] = values[0];
    out[1] = n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
    out[2] = values[n - 1];
}

static struct line add_up(const struct run *runs, int n_runs, int method) {
    struct line line = {.study = runs[0].study, .method = method};
    double *best = calloc((size_t)n_runs, sizeof *best);
    double trial = 0, own = 0;
    int timed = 0;
    for (int i = 0; i < n_runs; i++) {
        const struct run *run = &runs[i];
        if (run->method != method)
            continue;
        line.runs++;
        line.trials += run->told;
        line.failed += run->told - run->count[TRIAL_DONE];
        line.spent += run->study->budget_in_trials ? run->told : run->told_cost;
        trial += run->trial_seconds;
        own += run->ask_seconds + run->tell_seconds;
        timed += run->timed;
        if (run->best.any && best)
            best[line.with_best++] = run->best.value;
    }
    if (line.with_best)
        spread(best, line.with_best, line.value);
    free(best);
    line.trial_seconds = timed ? trial / timed : NAN;
    line.method_milliseconds = timed ? 1e3 * own / timed : NAN;
    return line;
}

static void print_number(FILE *out, const char *format, double number) {
    char text[32] = "-";
    if (!isnan(number))
        snprintf(text, sizeof text, format, number);
    fprintf(out, " %10s", text);
}

static void print_line(const struct line *line, int width, FILE *out) {
    char best[80] = "none feasible", feasible[24];
    snprintf(feasible, sizeof feasible, "%d/%d", line->with_best, line->runs);
    if (line->with_best == 1)
        snprintf(best, sizeof best, "%.5g", line->value[1]);
    else if (line->with_best > 1)
        snprintf(best, sizeof best, "%.5g [%.5g, %.5g]", line->value[1], line->value[0],
                 line->value[2]);
    fprintf(out, "%-*s %7d %7d %8s  %-28s", width, line->study->method[line->method].label,
            line->trials, line->failed, feasible, best);
    print_number(out, "%.5g", line->spent / line->runs);
    print_number(out, "%.3g", line->trial_seconds);
    print_number(out, "%.3g", line->method_milliseconds);
    fputc('\n', out);
}

void summary_print(const struct run *runs, int n_runs, FILE *out) {
    const struct study *study = runs[0].study;
    int width = (int)strlen("method");
    for (int m = 0; m < study->n_methods; m++)
        if ((int)strlen(study->method[m].label) > width)
            width = (int)strlen(study->method[m].label);
    char best[64];
    snprintf(best, sizeof best, "%s %.40s",
             objective_maximizes(study->objective, 0) ? "best" : "least",
             objective_goal_text(study->objective, 0));
    fprintf(out, "%-*s %7s %7s %8s  %-28s %10s %10s %10s\n", width, "method", "trials", "failed",
            "feasible", best, "budget", "s/trial", "ms/ask");
    for (int m = 0; m < study->n_methods; m++) {
        struct line line = add_up(runs, n_runs, m);
        print_line(&line, width, out);
    }
    fprintf(
        out,
        "\nfeasible: runs with a feasible trial; %s: median [least, most] over runs; budget: spent "
        "by a run;\nms/ask: the method's own time for a trial (ask + tell).\n",
        best);
}
