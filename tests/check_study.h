/* check_study.h - what the tests of study files share. */
#ifndef NASTUNE_TESTS_CHECK_STUDY_H
#define NASTUNE_TESTS_CHECK_STUDY_H

#include "check.h"
#include "fail.h"
#include "study_read.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(A) (sizeof(A) / sizeof *(A))

static __attribute__((unused, noinline)) struct study *load(const char *text) {
    struct study *study;
    char *faults;
    if (study_load_text("t.yaml", text, strlen(text), &study, &faults))
        fail_msg("%s", faults);
    return study;
}

/* The faults of a text that must have some; the caller frees them. */
static __attribute__((unused, noinline)) char *faults_of(const char *text, size_t size) {
    struct study *study;
    char *faults;
    assert_int_equal(study_load_text("t.yaml", text, size, &study, &faults), -1);
    assert_null(study);
    assert_non_null(faults);
    return faults;
}

static __attribute__((unused, noinline)) int count(const char *text, const char *word) {
    int n = 0;
    while ((text = strstr(text, word))) {
        n++;
        text += strlen(word);
    }
    return n;
}

static __attribute__((unused, noinline)) void assert_has(const char *text, const char *wanted) {
    if (!strstr(text, wanted))
        fail_msg("'%s' is not in:\n%s", wanted, text);
}

/* One fault, and this one. */
static __attribute__((unused, noinline)) void assert_fault(const char *text, const char *wanted) {
    char *faults = faults_of(text, strlen(text));
    assert_has(faults, wanted);
    if (count(faults, ": error: ") != 1)
        fail_msg("one fault was expected:\n%s", faults);
    free(faults);
}

static __attribute__((unused, noinline)) char *resolved(const struct study *study) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(study_resolve(study, out), 0);
    fclose(out);
    return text;
}

#define HEAD "study: s\nbudget: 100 epochs\n"
#define BOWL HEAD "solver:\n  name: bowl\n"

#endif
