/* study_conditions.c - settings that matter only under a value of another (setting.h, `when`), when
 * either is searched. */
#include "study_read.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Whether a choice is among the "a|b" of "other=a|b". */
static bool is_wanted(const char *when, const char *choice) {
    const char *at = strchr(when, '=') + 1;
    for (;;) {
        size_t n = strcspn(at, "|");
        if (n == strlen(choice) && memcmp(at, choice, n) == 0)
            return true;
        if (!at[n])
            return false;
        at += n + 1;
    }
}

static int parent_of(const struct setting *table, const char *when) {
    char name[SPACE_NAME_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(when, "="), when);
    int parent = setting_find(table, name);
    assert(parent >= 0 && table[parent].type == SETTING_CHOICE);
    return parent;
}

static int find_dim(const struct space *space, int setting) {
    for (int d = 0; d < space->n; d++)
        if (space->dim[d].setting == setting)
            return d;
    return -1;
}

/* The searched levels of a parent under which a setting matters. */
static uint64_t wanted_levels(const struct setting *parent, const struct space_dim *dim,
                              const char *when) {
    uint64_t levels = 0;
    for (int l = 0; l < dim->levels; l++) {
        char choice[STUDY_VALUE_MAX];
        setting_choice(parent, (int)dim->level[l], choice, sizeof choice);
        if (is_wanted(when, choice))
            levels |= (uint64_t)1 << l;
    }
    return levels;
}

static void fault_never(const struct study *study, const struct space_dim *dim, int parent,
                        const struct yaml *where, struct faults *faults) {
    const char *value = study->settings.text[parent];
    const struct setting *setting = &study->table[parent];
    if (find_dim(&study->space, parent) >= 0)
        yaml_fault(faults, where,
                   "%s is searched but never matters: none of the %s that are "
                   "searched goes with it (it needs %s)",
                   dim->name, setting->name, study->table[dim->setting].when);
    else
        yaml_fault(faults, where, "%s is searched but never matters while %s is %s", dim->name,
                   setting->name, value ? value : "not given");
}

/* Walks up from a searched setting, past parents that are pinned or always at a right level, to
 * the first that decides. False: it never matters. */
static bool connect(struct study *study, struct space_dim *dim, int *culprit) {
    for (int s = dim->setting; study->table[s].when;) {
        const char *when = study->table[s].when;
        int parent = parent_of(study->table, when), d = find_dim(&study->space, parent);
        *culprit = parent;
        if (d < 0) {
            const char *value = study->settings.text[parent];
            if (!value || !is_wanted(when, value))
                return false;
        } else {
            const struct space_dim *above = &study->space.dim[d];
            uint64_t levels = wanted_levels(&study->table[parent], above, when);
            if (!levels)
                return false;
            if (levels != ~(uint64_t)0 >> (64 - above->levels)) {
                dim->parent = d;
                dim->parent_levels = levels;
                return true;
            }
        }
        s = parent;
    }
    return true;
}

bool study_may_matter(struct study *study, int i) {
    struct space_dim probe = {.setting = i};
    int culprit;
    return connect(study, &probe, &culprit);
}

void study_read_conditions(struct study *study, const struct study_given *given,
                           struct faults *faults) {
    for (int d = 0; d < study->space.n; d++) {
        struct space_dim *dim = &study->space.dim[d];
        int culprit;
        if (!connect(study, dim, &culprit) && !given[culprit].faulty)
            fault_never(study, dim, culprit, given[dim->setting].value, faults);
    }
}
