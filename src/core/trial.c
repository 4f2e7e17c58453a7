/* trial.c - the names of a trial's states, as in trials.csv. */
#include "trial.h"
#include <string.h>

static const char *const names[TRIAL_STATUSES] = {
    [TRIAL_ASKED] = "asked",     [TRIAL_DONE] = "done",       [TRIAL_FAILED] = "failed",
    [TRIAL_CRASHED] = "crashed", [TRIAL_TIMEOUT] = "timeout", [TRIAL_INVALID] = "invalid"};

const char *trial_status_name(enum trial_status status) {
    return names[status];
}

int trial_status_find(const char *name) {
    for (int i = 0; i < TRIAL_STATUSES; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}
