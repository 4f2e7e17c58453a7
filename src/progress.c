/* progress.c - the progress line (progress.h). */
#include "progress.h"
#include "platform.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double redraw_every = 0.1, plain_every = 5.0; /* s */

struct totals {
    int told, running, failed;
    double share; /* of the whole budget, 0 .. 1 */
    const struct run *best;
};

static struct totals add_up(const struct run *runs, int n_runs) {
    struct totals totals = {0};
    const struct objective *objective = runs[0].study->objective;
    for (int i = 0; i < n_runs; i++) {
        const struct run *run = &runs[i];
        totals.told += run->told;
        totals.running += run_running(run);
        totals.failed += run->told - run->count[TRIAL_DONE];
        totals.share += run_share(run) / n_runs;
        if (!run->best.any)
            continue;
        double than = totals.best ? totals.best->best.value : NAN;
        bool better =
            objective_maximizes(objective, 0) ? run->best.value > than : run->best.value < than;
        if (!totals.best || better)
            totals.best = run;
    }
    return totals;
}

char *progress_duration(double seconds, char *buffer, size_t size) {
    if (!isfinite(seconds) || seconds > 1e7)
        snprintf(buffer, size, "unknown");
    else if (seconds < 100)
        snprintf(buffer, size, "%.0f s", seconds);
    else if (seconds < 6000)
        snprintf(buffer, size, "%.0f min", seconds / 60);
    else
        snprintf(buffer, size, "%d h %02d min", (int)(seconds / 3600), (int)(seconds / 60) % 60);
    return buffer;
}

static void describe(const struct progress *progress, const struct run *runs, int n_runs,
                     char *line, size_t size) {
    struct totals totals = add_up(runs, n_runs);
    double elapsed = platform_monotonic() - progress->started;
    double gained = totals.share - progress->first_share;
    char left[32] = "", best[128] = "no feasible trial yet";
    if (totals.share < 1 && gained > 0) {
        strcpy(left, ", ");
        progress_duration(elapsed * (1 - totals.share) / gained, left + 2, sizeof left - 8);
        strcat(left, " left");
    }
    if (totals.best)
        snprintf(best, sizeof best, "best %.40s %.5g by %.40s",
                 objective_goal_text(runs[0].study->objective, 0), totals.best->best.value,
                 totals.best->study->method[totals.best->method].label);
    char failed[32] = "";
    if (totals.failed)
        snprintf(failed, sizeof failed, " (%d failed)", totals.failed);
    snprintf(line, size, "%3.0f %%  %d trials%s, %d running, %s%s", 100 * totals.share, totals.told,
             failed, totals.running, best, left);
}

void progress_open(struct progress *progress, bool quiet) {
    *progress = (struct progress){.quiet = quiet,
                                  .terminal = isatty(STDERR_FILENO),
                                  .started = platform_monotonic(),
                                  .shown = -INFINITY,
                                  .first_share = -1,
                                  .shown_trials = -1};
}

void progress_show(struct progress *progress, const struct run *runs, int n_runs) {
    double now = platform_monotonic();
    if (progress->first_share < 0)
        progress->first_share = add_up(runs, n_runs).share;
    if (progress->quiet ||
        now - progress->shown < (progress->terminal ? redraw_every : plain_every))
        return;
    char line[400];
    int told = add_up(runs, n_runs).told;
    if (!progress->terminal && told == progress->shown_trials)
        return;
    describe(progress, runs, n_runs, line, sizeof line);
    fprintf(stderr, progress->terminal ? "\r\033[K%s" : "%s\n", line);
    progress->shown = now;
    progress->shown_trials = told;
}

void progress_close(struct progress *progress, const struct run *runs, int n_runs) {
    progress->shown = -INFINITY;
    if (n_runs > 0)
        progress_show(progress, runs, n_runs);
    if (!progress->quiet && progress->terminal)
        fputc('\n', stderr);
}
