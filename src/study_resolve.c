/* study_resolve.c - a study written out again, every default filled in, in one fixed order. */
#include "fail.h"
#include "study_read.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void study_write_number(double number, FILE *out) {
    const struct setting real = {.type = SETTING_REAL};
    char text[STUDY_VALUE_MAX];
    fputs(setting_format(&real, number, text, sizeof text), out);
}

/* Only what every YAML reader takes for the same text stays without quotes. */
static bool is_plain(const char *text) {
    if (!isalnum((unsigned char)*text) && !strchr("_./", *text))
        return strtod(text, NULL) < 0 && strspn(text, "0123456789.eE+-") == strlen(text);
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_./+-*^()<>= ", *c))
            return false;
    return *text && text[strlen(text) - 1] != ' ';
}

void study_write_text(const char *text, FILE *out) {
    if (is_plain(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (const char *c = text; *c; c++)
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c == '\n')
            fputs("\\n", out);
        else if (*c == '\t')
            fputs("\\t", out);
        else
            fputc(*c, out);
    fputc('"', out);
}

/* ---- one setting ---- */

static const struct space_dim *find_dim(const struct study *study, int i) {
    for (int d = 0; d < study->space.n; d++)
        if (study->space.dim[d].setting == i)
            return &study->space.dim[d];
    return NULL;
}

static void write_range(double lo, double hi, FILE *out) {
    study_write_number(lo, out);
    fputs(" .. ", out);
    study_write_number(hi, out);
}

static void write_levels(const struct setting *setting, const struct space_dim *dim, FILE *out) {
    char text[STUDY_VALUE_MAX];
    fputc('[', out);
    for (int l = 0; l < dim->levels; l++) {
        fputs(l ? ", " : "", out);
        study_write_text(setting_format(setting, dim->level[l], text, sizeof text), out);
    }
    fputc(']', out);
}

static const char *scale_name(enum setting_scale scale) {
    return scale == SETTING_LOG ? "log" : "linear";
}

/* "a\nb" as [a, b]. */
static void write_lines(const char *lines, FILE *out) {
    fputc('[', out);
    const char *line = *lines ? lines : NULL;
    while (line) {
        const char *end = strchr(line, '\n');
        char *item = end ? strndup(line, (size_t)(end - line)) : strdup(line);
        fputs(line == lines ? "" : ", ", out);
        if (item)
            study_write_text(item, out);
        free(item);
        line = end ? end + 1 : NULL;
    }
    fputc(']', out);
}

/* What stands behind setting i; nothing when it has no value. */
static void write_setting(const struct study *study, int i, FILE *out) {
    const struct setting *setting = &study->table[i];
    const struct space_dim *dim = find_dim(study, i);
    bool fidelity = study->has_fidelity && strcmp(setting->name, study->solver->fidelity) == 0;
    if (fidelity && study->fidelity_min < study->fidelity_max)
        write_range(study->fidelity_min, study->fidelity_max, out);
    else if (dim && dim->levels)
        write_levels(setting, dim, out);
    else if (dim) {
        write_range(dim->lo, dim->hi, out);
        fprintf(out, " %s", scale_name(dim->scale));
    } else if (setting->type == SETTING_LINES && study->settings.text[i])
        write_lines(study->settings.text[i], out);
    else if (study->settings.text[i])
        study_write_text(study->settings.text[i], out);
}

/* {type: ..., range: ..., ...}, as study_declare reads it. */
static void write_declared(const struct study *study, int i, FILE *out) {
    static const char *const types[] = {[SETTING_REAL] = "real",
                                        [SETTING_INT] = "int",
                                        [SETTING_CHOICE] = "choice",
                                        [SETTING_TEXT] = "text"};
    const struct setting *setting = &study->table[i];
    const struct space_dim *dim = find_dim(study, i);
    bool number = setting->type == SETTING_REAL || setting->type == SETTING_INT;
    fprintf(out, "{type: %s", types[setting->type]);
    if (setting->type == SETTING_CHOICE) {
        char text[STUDY_VALUE_MAX];
        for (int c = 0; c < setting_choice_count(setting); c++) {
            fputs(c ? ", " : ", choices: [", out);
            study_write_text(setting_choice(setting, c, text, sizeof text), out);
        }
        fputc(']', out);
    } else if (dim && dim->levels) {
        fputs(", choices: ", out);
        write_levels(setting, dim, out);
    } else if (number && setting->lo < setting->hi) {
        fputs(", range: ", out);
        write_range(setting->lo, setting->hi, out);
        fprintf(out, ", scale: %s", scale_name(setting->scale));
    }
    if (setting->preset) {
        fputs(", default: ", out);
        study_write_text(setting->preset, out);
    }
    if (setting->unit) {
        fputs(", unit: ", out);
        study_write_text(setting->unit, out);
    }
    fprintf(out, ", search: %s}", dim ? "yes" : "no");
}

char *study_setting_text(const struct study *study, int i) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    (i < study->n_solver_settings ? write_setting : write_declared)(study, i, out);
    return fclose(out) ? free(text), NULL : text;
}

/* ---- the sections ---- */

static int write_solver(const struct study *study, FILE *out) {
    fprintf(out, "solver:\n  name: %s\n", study->solver->name);
    for (int i = 0; i < study->settings.count; i++) {
        char *text = study_setting_text(study, i);
        if (!text)
            return fail("out of memory for the resolved study");
        if (i == study->n_solver_settings)
            fputs("  settings:\n", out);
        const char *indent = i < study->n_solver_settings ? "  " : "    ";
        if (*text)
            fprintf(out, "%s%s: %s\n", indent, study->table[i].name, text);
        free(text);
    }
    return 0;
}

static void write_constraints(const struct objective *objective, enum hpo_constraint kind,
                              const char *key, FILE *out) {
    bool any = false;
    for (int i = 0; i < objective_constraints(objective); i++) {
        if (objective_constraint_kind(objective, i) != kind)
            continue;
        fprintf(out, any ? "    - " : "  %s:\n    - ", key);
        study_write_text(objective_constraint_text(objective, i), out);
        fputc('\n', out);
        any = true;
    }
}

static void write_objective(const struct objective *objective, FILE *out) {
    fputs("objective:\n  goals:\n", out);
    for (int i = 0; i < objective_goals(objective); i++) {
        char text[600];
        snprintf(text, sizeof text, "%s %s",
                 objective_maximizes(objective, i) ? "maximize" : "minimize",
                 objective_goal_text(objective, i));
        fputs("    - ", out);
        study_write_text(text, out);
        fputc('\n', out);
    }
    write_constraints(objective, HPO_CAP, "subject to", out);
    write_constraints(objective, HPO_TARGET, "target", out);
}

static void write_values(const struct config *settings, const char *indent, FILE *out) {
    for (int i = 0; i < settings->count; i++) {
        if (!settings->text[i])
            continue;
        fprintf(out, "%s%s: ", indent, settings->table[i].name);
        study_write_text(settings->text[i], out);
        fputc('\n', out);
    }
}

static void write_methods(const struct study *study, FILE *out) {
    fputs("methods:\n", out);
    for (int m = 0; m < study->n_methods; m++) {
        const struct study_method *method = &study->method[m];
        fprintf(out, "  - name: %s\n    label: %s\n", method->ops->name, method->label);
        write_values(&method->settings, "    ", out);
    }
}

int study_resolve(const struct study *study, FILE *out) {
    fprintf(out, "study: %s\nseed: %llu\nrepeats: %d\npending: %d\ntimeout: ", study->name,
            (unsigned long long)study->seed, study->repeats, study->pending);
    if (study->timeout > 0) {
        study_write_number(study->timeout, out);
        fputs(" s", out);
    } else
        fputs("none", out);
    fprintf(out, "\nisolate: %s\n", study->isolate ? "yes" : "no");
    if (write_solver(study, out))
        return -1;
    write_objective(study->objective, out);
    write_methods(study, out);
    fputs("budget: ", out);
    study_write_number(study->budget, out);
    fprintf(out, " %s\n", study->budget_in_trials ? "trials" : study_fidelity_word(study));
    if (study->final.count > 0) {
        fputs("final:\n", out);
        write_values(&study->final, "  ", out);
    }
    return ferror(out) ? fail("the resolved study cannot be written") : 0;
}
