/* bench_methods.c - runs the methods on the benchmark problems (bench_methods.h). */
#include "bench_methods.h"
#include "bench_problems.h"
#include "fail.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAMES_MAX = 64, LABEL_MAX = 128 };

struct options {
    char problems[1024], methods[1024]; /* comma-separated; "" = all */
    int first_seed, last_seed;
    double budget; /* 0: the problem's own */
};

/* A run of one method on one problem with one seed. */
struct bench {
    const struct bench_problem *problem;
    const struct hpo_ops *ops;
    const char *label;
    int seed;
    FILE *out;
    struct space space;
    struct config settings;
    struct hpo_task task;
    void *state;
    double spent; /* fidelity units */
    struct trial *trial;
    int count, room;
    double incumbent_fidelity, incumbent, regret;
    double *front; /* (count, 2) two objectives: all feasible results */
};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Splits "bo:output=rank:design=10" into the method and its settings. */
static int open_method(struct bench *bench, const char *label) {
    char text[LABEL_MAX], *save = NULL;
    if (strlen(label) >= sizeof text)
        return fail("'%s' is too long", label);
    strcpy(text, label);
    char *name = strtok_r(text, ":", &save);
    bench->ops = name ? hpo_find(name) : NULL;
    if (!bench->ops)
        return fail("no method is called '%s'", name ? name : "");
    if (config_open(&bench->settings, bench->ops->settings))
        return -1;
    for (char *pair; (pair = strtok_r(NULL, ":", &save));) {
        char *value = strchr(pair, '=');
        if (!value)
            return fail("'%s' of method '%s' is not setting=value", pair, name);
        *value++ = 0;
        if (config_set(&bench->settings, pair, value))
            return fail_within("method '%s'", name);
    }
    return 0;
}

static int open_bench(struct bench *bench, const struct bench_problem *problem, const char *label,
                      int seed, FILE *out) {
    *bench = (struct bench){.problem = problem, .label = label, .seed = seed, .out = out};
    bench->incumbent = bench->regret = INFINITY;
    if (open_method(bench, label))
        return -1;
    problem->space(&bench->space);
    bench->task =
        (struct hpo_task){.space = &bench->space,
                          .fidelity_min = 1,
                          .fidelity_max = problem->fidelity_max,
                          .fidelity_integral = true,
                          .resumable = true,
                          .n_objectives = problem->n_objectives,
                          .n_constraints = problem->n_constraints,
                          .settings = &bench->settings,
                          .seed = rng_derive(20240601, rng_stream("bench"), (uint32_t)seed)};
    for (int c = 0; c < problem->n_constraints; c++)
        bench->task.constraint_kind[c] = problem->constraint_kind;
    bench->state = calloc(1, bench->ops->state_size);
    if (!bench->state)
        return fail("no memory for method '%s'", label);
    return bench->ops->open(bench->state, &bench->task);
}

static void close_bench(struct bench *bench) {
    if (bench->state)
        bench->ops->close(bench->state);
    free(bench->state);
    free(bench->trial);
    free(bench->front);
    config_free(&bench->settings);
}

static int reserve(struct bench *bench) {
    if (bench->count < bench->room)
        return 0;
    int room = bench->room ? 2 * bench->room : 256;
    struct trial *trial = realloc(bench->trial, (size_t)room * sizeof *trial);
    if (trial)
        bench->trial = trial;
    double *front = realloc(bench->front, 2 * (size_t)room * sizeof *front);
    if (front)
        bench->front = front;
    if (!trial || !front)
        return fail("no memory for %d trials", room);
    bench->room = room;
    return 0;
}

/* What the harness does with a proposal: canonical x, cost, result, violation. */
static void evaluate(struct bench *bench, struct trial *trial) {
    double value[SPACE_MAX_DIMS];
    space_decode(&bench->space, trial->x, value);
    bench->problem->evaluate(value, trial->fidelity, &trial->result);
    trial->status = TRIAL_DONE;
    trial->cost = trial->fidelity;
    if (trial->parent >= 0)
        trial->cost -= bench->trial[trial->parent].fidelity;
    trial->violation = bench_violation(bench->problem, &trial->result);
    bench->spent += trial->cost;
}

static void update_regret(struct bench *bench, const struct trial *trial) {
    const struct bench_problem *problem = bench->problem;
    double *point = bench->front + 2 * (size_t)trial->id;
    memcpy(point, trial->result.objective, 2 * sizeof *point);
    if (trial->violation > 0) {
        point[0] = point[1] = INFINITY;
        return;
    }
    if (problem->n_objectives > 1) {
        double volume = bench_hypervolume(bench->count, bench->front, problem->reference);
        bench->regret = 1 - volume / problem->volume;
        return;
    }
    bool larger = trial->fidelity > bench->incumbent_fidelity;
    if (trial->fidelity < bench->incumbent_fidelity ||
        (!larger && trial->result.objective[0] >= bench->incumbent))
        return;
    struct result truth = {0};
    double value[SPACE_MAX_DIMS];
    space_decode(&bench->space, trial->x, value);
    problem->evaluate(value, 0, &truth);
    bench->incumbent_fidelity = trial->fidelity;
    bench->incumbent = trial->result.objective[0];
    bench->regret = truth.objective[0] - problem->best;
}

/* One ask, evaluation and tell. 1: the method is done. */
static int step(struct bench *bench) {
    if (reserve(bench))
        return -1;
    struct trial *trial = &bench->trial[bench->count];
    *trial = (struct trial){.id = bench->count, .parent = -1, .fidelity = bench->task.fidelity_max};
    double before = seconds();
    if (bench->ops->ask(bench->state, trial) != HPO_TRIAL)
        return 1;
    double asked = seconds();
    bench->count++;
    space_canonical(&bench->space, trial->x);
    if (bench->ops->asked)
        bench->ops->asked(bench->state, trial);
    evaluate(bench, trial);
    double evaluated = seconds();
    bench->ops->tell(bench->state, trial, &trial->result, 1);
    double told = seconds();
    update_regret(bench, trial);
    fprintf(bench->out, "%s,%s,%d,%d,%.17g,%.17g,%.6g,%.6g\n", bench->problem->name, bench->label,
            bench->seed, bench->count, bench->spent / bench->task.fidelity_max, bench->regret,
            asked - before, told - evaluated);
    return 0;
}

static int run(const struct options *options, const struct bench_problem *problem,
               const char *label, int seed, FILE *out) {
    struct bench bench;
    double budget = options->budget > 0 ? options->budget : problem->budget;
    int result = open_bench(&bench, problem, label, seed, out);
    while (!result && bench.spent < budget * bench.task.fidelity_max * (1 - 1e-12))
        result = step(&bench);
    close_bench(&bench);
    return result < 0 ? -1 : 0;
}

static int read_seeds(struct options *options, const char *text) {
    char *end;
    long first = 1, last = strtol(text, &end, 10);
    if (end != text && strncmp(end, "..", 2) == 0) {
        first = last;
        last = strtol(end + 2, &end, 10);
    }
    if (end == text || *end || first < 0 || last < first || last > INT_MAX - 1)
        return fail("--seeds wants a count or a range like 1..20, not '%s'", text);
    options->first_seed = (int)first;
    options->last_seed = (int)last;
    return 0;
}

static int read_options(struct options *options, int argc, char **argv) {
    *options = (struct options){.first_seed = 1, .last_seed = 5};
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value)
            return fail("%s wants a value", name);
        if (strlen(value) >= sizeof options->methods)
            return fail("the value of %s is too long", name);
        if (strcmp(name, "--problems") == 0)
            strcpy(options->problems, value);
        else if (strcmp(name, "--methods") == 0)
            strcpy(options->methods, value);
        else if (strcmp(name, "--seeds") == 0) {
            if (read_seeds(options, value))
                return -1;
        } else if (strcmp(name, "--budget") == 0) {
            char *end;
            options->budget = strtod(value, &end);
            if (end == value || *end || !(options->budget > 0) || !isfinite(options->budget))
                return fail("--budget wants a positive number, not '%s'", value);
        } else
            return fail("%s is none of --problems, --methods, --seeds, --budget", name);
    }
    return 0;
}

/* Splits a comma-separated list in place; returns the count. */
static int split(char *list, const char **name) {
    int count = 0;
    char *save = NULL;
    for (char *word = strtok_r(list, ",", &save); word && count < NAMES_MAX;
         word = strtok_r(NULL, ",", &save))
        name[count++] = word;
    return count;
}

static int run_seeds(const struct options *options, const struct bench_problem *problem,
                     const char *label, FILE *out) {
    for (int seed = options->first_seed; seed <= options->last_seed; seed++)
        if (run(options, problem, label, seed, out))
            return fail_within("%s on %s", label, problem->name);
    return 0;
}

int bench_methods(int argc, char **argv, FILE *out) {
    struct options options;
    const char *problem[NAMES_MAX], *method[NAMES_MAX];
    if (read_options(&options, argc, argv))
        return -1;
    int n_problems = split(options.problems, problem), n_methods = split(options.methods, method);
    if (!n_problems)
        for (const struct bench_problem *p = bench_problems; p->name; p++)
            if (p->fidelity_max <= 1 && p->n_objectives == 1)
                problem[n_problems++] = p->name;
    if (!n_methods)
        for (int i = 0; hpo_registry[i]; i++)
            method[n_methods++] = hpo_registry[i]->name;
    fprintf(out, "problem,method,seed,evaluation,budget,regret,ask_seconds,tell_seconds\n");
    for (int p = 0; p < n_problems; p++) {
        const struct bench_problem *found = bench_problem_find(problem[p]);
        if (!found)
            return fail("no problem is called '%s'", problem[p]);
        for (int m = 0; m < n_methods; m++)
            if (run_seeds(&options, found, method[m], out))
                return -1;
    }
    return fflush(out) ? fail("cannot write the results") : 0;
}
