/* table.c - replays a CSV file of recorded results as if it were a solver: a trial is a row.
 *
 * Rows are found by the settings that the study declares (`key`). A figure is taken from
 *     COLUMN                                    as recorded
 *     COLUMN / NUMBER, COLUMN * NUMBER          scaled: "val_acc / 100"
 *     COLUMN|COLUMN|COLUMN                      repeats of one measurement; the trial's seed picks
 * one 12: COLUMN, 200: COLUMN / 100             one column a fidelity, in epochs and with `epoch:
 * COLUMN` the file has one row an epoch (learning curves). Rows that agree in the key (and the
 * epoch) are repeats as well. Only what was recorded is given out: nothing is interpolated. */
#include "fail.h"
#include "sheet/sheet.h"
#include "solver.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIGURES = 6, ENTRIES = 32, REPEATS = 32, KEYS = 40, TEXT = 512 };

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

/* One column, or several repeats of it, from one fidelity on. */
struct entry {
    double from;            /* epochs; 0: at any fidelity */
    double factor, divisor; /* one of them is 1: 63.4 / 100 is to be 0.634, not 63.4 * 0.01 */
    int columns, column[REPEATS];
};
struct figure {
    int entries; /* 0: not recorded */
    struct entry entry[ENTRIES];
};

/* A file and its indices. A parsed file is kept for the life of the process: the solver runs inside
 * the harness, thousands of times a second, on the same file. */
struct leaf {
    struct leaf *next;
    int keys;
    struct sheet_key key[KEYS];
    struct sheet_index *index;
};
struct book {
    struct book *next;
    char *path;
    struct stat stat; /* of the file when it was read: a file that was replaced is read again */
    struct sheet *sheet;
    struct leaf *leaves;
};

struct table {
    struct book *book;               /* borrowed from the cache, as is the index */
    const struct sheet_index *index; /* over `key` */
    const struct config *config;
    uint64_t seed;
    int keys;
    struct sheet_key key[KEYS];
    char value[KEYS][TEXT]; /* (keys) what the key's columns must hold */
    struct figure figure[FIGURES];
    int arch, epoch; /* columns; -1: none */
};

/* ---- specifications ---- */

static char *trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = 0;
    return text;
}

static bool whole_number(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && !*end && isfinite(*number);
}

/* Cuts "12 :" off the front and "/ 100" off the end of an entry. */
static char *parse_scale(const struct sheet *sheet, char *text, struct entry *entry) {
    char *colon = strchr(text, ':');
    if (colon && !sheet_has(sheet, text)) {
        *colon = 0;
        if (whole_number(trim(text), &entry->from) && entry->from > 0)
            text = colon + 1;
        else
            *colon = ':';
    }
    text = trim(text);
    char *sign = strrchr(text, '/'), *times = strrchr(text, '*');
    double number;
    sign = !sign || times > sign ? times : sign;
    if (!sign || sheet_has(sheet, text) || !whole_number(trim(sign + 1), &number) || number == 0)
        return text;
    *(*sign == '/' ? &entry->divisor : &entry->factor) = number;
    *sign = 0;
    return trim(text);
}

static int parse_entry(const struct sheet *sheet, char *text, struct entry *entry) {
    *entry = (struct entry){.factor = 1, .divisor = 1};
    char *rest = parse_scale(sheet, text, entry), *name;
    while ((name = strsep(&rest, "|"))) {
        if (entry->columns == REPEATS)
            return fail("more than %d repeats", REPEATS);
        if (sheet_column(sheet, trim(name), &entry->column[entry->columns++]))
            return -1;
    }
    return 0;
}

static int parse_figure(const struct sheet *sheet, const char *text, struct figure *figure) {
    char *copy = strdup(text), *rest = copy, *part;
    int status = copy ? 0 : fail("out of memory");
    figure->entries = 0;
    while (!status && (part = strsep(&rest, ","))) {
        if (!*trim(part) && !figure->entries && !rest)
            break;
        if (figure->entries == ENTRIES) {
            status = fail("more than %d fidelities", ENTRIES);
            break;
        }
        struct entry *entry = &figure->entry[figure->entries];
        status = parse_entry(sheet, part, entry);
        if (!status && figure->entries++ && !(entry->from > entry[-1].from))
            status = fail("'%s': several columns need rising fidelities, as in \"12: a, 200: b\"; "
                          "repeats are written a|b",
                          text);
    }
    free(copy);
    return status;
}

static int parse_optional_column(const struct table *table, const char *setting, int *column) {
    const char *name = config_text(table->config, setting);
    *column = -1;
    if (name && *name && sheet_column(table->book->sheet, name, column))
        return fail_within("%s", setting);
    return 0;
}

static int parse_figures(struct table *table) {
    bool any = false, by_fidelity = false;
    for (int i = 0; i < FIGURES; i++) {
        struct figure *figure = &table->figure[i];
        const char *text = config_text(table->config, figure_name[i]);
        if (parse_figure(table->book->sheet, text ? text : "", figure))
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
    if (sheet_column(table->book->sheet, column, &key->column))
        return fail_within("key");
    key->exact = strchr(template, '{') && !lone_placeholder(template);
    return fill_template(table->config, template, table->value[table->keys++]);
}

static int parse_templates(struct table *table, char *text) {
    char *part;
    while ((part = strsep(&text, ","))) {
        char *equal = strchr(part, '=');
        if (!equal)
            return fail("key: '%s' is no COLUMN=TEMPLATE", trim(part));
        *equal = 0;
        if (add_key(table, trim(part), trim(equal + 1)))
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

/* ---- the cache ---- */

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct book *cache;

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int read_book(struct book *book, const char *path) {
    if (!(book->path = strdup(path)))
        return fail("%s: out of memory", path);
    return sheet_read(&book->sheet, path);
}

static int find_book(const char *path, struct book **out) {
    struct stat now;
    if (stat(path, &now))
        return fail("%s: %s", path, strerror(errno));
    if (!S_ISREG(now.st_mode))
        return fail("%s: no file", path);
    for (*out = cache; *out; *out = (*out)->next)
        if (strcmp((*out)->path, path) == 0 && same_file(&(*out)->stat, &now))
            return 0;
    struct book *book = calloc(1, sizeof *book);
    if (!book || read_book(book, path)) {
        free(book ? book->path : NULL);
        free(book);
        return book ? -1 : fail("%s: out of memory", path);
    }
    book->stat = now;
    book->next = cache;
    *out = cache = book;
    return 0;
}

static bool same_key(const struct leaf *leaf, const struct table *table) {
    if (leaf->keys != table->keys)
        return false;
    for (int i = 0; i < leaf->keys; i++)
        if (leaf->key[i].column != table->key[i].column ||
            leaf->key[i].exact != table->key[i].exact)
            return false;
    return true;
}

static int find_index(struct table *table) {
    struct leaf *leaf = table->book->leaves;
    while (leaf && !same_key(leaf, table))
        leaf = leaf->next;
    if (!leaf) {
        if (!(leaf = calloc(1, sizeof *leaf)))
            return fail("out of memory for an index");
        leaf->keys = table->keys;
        memcpy(leaf->key, table->key, sizeof leaf->key);
        if (sheet_index_open(&leaf->index, table->book->sheet, leaf->key, leaf->keys)) {
            free(leaf);
            return -1;
        }
        leaf->next = table->book->leaves;
        table->book->leaves = leaf;
    }
    table->index = leaf->index;
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
    return find_book(path, &table->book) || parse_key(table) || parse_figures(table) ||
                   find_index(table)
               ? -1
               : 0;
}

static int table_check(const struct config *config) {
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        return fail("out of memory");
    table->config = config;
    pthread_mutex_lock(&cache_lock);
    int status = resolve(table);
    pthread_mutex_unlock(&cache_lock);
    free(table);
    return status;
}

static int table_open(void *state, const struct solver_task *task) {
    struct table *table = state;
    table->config = task->settings;
    table->seed = task->seed;
    pthread_mutex_lock(&cache_lock);
    int status = resolve(table);
    pthread_mutex_unlock(&cache_lock);
    return status;
}

static int fail_missing(const struct table *table) {
    char wanted[TEXT] = "";
    for (int i = 0; i < table->keys; i++) {
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof wanted - used, "%s%s=%s", i ? ", " : "",
                 sheet_column_name(table->book->sheet, table->key[i].column), table->value[i]);
    }
    return fail("%s: no row with %s", table->book->path, wanted);
}

/* One of n repeats: the same one for every figure of a trial. */
static int pick(const struct table *table, int n) {
    struct rng rng = rng_make(table->seed, rng_stream("table-repeat"), 0);
    return (int)rng_below(&rng, (uint32_t)n);
}

/* A figure as recorded at this row and fidelity; NAN where it is not. */
static int read_figure(const struct table *table, const struct figure *figure, int row,
                       double epoch, double *out) {
    const struct entry *entry = NULL;
    for (int i = 0; i < figure->entries && figure->entry[i].from <= epoch; i++)
        entry = &figure->entry[i];
    *out = NAN;
    if (!entry)
        return 0;
    int first = pick(table, entry->columns);
    for (int i = 0; i < entry->columns && isnan(*out); i++) { /* a repeat may not be recorded */
        int column = entry->column[(first + i) % entry->columns];
        if (sheet_number(table->book->sheet, row, column, out))
            return -1;
    }
    *out = *out * entry->factor / entry->divisor;
    return 0;
}

static int add_point(const struct table *table, int row, double epoch, bool final,
                     struct outcome *out) {
    struct point point = point_none();
    double *const slot[FIGURES] = {&point.accuracy, &point.loss,   &point.test_accuracy,
                                   &point.runtime,  &point.params, &point.flops};
    for (int i = 0; i < FIGURES; i++)
        if (read_figure(table, &table->figure[i], row, epoch, slot[i]))
            return -1;
    point.epoch = epoch;
    point.final = final;
    if (table->arch >= 0)
        point.arch = sheet_cell(table->book->sheet, row, table->arch);
    return outcome_add(out, &point);
}

/* The lowest fidelity above `after` that any figure names; INFINITY: none. */
static double next_fidelity(const struct table *table, double after) {
    double next = INFINITY;
    for (int f = 0; f < FIGURES; f++)
        for (int e = 0; e < table->figure[f].entries; e++)
            if (table->figure[f].entry[e].from > after)
                next = fmin(next, table->figure[f].entry[e].from);
    return next;
}

/* One row holds all fidelities: a point for each up to the one asked for. */
static int replay_row(const struct table *table, int row, double fidelity, struct outcome *out) {
    double epoch = next_fidelity(table, 0);
    if (isinf(epoch))
        return add_point(table, row, fidelity, true, out);
    if (epoch > fidelity)
        return fail("%s: nothing is recorded at %g epochs; the first figures are at %g",
                    table->book->path, fidelity, epoch);
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
        if (sheet_number(table->book->sheet, row, table->epoch, &moment[*count].epoch))
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
        if (add_point(table, moment[i + pick(table, end - i)].row, moment[i].epoch, end == count,
                      out))
            return -1;
    }
    return 0;
}

static int train_curve(const struct table *table, int row, double fidelity, struct outcome *out) {
    struct moment *moment;
    int count = 0, status = collect_moments(table, row, fidelity, &moment, &count);
    if (!status && !count)
        status = fail("%s: nothing is recorded up to %g epochs", table->book->path, fidelity);
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
    for (int skip = pick(table, repeats); skip > 0; skip--)
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
