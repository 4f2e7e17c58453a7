/* study.c - loading a study: from the file to a checked struct study, with every fault noted. */
#include "study.h"
#include "fail.h"
#include "study_read.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const keys[] = {"study",   "seed",    "repeats", "pending",
                                   "timeout", "isolate", "solver",  "objective",
                                   "methods", "budget",  "final",   NULL};
#define TIMEOUT_MAX 1e8 /* s */

/* ---- single values ---- */

static void read_numbers(struct study *study, const struct yaml *root, struct faults *faults) {
    static const struct setting table[] = {
        {.name = "seed", .type = SETTING_INT, .lo = 0, .hi = 0x1p53, .preset = "1"},
        {.name = "repeats", .type = SETTING_INT, .lo = 1, .hi = 10000, .preset = "1"},
        {.name = "pending", .type = SETTING_INT, .lo = 1, .hi = 64, .preset = "1"},
        {0}};
    struct config config;
    if (config_open(&config, table))
        faults->out_of_memory = true;
    else {
        for (int i = 0; i < config.count; i++) {
            const struct yaml *value = yaml_find(root, table[i].name);
            if (value)
                study_read_pinned(&config, i, value, faults);
        }
        study->seed = (uint64_t)config.number[0];
        study->repeats = (int)config.number[1];
        study->pending = (int)config.number[2];
    }
    config_free(&config);
}

static void read_timeout(struct study *study, const struct yaml *node, struct faults *faults) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}};
    if (!yaml_is_text(faults, node, "timeout") || strcmp(node->text, "none") == 0)
        return;
    char *unit;
    double number = strtod(node->text, &unit);
    unit += strspn(unit, " ");
    for (int i = 0; i < 3; i++)
        if (strcmp(unit, units[i].name) == 0)
            study->timeout = number * units[i].seconds;
    if (!(study->timeout > 0 && study->timeout <= TIMEOUT_MAX)) {
        study->timeout = 0;
        yaml_fault(faults, node,
                   "timeout: '%.100s' is no time; write 'none', '600 s', '10 min' or "
                   "'2 h'",
                   node->text);
    }
}

static void read_isolate(struct study *study, const struct yaml *node, struct faults *faults) {
    bool instant = study->solver && study->solver->instant;
    study->isolate = !instant;
    if (!node || !yaml_is_text(faults, node, "isolate"))
        return;
    bool yes = strcmp(node->text, "yes") == 0;
    if (!yes && strcmp(node->text, "no") != 0)
        yaml_fault(faults, node, "isolate: '%.100s' is neither no nor yes", node->text);
    else if (!yes && study->solver && !instant)
        yaml_fault(faults, node,
                   "isolate: solver %s always runs in processes of its own; 'no' is for solvers "
                   "that cost nothing",
                   study->solver->name);
    else
        study->isolate = yes;
}

/* ---- the whole ---- */

static const struct yaml *find_required(const struct yaml *root, const char *key,
                                        const char *example, struct faults *faults) {
    const struct yaml *value = yaml_find(root, key);
    if (!value)
        yaml_fault(faults, root, "the study has no '%s'; write %s: %s", key, key, example);
    return value;
}

static void read_study(struct study *study, const struct yaml *root, struct faults *faults) {
    if (!yaml_is_map(faults, root, "a study"))
        return;
    yaml_check_keys(faults, root, keys, "the study");
    const struct yaml *name = find_required(root, "study", "a-name", faults);
    const struct yaml *solver = find_required(root, "solver", "{name: ...}", faults);
    const struct yaml *budget = find_required(root, "budget", "100 trials", faults);
    const struct yaml *timeout = yaml_find(root, "timeout");
    if (name)
        study_read_label(study->name, name, "study", faults);
    read_numbers(study, root, faults);
    if (timeout)
        read_timeout(study, timeout, faults);
    if (solver)
        study_read_solver(study, solver, faults);
    read_isolate(study, yaml_find(root, "isolate"), faults);
    study_read_final(study, yaml_find(root, "final"), faults);
    study_read_objective(study, yaml_find(root, "objective"), faults);
    study_read_methods(study, yaml_find(root, "methods"), faults);
    if (budget)
        study_read_budget(study, budget, faults);
}

/* -1 with *text the faults to show, when there are any. */
static int report(struct faults *faults, char **text) {
    if (faults_none(faults))
        return 0;
    *text = faults_text(faults);
    int count = faults->count + faults->uncounted;
    return faults->out_of_memory
               ? fail("%s: out of memory", faults->path)
               : fail("%s: %d %s", faults->path, count, count == 1 ? "fault" : "faults");
}

static int load(struct faults *faults, struct study **out, char **text) {
    struct yaml *root = NULL;
    struct study *study = calloc(1, sizeof *study);
    if (!study)
        faults->out_of_memory = true;
    else if (faults_none(faults) && (root = yaml_parse(faults)))
        read_study(study, root, faults);
    yaml_free(root);
    int status = report(faults, text);
    faults_free(faults);
    if (status) {
        study_free(study);
        study = NULL;
    }
    *out = study;
    return status;
}

int study_load_text(const char *path, const char *text, size_t size, struct study **out,
                    char **faults) {
    struct faults found = {.path = path, .source = text, .size = size};
    *faults = NULL;
    return load(&found, out, faults);
}

/* The file's first STUDY_FILE_MAX + 1 bytes. */
static char *read_all(int file, size_t *size) {
    char *text = malloc(STUDY_FILE_MAX + 1);
    *size = 0;
    for (ssize_t n = 1; text && n != 0 && *size <= STUDY_FILE_MAX;) {
        n = read(file, text + *size, STUDY_FILE_MAX + 1 - *size);
        if (n > 0)
            *size += (size_t)n;
        else if (n < 0 && errno != EINTR) {
            free(text);
            return NULL;
        }
    }
    return text;
}

/* O_NONBLOCK: a pipe named as a study must not hang the program. */
static char *read_file(const char *path, struct faults *faults) {
    struct stat status;
    char *text = NULL;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &status))
        faults_add(faults, 0, 0, 0, "cannot be read: %s", strerror(errno));
    else if (!S_ISREG(status.st_mode))
        faults_add(faults, 0, 0, 0, "cannot be read: it is %s, not a file",
                   S_ISDIR(status.st_mode) ? "a folder" : "a device or pipe");
    else if (!(text = read_all(file, &faults->size)))
        faults_add(faults, 0, 0, 0, "cannot be read: %s", strerror(errno));
    faults->source = text;
    if (file >= 0)
        close(file);
    return text;
}

int study_load(const char *path, struct study **out, char **faults) {
    struct faults found = {.path = path};
    *faults = NULL;
    char *text = read_file(path, &found);
    int status = load(&found, out, faults);
    free(text);
    return status;
}

void study_free(struct study *study) {
    if (!study)
        return;
    for (int m = 0; m < study->n_methods; m++)
        config_free(&study->method[m].settings);
    config_free(&study->settings);
    config_free(&study->final);
    study_declared_free(study);
    free(study->table);
    free(study->columns);
    objective_free(study->objective);
    free(study);
}
