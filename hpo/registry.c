/* registry.c - the outer methods. A new one is its file and a line here. */
#include "hpo.h"
#include <string.h>

extern const struct hpo_ops hpo_random;
extern const struct hpo_ops hpo_bo;

const struct hpo_ops *const hpo_registry[] = {
    &hpo_random,
    &hpo_bo,
    NULL,
};

const struct hpo_ops *hpo_find(const char *name) {
    for (int i = 0; hpo_registry[i]; i++)
        if (strcmp(hpo_registry[i]->name, name) == 0)
            return hpo_registry[i];
    return NULL;
}
