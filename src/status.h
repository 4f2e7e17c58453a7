/* status.h - how far a study is: `nastune status`. Only reads, also while the study runs. */
#ifndef NASTUNE_STATUS_H
#define NASTUNE_STATUS_H

#include <stdio.h>

/* Prints the state of the study whose results are in `folder`: who works on it, per method how many
 * trials ended how, the budget spent, the best so far, the reasons of the last trials that failed,
 * and how much trial time is left. */
int status_print(const char *folder, FILE *out);

#endif
