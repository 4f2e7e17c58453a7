/* scratch.h - what the harness's tests share: a folder that goes away, files, and a study from its
 * text. */
#ifndef NASTUNE_TESTS_SCRATCH_H
#define NASTUNE_TESTS_SCRATCH_H

#include "buffer.h"
#include "check.h"
#include "study.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_PATH 256

static inline int scratch_remove_one(const char *path, const struct stat *status, int type,
                                     struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline void scratch_remove(const char *folder) {
    nftw(folder, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new folder, into `folder` (SCRATCH_PATH). */
static inline void scratch_open(char *folder) {
    const char *parent = getenv("TMPDIR");
    snprintf(folder, SCRATCH_PATH, "%s/nastune-test-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(folder));
}

static inline void scratch_write(const char *folder, const char *name, const char *bytes,
                                 size_t n) {
    char path[2 * SCRATCH_PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static inline struct buffer scratch_read(const char *folder, const char *name) {
    char path[2 * SCRATCH_PATH];
    struct buffer text = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(buffer_read_file(&text, path, (size_t)1 << 28), 0);
    return text;
}

static inline void scratch_assert_same(const struct buffer *a, const struct buffer *b) {
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->data, b->data, a->length);
}

static inline struct study *scratch_study(const char *text) {
    struct study *study;
    char *faults;
    if (study_load_text("study.yaml", text, strlen(text), &study, &faults)) {
        print_error("%s\n", faults);
        free(faults);
        assert_true(!"the study is good");
    }
    return study;
}

#endif
