/* fuzz_answer.c - any bytes as the answer of a trial's process: points, or a reason. */
#include "fuzz.h"
#include "worker.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char study_text[] = "study: fuzz\nsolver: {name: bowl, x0: -5 .. 5}\nbudget: 10\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct study *study;
    char *faults;
    if (!study)
        FUZZ_CHECK(study_load_text("s", study_text, strlen(study_text), &study, &faults) == 0);
    struct job job = {.trial = {.status = TRIAL_ASKED}};
    worker_answer(study, &job, (const char *)data, size);
    FUZZ_CHECK(job.trial.status == TRIAL_ASKED || job.trial.status == TRIAL_FAILED ||
               job.trial.status == TRIAL_INVALID);
    FUZZ_CHECK((job.trial.status == TRIAL_ASKED) == !*job.trial.detail);
    for (int i = 0; i < job.outcome.count; i++)
        FUZZ_CHECK(!job.outcome.point[i].arch || !strpbrk(job.outcome.point[i].arch, "\r\n"));
    outcome_free(&job.outcome);
    return 0;
}
