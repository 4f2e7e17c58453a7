/* study_settings.c - a solver's settings in a study: a value pins one, a range or a list searches
 * it. */
#include "buffer.h"
#include "fail.h"
#include "study_read.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one setting ---- */

/* Cuts the setting's unit, or its singular, off the end of a number: "8 epochs", "80ms". */
static void without_unit(const struct setting *setting, char *text) {
    const char *unit = setting->unit;
    size_t length = strlen(text), n = unit ? strlen(unit) : 0;
    for (int singular = 0; n > 0 && singular < 2; singular++, n--) {
        if (singular && unit[n] != 's')
            break;
        if (length <= n || strncmp(text + length - n, unit, n) != 0)
            continue;
        text[length - n] = '\0';
        for (size_t i = length - n; i > 0 && text[i - 1] == ' '; i--)
            text[i - 1] = '\0';
        return;
    }
}

/* A number or a choice from the part [from, to) of a text. */
static bool read_number(const struct setting *setting, const struct yaml *value, size_t from,
                        size_t to, double *number, struct faults *faults) {
    char text[STUDY_VALUE_MAX];
    while (to > from && value->text[to - 1] == ' ')
        to--;
    while (from < to && value->text[from] == ' ')
        from++;
    if (to - from >= sizeof text) {
        yaml_fault_within(faults, value, (int)from, "%s: a value of %zu characters", setting->name,
                          to - from);
        return false;
    }
    snprintf(text, sizeof text, "%.*s", (int)(to - from), value->text + from);
    if (setting->type != SETTING_CHOICE)
        without_unit(setting, text);
    if (setting_parse(setting, text, number) == 0)
        return true;
    yaml_fault_within(faults, value, (int)from, "%s: %s", setting->name, fail_message());
    return false;
}

/* A list of texts (or one text) into the i-th setting. */
static bool read_lines(struct config *config, int i, const struct yaml *value,
                       struct faults *faults) {
    const struct setting *setting = &config->table[i];
    const struct yaml *item = value->kind == YAML_LIST ? value->first : value;
    struct buffer lines = {0};
    bool good = true;
    for (bool first = true; item; item = value->kind == YAML_LIST ? item->next : NULL) {
        if (!yaml_is_text(faults, item, setting->name))
            good = false;
        else if (strchr(item->text, '\n')) {
            yaml_fault(faults, item, "%s: an entry must be one line", setting->name);
            good = false;
        } else
            buffer_print(&lines, "%s%s", first ? "" : "\n", item->text);
        first = false;
    }
    if (good && (lines.failed || config_set(config, setting->name, lines.data ? lines.data : "")))
        faults->out_of_memory = true;
    buffer_free(&lines);
    return good;
}

bool study_read_pinned(struct config *config, int i, const struct yaml *value,
                       struct faults *faults) {
    const struct setting *setting = &config->table[i];
    double number;
    if (setting->type == SETTING_LINES)
        return read_lines(config, i, value, faults);
    if (!yaml_is_text(faults, value, setting->name))
        return false;
    if (setting->type != SETTING_TEXT &&
        !read_number(setting, value, 0, strlen(value->text), &number, faults))
        return false;
    if (setting->type == SETTING_TEXT ? config_set(config, setting->name, value->text)
                                      : config_set_number(config, i, number))
        faults->out_of_memory = true;
    return true;
}

bool study_is_range(const struct setting *setting, const struct yaml *value) {
    return value->kind == YAML_TEXT && strstr(value->text, "..") &&
           (setting->type == SETTING_REAL || setting->type == SETTING_INT);
}

/* Takes "log" or "linear" off the end of text[0, *length). */
static enum setting_scale read_scale(const struct setting *setting, const char *text,
                                     size_t *length) {
    static const char *const words[] = {[SETTING_LINEAR] = " linear", [SETTING_LOG] = " log"};
    for (int scale = SETTING_LINEAR; scale <= SETTING_LOG; scale++) {
        size_t n = strlen(words[scale]);
        if (*length > n && memcmp(text + *length - n, words[scale], n) == 0) {
            *length -= n;
            return (enum setting_scale)scale;
        }
    }
    return setting->scale;
}

bool study_read_range(const struct setting *setting, const struct yaml *value,
                      struct study_range *range, struct faults *faults) {
    const char *text = value->text;
    size_t length = strlen(text), dots = (size_t)(strstr(text, "..") - text);
    range->scale = read_scale(setting, text, &length);
    bool lo = read_number(setting, value, 0, dots, &range->lo, faults);
    bool hi = read_number(setting, value, dots + 2, length, &range->hi, faults);
    if (!lo || !hi)
        return false;
    if (range->lo > range->hi)
        yaml_fault(faults, value, "%s: the range is upside down; write %g .. %g", setting->name,
                   range->hi, range->lo);
    else if (range->lo == range->hi)
        yaml_fault(faults, value, "%s: the range holds one value; write %g to pin it",
                   setting->name, range->lo);
    else if (range->scale == SETTING_LOG && range->lo <= 0)
        yaml_fault(faults, value, "%s: a log scale needs a range above 0; write '%s linear'?",
                   setting->name, text);
    else
        return true;
    return false;
}

static int compare_numbers(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool study_read_list(const struct setting *setting, const struct yaml *list, struct space_dim *dim,
                     struct faults *faults) {
    if (yaml_count(list) < 2 || yaml_count(list) > SPACE_MAX_LEVELS) {
        yaml_fault(faults, list, "%s: a list holds 2 to %d values; this one holds %d",
                   setting->name, SPACE_MAX_LEVELS, yaml_count(list));
        return false;
    }
    dim->kind = setting->type == SETTING_CHOICE ? SPACE_CHOICE : SPACE_LIST;
    dim->levels = 0;
    bool good = true;
    for (const struct yaml *item = list->first; item; item = item->next) {
        double number = 0;
        if (!yaml_is_text(faults, item, setting->name) ||
            !read_number(setting, item, 0, strlen(item->text), &number, faults)) {
            good = false;
            continue;
        }
        for (int l = 0; l < dim->levels; l++)
            if (dim->level[l] == number) {
                yaml_fault(faults, item, "%s: '%.100s' is in the list twice", setting->name,
                           item->text);
                good = false;
                break;
            }
        dim->level[dim->levels++] = number;
    }
    qsort(dim->level, (size_t)dim->levels, sizeof *dim->level, compare_numbers);
    return good;
}

/* ---- all of them ---- */

static bool read_fidelity(struct study *study, int i, const struct yaml *value,
                          struct faults *faults) {
    const struct setting *setting = &study->table[i];
    struct study_range range;
    study->has_fidelity = true;
    if (value && value->kind == YAML_LIST) {
        yaml_fault(faults, value, "%s is the fidelity: a value or a range 'lo .. hi', not a list",
                   setting->name);
    } else if (value && study_is_range(setting, value)) {
        if (!study_read_range(setting, value, &range, faults))
            return false;
        study->fidelity_min = range.lo;
        study->fidelity_max = range.hi;
        if (config_set_number(&study->settings, i, range.hi))
            faults->out_of_memory = true;
        return true;
    } else if (!value || study_read_pinned(&study->settings, i, value, faults)) {
        study->fidelity_min = study->fidelity_max = study->settings.number[i];
        return true;
    }
    return false;
}

static void add_dim(struct study *study, const struct space_dim *dim, const struct yaml *value,
                    struct faults *faults) {
    if (study->space.n == SPACE_MAX_DIMS) {
        yaml_fault(faults, value, "%s: more than %d settings are searched", dim->name,
                   SPACE_MAX_DIMS);
        return;
    }
    study->space.dim[study->space.n++] = *dim;
}

static bool read_setting(struct study *study, int i, const struct yaml *value,
                         struct faults *faults) {
    const struct setting *setting = &study->table[i];
    struct space_dim dim = {.setting = i, .parent = -1};
    bool range = study_is_range(setting, value);
    if (setting->type == SETTING_LINES || (!range && value->kind != YAML_LIST))
        return study_read_pinned(&study->settings, i, value, faults);
    if (setting->type == SETTING_TEXT) {
        yaml_fault(faults, value, "%s is a text: it can be pinned, not searched", setting->name);
        return false;
    }
    snprintf(dim.name, sizeof dim.name, "%s", setting->name);
    if (range) {
        struct study_range read;
        if (!study_read_range(setting, value, &read, faults))
            return false;
        dim.kind = setting->type == SETTING_INT ? SPACE_INT : SPACE_REAL;
        dim.lo = read.lo;
        dim.hi = read.hi;
        dim.scale = read.scale;
    } else if (!study_read_list(setting, value, &dim, faults))
        return false;
    add_dim(study, &dim, value, faults);
    return true;
}

/* Notes the keys that name no setting. */
static void check_names(const struct study *study, const struct yaml *solver,
                        struct faults *faults) {
    int n = study->n_solver_settings, k = 0;
    const char **allowed = calloc((size_t)n + 3, sizeof *allowed);
    if (!allowed) {
        faults->out_of_memory = true;
        return;
    }
    allowed[k++] = "name";
    for (int i = 0; i < n; i++)
        allowed[k++] = study->table[i].name;
    if (study->solver->declares)
        allowed[k++] = "settings";
    char where[SPACE_NAME_MAX + 16];
    snprintf(where, sizeof where, "solver %s", study->solver->name);
    yaml_check_keys(faults, solver, allowed, where);
    free(allowed);
}

/* Whatever matters, or may in some trial, must have a value. */
static void check_complete(struct study *study, const struct yaml *solver,
                           const struct study_given *given, struct faults *faults) {
    for (int i = 0; i < study->settings.count; i++) {
        const struct setting *setting = &study->table[i];
        if (!given[i].value && !study->settings.text[i] && study_may_matter(study, i))
            yaml_fault(faults, solver->key ? solver->key : solver, "solver %s needs '%s': %s",
                       study->solver->name, setting->name, setting->help ? setting->help : "");
    }
}

static int open_table(struct study *study) {
    int n = setting_count(study->solver->settings);
    study->table = calloc((size_t)n + 1, sizeof *study->table);
    if (!study->table)
        return fail("out of memory for %d settings", n);
    memcpy(study->table, study->solver->settings, (size_t)n * sizeof *study->table);
    study->n_solver_settings = n;
    return 0;
}

static void read_values(struct study *study, const struct yaml *solver, const struct yaml *declared,
                        struct study_given *given, struct faults *faults) {
    int fidelity =
        study->solver->fidelity ? setting_find(study->table, study->solver->fidelity) : -1;
    for (int i = 0; i < study->settings.count; i++) {
        const struct yaml *value = i < study->n_solver_settings
                                       ? yaml_find(solver, study->table[i].name)
                                       : study_declared_search(study, i, declared);
        bool good = true;
        if (i == fidelity)
            good = read_fidelity(study, i, value, faults);
        else if (value)
            good = read_setting(study, i, value, faults);
        given[i] = (struct study_given){value, !good};
    }
}

void study_read_settings(struct study *study, const struct yaml *solver, struct faults *faults) {
    study->fidelity_min = study->fidelity_max = 1;
    if (open_table(study)) {
        faults->out_of_memory = true;
        return;
    }
    const struct yaml *declared = study->solver->declares ? yaml_find(solver, "settings") : NULL;
    check_names(study, solver, faults);
    if (declared)
        study_declare(study, declared, faults);
    struct study_given *given = calloc((size_t)setting_count(study->table) + 1, sizeof *given);
    if (!given || config_open(&study->settings, study->table))
        faults->out_of_memory = true;
    else {
        read_values(study, solver, declared, given, faults);
        study_read_conditions(study, given, faults);
        check_complete(study, solver, given, faults);
        study_read_columns(study, solver, faults);
    }
    free(given);
}

static const char *solver_candidate(const void *context, int i) {
    (void)context;
    return solver_registry[i] ? solver_registry[i]->name : NULL;
}

static void fault_unknown_solver(const struct yaml *name, struct faults *faults) {
    char list[512] = "";
    for (size_t i = 0, used = 0; solver_registry[i] && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 solver_registry[i]->name);
    const char *meant = setting_suggest(name->text, solver_candidate, NULL);
    if (meant)
        yaml_fault(faults, name, "no solver '%.100s'; did you mean '%s'? (%s)", name->text, meant,
                   list);
    else
        yaml_fault(faults, name, "no solver '%.100s'; there are %s", name->text, list);
}

void study_read_solver(struct study *study, const struct yaml *solver, struct faults *faults) {
    if (!yaml_is_map(faults, solver, "solver"))
        return;
    const struct yaml *name = yaml_find(solver, "name");
    if (!name)
        yaml_fault(faults, solver->key ? solver->key : solver, "solver: 'name' is missing");
    if (!name || !yaml_is_text(faults, name, "name"))
        return;
    study->solver = solver_find(name->text);
    if (study->solver)
        study_read_settings(study, solver, faults);
    else
        fault_unknown_solver(name, faults);
}
