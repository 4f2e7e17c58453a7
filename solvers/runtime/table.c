/* table.c - latency tables: reading, checking, writing, summing up (runtime.h). */
#include "fail.h"
#include "runtime/runtime.h"
#include "runtime/shipped.h"
#include "sheet/sheet.h"
#include <csv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 7 };
static const char *const column_name[COLUMNS] = {"space",     "block",  "operator", "runtime_ms",
                                                 "spread_ms", "device", "date"};
enum { SPACE, BLOCK, OPERATOR, MS, SPREAD, DEVICE, DATE };
static const char *const op_name[RUNTIME_OPS] = {"k3e3", "k3e6", "k5e3", "k5e6", "se25", "se50"};

/* ---- reading ---- */

static int where(const struct sheet *sheet, int row) {
    return fail_within("%s:%d", sheet->name, sheet->line[row + 1]);
}

static int find_op(const char *text) {
    for (int op = 0; op < RUNTIME_OPS; op++)
        if (strcmp(op_name[op], text) == 0)
            return op;
    return fail("no operator '%s'; there are k3e3, k3e6, k5e3, k5e6, se25, se50, rest", text);
}

static int find_cell(struct runtime_table *table, const char *block, const char *operator,
                     struct runtime_cell ** cell) {
    *cell = &table->rest;
    if (strcmp(block, "rest") == 0)
        return strcmp(operator, "rest") == 0 ? 0 : fail("the operator of block rest is rest");
    char *end;
    long b = strtol(block, &end, 10);
    if (end == block || *end || b < 0 || b >= table->blocks)
        return fail("block '%s': space %s has blocks 0 .. %d, and rest", block, table->space->name,
                    table->blocks - 1);
    int op = find_op(operator);
    if (op < 0)
        return -1;
    *cell = &table->cell[b][op];
    return 0;
}

static int read_row(struct runtime_table *table, const struct sheet *sheet, const int *column,
                    int row) {
    struct runtime_cell *cell;
    if (strcmp(sheet_cell(sheet, row, column[SPACE]), table->space->name) != 0) {
        fail("this is a table of space '%s', not of %s", sheet_cell(sheet, row, column[SPACE]),
             table->space->name);
        return where(sheet, row);
    }
    if (find_cell(table, sheet_cell(sheet, row, column[BLOCK]),
                  sheet_cell(sheet, row, column[OPERATOR]), &cell))
        return where(sheet, row);
    if (!isnan(cell->ms)) {
        fail("block %s has operator %s twice", sheet_cell(sheet, row, column[BLOCK]),
             sheet_cell(sheet, row, column[OPERATOR]));
        return where(sheet, row);
    }
    if (sheet_number(sheet, row, column[MS], &cell->ms) ||
        sheet_number(sheet, row, column[SPREAD], &cell->spread))
        return -1;
    if (!(cell->ms > 0)) {
        fail("runtime_ms must be above 0, not '%s'", sheet_cell(sheet, row, column[MS]));
        return where(sheet, row);
    }
    return 0;
}

/* Every choice of every searchable block must be there; SE may lack (runtime_has_se). */
static int check_complete(const struct runtime_table *table, const char *name) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    mbconv_blocks(table->space, block);
    if (isnan(table->rest.ms))
        return fail("%s: the row of block rest lacks", name);
    for (int b = 0; b < table->blocks; b++)
        for (int op = 0; op <= RUNTIME_K5E6 && block[b].searchable; op++)
            if (isnan(table->cell[b][op].ms))
                return fail("%s: block %d lacks operator %s", name, b, op_name[op]);
    return 0;
}

static int read_sheet(struct runtime_table *table, const struct sheet *sheet) {
    int column[COLUMNS];
    for (int c = 0; c < COLUMNS; c++)
        if (sheet_column(sheet, column_name[c], &column[c]))
            return fail_within("latency table");
    for (int row = 0; row < sheet->rows; row++)
        if (read_row(table, sheet, column, row))
            return fail_within("latency table");
    if (check_complete(table, sheet->name))
        return fail_within("latency table");
    snprintf(table->device, sizeof table->device, "%s", sheet_cell(sheet, 0, column[DEVICE]));
    snprintf(table->date, sizeof table->date, "%s", sheet_cell(sheet, 0, column[DATE]));
    return 0;
}

static int read_shipped(struct sheet **sheet, const struct mbconv_space *space) {
    for (const struct runtime_shipped *shipped = runtime_shipped; shipped->name; shipped++)
        if (strcmp(shipped->name, space->name) == 0)
            return sheet_parse(sheet, shipped->name, (const char *)shipped->bytes, shipped->size);
    return fail("no latency table ships for space %s", space->name);
}

int runtime_read(struct runtime_table *table, const struct mbconv_space *space, const char *path) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    struct sheet *sheet;
    *table = (struct runtime_table){
        .space = space, .blocks = mbconv_blocks(space, block), .rest = {NAN, NAN}};
    for (int b = 0; b < MBCONV_MAX_BLOCKS; b++)
        for (int op = 0; op < RUNTIME_OPS; op++)
            table->cell[b][op] = (struct runtime_cell){NAN, NAN};
    if (path && *path ? sheet_read(&sheet, path) : read_shipped(&sheet, space))
        return -1;
    int status = read_sheet(table, sheet);
    sheet_free(sheet);
    return status;
}

/* ---- writing ---- */

static void write_row(const struct runtime_table *table, FILE *out, const char *block,
                      const char *operator, const struct runtime_cell * cell) {
    if (isnan(cell->ms))
        return;
    fprintf(out, "%s,%s,%s,%.6g,", table->space->name, block, operator, cell->ms);
    if (!isnan(cell->spread))
        fprintf(out, "%.3g", cell->spread);
    fputc(',', out);
    csv_fwrite(out, table->device, strlen(table->device));
    fprintf(out, ",%s\n", table->date);
}

int runtime_write(const struct runtime_table *table, FILE *out) {
    for (int c = 0; c < COLUMNS; c++)
        fprintf(out, "%s%c", column_name[c], c < COLUMNS - 1 ? ',' : '\n');
    for (int b = 0; b < table->blocks; b++) {
        char block[16];
        snprintf(block, sizeof block, "%d", b);
        for (int op = 0; op < RUNTIME_OPS; op++)
            write_row(table, out, block, op_name[op], &table->cell[b][op]);
    }
    write_row(table, out, "rest", "rest", &table->rest);
    return fflush(out) || ferror(out) ? fail("the latency table could not be written") : 0;
}

/* ---- sums ---- */

static double runtime_choice(const struct runtime_cell *cell, const struct mbconv_choice *choice) {
    if (choice->skip)
        return 0;
    int op = (choice->kernel == 5 ? RUNTIME_K5E3 : RUNTIME_K3E3) + (choice->expansion == 6);
    double ms = cell[op].ms;
    if (choice->se)
        ms += choice->se == 25   ? cell[RUNTIME_SE25].ms
              : choice->se == 50 ? cell[RUNTIME_SE50].ms
                                 : NAN;
    return ms;
}

double runtime_of(const struct runtime_table *table, const struct mbconv_arch *arch) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    int blocks = mbconv_blocks(table->space, block);
    double ms = table->rest.ms;
    for (int b = 0; b < blocks; b++)
        if (block[b].searchable)
            ms += runtime_choice(table->cell[b], &arch->choice[b]);
    return ms;
}

double runtime_gated(const struct runtime_table *table, int block, const double gate[3],
                     double slope[3]) {
    const struct runtime_cell *cell = table->cell[block];
    double r50 = cell[RUNTIME_K5E3].ms, r100 = cell[RUNTIME_K5E6].ms;
    double q = cell[RUNTIME_K3E6].ms / r100;
    double d5 = gate[0], d50 = gate[1], d100 = gate[2];
    double by_size = q + (1 - q) * d5, by_width = r50 + d100 * (r100 - r50);
    slope[0] = (1 - q) * d50 * by_width;
    slope[1] = by_size * by_width;
    slope[2] = by_size * d50 * (r100 - r50);
    return by_size * d50 * by_width;
}

double runtime_gated_se(const struct runtime_table *table, int block, double gate,
                        const double se[2], double slope[2], double *by_gate) {
    double r25 = table->cell[block][RUNTIME_SE25].ms, r50 = table->cell[block][RUNTIME_SE50].ms;
    double by_ratio = r25 + se[1] * (r50 - r25);
    slope[0] = gate * by_ratio;
    slope[1] = gate * se[0] * (r50 - r25);
    *by_gate = se[0] * by_ratio;
    return gate * se[0] * by_ratio;
}

bool runtime_has_se(const struct runtime_table *table) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    int blocks = mbconv_blocks(table->space, block);
    for (int b = 0; b < blocks; b++)
        if (block[b].searchable &&
            (isnan(table->cell[b][RUNTIME_SE25].ms) || isnan(table->cell[b][RUNTIME_SE50].ms)))
            return false;
    return true;
}
