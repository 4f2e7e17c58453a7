/* registry.c - the solvers. A new one is its file and a line here. */
#include "solver.h"
#include <string.h>

extern const struct solver_ops solver_bowl;
extern const struct solver_ops solver_cars;
extern const struct solver_ops solver_command;
extern const struct solver_ops solver_darts;
extern const struct solver_ops solver_gold;
extern const struct solver_ops solver_parsec;
extern const struct solver_ops solver_single_path;
extern const struct solver_ops solver_snas;
extern const struct solver_ops solver_table;

const struct solver_ops *const solver_registry[] = {
    &solver_single_path, &solver_darts, &solver_parsec, &solver_gold,    &solver_snas,
    &solver_cars,        &solver_bowl,  &solver_table,  &solver_command, NULL,
};

const struct solver_ops *solver_find(const char *name) {
    for (int i = 0; solver_registry[i]; i++)
        if (strcmp(solver_registry[i]->name, name) == 0)
            return solver_registry[i];
    return NULL;
}
