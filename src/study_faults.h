/* study_faults.h - the faults found in a study file, and how they are shown:
 *
 *     lambda.yaml:5:25: error: unknown key 'trails' in the study; did you mean 'trials'?
 *     methods: [random], trails: 60
 *                        ^~~~~~
 *
 * Faults are collected, not thrown: a reader notes one and reads on, so that one run shows all. */
#ifndef NASTUNE_STUDY_FAULTS_H
#define NASTUNE_STUDY_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#define FAULTS_MAX 100 /* kept; the rest are counted */

struct fault {
    int line, column; /* from 1, the column in characters; line 0: about the file as a whole */
    int width;        /* characters to underline */
    char *why;        /* owned */
};

struct faults {
    const char *path;   /* borrowed; as the user wrote it */
    const char *source; /* (size) the file's text, borrowed; NULL while it is not read */
    size_t size;
    struct fault fault[FAULTS_MAX];
    int count;
    int uncounted;      /* faults past FAULTS_MAX */
    bool out_of_memory; /* something could not be read or noted for want of memory */
};

/* Notes a fault. Control bytes in the message become '?': it may quote the file. */
void faults_add(struct faults *faults, int line, int column, int width, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Whether all went well so far. */
bool faults_none(const struct faults *faults);

/* The text to show, faults in the order of their lines. Owned by the caller; NULL: out of memory.
 */
char *faults_text(struct faults *faults);

void faults_free(struct faults *faults);

#endif
