/* test_worker.c - a trial's order and answer: whatever a process writes becomes points or a reason.
 */
#include "cells.h"
#include "check.h"
#include "scratch.h"
#include "worker.h"
#include <math.h>

static const char study_text[] = "study: worker\n"
                                 "solver:\n"
                                 "  name: bowl\n"
                                 "  x0: -5 .. 5\n"
                                 "  fault: [none, fail]\n"
                                 "budget: 60 trials\n";

#define POINT "\"point\",8,1,0.5,0.7,,92,1000,,\"net\"\r\n"
#define END "\"end\",\"\"\r\n"

static int study_open(void **state) {
    *state = scratch_study(study_text);
    return 0;
}

static int study_close(void **state) {
    study_free(*state);
    return 0;
}

static struct job answer(const struct study *study, const char *text, size_t length) {
    struct job job = {.trial = {.status = TRIAL_ASKED}};
    worker_answer(study, &job, text, length);
    return job;
}

static void points_are_read(void **state) {
    struct job job = answer(*state, POINT POINT END, strlen(POINT POINT END));
    assert_int_equal(job.trial.status, TRIAL_ASKED);
    assert_int_equal(job.outcome.count, 2);
    const struct point *point = &job.outcome.point[1];
    assert_true(point->epoch == 8 && point->final && point->accuracy == 0.5 && point->loss == 0.7);
    assert_true(isnan(point->test_accuracy) && point->runtime == 92 && isnan(point->flops));
    assert_string_equal(point->arch, "net");
    outcome_free(&job.outcome);
}

static void reasons_are_read(void **state) {
    static const char text[] = POINT "\"end\",\"no data, \"\"here\"\"\"\r\n";
    struct job job = answer(*state, text, strlen(text));
    assert_int_equal(job.trial.status, TRIAL_FAILED);
    assert_string_equal(job.trial.detail, "no data, \"here\"");
    assert_int_equal(job.outcome.count, 1); /* what came before is kept */
    outcome_free(&job.outcome);
}

static void nothing_is_a_good_answer_with_no_point(void **state) {
    struct job job = answer(*state, END, strlen(END));
    assert_int_equal(job.trial.status, TRIAL_ASKED); /* the objective says that it is invalid */
    assert_int_equal(job.outcome.count, 0);
}

static void assert_invalid(const struct study *study, const char *text, size_t length) {
    struct job job = answer(study, text, length);
    if (job.trial.status != TRIAL_INVALID)
        print_error("taken for good: '%.*s'\n", (int)length, text);
    assert_int_equal(job.trial.status, TRIAL_INVALID);
    assert_int_equal(strncmp(job.trial.detail, "unreadable answer: ", 19), 0);
    assert_int_equal(job.outcome.count, 0);
    assert_null(job.outcome.point);
}

static void garbage_is_invalid(void **state) {
    static const char *const bad[] = {"",
                                      "garbage",
                                      "garbage\r\n",
                                      "\r\n",
                                      "\n",
                                      END END,
                                      END POINT,
                                      POINT,
                                      "\"point\"\r\n" END,
                                      "\"point\",8,1\r\n" END,
                                      "\"point\",8,2,0.5,0.7,,92,1000,,\"net\"\r\n" END,
                                      "\"point\",8,1,half,0.7,,92,1000,,\"net\"\r\n" END,
                                      "\"point\",8,1,0.5,0.7,,92,1000,,\"net\",\"more\"\r\n" END,
                                      "\"point\",8,1,0.5,0.7,,92,1000,,\"net\"\n" END,
                                      "\"point\",8,1,0.5,0.7,,92,1000,,\"n\x01t\"\r\n" END,
                                      "\"pint\",8,1,0.5,0.7,,92,1000,,\"net\"\r\n" END,
                                      "\"end\"\r\n",
                                      "\"end\",\"a\",\"b\"\r\n",
                                      "\"end\",\"open\r\n",
                                      "\"end\",\"\"\r",
                                      "\"end\",\"\"",
                                      "Epoch 1: loss 0.3\n" POINT END};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_invalid(*state, bad[i], strlen(bad[i]));
    assert_invalid(*state, "\"end\",\"\0\"\r\n", 11);
    assert_invalid(*state, "\0\0\0\0", 4);
    assert_invalid(*state, POINT "\0" END, strlen(POINT) + 1 + strlen(END));
}

static void every_truncation_is_invalid(void **state) {
    static const char text[] = POINT POINT END;
    for (size_t n = 0; n < strlen(text); n++)
        assert_invalid(*state, text, n);
}

/* Any one byte changed: never a crash; an answer or a reason. */
static void any_changed_byte_is_survived(void **state) {
    char text[] = POINT END;
    for (size_t i = 0; i < strlen(POINT END); i++)
        for (int byte = 0; byte < 256; byte++) {
            char was = text[i];
            text[i] = (char)byte;
            struct job job = answer(*state, text, strlen(POINT END));
            assert_true(job.trial.status == TRIAL_ASKED || *job.trial.detail);
            outcome_free(&job.outcome);
            text[i] = was;
        }
}

static void long_texts_are_refused(void **state) {
    struct buffer text = {0};
    char *arch = malloc(POINT_ARCH_MAX + 1);
    memset(arch, 'a', POINT_ARCH_MAX);
    arch[POINT_ARCH_MAX] = 0;
    buffer_print(&text, "\"point\",8,1,0.5,0.7,,92,1000,,\"%s\"\r\n" END, arch);
    assert_invalid(*state, text.data, text.length);
    buffer_free(&text);
    free(arch);
}

/* An order carries the very values of the trial. */
static void orders_are_exact(void **state) {
    const struct study *study = *state;
    struct job job = {.trial = {.id = 3, .fidelity = 8, .x = {1.0 / 3, 0.9}}, .repeat = 2};
    struct buffer text = {0};
    space_canonical(&study->space, job.trial.x);
    assert_int_equal(worker_order(study, &job, &text), 0);
    assert_non_null(strstr(text.data, "trial 3\nrepeat 2\nfidelity 8\nthreads 1\n"));
    assert_non_null(strstr(text.data, "set fault fail\n"));
    const char *x0 = strstr(text.data, "set x0 ");
    assert_non_null(x0);
    assert_true(space_unit(&study->space.dim[0], strtod(x0 + 7, NULL)) == job.trial.x[0]);
    buffer_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_read),
        cmocka_unit_test(reasons_are_read),
        cmocka_unit_test(nothing_is_a_good_answer_with_no_point),
        cmocka_unit_test(garbage_is_invalid),
        cmocka_unit_test(every_truncation_is_invalid),
        cmocka_unit_test(any_changed_byte_is_survived),
        cmocka_unit_test(long_texts_are_refused),
        cmocka_unit_test(orders_are_exact),
    };
    return cmocka_run_group_tests(tests, study_open, study_close);
}
