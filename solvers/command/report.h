/* report.h - what a command reports: points, from lines on its standard output or a CSV file.
 *
 *     nastune: epoch=3 accuracy=0.93 runtime=71.2 arch=conv3 conv5 skip
 *
 * Names are those of points.csv (epoch, final, accuracy, loss, test_accuracy, runtime, params,
 * flops, arch) and the columns that the study names; `arch` takes the rest of its line. The file
 * has the same names in its header line. Without a `final`, the last point of all is final, and the
 * ones before it are readings on the way. */
#ifndef NASTUNE_SOLVERS_COMMAND_REPORT_H
#define NASTUNE_SOLVERS_COMMAND_REPORT_H

#include "point.h"

#define REPORT_PREFIX "nastune:"

struct report {
    const char *columns; /* the study's, one a line; borrowed; "": none */
    bool marked;         /* some point said itself whether it is final */
};

/* One line of output: a point is added when it begins with REPORT_PREFIX. Fails when such a line
 * cannot be read. */
int report_line(struct report *report, const char *line, struct outcome *out);

/* Adds the points of a CSV file; one that is not there has none. */
int report_file(struct report *report, const char *path, struct outcome *out);

/* Marks the last point final, when none said so. */
void report_end(const struct report *report, struct outcome *out);

#endif
