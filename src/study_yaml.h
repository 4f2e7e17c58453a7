/* study_yaml.h - the text of a study file as a tree of lists, maps and texts, each with its place.
 *
 * The one place that knows libfyaml. The text is checked before the parser sees it, because its
 * version 0.7.12 loops for ever on some invalid UTF-8, and overruns a buffer when it shows an error
 * near a carriage return: size, UTF-8, no control characters. What studies have no use for is
 * refused: anchors, aliases, tags, keys that are no plain text, more than one document, depth.
 * Scalars stay text: no value is ever guessed to be a number or a boolean. */
#ifndef NASTUNE_STUDY_YAML_H
#define NASTUNE_STUDY_YAML_H

#include "study_faults.h"

#define YAML_MAX_DEPTH 8    /* lists and maps within each other */
#define YAML_MAX_NODES 8192 /* texts, lists and maps in all */

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_kind kind;
    char *text;         /* TEXT: its value; "" when nothing is written */
    bool quoted;        /* TEXT: in quotes or a block, so that "" is meant */
    bool literal;       /* TEXT: written character by character as in `text`, on one line */
    struct yaml *key;   /* in a MAP: the entry's key, a TEXT; else NULL */
    struct yaml *first; /* LIST, MAP: the first entry; NULL: empty */
    struct yaml *next;  /* the next entry of the same list or map */
    int line, column;   /* from 1; the column in characters */
    int width;          /* characters of source on its first line */
};

/* Parses faults->source. NULL: there is no tree, and why was noted; a tree may come with faults too
 * (a duplicate key). The caller frees it with yaml_free. */
struct yaml *yaml_parse(struct faults *faults);
void yaml_free(struct yaml *yaml); /* NULL is fine */

/* The entry of a map with this key, or NULL. */
const struct yaml *yaml_find(const struct yaml *map, const char *key);
int yaml_count(const struct yaml *yaml); /* entries of a list or map */

/* "a text", "a list", "a map": for messages. */
const char *yaml_kind_name(const struct yaml *yaml);

/* Notes a fault about a value, about a map entry's key, about the part of a TEXT from `offset`
 * (bytes) on. */
void yaml_fault(struct faults *faults, const struct yaml *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void yaml_fault_within(struct faults *faults, const struct yaml *at, int offset, const char *format,
                       ...) __attribute__((format(printf, 4, 5)));

/* Checks that a value is what is wanted; notes a fault when not. */
bool yaml_is_map(struct faults *faults, const struct yaml *yaml, const char *what);
bool yaml_is_text(struct faults *faults, const struct yaml *yaml, const char *what);

/* Notes every key of a map that is not among `allowed` (NULL-terminated) with what was meant. */
void yaml_check_keys(struct faults *faults, const struct yaml *map, const char *const *allowed,
                     const char *where);

#endif
