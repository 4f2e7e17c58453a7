/* shipped.h - the latency tables of solvers/runtime/tables, compiled in so that the program finds
 * them wherever it is. The build makes the array from the CSV files. */
#ifndef RUNTIME_SHIPPED_H
#define RUNTIME_SHIPPED_H

#include <stddef.h>

struct runtime_shipped {
    const char *name; /* of the file, without .csv: the space it is for */
    const unsigned char *bytes;
    size_t size;
};
extern const struct runtime_shipped runtime_shipped[]; /* closed by a NULL name */

#endif
