/* argv.c - placeholders in a command line (argv.h). */
#include "argv.h"
#include "fail.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const argv_names[ARGV_NAMES] = {"fidelity",    "seed",   "trial_dir", "checkpoint",
                                            "resume_from", "points", "threads"};
static const char unknown[] = "...";

static const char *candidate(const void *context, int i) {
    const struct argv_values *values = context;
    if (i < ARGV_NAMES)
        return argv_names[i];
    i -= ARGV_NAMES;
    return i < values->settings->count ? values->settings->table[i].name : NULL;
}

/* The value behind a name; NULL when there is no such name. */
static const char *look_up(const struct argv_values *values, const char *name) {
    for (int i = 0; i < ARGV_NAMES; i++)
        if (strcmp(name, argv_names[i]) == 0)
            return values->text[i] ? values->text[i] : unknown;
    int i = setting_find(values->settings->table, name);
    if (i < 0)
        return NULL;
    return values->settings->text[i] ? values->settings->text[i] : unknown;
}

static bool is_option(const char *value) {
    char *end;
    return *value == '-' && (strtod(value, &end), *end || end == value);
}

/* Puts the value of the placeholder at text ("{name}...") out; *length: its bytes in the text. */
static int put_value(FILE *out, const char *text, const struct argv_values *values, size_t *length,
                     bool alone) {
    char name[128];
    size_t n = strcspn(text + 1, "{}");
    if (text[n + 1] != '}')
        return fail("'{' without its '}' in '%.100s'; write {{ for a brace", text);
    snprintf(name, sizeof name, "%.*s", (int)n, text + 1);
    const char *value = look_up(values, name);
    if (!value) {
        const char *meant = setting_suggest(name, candidate, values);
        return meant ? fail("no setting for {%s}; did you mean {%s}?", name, meant)
                     : fail("no setting for {%s}; write {{ for a brace", name);
    }
    *length = n + 2;
    if (alone && text[*length] == 0 && is_option(value))
        return fail("{%s} is '%.100s', which the program would take for an option; write an "
                    "argument such as --%s={%s}",
                    name, value, name, name);
    fputs(value, out);
    return 0;
}

static int fill_word(char **word, const char *text, const struct argv_values *values) {
    size_t size, length;
    int status = 0;
    FILE *out = open_memstream(word, &size);
    if (!out)
        return fail("out of memory");
    for (const char *c = text; *c && status == 0; c += length) {
        length = 1;
        if ((*c == '{' || *c == '}') && c[1] == *c) {
            fputc(*c, out);
            length = 2;
        } else if (*c == '{')
            status = put_value(out, c, values, &length, c == text);
        else if (*c == '}')
            status = fail("'}' without its '{' in '%.100s'; write }} for a brace", text);
        else
            fputc(*c, out);
    }
    if (fclose(out))
        status = fail("out of memory");
    return status;
}

int argv_fill(char ***out, const char *lines, const struct argv_values *values) {
    int n = 1, status = 0;
    for (const char *c = lines; *c; c++)
        n += *c == '\n';
    char **argv = *out = calloc((size_t)n + 1, sizeof *argv);
    char *copy = strdup(lines), *rest = copy;
    if (!argv || !copy)
        status = fail("out of memory");
    for (int i = 0; i < n && status == 0; i++)
        status = fill_word(&argv[i], strsep(&rest, "\n"), values);
    free(copy);
    if (status == 0 && !*argv[0])
        status = fail("the program's name is empty");
    if (status) {
        argv_free(argv);
        *out = NULL;
    }
    return status;
}

void argv_free(char **argv) {
    for (char **word = argv; word && *word; word++)
        free(*word);
    free(argv);
}
