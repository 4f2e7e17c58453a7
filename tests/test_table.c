/* test_table.c - the table solver against small tables that the test writes itself: look-up,
 * scales, fidelities, learning curves, repeats, gzip, and every fault with its place. */
#include "check.h"
#include "fail.h"
#include "sheet/sheet.h"
#include "solver.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define NB201 NASTUNE_SOURCE_DIR "/../shared/data/nb201.csv.gz"

static char folder[] = "/tmp/nastune-table-XXXXXX";
static char path[64];

static const char *write_file(const char *name, const char *text) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return path;
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* ---- a trial by hand ---- */

enum { MAX_TABLE = 32 };

struct trial_run {
    struct setting table[MAX_TABLE];
    struct config config;
    struct outcome outcome;
};

static int declare(struct trial_run *run, const struct setting *declared) {
    int n = setting_count(solver_find("table")->settings);
    memset(run, 0, sizeof *run);
    memcpy(run->table, solver_find("table")->settings, (size_t)n * sizeof *run->table);
    for (int i = 0; declared[i].type != SETTING_END; i++)
        run->table[n + i] = declared[i];
    return config_open(&run->config, run->table);
}

static void set(struct trial_run *run, const char *name, const char *value) {
    assert_int_equal(config_set(&run->config, name, value), 0);
}

static int run_trial(struct trial_run *run, uint64_t seed, double fidelity) {
    const struct solver_ops *ops = solver_find("table");
    struct solver_task task = {
        .settings = &run->config, .seed = seed, .fidelity = fidelity, .threads = 1};
    void *state = calloc(1, ops->state_size);
    assert_non_null(state);
    outcome_free(&run->outcome);
    int status = ops->open(state, &task) || ops->train(state, fidelity, &run->outcome) ? -1 : 0;
    ops->close(state);
    free(state);
    return status;
}

static void done(struct trial_run *run) {
    outcome_free(&run->outcome);
    config_free(&run->config);
}

static const struct setting two[] = {
    {.name = "lr", .type = SETTING_REAL, .lo = 0, .hi = 1, .preset = "0.1", .help = "x"},
    {.name = "act", .type = SETTING_CHOICE, .choices = "relu|tanh", .preset = "relu", .help = "x"},
    {0}};

static const char grid[] = "act,lr,acc,ms,\"note, long\"\r\n"
                           "relu,0.10,90,1.5,\"a \"\"b\"\"\"\r\n"
                           "tanh,1e-1,80,2.5,\r\n"
                           "relu,0.2,,3.5,c\r\n";

static void declared_settings_are_columns(void **state) {
    (void)state;
    struct trial_run run;
    assert_int_equal(declare(&run, two), 0);
    set(&run, "file", write_file("grid.csv", grid));
    set(&run, "accuracy", "acc / 100");
    set(&run, "runtime", "ms*2");
    set(&run, "arch", "note, long");
    assert_int_equal(run_trial(&run, 1, 4), 0);
    assert_int_equal(run.outcome.count, 1);
    assert_true(run.outcome.point[0].accuracy == 0.9 && run.outcome.point[0].runtime == 3.0);
    assert_true(run.outcome.point[0].epoch == 4 && run.outcome.point[0].final);
    assert_true(isnan(run.outcome.point[0].loss));
    assert_string_equal(run.outcome.point[0].arch, "a \"b\"");
    set(&run, "act", "tanh");
    assert_int_equal(run_trial(&run, 1, 1), 0);
    assert_true(run.outcome.point[0].accuracy == 0.8);
    set(&run, "act", "relu");
    set(&run, "lr", "0.2"); /* an empty field: not recorded */
    assert_int_equal(run_trial(&run, 1, 1), 0);
    assert_true(isnan(run.outcome.point[0].accuracy) && run.outcome.point[0].runtime == 7.0);
    set(&run, "lr", "0.3");
    assert_int_equal(run_trial(&run, 1, 1), -1);
    assert_non_null(strstr(fail_message(), "grid.csv: no row with lr=0.3, act=relu"));
    done(&run);
}

static void a_template_builds_the_key(void **state) {
    (void)state;
    static const struct setting ops[] = {
        {.name = "op0", .type = SETTING_CHOICE, .choices = "0|1", .preset = "0", .help = "x"},
        {.name = "op1", .type = SETTING_INT, .lo = 0, .hi = 9, .preset = "1", .help = "x"},
        {0}};
    struct trial_run run;
    assert_int_equal(declare(&run, ops), 0);
    set(&run, "file", write_file("ops.csv", "ops,set,acc\n1,a,.1\nx01,a,.2\nx01,b,.3\n"));
    set(&run, "key", "ops = x{op0}{op1}, set=b");
    set(&run, "accuracy", "acc");
    assert_int_equal(run_trial(&run, 1, 1), 0);
    assert_true(run.outcome.point[0].accuracy == 0.3);
    set(&run, "key", "ops={op0}{op1}"); /* 01 is text here, not the number 1 */
    assert_int_equal(run_trial(&run, 1, 1), -1);
    set(&run, "key", "ops={op1}"); /* a number on its own is a number */
    assert_int_equal(run_trial(&run, 1, 1), 0);
    set(&run, "key", "ops={op2}");
    assert_int_equal(run_trial(&run, 1, 1), -1);
    assert_non_null(strstr(fail_message(), "declares no setting 'op2'"));
    set(&run, "key", "opps={op1}");
    assert_int_equal(run_trial(&run, 1, 1), -1);
    assert_non_null(strstr(fail_message(), "ops.csv:1: no column 'opps'; did you mean 'ops'?"));
    done(&run);
}

static void a_fidelity_chooses_the_column(void **state) {
    (void)state;
    struct trial_run run;
    assert_int_equal(declare(&run, two), 0);
    set(&run, "file", write_file("fid.csv", "lr,act,e12,r0,r1,r2,ms\n0.1,relu,50,70,71,72,9\n"));
    set(&run, "accuracy", "12: e12 / 100, 200: r0|r1|r2 / 100");
    set(&run, "loss", "200: r0|r1|r2");
    set(&run, "runtime", "ms");
    assert_int_equal(run_trial(&run, 1, 11), -1);
    assert_non_null(strstr(fail_message(), "the first figures are at 12"));
    assert_int_equal(run_trial(&run, 1, 100), 0);
    assert_int_equal(run.outcome.count, 1);
    assert_true(run.outcome.point[0].accuracy == 0.5 && isnan(run.outcome.point[0].loss));
    int seen = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        assert_int_equal(run_trial(&run, seed, 200), 0);
        assert_int_equal(run.outcome.count, 2);
        const struct point *early = &run.outcome.point[0], *late = &run.outcome.point[1];
        assert_true(early->epoch == 12 && !early->final && early->accuracy == 0.5);
        assert_true(late->epoch == 200 && late->final && late->runtime == 9);
        assert_true(late->loss / 100 == late->accuracy); /* the same repeat in every figure */
        seen |= 1 << ((int)late->loss - 70);
    }
    assert_int_equal(seen, 7);
    done(&run);
}

static void an_epoch_column_is_a_learning_curve(void **state) {
    (void)state;
    struct trial_run run;
    assert_int_equal(declare(&run, two), 0);
    set(&run, "file",
        write_file("curve.csv", "lr,act,epoch,acc\n0.1,relu,3,.3\n0.1,relu,1,.1\n0.1,tanh,1,.9\n"
                                "0.1,relu,2,.2\n0.1,relu,4,.4\n"));
    set(&run, "accuracy", "acc");
    set(&run, "epoch", "epoch");
    assert_int_equal(run_trial(&run, 1, 3), 0);
    assert_int_equal(run.outcome.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(run.outcome.point[i].epoch == i + 1);
        assert_int_equal(run.outcome.point[i].final, i == 2);
        assert_float_equal(run.outcome.point[i].accuracy, 0.1 * (i + 1), 1e-12);
    }
    set(&run, "accuracy", "1: acc");
    assert_int_equal(run_trial(&run, 1, 3), -1);
    done(&run);
}

static void equal_rows_are_repeats(void **state) {
    (void)state;
    struct trial_run run;
    assert_int_equal(declare(&run, two), 0);
    set(&run, "file", write_file("repeats.csv", "lr,act,acc\n.1,relu,1\n.1,tanh,7\n.1,relu,2\n"));
    set(&run, "accuracy", "acc");
    int seen = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_int_equal(run_trial(&run, seed, 1), 0);
        seen |= 1 << (int)run.outcome.point[0].accuracy;
    }
    assert_int_equal(seen, 6);
    done(&run);
}

static void a_replaced_file_is_read_again(void **state) {
    (void)state;
    struct trial_run run;
    assert_int_equal(declare(&run, two), 0);
    set(&run, "file", write_file("new.csv", "lr,act,acc\n.1,relu,1\n"));
    set(&run, "accuracy", "acc");
    assert_int_equal(run_trial(&run, 1, 1), 0);
    write_file("new.csv", "lr,act,acc\n.1,relu,22\n");
    assert_int_equal(run_trial(&run, 1, 1), 0);
    assert_true(run.outcome.point[0].accuracy == 22);
    done(&run);
}

static void every_fault_has_its_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } faults[] = {
        {"", "bad.csv:1: empty"},
        {"a,b\n1,2\n1\n", "bad.csv:3: 1 fields, but the header has 2"},
        {"a,b\n\"1\n2\",2\n3,4,5\n", "bad.csv:4: 3 fields"},
        {"a,b\n1,2\"\n", "bad.csv:2: a quote inside"},
        {"a,b\n1,\"2\n", "bad.csv:3: a quoted field is not closed"},
        {"a,a\n1,2\n", "bad.csv:1: two columns are called 'a'"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct sheet *sheet;
        assert_int_equal(sheet_read(&sheet, write_file("bad.csv", faults[i].text)), -1);
        assert_null(sheet);
        if (!strstr(fail_message(), faults[i].message))
            print_error("expected '%s', got '%s'\n", faults[i].message, fail_message());
        assert_non_null(strstr(fail_message(), faults[i].message));
    }
    struct sheet *sheet;
    assert_int_equal(sheet_parse(&sheet, "nul", "a,b\n1,\0\n", 8), -1);
    assert_non_null(strstr(fail_message(), "nul:2: a NUL byte"));
    assert_int_equal(sheet_read(&sheet, "/nowhere/x.csv"), -1);
    assert_non_null(strstr(fail_message(), "No such file"));
    assert_int_equal(sheet_read(&sheet, write_file("x.csv", "a,b\n1,y\n")), 0);
    double number;
    assert_int_equal(sheet_number(sheet, 0, 1, &number), -1);
    assert_non_null(strstr(fail_message(), "x.csv:2: column 'b': 'y' is no number"));
    sheet_free(sheet);
}

static void check_finds_faults_before_a_study(void **state) {
    (void)state;
    const struct solver_ops *ops = solver_find("table");
    struct trial_run run;
    assert_int_equal(declare(&run, two), 0);
    set(&run, "file", "/nowhere/x.csv");
    assert_int_equal(ops->check(&run.config), -1);
    set(&run, "file", write_file("check.csv", grid));
    assert_int_equal(ops->check(&run.config), -1);
    assert_non_null(strstr(fail_message(), "no figure is named"));
    set(&run, "accuracy", "1: acc, 1: ms");
    assert_int_equal(ops->check(&run.config), -1);
    assert_non_null(strstr(fail_message(), "rising fidelities"));
    set(&run, "accuracy", "mss / 100");
    assert_int_equal(ops->check(&run.config), -1);
    assert_non_null(strstr(fail_message(), "accuracy: "));
    assert_non_null(strstr(fail_message(), "did you mean 'ms'?"));
    set(&run, "accuracy", "acc / 100");
    assert_int_equal(ops->check(&run.config), 0);
    set(&run, "epoch", "epoch");
    assert_int_equal(ops->check(&run.config), -1);
    done(&run);
}

static void gzip_reads_as_plain_and_damage_is_noticed(void **state) {
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "%s/g.csv.gz", folder);
    gzFile file = gzopen(name, "wb");
    gzputs(file, "a,b\n");
    for (int i = 0; i < 5000; i++)
        gzprintf(file, "%d,%d\n", i, i * 7919 % 5003);
    assert_int_equal(gzclose(file), Z_OK);
    struct sheet *sheet;
    assert_int_equal(sheet_read(&sheet, name), 0);
    assert_int_equal(sheet->rows, 5000);
    assert_string_equal(sheet_cell(sheet, 4999, 0), "4999");
    assert_int_equal(sheet->line[5000], 5001);
    struct sheet_index *index;
    assert_int_equal(sheet_index_open(&index, sheet, &(struct sheet_key){.column = 0}, 1), 0);
    for (int i = 0; i < 5000; i++) {
        char wanted[16];
        snprintf(wanted, sizeof wanted, "%d.0", i);
        assert_int_equal(sheet_index_find(index, (const char *[]){wanted}), i);
        assert_int_equal(sheet_index_next(index, i), -1);
    }
    assert_int_equal(sheet_index_find(index, (const char *[]){"5000"}), -1);
    sheet_index_free(index);
    sheet_free(sheet);
    assert_int_equal(truncate(name, 9000), 0);
    assert_int_equal(sheet_read(&sheet, name), -1);
    assert_non_null(strstr(fail_message(), "g.csv.gz"));
}

static void recorded_benchmark_reads(void **state) {
    (void)state;
    if (access(NB201, R_OK)) {
        print_message("no recorded benchmark beside the source folder: skipped\n");
        skip();
    }
    static const struct setting ops[] = {
#define OP(NAME)                                                                                   \
    {.name = NAME, .type = SETTING_CHOICE, .choices = "0|1|2|3|4", .preset = "3", .help = "x"}
        OP("op0"), OP("op1"), OP("op2"), OP("op3"), OP("op4"), OP("op5"), {0}};
    struct trial_run run;
    assert_int_equal(declare(&run, ops), 0);
    set(&run, "file", NB201);
    set(&run, "key", "ops={op0}{op1}{op2}{op3}{op4}{op5}");
    set(&run, "accuracy",
        "12: cifar10_val_e12 / 100, "
        "200: cifar10_val_e200_r0|cifar10_val_e200_r1|cifar10_val_e200_r2 / 100");
    set(&run, "arch", "arch");
    static const char *const digits[6] = {"4", "2", "1", "2", "1", "1"}; /* the file's first row */
    for (int i = 0; i < 6; i++)
        set(&run, (char[]){'o', 'p', (char)('0' + i), 0}, digits[i]);
    assert_int_equal(run_trial(&run, 3, 200), 0);
    assert_int_equal(run.outcome.count, 2);
    assert_float_equal(run.outcome.point[0].accuracy, 0.63364, 1e-9);
    assert_true(run.outcome.point[1].accuracy > 0.816 && run.outcome.point[1].accuracy < 0.8225);
    assert_non_null(strstr(run.outcome.point[1].arch, "|avg_pool_3x3~0|+"));
    done(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declared_settings_are_columns),
        cmocka_unit_test(a_template_builds_the_key),
        cmocka_unit_test(a_fidelity_chooses_the_column),
        cmocka_unit_test(an_epoch_column_is_a_learning_curve),
        cmocka_unit_test(equal_rows_are_repeats),
        cmocka_unit_test(a_replaced_file_is_read_again),
        cmocka_unit_test(every_fault_has_its_place),
        cmocka_unit_test(check_finds_faults_before_a_study),
        cmocka_unit_test(gzip_reads_as_plain_and_damage_is_noticed),
        cmocka_unit_test(recorded_benchmark_reads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
