/* test_bench_methods.c - the benchmark problems at their known optima and fronts, the comparison's
 * arithmetic, and a guard of the methods' quality: a few seeds, limits well above what is usual. */
#include "bench_methods.h"
#include "bench_problems.h"
#include "check.h"
#include "fail.h"
#include "hpo.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double at(const char *name, const double *value, double fidelity) {
    struct result result = {0};
    const struct bench_problem *problem = bench_problem_find(name);
    assert_non_null(problem);
    problem->evaluate(value, fidelity, &result);
    assert_true(bench_violation(problem, &result) <= 0);
    return result.objective[0] - problem->best;
}

static void optima_are_known(void **state) {
    (void)state;
    static const double branin[3][2] = {{-M_PI, 12.275}, {M_PI, 2.275}, {9.42477796076938, 2.475}};
    for (int i = 0; i < 3; i++)
        assert_true(fabs(at("branin", branin[i], 1)) < 1e-12);
    assert_true(fabs(at("hartmann3", (double[]){0.114614, 0.555649, 0.852547}, 1)) < 1e-6);
    static const double six[] = {0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573};
    assert_true(fabs(at("hartmann6", six, 1)) < 1e-6);
    assert_true(fabs(at("hartmann6-mf", six, 27)) < 1e-6);
    assert_true(at("hartmann6-mf", six, 1) > 0.05);
    assert_true(fabs(at("ackley5", (double[5]){0}, 1)) < 1e-12);
    assert_true(at("rosenbrock4", (double[]){1, 1, 1, 1}, 1) == 0);
    assert_true(fabs(at("levy4", (double[]){1, 1, 1, 1}, 1)) < 1e-12);
    assert_true(fabs(at("mixed", (double[]){1e-3, 44, 64, 2, 0.4, 0.25}, 1)) < 1e-12);
    assert_true(fabs(at("gardner", (double[]){1.5 * M_PI, 1.25323589750531}, 1)) < 1e-9);
    assert_true(at("counting-ones", (double[]){1, 1, 1, 1, 1, 1, 1, 1}, 0) == 0);
    double lambda = 0.01 * pow(160 * 0.88 / 41.6 - 1, 1 / 1.2); /* 81.6 ms, but for rounding */
    assert_true(fabs(at("target", (double[]){lambda * (1 + 1e-9), pow(10, -1.5), 0.6}, 1)) < 1e-8);
}

/* A dense sample of each true front has its hypervolume. */
static void fronts_have_their_volume(void **state) {
    (void)state;
    enum { POINTS = 20001 };
    static const char *names[] = {"zdt1", "zdt2", "zdt3", "dtlz2"};
    double *points = malloc(2 * POINTS * sizeof *points);
    for (int p = 0; p < 4; p++) {
        const struct bench_problem *problem = bench_problem_find(names[p]);
        struct space space;
        problem->space(&space);
        for (int i = 0; i < POINTS; i++) {
            double value[SPACE_MAX_DIMS];
            for (int d = 0; d < space.n; d++)
                value[d] = p == 3 ? 0.5 : 0;
            value[0] = (double)i / (POINTS - 1);
            struct result result = {0};
            problem->evaluate(value, 1, &result);
            memcpy(points + 2 * i, result.objective, 2 * sizeof *points);
        }
        double volume = bench_hypervolume(POINTS, points, problem->reference);
        assert_true(fabs(volume / problem->volume - 1) < 2e-4);
    }
    free(points);
}

/* The last row of each seed: its budget and regret. */
struct row {
    char problem[64], method[128];
    int seed, evaluation;
    double budget, regret;
};

static int run(const char *problems, const char *methods, const char *seeds, const char *budget,
               struct row *last) {
    char *argv[] = {"",        "--problems",  (char *)problems, "--methods",   (char *)methods,
                    "--seeds", (char *)seeds, "--budget",       (char *)budget};
    FILE *out = tmpfile();
    assert_int_equal(bench_methods(sizeof argv / sizeof *argv, argv, out), 0);
    rewind(out);
    char line[512];
    int count = 0;
    assert_non_null(fgets(line, sizeof line, out));
    assert_string_equal(line,
                        "problem,method,seed,evaluation,budget,regret,ask_seconds,tell_seconds\n");
    while (fgets(line, sizeof line, out)) {
        struct row row;
        assert_int_equal(sscanf(line, "%63[^,],%127[^,],%d,%d,%lf,%lf", row.problem, row.method,
                                &row.seed, &row.evaluation, &row.budget, &row.regret),
                         6);
        if (row.evaluation == 1)
            count++;
        last[count - 1] = row;
    }
    fclose(out);
    return count;
}

static double mean_regret(const struct row *row, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += row[i].regret / count;
    return sum;
}

static void budgets_are_spent(void **state) {
    (void)state;
    struct row row[64];
    assert_int_equal(run("branin,hartmann3-mf", "random,hyperband:eta=3", "3..4", "7", row), 8);
    for (int i = 0; i < 8; i++) {
        assert_true(row[i].budget >= 7 - 1e-9 && row[i].budget < 8);
        assert_int_equal(row[i].seed, 3 + i % 2);
    }
    assert_int_equal(row[0].evaluation, 7); /* a problem without fidelity counts evaluations */
    assert_string_equal(row[7].method, "hyperband:eta=3");
    /* 27 trials of 1, 9 more of 2, 3 of 6, 1 of 18: continued trials pay for what is new. */
    assert_int_equal(run("hartmann3-mf", "hyperband", "1", "3", row), 1);
    assert_int_equal(row[0].evaluation, 27 + 9 + 3 + 1);
    assert_true(fabs(row[0].budget - 3) < 1e-12);
}

static void methods_keep_their_quality(void **state) {
    (void)state;
    struct row row[64];
    assert_true(mean_regret(row, run("branin", "bo", "4", "40", row)) < 1e-3);
    assert_true(mean_regret(row, run("branin", "bo:acquisition=pi", "4", "40", row)) < 0.1);
    assert_true(mean_regret(row, run("branin", "bo:acquisition=lcb", "4", "40", row)) < 0.1);
    assert_true(mean_regret(row, run("hartmann6", "bo", "4", "60", row)) < 0.2);
    assert_true(mean_regret(row, run("rosenbrock4", "bo", "4", "60", row)) < 100);
    assert_true(mean_regret(row, run("mixed", "bo", "4", "60", row)) < 0.1);
    assert_true(mean_regret(row, run("gardner", "bo", "4", "40", row)) < 0.05);
    assert_true(mean_regret(row, run("target", "bo", "4", "25", row)) < 0.01);
    assert_true(mean_regret(row, run("dtlz2", "bo", "3", "50", row)) < 0.4);
    assert_true(mean_regret(row, run("dtlz2", "bo:several=parego", "3", "50", row)) < 0.5);
    assert_true(mean_regret(row, run("hartmann6-mf", "mfbo", "4", "20", row)) < 0.5);
    assert_true(mean_regret(row, run("hartmann3-misleading", "mfbo", "3", "30", row)) < 1);
    assert_true(mean_regret(row, run("hartmann6-mf", "bohb", "4", "30", row)) < 1);
    assert_true(mean_regret(row, run("branin", "cmaes", "4", "300", row)) < 1e-2);
    assert_true(mean_regret(row, run("dtlz2", "nsga2", "4", "600", row)) < 0.35);
}

static void wrong_arguments_are_told(void **state) {
    (void)state;
    static char *wrong[][3] = {{"", "--methods", "bogus"},
                               {"", "--methods", "bo:design"},
                               {"", "--methods", "bo:desing=3"},
                               {"", "--problems", "branim"},
                               {"", "--seeds", "0..x"},
                               {"", "--budget", "-1"},
                               {"", "--what", "x"}};
    FILE *out = tmpfile();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(bench_methods(3, wrong[i], out), -1);
        assert_true(fail_message()[0] != 0);
    }
    assert_int_equal(bench_methods(2, wrong[0], out), -1); /* a value is missing */
    fclose(out);
}

int main(void) {
    hpo_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optima_are_known),         cmocka_unit_test(fronts_have_their_volume),
        cmocka_unit_test(budgets_are_spent),        cmocka_unit_test(methods_keep_their_quality),
        cmocka_unit_test(wrong_arguments_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
