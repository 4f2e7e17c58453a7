/* test_hpo.c - what every method of the registry owes the harness, whatever it is: proposals inside
 * the space, determinism, replay, and survival of every kind of result. */
#include "check.h"
#include "hpo.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIALS_MAX = 400 };

/* A method at work: its state, and the trials so far. */
struct run {
    const struct hpo_ops *ops;
    struct hpo_task task;
    struct config settings;
    void *state;
    int count; /* asked */
    struct trial trial[TRIALS_MAX];
};

static void run_open(struct run *run, const struct hpo_ops *ops, const struct space *space,
                     uint64_t seed) {
    memset(run, 0, sizeof *run);
    run->ops = ops;
    assert_int_equal(config_open(&run->settings, ops->settings), 0);
    run->task = (struct hpo_task){.space = space,
                                  .fidelity_min = 1,
                                  .fidelity_max = 27,
                                  .fidelity_integral = true,
                                  .resumable = true,
                                  .n_objectives = 1,
                                  .settings = &run->settings,
                                  .seed = seed};
}

static void run_start(struct run *run) {
    run->state = calloc(1, run->ops->state_size);
    assert_int_equal(run->ops->open(run->state, &run->task), 0);
}

static void run_close(struct run *run) {
    run->ops->close(run->state);
    free(run->state);
    config_free(&run->settings);
}

/* What the harness does between ask and asked, and what every proposal must satisfy. */
static void check_proposal(const struct run *run, struct trial *trial) {
    const struct space *space = run->task.space;
    for (int d = 0; d < space->n; d++)
        assert_true(isfinite(trial->x[d]));
    space_canonical(space, trial->x);
    double value[SPACE_MAX_DIMS];
    space_decode(space, trial->x, value);
    for (int d = 0; d < space->n; d++) {
        const struct space_dim *dim = &space->dim[d];
        assert_int_equal(isnan(value[d]), !space_active(space, trial->x, d));
        if (isnan(value[d]))
            continue;
        if (dim->kind == SPACE_REAL || dim->kind == SPACE_INT)
            assert_true(value[d] >= dim->lo && value[d] <= dim->hi);
        if (dim->kind == SPACE_INT)
            assert_true(value[d] == floor(value[d]));
    }
    assert_true(trial->fidelity >= run->task.fidelity_min);
    assert_true(trial->fidelity <= run->task.fidelity_max);
    if (run->task.fidelity_integral)
        assert_true(trial->fidelity == floor(trial->fidelity));
    assert_true(trial->parent >= -1 && trial->parent < trial->id);
    if (trial->parent >= 0) {
        assert_true(space_same(space, trial->x, run->trial[trial->parent].x));
        assert_true(trial->fidelity > run->trial[trial->parent].fidelity);
    }
    assert_true(trial->origin[0] != 0 && memchr(trial->origin, 0, TRIAL_ORIGIN_MAX));
}

static enum hpo_answer run_ask(struct run *run) {
    assert_true(run->count < TRIALS_MAX);
    struct trial *trial = &run->trial[run->count], twin;
    *trial = (struct trial){
        .id = run->count, .parent = -1, .fidelity = run->task.fidelity_max, .status = TRIAL_ASKED};
    twin = *trial;
    enum hpo_answer answer = run->ops->ask(run->state, trial);
    assert_int_equal(run->ops->ask(run->state, &twin), answer); /* asking changes nothing */
    if (answer != HPO_TRIAL)
        return answer;
    check_proposal(run, trial);
    check_proposal(run, &twin);
    assert_memory_equal(trial, &twin, sizeof twin);
    if (run->ops->asked)
        run->ops->asked(run->state, trial);
    run->count++;
    return answer;
}

typedef void (*evaluation)(const struct run *run, struct trial *trial);

static void tell(struct run *run, struct trial *trial) {
    int n_front = trial->status == TRIAL_DONE;
    run->ops->tell(run->state, trial, n_front ? &trial->result : NULL, n_front);
}

/* Up to n trials one after another; fewer when the method is done. */
static void run_steps(struct run *run, int n, evaluation evaluate) {
    for (int i = 0; i < n; i++) {
        enum hpo_answer answer = run_ask(run);
        assert_int_not_equal(answer, HPO_WAIT); /* nothing is running */
        if (answer == HPO_DONE)
            return;
        struct trial *trial = &run->trial[run->count - 1];
        evaluate(run, trial);
        tell(run, trial);
    }
}

static struct space_dim real_dim(void) {
    return (struct space_dim){.kind = SPACE_REAL, .lo = -2, .hi = 3, .parent = -1};
}

static struct space reals(int n) {
    struct space space = {.n = n};
    for (int d = 0; d < n; d++)
        space.dim[d] = real_dim();
    return space;
}

/* The kinds together; the last two matter only under some choices. */
static struct space mixed(void) {
    struct space space = reals(7);
    space.dim[1] = (struct space_dim){
        .kind = SPACE_REAL, .scale = SETTING_LOG, .lo = 1e-5, .hi = 1, .parent = -1};
    space.dim[2] = (struct space_dim){.kind = SPACE_INT, .lo = -3, .hi = 40, .parent = -1};
    space.dim[3] =
        (struct space_dim){.kind = SPACE_LIST, .levels = 3, .level = {16, 24, 40}, .parent = -1};
    space.dim[4] =
        (struct space_dim){.kind = SPACE_CHOICE, .levels = 3, .level = {0, 1, 2}, .parent = -1};
    space.dim[5].parent = 4;
    space.dim[5].parent_levels = 1 << 1;
    space.dim[6] = (struct space_dim){.kind = SPACE_INT,
                                      .scale = SETTING_LOG,
                                      .lo = 1,
                                      .hi = 64,
                                      .parent = 4,
                                      .parent_levels = 1 << 0 | 1 << 2};
    return space;
}

static struct space switches(int n) {
    struct space space = {.n = n};
    for (int d = 0; d < n; d++)
        space.dim[d] =
            (struct space_dim){.kind = SPACE_CHOICE, .levels = 2, .level = {0, 1}, .parent = -1};
    return space;
}

static double bowl(const struct run *run, const struct trial *trial) {
    double sum = 0;
    for (int d = 0; d < run->task.space->n; d++)
        sum += pow(trial->x[d] - 0.3 - 0.01 * d, 2);
    return sum + 1 / trial->fidelity;
}

static void done(struct trial *trial, double objective) {
    trial->status = TRIAL_DONE;
    trial->result.objective[0] = objective;
}

static void plain(const struct run *run, struct trial *trial) {
    done(trial, bowl(run, trial));
}
static void constant(const struct run *run, struct trial *trial) {
    (void)run;
    done(trial, 4.25);
}
static void huge(const struct run *run, struct trial *trial) {
    done(trial, (trial->id % 2 ? 1e300 : -1e300) * bowl(run, trial));
}
static void tiny(const struct run *run, struct trial *trial) {
    done(trial, 1e-300 * bowl(run, trial));
}
static void spiky(const struct run *run, struct trial *trial) {
    done(trial, trial->id % 5 ? bowl(run, trial) : 1e300);
}
static void failing(const struct run *run, struct trial *trial) {
    if (trial->id % 3 == 0)
        done(trial, bowl(run, trial));
    else
        trial->status = trial->id % 3 == 1 ? TRIAL_CRASHED : TRIAL_TIMEOUT;
}
static void all_failing(const struct run *run, struct trial *trial) {
    (void)run;
    trial->status = TRIAL_FAILED;
}
static void not_numbers(const struct run *run, struct trial *trial) {
    done(trial, trial->id % 4 == 1 ? NAN : trial->id % 4 == 2 ? INFINITY : bowl(run, trial));
}

#define FOR_EACH_METHOD(ops)                                                                       \
    for (int method_ = 0; hpo_registry[method_]; method_++)                                        \
        for (const struct hpo_ops *ops = hpo_registry[method_]; ops; ops = NULL)

static void described(void **state) {
    (void)state;
    FOR_EACH_METHOD(ops) {
        assert_ptr_equal(hpo_find(ops->name), ops);
        assert_true(ops->about && *ops->about && ops->paper && ops->settings);
        struct config settings;
        assert_int_equal(config_open(&settings, ops->settings), 0);
        assert_int_equal(config_complete(&settings), 0);
        for (int i = 0; i < settings.count; i++)
            assert_true(ops->settings[i].help && *ops->settings[i].help);
        config_free(&settings);
    }
    assert_null(hpo_find("no such method"));
}

static void results_of_every_kind_are_survived(void **state) {
    (void)state;
    static const evaluation kinds[] = {plain, constant, huge,        tiny,
                                       spiky, failing,  all_failing, not_numbers};
    struct space spaces[] = {mixed(), reals(1), reals(3)};
    static struct run run;
    FOR_EACH_METHOD(ops)
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t s = 0; s < sizeof spaces / sizeof *spaces; s++) {
            run_open(&run, ops, &spaces[s], 1 + k);
            run_start(&run);
            run_steps(&run, 22, kinds[k]);
            run_close(&run);
        }
}

static void many_settings_are_fine(void **state) {
    (void)state;
    struct space space = reals(30);
    static struct run run;
    FOR_EACH_METHOD(ops) {
        run_open(&run, ops, &space, 5);
        run_start(&run);
        run_steps(&run, 66, plain);
        run_close(&run);
    }
}

static void no_settings_are_fine(void **state) {
    (void)state;
    struct space space = {.n = 0};
    static struct run run;
    FOR_EACH_METHOD(ops) {
        run_open(&run, ops, &space, 5);
        run.task.fidelity_min = run.task.fidelity_max = 1;
        run_start(&run);
        run_steps(&run, 5, plain);
        assert_int_equal(run.count, 1);
        run_close(&run);
    }
}

/* The first k trials of `through`, replayed into a fresh state. */
static void replay(struct run *resumed, const struct run *through, int k) {
    for (int i = 0; i < k && i < through->count; i++) {
        resumed->trial[resumed->count++] = through->trial[i];
        if (resumed->ops->asked)
            resumed->ops->asked(resumed->state, &through->trial[i]);
        tell(resumed, &resumed->trial[i]);
    }
}

static void same_trials(const struct run *a, const struct run *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->trial, b->trial, (size_t)a->count * sizeof *a->trial);
}

/* Run through, and stopped after k trials and replayed into a fresh state: the same bytes. */
static void replay_is_running_through(void **state) {
    (void)state;
    enum { N = 56 };
    struct space space = mixed();
    static struct run through, resumed;
    FOR_EACH_METHOD(ops) {
        run_open(&through, ops, &space, 42);
        run_start(&through);
        run_steps(&through, N, failing);
        for (int k = 1; k < N; k += 18) {
            run_open(&resumed, ops, &space, 42);
            run_start(&resumed);
            replay(&resumed, &through, k);
            run_steps(&resumed, N - k, failing);
            same_trials(&resumed, &through);
            run_close(&resumed);
        }
        run_close(&through);
    }
}

/* Three trials in flight, told in order with that lag; replayed with the same lag. No two trials in
 * flight are the same. */
static void trials_in_flight(void **state) {
    (void)state;
    enum { N = 45, LAG = 3 };
    struct space space = mixed();
    static struct run run, again;
    FOR_EACH_METHOD(ops) {
        run_open(&run, ops, &space, 7);
        run_start(&run);
        int told = 0, told_at[TRIALS_MAX]; /* known when the trial was asked */
        for (bool open = true; open || told < run.count;) {
            enum hpo_answer answer = open && run.count - told < LAG ? run_ask(&run) : HPO_WAIT;
            if (answer == HPO_DONE || run.count == N)
                open = false;
            if (answer == HPO_TRIAL) {
                told_at[run.count - 1] = told;
                for (int i = told; i < run.count - 1; i++)
                    assert_false(space_same(&space, run.trial[i].x, run.trial[run.count - 1].x) &&
                                 run.trial[i].fidelity == run.trial[run.count - 1].fidelity);
                continue;
            }
            assert_true(told < run.count); /* WAIT only while something runs */
            plain(&run, &run.trial[told]);
            tell(&run, &run.trial[told++]);
        }
        run_open(&again, ops, &space, 7);
        run_start(&again);
        for (int i = 0, known = 0; i < 20; i++) {
            again.trial[again.count++] = run.trial[i];
            if (ops->asked)
                ops->asked(again.state, &run.trial[i]);
            while (known < told_at[i + 1])
                tell(&again, &run.trial[known++]);
        }
        struct trial fresh = run.trial[20];
        run_ask(&again);
        assert_memory_equal(again.trial[20].x, fresh.x, sizeof fresh.x);
        run_close(&again);
        run_close(&run);
    }
}

/* A finite space is used up, each trial once at full fidelity, and then the method is done. */
static void finite_spaces_end(void **state) {
    (void)state;
    struct space spaces[] = {switches(1), switches(5), mixed()};
    spaces[2].n = 2;
    spaces[2].dim[0] =
        (struct space_dim){.kind = SPACE_CHOICE, .levels = 3, .level = {0, 1, 2}, .parent = -1};
    spaces[2].dim[1] = (struct space_dim){
        .kind = SPACE_INT, .lo = 1, .hi = 5, .parent = 0, .parent_levels = 1 << 1};
    static struct run run;
    FOR_EACH_METHOD(ops)
    for (size_t s = 0; s < sizeof spaces / sizeof *spaces; s++) {
        int size = (int)space_size(&spaces[s]);
        run_open(&run, ops, &spaces[s], 3);
        run.task.fidelity_min = run.task.fidelity_max = 1;
        run_start(&run);
        run_steps(&run, 3 * size + 10, plain);
        assert_int_equal(run.count, size);
        for (int i = 0; i < size; i++)
            for (int j = 0; j < i; j++)
                assert_false(space_same(&spaces[s], run.trial[i].x, run.trial[j].x));
        run_close(&run);
    }
}

/* With fidelities: ends with every trial failed or at full fidelity. */
static void finite_spaces_are_completed(void **state) {
    (void)state;
    struct space space = switches(3);
    static struct run run;
    FOR_EACH_METHOD(ops) {
        run_open(&run, ops, &space, 3);
        run_start(&run);
        run_steps(&run, 200, plain);
        assert_true(run.count >= 8 && run.count < 200);
        int full = 0;
        for (int i = 0; i < run.count; i++)
            full += run.trial[i].fidelity == run.task.fidelity_max;
        assert_int_equal(full, 8);
        run_close(&run);
    }
}

/* Two objectives, some trials failing. */
static void two_goals(const struct run *run, struct trial *trial) {
    done(trial, bowl(run, trial));
    trial->result.objective[1] = pow(trial->x[0] - 0.9, 2) + trial->x[1];
    if (trial->id % 6 == 5)
        trial->status = TRIAL_CRASHED;
}

static void several_objectives_are_fine(void **state) {
    (void)state;
    struct space space = mixed();
    static struct run run;
    FOR_EACH_METHOD(ops) {
        run_open(&run, ops, &space, 3);
        run.task.n_objectives = 2;
        run_start(&run);
        run_steps(&run, 60, two_goals);
        run_close(&run);
    }
}

static void choose(struct run *run, const struct setting *setting, int choice) {
    char text[64];
    setting_choice(setting, choice, text, sizeof text);
    assert_int_equal(config_set(&run->settings, setting->name, text), 0);
}

/* Every choice of every setting, with two objectives, a constraint and failures; and its replay. */
static void two_goals_and_a_cap(const struct run *run, struct trial *trial) {
    two_goals(run, trial);
    trial->result.constraint[0] = 0.4 - trial->x[0];
    trial->violation = fmax(0, trial->result.constraint[0]);
}

static void every_choice_works(void **state) {
    (void)state;
    struct space space = mixed();
    static struct run through, resumed;
    FOR_EACH_METHOD(ops)
    for (const struct setting *setting = ops->settings; setting->type; setting++)
        for (int c = 0; setting->type == SETTING_CHOICE && c < setting_choice_count(setting); c++) {
            run_open(&through, ops, &space, 9);
            run_open(&resumed, ops, &space, 9);
            through.task.n_objectives = resumed.task.n_objectives = 2;
            through.task.n_constraints = resumed.task.n_constraints = 1;
            choose(&through, setting, c);
            choose(&resumed, setting, c);
            run_start(&through);
            run_start(&resumed);
            run_steps(&through, 28, two_goals_and_a_cap);
            replay(&resumed, &through, 22);
            run_steps(&resumed, 6, two_goals_and_a_cap);
            same_trials(&through, &resumed);
            run_close(&through);
            run_close(&resumed);
        }
}

/* A plan is what the method then does: so many trials at such fidelities. */
static void plans_are_kept(void **state) {
    (void)state;
    struct space space = reals(2);
    static struct run run;
    FOR_EACH_METHOD(ops) {
        if (!ops->plan)
            continue;
        struct hpo_rung rung[HPO_MAX_RUNGS];
        run_open(&run, ops, &space, 3);
        int rungs = ops->plan(&run.task, rung), id = 0;
        assert_true(rungs > 0 && rungs <= HPO_MAX_RUNGS);
        run_start(&run);
        run_steps(&run, 100, plain);
        for (int r = 0; r < rungs; r++)
            for (int i = 0; i < rung[r].trials; i++, id++) {
                const struct trial *trial = &run.trial[id];
                assert_true(trial->fidelity == rung[r].fidelity);
                double continued = trial->parent < 0 ? 0 : run.trial[trial->parent].fidelity;
                assert_true(continued == rung[r].continued);
            }
        run_close(&run);
    }
}

static void seeds_differ(void **state) {
    (void)state;
    struct space space = reals(3);
    static struct run a, b;
    FOR_EACH_METHOD(ops) {
        run_open(&a, ops, &space, 1);
        run_open(&b, ops, &space, 2);
        run_start(&a);
        run_start(&b);
        run_steps(&a, 5, plain);
        run_steps(&b, 5, plain);
        bool differ = false;
        for (int i = 0; i < 5; i++)
            differ |= !space_same(&space, a.trial[i].x, b.trial[i].x);
        assert_true(differ);
        run_close(&a);
        run_close(&b);
    }
}

/* A cap that holds in a corner, and a target: both are survived and, by bo, met. */
static void constrained(const struct run *run, struct trial *trial) {
    done(trial, bowl(run, trial));
    double cap = 0.5 - trial->x[0] * (0.5 + 0.5 * trial->x[1]);
    double target = log(0.2 + trial->x[1]) - log(0.55);
    trial->result.constraint[0] = cap;
    trial->result.constraint[1] = target;
    trial->violation = fmax(0, cap) + (fabs(target) <= 0.02 ? 0 : fabs(target));
}

static void constraints_are_survived(void **state) {
    (void)state;
    struct space space = reals(2);
    static struct run run;
    FOR_EACH_METHOD(ops) {
        run_open(&run, ops, &space, 11);
        run.task.n_constraints = 2;
        run.task.constraint_kind[1] = HPO_TARGET;
        run_start(&run);
        run_steps(&run, 40, constrained);
        int feasible = 0;
        for (int i = 0; i < run.count; i++)
            feasible += run.trial[i].violation <= 0;
        if (strcmp(ops->name, "bo") == 0)
            assert_true(feasible >= 5);
        run_close(&run);
    }
}

/* bo comes near the bottom of the bowl, first trying the defaults. */
static void bo_finds_the_bottom(void **state) {
    (void)state;
    struct space space = reals(4);
    static struct run run;
    run_open(&run, hpo_find("bo"), &space, 2);
    run.task.has_start = true;
    for (int d = 0; d < 4; d++)
        run.task.start[d] = 0.875;
    run_start(&run);
    run_steps(&run, 40, plain);
    double best = INFINITY;
    for (int i = 0; i < run.count; i++)
        best = fmin(best, run.trial[i].result.objective[0] - 1.0 / 27);
    assert_true(best < 1e-4);
    assert_string_equal(run.trial[0].origin, "default");
    assert_string_equal(run.trial[9].origin, "design");
    assert_string_equal(run.trial[10].origin, "model");
    assert_true(run.trial[0].x[3] == 0.875);
    run_close(&run);
}

int main(void) {
    hpo_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(described),
        cmocka_unit_test(results_of_every_kind_are_survived),
        cmocka_unit_test(many_settings_are_fine),
        cmocka_unit_test(no_settings_are_fine),
        cmocka_unit_test(replay_is_running_through),
        cmocka_unit_test(trials_in_flight),
        cmocka_unit_test(finite_spaces_end),
        cmocka_unit_test(finite_spaces_are_completed),
        cmocka_unit_test(several_objectives_are_fine),
        cmocka_unit_test(every_choice_works),
        cmocka_unit_test(plans_are_kept),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(constraints_are_survived),
        cmocka_unit_test(bo_finds_the_bottom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
