/* study_guard.h - what is checked of a study's bytes before the parser sees them. */
#ifndef NASTUNE_STUDY_GUARD_H
#define NASTUNE_STUDY_GUARD_H

#include "study_faults.h"

/* How many of the bytes are valid UTF-8 without control characters other than \n and \t: `size`
 * when all are, else the offset of the first that is not, and *why. *column counts the characters
 * since the last newline before it. */
size_t guard_text(const char *text, size_t size, size_t *column, const char **why);

/* Checks faults->source: size, emptiness, guard_text. False: a fault was noted. */
bool guard_source(struct faults *faults);

#endif
