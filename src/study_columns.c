/* study_columns.c - the columns that a study's points have beyond the common ones. */
#include "study_read.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A name of a column that no point has yet, fit for an expression. */
static void check_column(const struct study *study, const struct yaml *item,
                         struct faults *faults) {
    static const char *const taken[] = {"method", "repeat",  "trial", "point",         "chosen",
                                        "epoch",  "final",   "arch",  "accuracy",      "loss",
                                        "params", "runtime", "flops", "test_accuracy", "ln",
                                        "exp",    "sqrt",    "abs",   "min",           "max"};
    const char *name = item->text;
    bool good = isalpha((unsigned char)name[0]) && strlen(name) < SPACE_NAME_MAX;
    for (const char *c = name; *c; c++)
        good = good && (isalnum((unsigned char)*c) || *c == '_');
    if (!good)
        yaml_fault(faults, item, "'%.100s' is no name for a column: letters, digits, '_'", name);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            yaml_fault(faults, item, "'%s' cannot be the name of a further column", name);
    int n = 0;
    for (const char *c = study->columns; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        n += strcspn(c, "|") == strlen(name) && strncmp(c, name, strlen(name)) == 0;
    if (n > 1)
        yaml_fault(faults, item, "'%s' is among the columns twice", name);
}

void study_read_columns(struct study *study, const struct yaml *solver, struct faults *faults) {
    const char *setting = study->solver->columns_setting;
    const char *lines = setting ? config_text(&study->settings, setting) : study->solver->columns;
    if (!lines || !*lines)
        return;
    study->columns = strdup(lines);
    faults->out_of_memory |= !study->columns;
    const struct yaml *at = setting ? yaml_find(solver, setting) : NULL;
    if (!study->columns || !at)
        return;
    int n = 1;
    for (char *c = study->columns; *c; c++)
        if (*c == '\n') {
            *c = '|';
            n++;
        }
    if (n > POINT_MAX_EXTRA) { /* no objective could be made with them */
        yaml_fault(faults, at, "%s: at most %d names", setting, POINT_MAX_EXTRA);
        free(study->columns);
        study->columns = NULL;
        return;
    }
    for (const struct yaml *item = at->kind == YAML_LIST ? at->first : at; item;
         item = at->kind == YAML_LIST ? item->next : NULL)
        check_column(study, item, faults);
}
