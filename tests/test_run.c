/* test_run.c - a run cut off after any trial and gone on with gives the bytes of a straight one,
 * for any number of trials in flight and any order in which they end. */
#include "check.h"
#include "fail.h"
#include "rng.h"
#include "run.h"
#include "scratch.h"

static struct study *make_study(const char *method, int pending, int budget) {
    char text[512];
    snprintf(text, sizeof text,
             "study: run\npending: %d\nsolver:\n  name: bowl\n  x0: -5 .. 5\n  x1: -5 .. 5\n"
             "  fault: [none, fail, nan, empty]\n  fault_above: -5 .. 5\n"
             "methods: [%s]\nbudget: %d trials\n",
             pending, method, budget);
    return scratch_study(text);
}

static void must(int status) {
    if (status) {
        print_error("%s\n", fail_message());
        assert_true(!"it works");
    }
}

/* Runs to the end, the trials in flight ending in an order drawn from `seed`. */
static void drive(struct run *run, uint64_t seed) {
    struct executor *executor;
    struct rng rng = rng_make(seed, rng_stream("test run"), 0);
    must(executor_open(&executor, run->study, "", 1));
    must(run_advance(run));
    while (!run_over(run)) {
        struct flight *ready[64];
        int n = 0;
        for (int t = run->told; t < run->asked; t++)
            if (run->flight[t % run->study->pending].state == FLIGHT_READY)
                ready[n++] = &run->flight[t % run->study->pending];
        assert_true(n > 0);
        assert_ptr_equal(run_ready(run), ready[0]);
        struct flight *flight = ready[rng_below(&rng, (uint32_t)n)];
        must(executor_start(executor, &flight->job));
        assert_ptr_equal(executor_wait(executor, 0), &flight->job);
        flight->state = FLIGHT_ENDED;
        must(run_advance(run));
        must(journal_sync(&run->journal));
    }
    executor_close(executor);
}

struct files {
    struct buffer trials, points;
};

/* Opens a run on files that are there or not, drives it to its end, and reads its files. */
static struct files go_on(const struct study *study, const char *folder, uint64_t seed) {
    struct run run;
    must(run_open(&run, study, 0, 0, folder));
    drive(&run, seed);
    run_close(&run);
    return (struct files){scratch_read(folder, "trials.csv"), scratch_read(folder, "points.csv")};
}

static void assert_same(const struct files *a, struct files *b) {
    scratch_assert_same(&a->trials, &b->trials);
    scratch_assert_same(&a->points, &b->points);
    buffer_free(&b->trials);
    buffer_free(&b->points);
}

/* Bytes of the header and the first n rows. */
static size_t rows(const struct buffer *text, int n) {
    size_t at = 0;
    for (int line = 0; line < n + 1; line++)
        at = (size_t)((char *)memchr(text->data + at, '\n', text->length - at) + 1 - text->data);
    return at;
}

static void check_method(const char *method, int pending, int budget) {
    char folder[SCRATCH_PATH];
    struct study *study = make_study(method, pending, budget);
    scratch_open(folder);
    struct files straight = go_on(study, folder, 1);
    for (int n = 0; n <= budget; n++) {
        scratch_write(folder, "trials.csv", straight.trials.data, rows(&straight.trials, n));
        struct files resumed = go_on(study, folder, (uint64_t)n); /* extra points are cut */
        assert_same(&straight, &resumed);
    }
    buffer_free(&straight.trials);
    buffer_free(&straight.points);
    scratch_remove(folder);
    study_free(study);
}

static void random_resumes(void **state) {
    (void)state;
    for (int pending = 1; pending <= 4; pending++)
        check_method("random", pending, 30);
}

static void bo_resumes(void **state) {
    (void)state;
    for (int pending = 1; pending <= 4; pending++)
        check_method("{name: bo, design: 4}", pending, 9);
}

/* A grown budget goes on as if it had been so large from the start. */
static void grown_budgets_go_on(void **state) {
    (void)state;
    static const char *const methods[] = {"random", "{name: bo, design: 4}"};
    for (int m = 0; m < 2; m++)
        for (int pending = 1; pending <= 3; pending += 2) {
            char folder[SCRATCH_PATH], other[SCRATCH_PATH];
            struct study *small = make_study(methods[m], pending, 6);
            struct study *large = make_study(methods[m], pending, 10);
            scratch_open(folder);
            scratch_open(other);
            struct files straight = go_on(large, folder, 1), part = go_on(small, other, 2);
            buffer_free(&part.trials);
            buffer_free(&part.points);
            struct files grown = go_on(large, other, 3);
            assert_same(&straight, &grown);
            buffer_free(&straight.trials);
            buffer_free(&straight.points);
            scratch_remove(folder);
            scratch_remove(other);
            study_free(small);
            study_free(large);
        }
}

static void every_status_is_counted(void **state) {
    (void)state;
    char folder[SCRATCH_PATH];
    struct study *study = make_study("random", 2, 200);
    struct run run;
    scratch_open(folder);
    must(run_open(&run, study, 0, 0, folder));
    drive(&run, 1);
    assert_int_equal(run.told, 200);
    assert_int_equal(run.count[TRIAL_DONE] + run.count[TRIAL_FAILED] + run.count[TRIAL_INVALID],
                     200);
    assert_true(run.count[TRIAL_DONE] > 0 && run.count[TRIAL_FAILED] > 0 &&
                run.count[TRIAL_INVALID] > 0);
    assert_true(run_share(&run) == 1);
    struct run_best best = run.best;
    run_close(&run);
    must(run_open(&run, study, 0, 0, folder)); /* the same is known after a replay */
    must(run_advance(&run));
    assert_true(run_over(&run));
    assert_int_equal(run.told, 200);
    assert_true(run.best.any && run.best.trial == best.trial && run.best.value == best.value);
    run_close(&run);
    scratch_remove(folder);
    study_free(study);
}

/* Rows that no run of this study can have written are refused. */
static void impossible_histories_are_refused(void **state) {
    (void)state;
    char folder[SCRATCH_PATH];
    struct study *study = make_study("random", 2, 5), *other = make_study("random", 1, 5);
    scratch_open(folder);
    struct files files = go_on(study, folder, 1);
    buffer_free(&files.trials);
    buffer_free(&files.points);
    struct run run;
    assert_int_equal(run_open(&run, other, 0, 0, folder), -1); /* one flight, two known */
    assert_non_null(strstr(fail_message(), "cannot have known"));
    run_close(&run);
    scratch_remove(folder);
    study_free(study);
    study_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_resumes),
        cmocka_unit_test(bo_resumes),
        cmocka_unit_test(grown_budgets_go_on),
        cmocka_unit_test(every_status_is_counted),
        cmocka_unit_test(impossible_histories_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
