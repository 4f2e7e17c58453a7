/* index.c - finding the rows of a sheet by key: a hash table with chained rows (sheet.h). */
#include "fail.h"
#include "sheet/sheet.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sheet_index {
    const struct sheet *sheet;
    struct sheet_key *key; /* (n) */
    int n;
    uint32_t mask; /* slots - 1; slots is a power of two of at least twice the rows */
    int *slot;     /* (slots) first row of a key, -1: free */
    int *next;     /* (rows) next row of the same key, -1: none */
};

static bool is_number(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && !*end && isfinite(*number);
}

static bool same_field(const struct sheet_key *key, const char *a, const char *b) {
    double x, y;
    if (strcmp(a, b) == 0)
        return true;
    return !key->exact && is_number(a, &x) && is_number(b, &y) && x == y;
}

/* FNV-1a, continued from `hash`; numbers by their value. */
static uint32_t hash_field(uint32_t hash, const struct sheet_key *key, const char *text) {
    double number;
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = strlen(text);
    if (!key->exact && is_number(text, &number)) {
        number += 0.0; /* -0 is 0 */
        bytes = (const unsigned char *)&number;
        length = sizeof number;
    }
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return (hash ^ 0x1f) * 16777619u;
}

static uint32_t hash_values(const struct sheet_index *index, const char *const *value) {
    uint32_t hash = 2166136261u;
    for (int i = 0; i < index->n; i++)
        hash = hash_field(hash, &index->key[i], value[i]);
    return hash ^ hash >> 15;
}

static bool same_values(const struct sheet_index *index, int row, const char *const *value) {
    for (int i = 0; i < index->n; i++)
        if (!same_field(&index->key[i], sheet_cell(index->sheet, row, index->key[i].column),
                        value[i]))
            return false;
    return true;
}

/* The slot of this key, or the free one where it belongs. */
static uint32_t find_slot(const struct sheet_index *index, const char *const *value) {
    uint32_t at = hash_values(index, value) & index->mask;
    while (index->slot[at] >= 0 && !same_values(index, index->slot[at], value))
        at = (at + 1) & index->mask;
    return at;
}

/* Rows go in from last to first, each at the head of its chain, so that chains are in file order.
 */
static void insert_rows(struct sheet_index *index, const char **value) {
    for (int row = index->sheet->rows - 1; row >= 0; row--) {
        for (int i = 0; i < index->n; i++)
            value[i] = sheet_cell(index->sheet, row, index->key[i].column);
        uint32_t at = find_slot(index, value);
        index->next[row] = index->slot[at];
        index->slot[at] = row;
    }
}

int sheet_index_open(struct sheet_index **out, const struct sheet *sheet,
                     const struct sheet_key *key, int n) {
    *out = NULL;
    uint32_t slots = 16;
    while (slots < 2 * (uint32_t)sheet->rows)
        slots *= 2;
    struct sheet_index *index = calloc(1, sizeof *index);
    const char **value = calloc((size_t)n + 1, sizeof *value);
    if (index) {
        *index = (struct sheet_index){.sheet = sheet, .n = n, .mask = slots - 1};
        index->key = calloc((size_t)n + 1, sizeof *index->key);
        index->slot = malloc(slots * sizeof *index->slot);
        index->next = malloc(((size_t)sheet->rows + 1) * sizeof *index->next);
    }
    if (!index || !value || !index->key || !index->slot || !index->next) {
        sheet_index_free(index);
        free(value);
        return fail("%s: out of memory for an index of %d rows", sheet->name, sheet->rows);
    }
    for (int i = 0; i < n; i++)
        index->key[i] = key[i];
    for (uint32_t at = 0; at < slots; at++)
        index->slot[at] = -1;
    insert_rows(index, value);
    free(value);
    *out = index;
    return 0;
}

void sheet_index_free(struct sheet_index *index) {
    if (!index)
        return;
    free(index->key);
    free(index->slot);
    free(index->next);
    free(index);
}

int sheet_index_find(const struct sheet_index *index, const char *const *value) {
    return index->slot[find_slot(index, value)];
}

int sheet_index_next(const struct sheet_index *index, int row) {
    return index->next[row];
}
