/* summary.h - the table that closes a study: one line a method. */
#ifndef NASTUNE_SUMMARY_H
#define NASTUNE_SUMMARY_H

#include "run.h"
#include <stdio.h>

void summary_print(const struct run *runs, int n_runs, FILE *out);

#endif
