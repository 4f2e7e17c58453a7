/* study_goals.c - the objective of a study: goals, caps and targets. */
#include "fail.h"
#include "study_read.h"
#include <string.h>

static const char *const keys[] = {"maximize", "minimize", "goals", "subject to", "target", NULL};

static void add_goal(struct study *study, bool maximize, const struct yaml *value, size_t skipped,
                     struct faults *faults) {
    int column;
    if (objective_add_goal(study->objective, maximize, value->text + skipped, &column))
        yaml_fault_within(faults, value, (int)skipped + column, "%s", fail_message());
}

/* "maximize accuracy" */
static void read_goal(struct study *study, const struct yaml *value, struct faults *faults) {
    if (!yaml_is_text(faults, value, "a goal"))
        return;
    size_t word = strcspn(value->text, " "), skipped = word + strspn(value->text + word, " ");
    bool maximize = word == 8 && strncmp(value->text, "maximize", word) == 0;
    if (maximize || (word == 8 && strncmp(value->text, "minimize", word) == 0))
        add_goal(study, maximize, value, skipped, faults);
    else
        yaml_fault(faults, value,
                   "a goal starts with 'maximize' or 'minimize', as in 'maximize "
                   "accuracy'");
}

static void read_goals(struct study *study, const struct yaml *node, struct faults *faults) {
    if (node->kind != YAML_LIST) {
        read_goal(study, node, faults);
        return;
    }
    for (const struct yaml *item = node->first; item; item = item->next)
        read_goal(study, item, faults);
    if (!node->first)
        yaml_fault(faults, node, "a list of goals needs one");
}

static void add_constraint(struct study *study, enum hpo_constraint kind, const struct yaml *value,
                           struct faults *faults) {
    int column;
    if (!yaml_is_text(faults, value, kind == HPO_CAP ? "subject to" : "target"))
        return;
    if (objective_add_constraint(study->objective, kind, value->text, &column))
        yaml_fault_within(faults, value, column, "%s", fail_message());
}

static void read_constraints(struct study *study, enum hpo_constraint kind, const struct yaml *node,
                             struct faults *faults) {
    if (node && node->kind == YAML_LIST)
        for (const struct yaml *item = node->first; item; item = item->next)
            add_constraint(study, kind, item, faults);
    else if (node)
        add_constraint(study, kind, node, faults);
}

static void read_map(struct study *study, const struct yaml *map, struct faults *faults) {
    yaml_check_keys(faults, map, keys, "objective");
    const struct yaml *one = NULL;
    for (int k = 0; k < 3; k++) {
        const struct yaml *goal = yaml_find(map, keys[k]);
        if (goal && one)
            yaml_fault(faults, goal->key,
                       "'%s' and '%s' at once; for several goals write goals: [maximize accuracy, "
                       "minimize runtime]",
                       one->key->text, keys[k]);
        else if (goal && k == 2)
            read_goals(study, goal, faults);
        else if (goal && yaml_is_text(faults, goal, keys[k]))
            add_goal(study, k == 0, goal, 0, faults);
        if (goal && !one)
            one = goal;
    }
    if (!one)
        yaml_fault(faults, map->key ? map->key : map, "objective: nothing to maximize or minimize");
    read_constraints(study, HPO_CAP, yaml_find(map, "subject to"), faults);
    read_constraints(study, HPO_TARGET, yaml_find(map, "target"), faults);
}

void study_read_objective(struct study *study, const struct yaml *node, struct faults *faults) {
    int column;
    if (objective_open(&study->objective, study->columns)) {
        faults->out_of_memory = true;
        return;
    }
    if (!node)
        objective_add_goal(study->objective, true, "accuracy", &column);
    else if (!study->solver) /* what its columns are is not known */
        return;
    else if (node->kind == YAML_MAP)
        read_map(study, node, faults);
    else if (node->kind == YAML_LIST || yaml_is_text(faults, node, "objective"))
        read_goals(study, node, faults);
}
