/* suggest.c - "did you mean": the nearest known word by restricted Damerau-Levenshtein distance. */
#include "setting.h"
#include <string.h>
#include <strings.h>

enum { WORD_MAX = 48 };

static int smallest(int a, int b, int c) {
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b, case ignored. Both at most
 * WORD_MAX long. */
static int distance(const char *a, const char *b) {
    int la = (int)strlen(a), lb = (int)strlen(b);
    int rows[3][WORD_MAX + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (int j = 0; j <= lb; j++)
        last[j] = j;
    for (int i = 1; i <= la; i++) {
        row[0] = i;
        for (int j = 1; j <= lb; j++) {
            int same = strncasecmp(a + i - 1, b + j - 1, 1) == 0;
            row[j] = smallest(last[j] + 1, row[j - 1] + 1, last[j - 1] + !same);
            int swapped = i > 1 && j > 1 && strncasecmp(a + i - 1, b + j - 2, 1) == 0 &&
                          strncasecmp(a + i - 2, b + j - 1, 1) == 0;
            if (swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        int *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[lb];
}

const char *setting_suggest(const char *word, const char *(*candidate)(const void *context, int i),
                            const void *context) {
    size_t length = strlen(word);
    if (length == 0 || length > WORD_MAX)
        return NULL;
    const char *nearest = NULL;
    int best = 1 + (int)length / 3; /* farther than this is another word, not a slip */
    for (int i = 0;; i++) {
        const char *name = candidate(context, i);
        if (!name)
            return nearest;
        if (strlen(name) > WORD_MAX)
            continue;
        int edits = distance(word, name);
        if (edits < best || (edits == best && !nearest)) {
            best = edits;
            nearest = name;
        }
    }
}
