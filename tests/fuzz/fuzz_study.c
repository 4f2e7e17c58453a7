/* fuzz_study.c - any bytes as a study file: refused with faults, or a study whose resolved text is
 * a study again, and the same. For libFuzzer, beside a build in build/check:
 *
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Isrc \
 *         tests/fuzz/fuzz_study.c src/study*.c src/expression.c src/objective.c src/core/[a-z]*.c \
 *         build/check/libsolvers.a build/check/libhpo.a -o build/fuzz_study \
 *         -l:libopenblas.so.0 -lgsl -lnlopt -lz -lcsv -lfyaml -lgomp -lm
 *     build/fuzz_study -detect_leaks=0 -timeout=5 -max_total_time=60 build/corpus studies
 *
 * Leaks are not looked for, since libfyaml 0.7.12 leaks a few kB itself on some malformed keys. */
#include "fail.h"
#include "study.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *resolve(const struct study *study, size_t *size) {
    char *text;
    FILE *out = open_memstream(&text, size);
    if (!out || study_resolve(study, out) || fclose(out))
        abort();
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct study *study, *again;
    char *faults, *once, *twice;
    size_t once_size, twice_size;
    if (study_load_text("fuzz", (const char *)data, size, &study, &faults)) {
        if (!faults || !strstr(faults, "error: ") || study)
            abort();
        free(faults);
        return 0;
    }
    once = resolve(study, &once_size);
    if (study_load_text("resolved", once, once_size, &again, &faults)) {
        fprintf(stderr, "%s\n%s", once, faults);
        abort();
    }
    twice = resolve(again, &twice_size);
    if (strcmp(once, twice) != 0 || study_continues(again, study)) {
        fprintf(stderr, "%s\n%s\n%s", once, twice, fail_message());
        abort();
    }
    free(once);
    free(twice);
    study_free(study);
    study_free(again);
    return 0;
}
