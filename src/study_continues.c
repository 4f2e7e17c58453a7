/* study_continues.c - whether the results of an older study may be gone on with, and if not, what
 * differs. */
#include "fail.h"
#include "study_read.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The differences so far, as one text: "seed: 1 there, 2 here; ...". */
struct differences {
    FILE *out;
    int count;
    bool out_of_memory;
};

static void note(struct differences *differences, const char *key, const char *there,
                 const char *here) {
    fprintf(differences->out, "%s%s: %s there, %s here", differences->count++ ? "; " : "", key,
            there && *there ? there : "nothing", here && *here ? here : "nothing");
}

static void compare(struct differences *differences, const char *key, const char *there,
                    const char *here) {
    if (strcmp(there ? there : "", here ? here : "") != 0)
        note(differences, key, there, here);
}

static void compare_numbers(struct differences *differences, const char *key, double there,
                            double here) {
    const struct setting real = {.type = SETTING_REAL};
    char a[STUDY_VALUE_MAX], b[STUDY_VALUE_MAX];
    compare(differences, key, setting_format(&real, there, a, sizeof a),
            setting_format(&real, here, b, sizeof b));
}

/* The settings of both tables by name: what one lacks counts as a difference. */
static void compare_settings(struct differences *differences, const struct study *before,
                             const struct study *now) {
    for (int i = 0; i < before->settings.count; i++) {
        const char *name = before->table[i].name;
        int j = setting_find(now->table, name);
        char *there = study_setting_text(before, i);
        char *here = j >= 0 ? study_setting_text(now, j) : NULL;
        compare(differences, name, there, here);
        differences->out_of_memory |= !there || (j >= 0 && !here);
        free(there);
        free(here);
    }
    for (int j = 0; j < now->settings.count; j++)
        if (setting_find(before->table, now->table[j].name) < 0) {
            char *here = study_setting_text(now, j);
            compare(differences, now->table[j].name, NULL, here);
            free(here);
        }
}

static void describe_goal(const struct objective *objective, int i, char *text, size_t size) {
    *text = '\0';
    if (i < objective_goals(objective))
        snprintf(text, size, "%s %s", objective_maximizes(objective, i) ? "maximize" : "minimize",
                 objective_goal_text(objective, i));
}

static const char *constraint_text(const struct objective *objective, int i) {
    return i < objective_constraints(objective) ? objective_constraint_text(objective, i) : NULL;
}

static void compare_objectives(struct differences *differences, const struct objective *before,
                               const struct objective *now) {
    char there[600], here[600];
    for (int i = 0; i < TRIAL_MAX_OBJECTIVES; i++) {
        describe_goal(before, i, there, sizeof there);
        describe_goal(now, i, here, sizeof here);
        compare(differences, "objective", there, here);
    }
    for (int i = 0; i < TRIAL_MAX_CONSTRAINTS; i++)
        compare(differences, "constraint", constraint_text(before, i), constraint_text(now, i));
}

/* The methods of before must be the first of now; more may follow. */
static void compare_methods(struct differences *differences, const struct study *before,
                            const struct study *now) {
    for (int m = 0; m < before->n_methods; m++) {
        const struct study_method *there = &before->method[m];
        const struct study_method *here = m < now->n_methods ? &now->method[m] : NULL;
        char key[32], setting_key[256];
        snprintf(key, sizeof key, "method %d", m + 1);
        compare(differences, key, there->label, here ? here->label : NULL);
        if (!here || strcmp(there->label, here->label) != 0)
            continue;
        snprintf(key, sizeof key, "name of method %d", m + 1);
        compare(differences, key, there->ops->name, here->ops->name);
        for (int i = 0; there->ops == here->ops && i < there->settings.count; i++) {
            snprintf(setting_key, sizeof setting_key, "%s of method %s",
                     there->settings.table[i].name, there->label);
            compare(differences, setting_key, there->settings.text[i], here->settings.text[i]);
        }
    }
}

/* What may grow must not shrink: the rows are there. */
static void compare_growing(struct differences *differences, const struct study *before,
                            const struct study *now) {
    if (now->repeats < before->repeats)
        compare_numbers(differences, "repeats (may only grow)", before->repeats, now->repeats);
    const char *there = before->budget_in_trials ? "trials" : study_fidelity_word(before);
    const char *here = now->budget_in_trials ? "trials" : study_fidelity_word(now);
    if (before->solver == now->solver)
        compare(differences, "unit of the budget", there, here);
    if (now->budget < before->budget && before->budget_in_trials == now->budget_in_trials)
        compare_numbers(differences, "budget (may only grow)", before->budget, now->budget);
}

int study_continues(const struct study *now, const struct study *before) {
    char *text = NULL;
    size_t size;
    struct differences differences = {.out = open_memstream(&text, &size)};
    if (!differences.out)
        return fail("out of memory");
    compare(&differences, "study", before->name, now->name);
    compare_numbers(&differences, "seed", (double)before->seed, (double)now->seed);
    compare_numbers(&differences, "pending", before->pending, now->pending);
    compare(&differences, "solver", before->solver->name, now->solver->name);
    if (before->solver == now->solver)
        compare_settings(&differences, before, now);
    compare_objectives(&differences, before->objective, now->objective);
    compare_methods(&differences, before, now);
    compare_growing(&differences, before, now);
    bool lost = fclose(differences.out) || differences.out_of_memory;
    int status = lost ? fail("out of memory") : differences.count ? fail("%s", text) : 0;
    free(text);
    return status;
}
