/* table.c - replays a CSV file of recorded results as if it were a solver: a trial is a row.
 *
 * Rows are found by the settings that the study declares (`key`); figures are named by column
 * (sheet/figure.h). With `epoch: COLUMN` the file has one row an epoch (learning curves). Rows that
 * agree in the key (and the epoch) are repeats; the trial's seed picks one. Only what was recorded
 * is given out: nothing is interpolated. */
#include "fail.h"
#include "sheet/figure.h"
#include "solver.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIGURES = 6, KEYS = SHEET_KEYS, TEXT = 512 };

#define COLUMN(NAME, HELP)                                                                         \
    { .name = NAME, .type = SETTING_TEXT, .preset = "", .help = HELP }

static const struct setting settings[] = {
    {.name = "file",
     .type = SETTING_TEXT,
     .help = "CSV file of recorded results, plain or .gz; also looked for in NASTUNE_DATA"},
    COLUMN("key", "how rows are found: empty = a column for every declared setting, or templates "
                  "such as ops={op0}{op1}, seed=1"),
    COLUMN("accuracy", "column with the validation accuracy, as a share: \"val_acc / 100\""),
    COLUMN("loss", "column with the validation loss"),
    COLUMN("test_accuracy", "column with the test accuracy, as a share"),
    COLUMN("runtime", "column with the runtime in ms"),
    COLUMN("params", "column with the number of weights"),
    COLUMN("flops", "column with the multiply-adds"),
    COLUMN("arch", "column with the architecture as text"),
    COLUMN("epoch", "column with the epoch, where a file has one row an epoch"),
    {.name = "epochs",
     .type = SETTING_INT,
     .lo = 1,
     .hi = 1e6,
     .scale = SETTING_LOG,
     .preset = "1",
     .unit = "epochs",
     .help = "the fidelity: what was recorded up to here is given out"},
    {0}};

static const char *const figure_name[FIGURES] = {"accuracy", "loss",   "test_accuracy",
                                                 "runtime",  "params", "flops"};

struct table {
    const struct sheet *sheet;       /* borrowed from the cache, as is the index */
    const struct sheet_index *index; /* over `key` */
    const struct config *config;
    uint64_t seed;
    int keys;
    struct sheet_key key[KEYS];
    char value[KEYS][TEXT]; /* (keys) what the key's columns must hold */
    struct sheet_figure figure[FIGURES];
    int arch, epoch; /* columns; -1: none */
};

/* ---- figures ---- */

static int parse_optional_column(const struct table *table, const char *setting, int *column) {
    const char *name = config_text(table->config, setting);
    *column = -1;
    if (name && *name && sheet_column(table->sheet, name, column))
        return fail_within("%s", setting);
    return 0;
}

static int parse_figures(struct table *table) {
    bool any = false, by_fidelity = false;
    for (int i = 0; i < FIGURES; i++) {
        struct sheet_figure *figure = &table->figure[i];
        const char *text = config_text(table->config, figure_name[i]);
        if (sheet_figure_parse(table->sheet, text ? text : "", figure))
            return fail_within("%s", figure_name[i]);
        any |= figure->entries > 0;
        by_fidelity |= figure->entries > 0 && figure->entry[0].from > 0;
    }
    if (!any)
        return fail("no figure is named: give at least one of accuracy, loss, runtime, params, "
                    "flops a column");
    if (parse_optional_column(table, "arch", &table->arch) ||
        parse_optional_column(table, "epoch", &table->epoch))
        return -1;
    return by_fidelity && table->epoch >= 0
               ? fail("epoch: the columns are named by fidelity already; give one or the other")
               : 0;
}

/* ---- keys ---- */

static int declared_count(const struct config *config) {
    return config->count - setting_count(settings);
}
static int declared_at(int i) {
    return setting_count(settings) + i;
}

static const char *declared_text(const struct config *config, int i) {
    const char *text = config->text[declared_at(i)];
    return text && config_active(config, declared_at(i)) ? text : "";
}

/* The declared setting called name[0 .. length). */
static int find_declared(const struct config *config, const char *name, size_t length, int *i) {
    for (*i = 0; *i < declared_count(config); ++*i) {
        const char *own = config->table[declared_at(*i)].name;
        if (strlen(own) == length && memcmp(own, name, length) == 0)
            return 0;
    }
    return fail("key: the study declares no setting '%.*s'", (int)length, name);
}

/* Fills a template: "{op0}{op1}" with the values of the settings op0 and op1. */
static int fill_template(const struct config *config, const char *template, char *value) {
    size_t used = 0;
    while (*template) {
        const char *piece = template;
        size_t length = strcspn(template, "{");
        template += length;
        if (!length) {
            length = strcspn(++template, "}");
            int i;
            if (template[length] != '}')
                return fail("key: '{' without '}'");
            if (find_declared(config, template, length, &i))
                return -1;
            template += length + 1;
            piece = declared_text(config, i);
            length = strlen(piece);
        }
        if (used + length >= TEXT)
            return fail("key: a value of more than %d bytes", TEXT - 1);
        memcpy(value + used, piece, length);
        used += length;
    }
    value[used] = 0;
    return 0;
}

static bool lone_placeholder(const char *template) {
    return *template == '{' && strchr(template, '}') == template + strlen(template) - 1;
}

static int add_key(struct table *table, const char *column, const char *template) {
    if (table->keys == KEYS)
        return fail("key: more than %d columns", KEYS);
    struct sheet_key *key = &table->key[table->keys];
    if (sheet_column(table->sheet, column, &key->column))
        return fail_within("key");
    key->exact = strchr(template, '{') && !lone_placeholder(template);
    return fill_template(table->config, template, table->value[table->keys++]);
}

static int parse_templates(struct table *table, char *text) {
    char *part;
    while ((part = strsep(&text, ","))) {
        char *equal = strchr(part, '=');
        if (!equal)
            return fail("key: '%s' is no COLUMN=TEMPLATE", sheet_trim(part));
        *equal = 0;
        if (add_key(table, sheet_trim(part), sheet_trim(equal + 1)))
            return -1;
    }
    return 0;
}

static int parse_key(struct table *table) {
    const char *text = config_text(table->config, "key");
    table->keys = 0;
    if (text && *text) {
        char *copy = strdup(text);
        int status = copy ? parse_templates(table, copy) : fail("out of memory");
        free(copy);
        return status;
    }
    for (int i = 0; i < declared_count(table->config); i++) {
        const char *name = table->config->table[declared_at(i)].name;
        char template[TEXT];
        snprintf(template, sizeof template, "{%s}", name);
        if (add_key(table, name, template))
            return -1;
    }
    return 0;
}

/* ---- the solver ---- */

/* As named or, when that is a relative path to nothing, below the folder NASTUNE_DATA. */
static const char *locate(const char *name, char *path, size_t size) {
    const char *folder = getenv("NASTUNE_DATA");
    if (*name == '/' || !folder || access(name, F_OK) == 0)
        return name;
    snprintf(path, size, "%s/%s", folder, name);
    return access(path, F_OK) == 0 ? path : name;
}

static int resolve(struct table *table) {
    char below[PATH_MAX];
    const char *path = config_text(table->config, "file");
    if (!path || !*path)
        return fail("file: a CSV file of recorded results is needed");
    path = locate(path, below, sizeof below);
    return sheet_cached(&table->sheet, path) || parse_key(table) || parse_figures(table) ||
                   sheet_cached_index(&table->index, table->sheet, table->key, table->keys)
               ? -1
               : 0;
}

static int table_check(const struct config *config) {
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        return fail("out of memory");
    table->config = config;
    int status = resolve(table);
    free(table);
    return status;
}

static int table_open(void *state, const struct solver_task *task) {
    struct table *table = state;
    table->config = task->settings;
    table->seed = task->seed;
    return resolve(table);
}

static int fail_missing(const struct table *table) {
    char wanted[TEXT] = "";
    for (int i = 0; i < table->keys; i++) {
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof wanted - used, "%s%s=%s", i ? ", " : "",
                 sheet_column_name(table->sheet, table->key[i].column), table->value[i]);
    }
    return fail("%s: no row with %s", table->sheet->name, wanted);
}

static int add_point(const struct table *table, int row, double epoch, bool final,
                     struct outcome *out) {
    struct point point = point_none();
    double *const slot[FIGURES] = {&point.accuracy, &point.loss,   &point.test_accuracy,
                                   &point.runtime,  &point.params, &point.flops};
    for (int i = 0; i < FIGURES; i++)
        if (sheet_figure_read(&table->figure[i], table->sheet, row, epoch, table->seed, slot[i]))
            return -1;
    point.epoch = epoch;
    point.final = final;
    if (table->arch >= 0)
        point.arch = sheet_cell(table->sheet, row, table->arch);
    return outcome_add(out, &point);
}

/* The lowest fidelity above `after` that any figure names; INFINITY: none. */
static double next_fidelity(const struct table *table, double after) {
    double next = INFINITY;
    for (int f = 0; f < FIGURES; f++)
        next = fmin(next, sheet_figure_next(&table->figure[f], after));
    return next;
}

/* One row holds all fidelities: a point for each up to the one asked for. */
static int replay_row(const struct table *table, int row, double fidelity, struct outcome *out) {
    double epoch = next_fidelity(table, 0);
    if (isinf(epoch))
        return add_point(table, row, fidelity, true, out);
    if (epoch > fidelity)
        return fail("%s: nothing is recorded at %g epochs; the first figures are at %g",
                    table->sheet->name, fidelity, epoch);
    while (epoch <= fidelity) {
        double next = next_fidelity(table, epoch);
        if (add_point(table, row, epoch, next > fidelity, out))
            return -1;
        epoch = next;
    }
    return 0;
}

struct moment {
    double epoch;
    int row;
};

static int compare_moments(const void *a, const void *b) {
    const struct moment *x = a, *y = b;
    return x->epoch != y->epoch ? (x->epoch > y->epoch) - (x->epoch < y->epoch) : x->row - y->row;
}

/* The rows of one setting up to the fidelity, in the order of their epochs. */
static int collect_moments(const struct table *table, int row, double fidelity, struct moment **out,
                           int *count) {
    int n = 0;
    for (int r = row; r >= 0; r = sheet_index_next(table->index, r))
        n++;
    struct moment *moment = *out = malloc((size_t)n * sizeof *moment);
    if (!moment)
        return fail("out of memory for %d epochs", n);
    *count = 0;
    for (; row >= 0; row = sheet_index_next(table->index, row)) {
        moment[*count] = (struct moment){.row = row};
        if (sheet_number(table->sheet, row, table->epoch, &moment[*count].epoch))
            return -1;
        if (!isnan(moment[*count].epoch) && moment[*count].epoch <= fidelity)
            ++*count;
    }
    qsort(moment, (size_t)*count, sizeof *moment, compare_moments);
    return 0;
}

/* One row an epoch: a point for each epoch; of several rows of one epoch the seed picks one. */
static int replay_curve(const struct table *table, const struct moment *moment, int count,
                        struct outcome *out) {
    for (int i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && moment[end].epoch == moment[i].epoch; end++)
            ;
        if (add_point(table, moment[i + sheet_figure_pick(table->seed, end - i)].row,
                      moment[i].epoch, end == count, out))
            return -1;
    }
    return 0;
}

static int train_curve(const struct table *table, int row, double fidelity, struct outcome *out) {
    struct moment *moment;
    int count = 0, status = collect_moments(table, row, fidelity, &moment, &count);
    if (!status && !count)
        status = fail("%s: nothing is recorded up to %g epochs", table->sheet->name, fidelity);
    if (!status)
        status = replay_curve(table, moment, count, out);
    free(moment);
    return status;
}

static int table_train(void *state, double fidelity, struct outcome *out) {
    const struct table *table = state;
    const char *value[KEYS];
    for (int i = 0; i < table->keys; i++)
        value[i] = table->value[i];
    int row = sheet_index_find(table->index, value), repeats = 0;
    if (row < 0)
        return fail_missing(table);
    if (table->epoch >= 0)
        return train_curve(table, row, fidelity, out);
    for (int r = row; r >= 0; r = sheet_index_next(table->index, r))
        repeats++;
    for (int skip = sheet_figure_pick(table->seed, repeats); skip > 0; skip--)
        row = sheet_index_next(table->index, row);
    return replay_row(table, row, fidelity, out);
}

static void table_close(void *state) {
    (void)state; /* the file stays in the cache */
}

const struct solver_ops solver_table = {
    .name = "table",
    .about = "replays a CSV file of recorded results; declare the searched settings in the study",
    .paper = "",
    .settings = settings,
    .fidelity = "epochs",
    .declares = true,
    .instant = true,
    .state_size = sizeof(struct table),
    .check = table_check,
    .open = table_open,
    .train = table_train,
    .close = table_close,
};
