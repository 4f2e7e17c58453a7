/* study_methods.c - the methods of a study and the budget of each. */
#include "fail.h"
#include "study_read.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET_MAX 1e9 /* trials */

/* ---- names of studies and labels of methods ---- */

static bool is_label(const char *text) {
    if (!*text || *text == '.' || *text == '-' || strlen(text) >= STUDY_NAME_MAX)
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("._-", *text))
            return false;
    return true;
}

bool study_read_label(char label[STUDY_NAME_MAX], const struct yaml *value, const char *what,
                      struct faults *faults) {
    if (!yaml_is_text(faults, value, what))
        return false;
    if (!is_label(value->text)) {
        yaml_fault(faults, value,
                   "'%.100s' is no name for a %s: 1 to %d letters, digits, '.', '_', '-', not "
                   "starting with '.' or '-'",
                   value->text, what, STUDY_NAME_MAX - 1);
        return false;
    }
    strcpy(label, value->text);
    return true;
}

/* ---- methods ---- */

static const char *method_candidate(const void *context, int i) {
    (void)context;
    return hpo_registry[i] ? hpo_registry[i]->name : NULL;
}

static const struct hpo_ops *find_method(const struct yaml *name, struct faults *faults) {
    if (!yaml_is_text(faults, name, "a method"))
        return NULL;
    const struct hpo_ops *ops = hpo_find(name->text);
    if (ops)
        return ops;
    char list[512] = "";
    for (size_t i = 0, used = 0; hpo_registry[i] && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 hpo_registry[i]->name);
    const char *meant = setting_suggest(name->text, method_candidate, NULL);
    if (meant)
        yaml_fault(faults, name, "no method '%.100s'; did you mean '%s'? (%s)", name->text, meant,
                   list);
    else
        yaml_fault(faults, name, "no method '%.100s'; there are %s", name->text, list);
    return NULL;
}

static void check_keys(const struct setting *table, const struct yaml *map, const char *const *more,
                       const char *where, struct faults *faults) {
    int n = setting_count(table), k = 0;
    const char *allowed[STUDY_MAX_BLOCK + 4] = {NULL};
    for (; *more; more++)
        allowed[k++] = *more;
    for (int i = 0; i < n && i < STUDY_MAX_BLOCK; i++)
        allowed[k++] = table[i].name;
    yaml_check_keys(faults, map, allowed, where);
}

void study_read_values(struct config *settings, const struct yaml *map, const char *const *more,
                       const char *where, struct faults *faults) {
    check_keys(settings->table, map, more, where, faults);
    for (int i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->table[i];
        const struct yaml *value = yaml_find(map, setting->name);
        if (value && (value->kind == YAML_LIST || study_is_range(setting, value)))
            yaml_fault(
                faults, value,
                "%s of %s takes one value; only the solver's settings are searched (to compare "
                "several of a method, list it several times with labels)",
                setting->name, where);
        else if (value)
            study_read_pinned(settings, i, value, faults);
    }
}

static void check_label(const struct study *study, const struct study_method *method,
                        const struct yaml *at, struct faults *faults) {
    for (const struct study_method *m = study->method; m < method; m++)
        if (strcmp(m->label, method->label) == 0)
            yaml_fault(faults, at,
                       "two methods are called '%s'; give one another label: {name: "
                       "%s, label: ...}",
                       method->label, method->ops->name);
}

static void read_method(struct study *study, const struct yaml *node, struct faults *faults) {
    bool map = node->kind == YAML_MAP;
    const struct yaml *name = map ? yaml_find(node, "name") : node;
    const struct yaml *label = map ? yaml_find(node, "label") : NULL;
    if (!name) {
        yaml_fault(faults, node, "a method without 'name'");
        return;
    }
    const struct hpo_ops *ops = find_method(name, faults);
    if (!ops)
        return;
    struct study_method *method = &study->method[study->n_methods++];
    method->ops = ops;
    snprintf(method->label, sizeof method->label, "%s", ops->name);
    if (label)
        study_read_label(method->label, label, "label", faults);
    check_label(study, method, label ? label : name, faults);
    if (config_open(&method->settings, ops->settings)) {
        faults->out_of_memory = true;
        return;
    }
    static const char *const more[] = {"name", "label", NULL};
    char where[64];
    snprintf(where, sizeof where, "method %.40s", ops->name);
    if (map)
        study_read_values(&method->settings, node, more, where, faults);
    if (config_complete(&method->settings))
        yaml_fault(faults, name, "method %s: %s", ops->name, fail_message());
}

static void set_default(struct study *study, struct faults *faults) {
    const struct hpo_ops *ops = hpo_find("random");
    struct study_method *method = &study->method[study->n_methods++];
    method->ops = ops;
    snprintf(method->label, sizeof method->label, "%s", ops->name);
    if (config_open(&method->settings, ops->settings))
        faults->out_of_memory = true;
}

void study_read_methods(struct study *study, const struct yaml *node, struct faults *faults) {
    if (!node)
        set_default(study, faults);
    else if (node->kind != YAML_LIST)
        read_method(study, node, faults);
    else if (!node->first)
        yaml_fault(faults, node, "methods: the list is empty");
    else if (yaml_count(node) > STUDY_MAX_METHODS)
        yaml_fault(faults, node, "methods: %d of them; at most %d", yaml_count(node),
                   STUDY_MAX_METHODS);
    else
        for (const struct yaml *item = node->first; item; item = item->next)
            read_method(study, item, faults);
}

/* ---- budget ---- */

/* "epochs", or "epoch". */
static bool is_plural(const char *word, const char *plural) {
    size_t n = plural ? strlen(plural) : 0;
    return n && (strcmp(word, plural) == 0 || (plural[n - 1] == 's' && strlen(word) == n - 1 &&
                                               strncmp(word, plural, n - 1) == 0));
}

static const struct setting *fidelity_of(const struct study *study) {
    return study->has_fidelity ? &study->table[setting_find(study->table, study->solver->fidelity)]
                               : NULL;
}

const char *study_fidelity_word(const struct study *study) {
    const struct setting *fidelity = fidelity_of(study);
    return !fidelity ? NULL : fidelity->unit ? fidelity->unit : fidelity->name;
}

static bool read_unit(struct study *study, const char *unit, const struct yaml *node,
                      struct faults *faults) {
    const struct setting *fidelity = fidelity_of(study);
    study->budget_in_trials = !*unit || is_plural(unit, "trials");
    if (study->budget_in_trials ||
        (fidelity && (is_plural(unit, fidelity->unit) || is_plural(unit, fidelity->name))))
        return true;
    if (fidelity)
        yaml_fault_within(faults, node, (int)(unit - node->text),
                          "budget: '%.40s' is no unit of solver %s; write '%s' or 'trials'", unit,
                          study->solver->name, study_fidelity_word(study));
    else
        yaml_fault_within(faults, node, (int)(unit - node->text),
                          "budget: '%.40s' is no unit: solver %s has no fidelity, so the budget "
                          "is in trials",
                          unit, study->solver->name);
    return false;
}

static void check_amount(const struct study *study, const struct yaml *node,
                         struct faults *faults) {
    double budget = study->budget, full = study->fidelity_max;
    if (study->budget_in_trials) {
        if (budget != floor(budget) || budget < 1 || budget > BUDGET_MAX)
            yaml_fault(faults, node, "budget: %g trials; it must be a whole number from 1 to %g",
                       budget, BUDGET_MAX);
    } else if (budget < full)
        yaml_fault(faults, node, "budget: %g %s is less than one full trial (%g)", budget,
                   study_fidelity_word(study), full);
    else if (budget / study->fidelity_min > BUDGET_MAX)
        yaml_fault(faults, node, "budget: more than %g trials", BUDGET_MAX);
}

void study_read_budget(struct study *study, const struct yaml *node, struct faults *faults) {
    if (!study->solver || !yaml_is_text(faults, node, "budget"))
        return;
    char *unit;
    study->budget = strtod(node->text, &unit);
    if (unit == node->text || !isfinite(study->budget)) {
        const char *word = study_fidelity_word(study);
        yaml_fault(faults, node, "budget: '%.100s' is no amount; write '100 trials'%s%s%s",
                   node->text, word ? " or '100 " : "", word ? word : "", word ? "'" : "");
        return;
    }
    unit += strspn(unit, " ");
    if (read_unit(study, unit, node, faults))
        check_amount(study, node, faults);
}
