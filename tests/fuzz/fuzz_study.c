/* fuzz_study.c - any bytes as a study file: refused with faults, or a study whose resolved text is
 * a study again, and the same. For libFuzzer:
 *
 *     cmake -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DNASTUNE_FUZZ=ON
 *     cmake --build build/fuzz --target fuzz_study
 *     build/fuzz/tests/fuzz_study -max_total_time=60 tests/fuzz/corpus_study */
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
