/* test_runtime.c - latency tables: the shipped ones with the sums known of them, the differentiable
 * runtime, faults in files, measuring. */
#include "check.h"
#include "fail.h"
#include "profile.h"
#include "runtime/runtime.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mbconv_arch uniform(const char *space, int kernel, int expansion) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    struct mbconv_arch arch;
    mbconv_largest(mbconv_find(space), &arch);
    mbconv_blocks(arch.space, block);
    for (int b = 0; b < arch.blocks; b++)
        if (block[b].searchable)
            arch.choice[b] = (struct mbconv_choice){.kernel = kernel, .expansion = expansion};
    return arch;
}

static double gated(const struct runtime_table *table, double d5, double d50, double d100) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    double ms = table->rest.ms, slope[3];
    int n = mbconv_blocks(table->space, block);
    for (int b = 0; b < n; b++)
        if (block[b].searchable)
            ms += runtime_gated(table, b, (const double[]){d5, d50, d100}, slope);
    return ms;
}

static void pixel_1_sums(void **state) {
    (void)state;
    struct runtime_table table;
    assert_int_equal(runtime_read(&table, mbconv_find("imagenet-mobile"), ""), 0);
    struct mbconv_arch k5e6 = uniform("imagenet-mobile", 5, 6), smallest;
    struct mbconv_arch k3e6 = uniform("imagenet-mobile", 3, 6);
    struct mbconv_arch k5e3 = uniform("imagenet-mobile", 5, 3);
    struct mbconv_arch k3e3 = uniform("imagenet-mobile", 3, 3);
    assert_float_equal(runtime_of(&table, &k5e6), 131.458, 5e-4);
    assert_float_equal(runtime_of(&table, &k3e6), 110.652, 5e-4);
    assert_float_equal(runtime_of(&table, &k5e3), 76.362, 5e-4);
    assert_float_equal(runtime_of(&table, &k3e3), 65.691, 5e-4);
    mbconv_smallest(table.space, &smallest);
    assert_float_equal(runtime_of(&table, &smallest), 30.632, 5e-4);
    assert_float_equal(gated(&table, 1, 1, 1), 131.458, 5e-4);
    assert_float_equal(gated(&table, 0, 1, 1), 110.652, 5e-4);
    assert_float_equal(gated(&table, 1, 1, 0), 76.362, 5e-4);
    assert_float_equal(gated(&table, 0, 1, 0), 65.636, 5e-4);
    assert_float_equal(gated(&table, 1, 0, 1), 19.5999, 5e-4);
    k5e6.choice[1].se = 25; /* not in this table */
    assert_true(isnan(runtime_of(&table, &k5e6)));
}

static void slopes_of_the_gated_runtime(void **state) {
    (void)state;
    struct runtime_table table;
    assert_int_equal(runtime_read(&table, mbconv_find("fashion"), ""), 0);
    static const double gates[][3] = {{1, 1, 1}, {0, 1, 1}, {1, 0, 0}, {0.3, 0.7, 1.6}};
    for (size_t g = 0; g < sizeof gates / sizeof *gates; g++)
        for (int i = 0; i < 3; i++) {
            double up[3], down[3], slope[3], unused[3];
            memcpy(up, gates[g], sizeof up);
            memcpy(down, gates[g], sizeof down);
            up[i] += 1e-4;
            down[i] -= 1e-4;
            runtime_gated(&table, 3, gates[g], slope);
            double difference =
                runtime_gated(&table, 3, up, unused) - runtime_gated(&table, 3, down, unused);
            assert_float_equal(slope[i], difference / 2e-4, 1e-9);
        }
}

static void shipped_tables_are_complete(void **state) {
    (void)state;
    for (int i = 0; mbconv_at(i); i++) {
        struct runtime_table table;
        if (runtime_read(&table, mbconv_at(i), NULL))
            print_error("%s\n", fail_message());
        struct mbconv_arch largest, smallest;
        mbconv_largest(mbconv_at(i), &largest);
        mbconv_smallest(mbconv_at(i), &smallest);
        assert_true(runtime_of(&table, &largest) > 2 * runtime_of(&table, &smallest));
        assert_true(strlen(table.device) > 0 && strlen(table.date) == 10);
    }
}

/* ---- files ---- */

static char path[] = "/tmp/nastune-runtime-XXXXXX";

static int set_up(void **state) {
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}
static int tear_down(void **state) {
    (void)state;
    return unlink(path);
}

static void measured_tables_come_back(void **state) {
    (void)state;
    struct runtime_table table, back;
    const struct mbconv_space *space = mbconv_find("fashion");
    assert_int_equal(runtime_measure(&table, space, 3), 0);
    FILE *file = fopen(path, "w");
    assert_int_equal(runtime_write(&table, file), 0);
    fclose(file);
    if (runtime_read(&back, space, path))
        print_error("%s\n", fail_message());
    assert_string_equal(back.device, table.device);
    assert_string_equal(back.date, table.date);
    struct mbconv_arch arch = uniform("fashion", 5, 3);
    arch.choice[3].skip = true;
    double ms = runtime_of(&table, &arch);
    assert_true(ms > 0 && isfinite(ms));
    assert_float_equal(runtime_of(&back, &arch), ms, 1e-5 * ms);
    struct runtime_cell cell;
    assert_int_equal(runtime_measure_arch(&arch, 3, &cell), 0);
    assert_true(cell.ms > 0 && cell.spread >= 0);
}

static void whole_networks_are_compared(void **state) {
    (void)state;
    struct profile_agreement agreement;
    FILE *rows = tmpfile();
    char row[512];
    int lines = 0;
    assert_int_equal(profile_check("fashion", "", 6, 2, 1, rows, &agreement), 0);
    assert_int_equal(agreement.archs, 6);
    assert_true(fabs(agreement.spearman) <= 1 + 1e-12 && agreement.median_error >= 0 &&
                agreement.median_error <= agreement.worst_error);
    rewind(rows);
    while (fgets(row, sizeof row, rows)) {
        struct mbconv_arch arch;
        double predicted, measured;
        char *text = strstr(row, "fashion ");
        if (lines++ == 0)
            continue;
        text[strcspn(text, "\n")] = 0;
        assert_int_equal(mbconv_parse(text, &arch), 0);
        assert_int_equal(sscanf(row, "%lf,%lf", &predicted, &measured), 2);
        assert_true(predicted > 0 && measured > 0);
    }
    assert_int_equal(lines, 7);
    fclose(rows);
    assert_int_equal(profile_check("fasion", "", 6, 2, 1, NULL, &agreement), -1);
    assert_non_null(strstr(fail_message(), profile_spaces));
}

/* Writes the shipped table with its line `line` (from 1) replaced, or left out (NULL). */
static void write_damaged(int line, const char *text) {
    FILE *memory = tmpfile(), *file = fopen(path, "w");
    struct runtime_table table;
    char row[512];
    assert_int_equal(runtime_read(&table, mbconv_find("fashion"), ""), 0);
    assert_int_equal(runtime_write(&table, memory), 0);
    rewind(memory);
    for (int at = 1; fgets(row, sizeof row, memory); at++)
        if (at != line)
            fputs(row, file);
        else if (text)
            fprintf(file, "%s\n", text);
    fclose(memory);
    fclose(file);
}

static void faults_have_their_place(void **state) {
    (void)state;
    static const struct {
        int line;
        const char *text, *message;
    } faults[] = {
        {0, NULL, NULL},
        {5, NULL, "block 1 lacks operator k5e6"},
        {5, "fashion,1,k5e6,-1,,x,", ":5: runtime_ms must be above 0, not '-1'"},
        {5, "fashion,1,k5e6,0,,x,", ":5: runtime_ms must be above 0"},
        {5, "fashion,1,k5e6,,,x,", ":5: runtime_ms must be above 0, not ''"},
        {5, "fashion,1,k5e6,fast,,x,", ":5: column 'runtime_ms': 'fast' is no number"},
        {5, "fashion,1,k7e6,1,,x,", ":5: no operator 'k7e6'"},
        {5, "fashion,1,k5e3,1,,x,", ":5: block 1 has operator k5e3 twice"},
        {5, "fashion,10,k5e6,1,,x,", ":5: block '10': space fashion has blocks 0 .. 8"},
        {5, "cifar,1,k5e6,1,,x,", ":5: this is a table of space 'cifar', not of fashion"},
        {1, "space,block,operator,runtime_us,spread_ms,device,date",
         ":1: no column 'runtime_ms'; did you mean 'runtime_us'?"},
        {50, NULL, "the row of block rest lacks"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct runtime_table table;
        write_damaged(faults[i].line, faults[i].text);
        int status = runtime_read(&table, mbconv_find("fashion"), path);
        assert_int_equal(status, faults[i].message ? -1 : 0);
        if (faults[i].message && !strstr(fail_message(), faults[i].message))
            print_error("expected '%s', got '%s'\n", faults[i].message, fail_message());
        assert_true(!faults[i].message || strstr(fail_message(), faults[i].message));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixel_1_sums),
        cmocka_unit_test(slopes_of_the_gated_runtime),
        cmocka_unit_test(shipped_tables_are_complete),
        cmocka_unit_test(measured_tables_come_back),
        cmocka_unit_test(whole_networks_are_compared),
        cmocka_unit_test(faults_have_their_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
