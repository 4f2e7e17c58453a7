/* registry.c - the outer methods. A new one is its file and a line here. */
#include "hpo.h"
#include <string.h>

extern const struct hpo_ops hpo_random;
extern const struct hpo_ops hpo_sobol;
extern const struct hpo_ops hpo_grid;
extern const struct hpo_ops hpo_bo;
extern const struct hpo_ops hpo_cmaes;
extern const struct hpo_ops hpo_nsga2;
extern const struct hpo_ops hpo_successive_halving;
extern const struct hpo_ops hpo_hyperband;
extern const struct hpo_ops hpo_asha;
extern const struct hpo_ops hpo_bohb;
extern const struct hpo_ops hpo_dehb;
extern const struct hpo_ops hpo_mfbo;

const struct hpo_ops *const hpo_registry[] = {
    &hpo_random,
    &hpo_sobol,
    &hpo_grid,
    &hpo_bo,
    &hpo_cmaes,
    &hpo_nsga2,
    &hpo_successive_halving,
    &hpo_hyperband,
    &hpo_asha,
    &hpo_bohb,
    &hpo_dehb,
    &hpo_mfbo,
    NULL,
};

const struct hpo_ops *hpo_find(const char *name) {
    for (int i = 0; hpo_registry[i]; i++)
        if (strcmp(hpo_registry[i]->name, name) == 0)
            return hpo_registry[i];
    return NULL;
}
