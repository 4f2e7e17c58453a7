/* study_declare.c - the settings that a study declares itself, for a solver that has none of its
 * own to speak of: a table of recorded results, a command. */
#include "fail.h"
#include "study_read.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LIMIT 1e300 /* of a declared real that gives no range */

static const char *const type_names = "real|int|choice|text";
static const enum setting_type types[] = {SETTING_REAL, SETTING_INT, SETTING_CHOICE, SETTING_TEXT};

static const char *const keys[] = {"type",    "range", "choices", "scale",
                                   "default", "unit",  "search",  NULL};

/* ---- what may stand in a CSV ---- */

static bool is_number(const char *text) {
    char *end;
    double value = strtod(text, &end);
    return end != text && !*end && isfinite(value) && !isspace((unsigned char)*text);
}

/* A spreadsheet runs a cell that starts like a formula, so no name or choice may. */
static bool is_formula(const char *text) {
    return strchr("=+@\t", text[0]) || (text[0] == '-' && !is_number(text));
}

static bool check_name(const struct study *study, const struct yaml *key, struct faults *faults) {
    const char *name = key->text;
    bool good = isalpha((unsigned char)name[0]) || name[0] == '_';
    for (const char *c = name; good && *c; c++)
        good = isalnum((unsigned char)*c) || strchr("_.-", *c);
    if (!good || strlen(name) >= SPACE_NAME_MAX)
        yaml_fault(faults, key,
                   "'%.100s' is no name for a setting: at most %d letters, digits, '_', '.', '-', "
                   "first a letter or '_'",
                   name, SPACE_NAME_MAX - 1);
    else if (setting_find(study->solver->settings, name) >= 0 || strcmp(name, "name") == 0)
        yaml_fault(faults, key, "'%s' is already a setting of solver %s", name,
                   study->solver->name);
    else
        return true;
    return false;
}

static bool check_choice(const struct yaml *item, struct faults *faults) {
    if (!yaml_is_text(faults, item, "a choice"))
        return false;
    if (is_formula(item->text) || !*item->text || strpbrk(item->text, "|\n\t") ||
        strlen(item->text) >= SPACE_NAME_MAX)
        yaml_fault(faults, item,
                   "'%.100s' cannot be a choice: at most %d characters, none a '|', not starting "
                   "with '=', '+', '@', or '-' unless a number",
                   item->text, SPACE_NAME_MAX - 1);
    else
        return true;
    return false;
}

/* ---- one setting ---- */

static char *copy(const char *text, struct faults *faults) {
    char *result = text ? strdup(text) : NULL;
    faults->out_of_memory |= text && !result;
    return result;
}

/* "a|b|c" from a list of choices. */
static bool join_choices(struct setting *setting, const struct yaml *list, struct faults *faults) {
    size_t room = 1;
    bool good = true;
    for (const struct yaml *item = list->first; item; item = item->next)
        if (check_choice(item, faults))
            room += strlen(item->text) + 1;
        else
            good = false;
    if (yaml_count(list) < 1 || yaml_count(list) > SPACE_MAX_LEVELS) {
        yaml_fault(faults, list, "%s: 1 to %d choices", setting->name, SPACE_MAX_LEVELS);
        good = false;
    }
    char *joined = good ? calloc(room, 1) : NULL;
    faults->out_of_memory |= good && !joined;
    if (!joined)
        return false;
    for (const struct yaml *item = list->first; item; item = item->next)
        strcat(strcat(joined, item == list->first ? "" : "|"), item->text);
    setting->choices = joined;
    return true;
}

/* The limits of a number given by its choices. */
static bool span_choices(struct setting *setting, const struct yaml *list, struct faults *faults) {
    struct space_dim dim;
    if (!study_read_list(setting, list, &dim, faults))
        return false;
    setting->lo = dim.level[0];
    setting->hi = dim.level[dim.levels - 1];
    return true;
}

static bool all_numbers(const struct yaml *list) {
    bool numbers = list->first;
    for (const struct yaml *item = list->first; item; item = item->next)
        numbers &= item->kind == YAML_TEXT && is_number(item->text);
    return numbers;
}

static bool take_range(struct setting *setting, const struct yaml *value, struct faults *faults) {
    struct study_range range;
    if (!study_is_range(setting, value)) {
        yaml_fault(faults, value, "%s: a range is 'lo .. hi'", setting->name);
        return false;
    }
    if (!study_read_range(setting, value, &range, faults))
        return false;
    setting->lo = range.lo;
    setting->hi = range.hi;
    setting->scale = range.scale;
    return true;
}

static bool take_values(struct setting *setting, const struct yaml *choices,
                        struct faults *faults) {
    if (choices->kind != YAML_LIST) {
        yaml_fault(faults, choices, "%s: choices must be a list, not %s", setting->name,
                   yaml_kind_name(choices));
        return false;
    }
    return setting->type == SETTING_CHOICE ? join_choices(setting, choices, faults)
                                           : span_choices(setting, choices, faults);
}

/* One of "a|b|c" as a key's value, or `otherwise` when the key is not there; -1: a fault. */
static int read_word(const struct yaml *map, const char *key, const char *choices, int otherwise,
                     struct faults *faults) {
    const struct yaml *value = yaml_find(map, key);
    const struct setting word = {.name = key, .type = SETTING_CHOICE, .choices = choices};
    double number;
    if (!value)
        return otherwise;
    if (!yaml_is_text(faults, value, key))
        return -1;
    if (setting_parse(&word, value->text, &number) == 0)
        return (int)number;
    yaml_fault(faults, value, "%s: %s", key, fail_message());
    return -1;
}

/* The default, if any, in the setting's own terms. */
static bool take_default(struct setting *setting, const struct yaml *value, struct faults *faults) {
    const struct setting table[] = {*setting, {0}};
    struct config config;
    bool good = false;
    if (config_open(&config, table))
        faults->out_of_memory = true;
    else if (study_read_pinned(&config, 0, value, faults)) {
        setting->preset = copy(config.text[0], faults);
        good = setting->preset;
    }
    config_free(&config);
    return good;
}

static bool check_whole(const struct setting *setting, const struct yaml *map, bool search,
                        struct faults *faults) {
    const struct yaml *at = map->key, *range = yaml_find(map, "range");
    const struct yaml *choices = yaml_find(map, "choices");
    bool number = setting->type == SETTING_REAL || setting->type == SETTING_INT;
    if (range && choices)
        yaml_fault(faults, choices->key, "%s: a range or choices, not both", setting->name);
    else if (range && !number)
        yaml_fault(faults, range->key, "%s: only a real or int has a range", setting->name);
    else if (choices && setting->type == SETTING_TEXT)
        yaml_fault(faults, choices->key, "%s: a text has no choices; its type is choice?",
                   setting->name);
    else if (setting->type == SETTING_CHOICE && !choices)
        yaml_fault(faults, at, "%s: a choice needs choices: [a, b]", setting->name);
    else if (search && setting->type == SETTING_TEXT)
        yaml_fault(faults, at, "%s is a text: it can be pinned (search: no), not searched",
                   setting->name);
    else if (search && number && !range && !choices)
        yaml_fault(faults, at, "%s: to be searched it needs a range or choices", setting->name);
    else if (!search && !yaml_find(map, "default"))
        yaml_fault(faults, at, "%s: search is no, so it needs a default", setting->name);
    else
        return true;
    return false;
}

static bool declare_map(struct setting *setting, const struct yaml *map, struct faults *faults) {
    yaml_check_keys(faults, map, keys, "a declared setting");
    const struct yaml *range = yaml_find(map, "range"), *choices = yaml_find(map, "choices");
    const struct yaml *preset = yaml_find(map, "default"), *unit = yaml_find(map, "unit");
    int type = read_word(map, "type", type_names, range ? 0 : 2, faults);
    int scale = read_word(map, "scale", "linear|log", SETTING_LINEAR, faults);
    if (type < 0 || scale < 0)
        return false;
    setting->type = types[type];
    setting->scale = (enum setting_scale)scale;
    int search = read_word(map, "search", "no|yes", setting->type != SETTING_TEXT, faults);
    if (search < 0 || !check_whole(setting, map, search, faults))
        return false;
    if (unit && yaml_is_text(faults, unit, "unit"))
        setting->unit = copy(unit->text, faults);
    setting->lo = -NUMBER_LIMIT;
    setting->hi = NUMBER_LIMIT;
    if (range && !take_range(setting, range, faults))
        return false;
    if (choices && !take_values(setting, choices, faults))
        return false;
    return !preset || take_default(setting, preset, faults);
}

static bool declare(struct setting *setting, const struct yaml *entry, struct faults *faults) {
    setting->lo = -NUMBER_LIMIT;
    setting->hi = NUMBER_LIMIT;
    setting->type = SETTING_REAL;
    if (entry->kind == YAML_MAP)
        return declare_map(setting, entry, faults);
    if (entry->kind == YAML_LIST && all_numbers(entry))
        return span_choices(setting, entry, faults);
    if (entry->kind == YAML_LIST) {
        setting->type = SETTING_CHOICE;
        return join_choices(setting, entry, faults);
    }
    if (study_is_range(setting, entry))
        return take_range(setting, entry, faults);
    yaml_fault(faults, entry, "%s: a declared setting is a range 'lo .. hi', a list, or a map",
               setting->name);
    return false;
}

/* ---- all of them ---- */

static void free_texts(struct setting *setting) { /* what declare made owns its texts */
    free((char *)setting->name);
    free((char *)setting->preset);
    free((char *)setting->choices);
    free((char *)setting->unit);
}

void study_declare(struct study *study, const struct yaml *settings, struct faults *faults) {
    if (!yaml_is_map(faults, settings, "settings"))
        return;
    int n = study->n_solver_settings, extra = yaml_count(settings);
    struct setting *table = realloc(study->table, (size_t)(n + extra + 1) * sizeof *table);
    if (!table) {
        faults->out_of_memory = true;
        return;
    }
    study->table = table;
    memset(table + n, 0, (size_t)(extra + 1) * sizeof *table);
    for (const struct yaml *entry = settings->first; entry; entry = entry->next) {
        struct setting setting = {.help = "declared by the study"};
        if (!check_name(study, entry->key, faults))
            continue;
        setting.name = copy(entry->key->text, faults);
        if (setting.name && setting_find(table, setting.name) < 0 &&
            declare(&setting, entry, faults))
            table[n++] = setting;
        else
            free_texts(&setting);
    }
}

const struct yaml *study_declared_search(const struct study *study, int i,
                                         const struct yaml *settings) {
    const struct yaml *entry = yaml_find(settings, study->table[i].name);
    if (entry->kind != YAML_MAP)
        return entry;
    const struct yaml *search = yaml_find(entry, "search");
    if (study->table[i].type == SETTING_TEXT || (search && strcmp(search->text, "no") == 0))
        return NULL;
    const struct yaml *range = yaml_find(entry, "range");
    return range ? range : yaml_find(entry, "choices");
}

void study_declared_free(struct study *study) {
    for (int i = study->n_solver_settings; study->table && study->table[i].type != SETTING_END; i++)
        free_texts(&study->table[i]);
}
