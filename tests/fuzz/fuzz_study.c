/* fuzz_study.c - any bytes as a study file: faults, or a study that resolves to itself. */
#include "fuzz.h"
#include "study.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *resolve(const struct study *study, size_t *size) {
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    FUZZ_CHECK(out && study_resolve(study, out) == 0 && fclose(out) == 0);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct study *study, *again;
    char *faults;
    if (study_load_text("study.yaml", (const char *)data, size, &study, &faults)) {
        FUZZ_CHECK(!study && faults && *faults);
        free(faults);
        return 0;
    }
    size_t length, length_again;
    char *text = resolve(study, &length);
    if (study_load_text("resolved.yaml", text, length, &again, &faults)) {
        fprintf(stderr, "%s\n%s\n", text, faults);
        abort();
    }
    char *text_again = resolve(again, &length_again);
    FUZZ_CHECK(length == length_again && memcmp(text, text_again, length) == 0);
    FUZZ_CHECK(study_continues(again, study) == 0);
    free(text);
    free(text_again);
    study_free(study);
    study_free(again);
    return 0;
}
