/* mbconv_final.h - the final training of an MBConv architecture, from scratch, with a test at its
 * end. */
#ifndef SPACE_MBCONV_FINAL_H
#define SPACE_MBCONV_FINAL_H

#include "solver.h"

extern const struct setting mbconv_final_settings[]; /* {0}-terminated */

/* Trains task->arch on all training images of the data set in the settings `data` and
 * `data_folder`, and adds one final point: accuracy and loss on the training images of the last
 * epoch as they were trained on, test accuracy, params, FLOPs. The test set is looked at once.
 * Fails on an architecture that is none, does not fit the data, or a loss that is not finite. */
int mbconv_final_train(const struct final_task *task, struct outcome *out);

#endif
