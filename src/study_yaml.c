/* study_yaml.c - from the bytes of a study file to a tree (study_yaml.h). */
#include "study_yaml.h"
#include "setting.h"
#include "study.h"
#include "study_guard.h"
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tree ---- */

void yaml_free(struct yaml *yaml) {
    while (yaml) { /* recursion only downwards, at most YAML_MAX_DEPTH */
        struct yaml *next = yaml->next;
        yaml_free(yaml->key);
        yaml_free(yaml->first);
        free(yaml->text);
        free(yaml);
        yaml = next;
    }
}

const struct yaml *yaml_find(const struct yaml *map, const char *key) {
    for (const struct yaml *entry = map->first; entry; entry = entry->next)
        if (strcmp(entry->key->text, key) == 0)
            return entry;
    return NULL;
}

int yaml_count(const struct yaml *yaml) {
    int n = 0;
    for (const struct yaml *entry = yaml->first; entry; entry = entry->next)
        n++;
    return n;
}

const char *yaml_kind_name(const struct yaml *yaml) {
    static const char *const names[] = {"a text", "a list", "a map"};
    return yaml->kind == YAML_TEXT && !*yaml->text && !yaml->quoted ? "nothing" : names[yaml->kind];
}

/* ---- faults ---- */

void yaml_fault(struct faults *faults, const struct yaml *at, const char *format, ...) {
    char why[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    faults_add(faults, at->line, at->column, at->width, "%s", why);
}

void yaml_fault_within(struct faults *faults, const struct yaml *at, int offset, const char *format,
                       ...) {
    char why[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    int skipped = 0;
    for (int i = 0; at->literal && i < offset && at->text[i]; i++)
        skipped += ((unsigned char)at->text[i] & 0xC0) != 0x80;
    faults_add(faults, at->line, at->column + skipped, skipped ? 1 : at->width, "%s", why);
}

bool yaml_is_map(struct faults *faults, const struct yaml *yaml, const char *what) {
    if (yaml->kind != YAML_MAP)
        yaml_fault(faults, yaml, "%s must be a map of keys and values, not %s", what,
                   yaml_kind_name(yaml));
    return yaml->kind == YAML_MAP;
}

bool yaml_is_text(struct faults *faults, const struct yaml *yaml, const char *what) {
    if (yaml->kind != YAML_TEXT)
        yaml_fault(faults, yaml, "%s must be a single value, not %s", what, yaml_kind_name(yaml));
    else if (!*yaml->text && !yaml->quoted)
        yaml_fault(faults, yaml->key ? yaml->key : yaml, "%s has no value", what);
    else
        return true;
    return false;
}

static const char *key_candidate(const void *context, int i) {
    return ((const char *const *)context)[i];
}

static bool is_among(const char *const *words, const char *word) {
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

void yaml_check_keys(struct faults *faults, const struct yaml *map, const char *const *allowed,
                     const char *where) {
    char list[512] = "";
    for (size_t i = 0, used = 0; allowed[i] && used < sizeof list; i++)
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", allowed[i]);
    for (const struct yaml *entry = map->first; entry; entry = entry->next) {
        const char *key = entry->key->text;
        if (is_among(allowed, key))
            continue;
        const char *meant = setting_suggest(key, key_candidate, allowed);
        if (meant)
            yaml_fault(faults, entry->key, "unknown key '%.100s' in %s; did you mean '%s'? (%s)",
                       key, where, meant, list);
        else
            yaml_fault(faults, entry->key, "unknown key '%.100s' in %s; it knows %s", key, where,
                       list);
    }
}

/* ---- from libfyaml's events ---- */

struct builder {
    struct faults *faults;
    struct yaml *root;
    struct yaml *open[YAML_MAX_DEPTH]; /* the lists and maps that are not closed yet */
    struct yaml *last[YAML_MAX_DEPTH]; /* the last entry of each */
    struct yaml *key[YAML_MAX_DEPTH];  /* a map's key that waits for its value */
    int depth, nodes;
    int documents;
    bool stopped; /* by a fault that leaves no tree to read on */
};

static int characters(const char *text, size_t bytes) {
    int n = 0;
    for (size_t i = 0; i < bytes; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

/* Where an event stands. What is not written at all stands where its key does. */
static void set_place(struct builder *b, struct yaml *yaml, struct fy_event *event) {
    const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
    const struct yaml *key = b->depth > 0 ? b->key[b->depth - 1] : NULL;
    yaml->line = start ? start->line + 1 : key ? key->line : 1;
    yaml->column = start ? start->column + 1 : key ? key->column : 1;
    yaml->width = start || !key ? 1 : key->width;
    if (!start || !end || start->input_pos >= b->faults->size)
        return;
    const char *source = b->faults->source + start->input_pos;
    size_t bytes = end->input_pos - start->input_pos;
    const char *newline = memchr(source, '\n', bytes);
    int width = characters(source, newline ? (size_t)(newline - source) : bytes);
    yaml->width = width > 1 ? width : 1;
    yaml->literal = yaml->text && !newline && bytes == strlen(yaml->text) &&
                    memcmp(source, yaml->text, bytes) == 0;
}

/* Control characters can still come in by an escape ("\0"). */
static bool is_printable(const char *text, size_t length) {
    size_t column;
    const char *why;
    return guard_text(text, length, &column, &why) == length;
}

static struct yaml *new_node(struct builder *b, struct fy_event *event, enum yaml_kind kind) {
    struct yaml *yaml = calloc(1, sizeof *yaml);
    if (!yaml) {
        b->faults->out_of_memory = true;
        return NULL;
    }
    yaml->kind = kind;
    size_t length = 0;
    const char *text = NULL;
    if (kind == YAML_TEXT) {
        struct fy_token *token = event->scalar.value;
        text = token ? fy_token_get_text(token, &length) : NULL;
        yaml->quoted = token && fy_token_scalar_style(token) != FYSS_PLAIN;
        yaml->text = strndup(text ? text : "", length);
    }
    set_place(b, yaml, event);
    if (kind == YAML_TEXT && !yaml->text)
        b->faults->out_of_memory = true;
    else if (text && !is_printable(text, length))
        yaml_fault(b->faults, yaml, "a control character in a text");
    else if (++b->nodes > YAML_MAX_NODES)
        yaml_fault(b->faults, yaml, "more than %d values in one study", YAML_MAX_NODES);
    else
        return yaml;
    yaml_free(yaml);
    return NULL;
}

/* A map of the study has few keys, so they are looked through; YAML_MAX_NODES bounds the rest. */
static int put_key(struct builder *b, struct yaml *key) {
    if (key->kind != YAML_TEXT) {
        yaml_fault(b->faults, key, "a key must be a plain word, not %s", yaml_kind_name(key));
        yaml_free(key);
        return -1;
    }
    const struct yaml *before = yaml_find(b->open[b->depth - 1], key->text);
    if (before)
        yaml_fault(b->faults, key, "duplicate key '%.100s'; it is already given on line %d",
                   key->text, before->key->line);
    b->key[b->depth - 1] = key;
    return 0;
}

/* Hangs a node into the open list or map, or makes it the root. -1: refused, and freed. */
static int put(struct builder *b, struct yaml *yaml) {
    if (b->depth == 0) {
        b->root = yaml;
        return 0;
    }
    int level = b->depth - 1;
    struct yaml *parent = b->open[level];
    if (parent->kind == YAML_MAP && !b->key[level])
        return put_key(b, yaml);
    yaml->key = b->key[level];
    b->key[level] = NULL;
    if (b->last[level])
        b->last[level]->next = yaml;
    else
        parent->first = yaml;
    b->last[level] = yaml;
    return 0;
}

static int open_node(struct builder *b, struct fy_event *event, enum yaml_kind kind) {
    struct yaml *yaml = new_node(b, event, kind);
    if (!yaml)
        return -1;
    if (b->depth == YAML_MAX_DEPTH) {
        yaml_fault(b->faults, yaml, "lists and maps more than %d deep", YAML_MAX_DEPTH);
        yaml_free(yaml);
        return -1;
    }
    if (put(b, yaml))
        return -1;
    b->open[b->depth] = yaml;
    b->last[b->depth] = b->key[b->depth] = NULL;
    b->depth++;
    return 0;
}

static int refuse(struct builder *b, struct fy_token *token, const char *what) {
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    faults_add(b->faults, mark ? mark->line + 1 : 1, mark ? mark->column + 1 : 1, 1,
               "%s have no place in a study", what);
    return -1;
}

static int start_document(struct builder *b, struct fy_event *event) {
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (++b->documents == 1)
        return 0;
    faults_add(b->faults, mark ? mark->line + 1 : 1, mark ? mark->column + 1 : 1, 3,
               "a second document; a study file holds one");
    return -1;
}

/* -1: stop reading. */
static int take_event(struct builder *b, struct fy_event *event) {
    if (event->type == FYET_ALIAS)
        return refuse(b, event->alias.anchor, "aliases (*name)");
    if (fy_event_get_anchor_token(event))
        return refuse(b, fy_event_get_anchor_token(event), "anchors (&name)");
    if (fy_event_get_tag_token(event))
        return refuse(b, fy_event_get_tag_token(event), "tags (!name)");
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return start_document(b, event);
    case FYET_MAPPING_START:
        return open_node(b, event, YAML_MAP);
    case FYET_SEQUENCE_START:
        return open_node(b, event, YAML_LIST);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        b->depth--;
        return 0;
    case FYET_SCALAR: {
        struct yaml *yaml = new_node(b, event, YAML_TEXT);
        return yaml ? put(b, yaml) : -1;
    }
    default:
        return 0;
    }
}

static void take_diagnostics(struct faults *faults, struct fy_diag *diag) {
    void *iterator = NULL;
    for (struct fy_diag_error *e; (e = fy_diag_errors_iterate(diag, &iterator));)
        faults_add(faults, e->line, e->column, 1, "%s", e->msg);
}

static void parse_events(struct builder *b, struct fy_parser *parser) {
    if (fy_parser_set_string(parser, b->faults->source, b->faults->size)) {
        b->faults->out_of_memory = true;
        return;
    }
    for (struct fy_event *event; !b->stopped && (event = fy_parser_parse(parser));) {
        b->stopped = take_event(b, event) != 0;
        fy_parser_event_free(parser, event);
    }
}

struct yaml *yaml_parse(struct faults *faults) {
    if (!guard_source(faults))
        return NULL;
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_config);
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct fy_parser *parser = diag ? fy_parser_create(&config) : NULL;
    struct builder b = {.faults = faults};
    if (parser) {
        fy_diag_set_collect_errors(diag, true);
        parse_events(&b, parser);
        take_diagnostics(faults, diag);
        b.stopped |= fy_parser_get_stream_error(parser);
        if (b.stopped && faults_none(faults))
            faults_add(faults, 1, 1, 1, "no valid YAML");
        fy_parser_destroy(parser);
    } else
        faults->out_of_memory = true;
    if (diag)
        fy_diag_destroy(diag);
    for (int i = 0; i < b.depth; i++)
        yaml_free(b.key[i]);
    if (faults_none(faults) && !b.root)
        faults_add(faults, 1, 1, 1, "the study is empty");
    if (b.root && !b.stopped && !faults->out_of_memory)
        return b.root;
    yaml_free(b.root);
    return NULL;
}
