/* setting.c - reading, checking and keeping the values of a table of settings (setting.h). */
#include "setting.h"
#include "fail.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VALUE_MAX = 64,  /* bytes of a formatted number or choice */
    CHOICES_MAX = 64 /* choices looked through for a suggestion */
};

int setting_count(const struct setting *table) {
    int n = 0;
    while (table[n].type != SETTING_END)
        n++;
    return n;
}

int setting_find(const struct setting *table, const char *name) {
    for (int i = 0; table[i].type != SETTING_END; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

int setting_choice_count(const struct setting *setting) {
    int n = 1;
    for (const char *c = setting->choices; *c; c++)
        n += *c == '|';
    return n;
}

/* The i-th of "a|b|c" as start and length. */
static size_t choice_at(const char *choices, int i, const char **start) {
    for (; i > 0; i--)
        choices = strchr(choices, '|') + 1;
    *start = choices;
    return strcspn(choices, "|");
}

char *setting_choice(const struct setting *setting, int index, char *buffer, size_t size) {
    const char *start;
    size_t length = choice_at(setting->choices, index, &start);
    snprintf(buffer, size, "%.*s", (int)length, start);
    return buffer;
}

static int find_choice(const char *choices, const char *text, size_t length) {
    for (int i = 0;; i++) {
        size_t n = strcspn(choices, "|");
        if (n == length && memcmp(choices, text, n) == 0)
            return i;
        if (!choices[n])
            return -1;
        choices += n + 1;
    }
}

struct choice_names {
    int count;
    char name[CHOICES_MAX][VALUE_MAX];
};

static const char *choice_candidate(const void *context, int i) {
    const struct choice_names *names = context;
    return i < names->count ? names->name[i] : NULL;
}

static int fail_choice(const struct setting *setting, const char *text) {
    struct choice_names names = {.count = setting_choice_count(setting)};
    if (names.count > CHOICES_MAX)
        names.count = CHOICES_MAX;
    for (int i = 0; i < names.count; i++)
        setting_choice(setting, i, names.name[i], VALUE_MAX);
    const char *meant = setting_suggest(text, choice_candidate, &names);
    return meant ? fail("'%s' is none of %s; did you mean '%s'?", text, setting->choices, meant)
                 : fail("'%s' is none of %s", text, setting->choices);
}

static int parse_choice(const struct setting *setting, const char *text, double *number) {
    int index = find_choice(setting->choices, text, strlen(text));
    if (index < 0)
        return fail_choice(setting, text);
    *number = index;
    return 0;
}

static int parse_number(const struct setting *setting, const char *text, double *number) {
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    const char *unit = setting->unit ? setting->unit : "";
    if (end == text || *end || !isfinite(value) || text[0] == ' ')
        return fail("'%s' is no %s; allowed: %g .. %g%s%s", text,
                    setting->type == SETTING_INT ? "whole number" : "number", setting->lo,
                    setting->hi, *unit ? " " : "", unit);
    if (setting->type == SETTING_INT && value != floor(value))
        return fail("%s is no whole number; allowed: %.17g .. %.17g%s%s", text, setting->lo,
                    setting->hi, *unit ? " " : "", unit);
    if (value < setting->lo || value > setting->hi)
        return fail("%s is outside %g .. %g%s%s", text, setting->lo, setting->hi, *unit ? " " : "",
                    unit);
    *number = value;
    return 0;
}

int setting_parse(const struct setting *setting, const char *text, double *number) {
    switch (setting->type) {
    case SETTING_CHOICE:
        return parse_choice(setting, text, number);
    case SETTING_TEXT:
    case SETTING_LINES:
        *number = 0;
        return 0;
    default:
        return parse_number(setting, text, number);
    }
}

static char *format_number(double number, char *buffer, size_t size) {
    if (fabs(number) < 1e15 && number == floor(number)) { /* 240, not 2.4e+02 */
        snprintf(buffer, size, "%.0f", number);
        return buffer;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buffer, size, "%.*g", digits, number);
        if (strtod(buffer, NULL) == number)
            break;
    }
    return buffer;
}

char *setting_format(const struct setting *setting, double number, char *buffer, size_t size) {
    assert(setting->type != SETTING_TEXT && setting->type != SETTING_LINES);
    if (setting->type == SETTING_CHOICE)
        return setting_choice(setting, (int)number, buffer, size);
    if (setting->type == SETTING_INT)
        snprintf(buffer, size, "%.0f", number);
    else
        format_number(number, buffer, size);
    return buffer;
}

/* ---- config ---- */

static int store(struct config *config, int i, const char *text, double number) {
    char *copy = strdup(text);
    if (!copy)
        return fail("out of memory for setting '%s'", config->table[i].name);
    free(config->text[i]);
    config->text[i] = copy;
    config->number[i] = number;
    return 0;
}

int config_set_number(struct config *config, int i, double number) {
    char text[VALUE_MAX];
    return store(config, i, setting_format(&config->table[i], number, text, sizeof text), number);
}

static int set_at(struct config *config, int i, const char *text) {
    const struct setting *setting = &config->table[i];
    double number;
    if (setting_parse(setting, text, &number))
        return fail_within("%s", setting->name);
    bool text_only = setting->type == SETTING_TEXT || setting->type == SETTING_LINES;
    return text_only ? store(config, i, text, 0) : config_set_number(config, i, number);
}

int config_open(struct config *config, const struct setting *table) {
    int n = setting_count(table);
    *config = (struct config){.table = table, .count = n};
    config->number = calloc((size_t)n + 1, sizeof *config->number);
    config->text = calloc((size_t)n + 1, sizeof *config->text);
    if (!config->number || !config->text)
        return fail("out of memory for %d settings", n);
    for (int i = 0; i < n; i++)
        if (table[i].preset && set_at(config, i, table[i].preset))
            return fail_within("default of setting");
    return 0;
}

void config_free(struct config *config) {
    for (int i = 0; config->text && i < config->count; i++)
        free(config->text[i]);
    free(config->text);
    free(config->number);
    *config = (struct config){0};
}

int config_copy(struct config *to, const struct config *from) {
    if (config_open(to, from->table))
        return -1;
    for (int i = 0; i < from->count; i++)
        if (from->text[i] && store(to, i, from->text[i], from->number[i]))
            return -1;
    return 0;
}

static const char *name_candidate(const void *context, int i) {
    const struct config *config = context;
    return i < config->count ? config->table[i].name : NULL;
}

int config_set(struct config *config, const char *name, const char *text) {
    int i = setting_find(config->table, name);
    if (i >= 0)
        return set_at(config, i, text);
    const char *meant = setting_suggest(name, name_candidate, config);
    return meant ? fail("no setting '%s'; did you mean '%s'?", name, meant)
                 : fail("no setting '%s'", name);
}

bool config_active(const struct config *config, int i) {
    const char *when = config->table[i].when;
    if (!when)
        return true;
    char parent[VALUE_MAX];
    size_t length = strcspn(when, "=");
    snprintf(parent, sizeof parent, "%.*s", (int)length, when);
    int p = setting_find(config->table, parent);
    assert(p >= 0 && config->table[p].type == SETTING_CHOICE);
    const char *text = config->text[p];
    return text && find_choice(when + length + 1, text, strlen(text)) >= 0 &&
           config_active(config, p);
}

int config_complete(const struct config *config) {
    for (int i = 0; i < config->count; i++)
        if (!config->text[i] && config_active(config, i))
            return fail("setting '%s' must be given (%s)", config->table[i].name,
                        config->table[i].help);
    return 0;
}

static int known(const struct config *config, const char *name) {
    int i = setting_find(config->table, name);
    assert(i >= 0 && "a setting that is not in the table");
    return i;
}

double config_real(const struct config *config, const char *name) {
    int i = known(config, name);
    assert(config->table[i].type == SETTING_REAL || config->table[i].type == SETTING_INT);
    return config->number[i];
}

long config_int(const struct config *config, const char *name) {
    int i = known(config, name);
    assert(config->table[i].type == SETTING_INT);
    return (long)config->number[i];
}

int config_choice(const struct config *config, const char *name) {
    int i = known(config, name);
    assert(config->table[i].type == SETTING_CHOICE);
    return (int)config->number[i];
}

bool config_flag(const struct config *config, const char *name) {
    return config_choice(config, name) == 1;
}

const char *config_text(const struct config *config, const char *name) {
    return config->text[known(config, name)];
}
