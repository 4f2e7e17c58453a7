/* retrain.h - final training: architectures that a study found, trained from scratch and tested. */
#ifndef NASTUNE_RETRAIN_H
#define NASTUNE_RETRAIN_H

#include "study.h"

enum { RETRAIN_MAX = 1024 }; /* architectures at a time */

/* One architecture to train. */
struct retrain_choice {
    char method[STUDY_NAME_MAX]; /* "": given by hand, and the next three are -1 */
    int repeat, trial, point;
    double search_accuracy; /* NAN: unknown */
    double runtime;         /* ms; NAN: unknown */
    char *arch;             /* owned */
};

struct retrain_plan {
    struct retrain_choice choice[RETRAIN_MAX];
    int count;
};

/* An architecture is planned once, however often it is asked for.
 *
 * The architectures of all final points in a study's folder that no other one beats in both
 * accuracy and runtime (or only accuracy, where no runtime is known), onto the plan. */
int retrain_add_front(struct retrain_plan *plan, const struct study *study, const char *folder);
/* One trial's chosen point, or its point `point` (>= 0). `name`: METHOD:REPEAT:TRIAL[:POINT]. */
int retrain_add_trial(struct retrain_plan *plan, const struct study *study, const char *folder,
                      const char *name);
int retrain_add_arch(struct retrain_plan *plan, const char *arch);
void retrain_plan_free(struct retrain_plan *plan);

/* Trains every architecture of the plan with seeds 0 .. seeds-1, `jobs` at a time, under
 * study->final, and appends a row for each to FOLDER/final.csv, in order, as they end. What is
 * there already (same architecture, seed and settings) is not trained again. Prints the closing
 * table: test accuracy, mean and deviation over seeds, beside the search's accuracy, and their rank
 * correlation. Returns 0, -1, RESULTS_BUSY, or 1 when a signal stopped it. */
int retrain_run(const struct retrain_plan *plan, const struct study *study, const char *folder,
                int seeds, int jobs);

#endif
