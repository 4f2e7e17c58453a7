/* figure.c - reading the columns of a figure (figure.h). */
#include "sheet/figure.h"
#include "fail.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool whole_number(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && !*end && isfinite(*number);
}

/* Cuts "12 :" off the front and "/ 100" off the end of an entry. */
static char *parse_scale(const struct sheet *sheet, char *text, struct sheet_entry *entry) {
    char *colon = strchr(text, ':');
    if (colon && !sheet_has(sheet, text)) {
        *colon = 0;
        if (whole_number(sheet_trim(text), &entry->from) && entry->from > 0)
            text = colon + 1;
        else
            *colon = ':';
    }
    text = sheet_trim(text);
    char *sign = strrchr(text, '/'), *times = strrchr(text, '*');
    double number;
    sign = !sign || times > sign ? times : sign;
    if (!sign || sheet_has(sheet, text) || !whole_number(sheet_trim(sign + 1), &number) ||
        number == 0)
        return text;
    *(*sign == '/' ? &entry->divisor : &entry->factor) = number;
    *sign = 0;
    return sheet_trim(text);
}

static int parse_entry(const struct sheet *sheet, char *text, struct sheet_entry *entry) {
    *entry = (struct sheet_entry){.factor = 1, .divisor = 1};
    char *rest = parse_scale(sheet, text, entry), *name;
    while ((name = strsep(&rest, "|"))) {
        if (entry->columns == SHEET_REPEATS)
            return fail("more than %d repeats", SHEET_REPEATS);
        if (sheet_column(sheet, sheet_trim(name), &entry->column[entry->columns++]))
            return -1;
    }
    return 0;
}

int sheet_figure_parse(const struct sheet *sheet, const char *text, struct sheet_figure *figure) {
    char *copy = strdup(text), *rest = copy, *part;
    int status = copy ? 0 : fail("out of memory");
    figure->entries = 0;
    while (!status && (part = strsep(&rest, ","))) {
        if (!*sheet_trim(part) && !figure->entries && !rest)
            break;
        if (figure->entries == SHEET_ENTRIES) {
            status = fail("more than %d fidelities", SHEET_ENTRIES);
            break;
        }
        struct sheet_entry *entry = &figure->entry[figure->entries];
        status = parse_entry(sheet, part, entry);
        if (!status && figure->entries++ && !(entry->from > entry[-1].from))
            status = fail("'%s': several columns need rising fidelities, as in \"12: a, 200: b\"; "
                          "repeats are written a|b",
                          text);
    }
    free(copy);
    return status;
}

int sheet_figure_pick(uint64_t seed, int n) {
    struct rng rng = rng_make(seed, rng_stream("table-repeat"), 0);
    return (int)rng_below(&rng, (uint32_t)n);
}

int sheet_figure_read(const struct sheet_figure *figure, const struct sheet *sheet, int row,
                      double epoch, uint64_t seed, double *out) {
    const struct sheet_entry *entry = NULL;
    for (int i = 0; i < figure->entries && figure->entry[i].from <= epoch; i++)
        entry = &figure->entry[i];
    *out = NAN;
    if (!entry)
        return 0;
    int first = sheet_figure_pick(seed, entry->columns);
    for (int i = 0; i < entry->columns && isnan(*out); i++)
        if (sheet_number(sheet, row, entry->column[(first + i) % entry->columns], out))
            return -1;
    *out = *out * entry->factor / entry->divisor;
    return 0;
}

double sheet_figure_next(const struct sheet_figure *figure, double after) {
    for (int i = 0; i < figure->entries; i++)
        if (figure->entry[i].from > after)
            return figure->entry[i].from;
    return INFINITY;
}
