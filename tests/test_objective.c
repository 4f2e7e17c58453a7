/* test_objective.c - how a trial's points are judged, against hand-worked cases and a slow
 * reference. */
#include "check.h"
#include "fail.h"
#include "objective.h"
#include "rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(A) (sizeof(A) / sizeof *(A))

struct part {
    char what; /* '+' maximize, '-' minimize, '<' subject to, '=' target */
    const char *text;
};

static struct objective *make(const char *columns, const struct part *part, int n) {
    struct objective *objective;
    int column;
    assert_int_equal(objective_open(&objective, columns), 0);
    for (int i = 0; i < n; i++) {
        int status =
            strchr("+-", part[i].what)
                ? objective_add_goal(objective, part[i].what == '+', part[i].text, &column)
                : objective_add_constraint(objective, part[i].what == '<' ? HPO_CAP : HPO_TARGET,
                                           part[i].text, &column);
        if (status)
            fail_msg("%s: %s", part[i].text, fail_message());
    }
    return objective;
}

#define MAKE(COLUMNS, ...)                                                                         \
    make(COLUMNS, (const struct part[]){__VA_ARGS__}, LENGTH(((const struct part[]){__VA_ARGS__})))

static void add(struct outcome *outcome, double accuracy, double runtime, bool final) {
    struct point point = point_none();
    point.accuracy = accuracy;
    point.runtime = runtime;
    point.final = final;
    assert_int_equal(outcome_add(outcome, &point), 0);
}

struct judged {
    struct trial trial;
    struct result front[64];
    int n_front, chosen;
};

static struct judged judge(const struct objective *objective, const struct outcome *outcome) {
    static struct judged j;
    j = (struct judged){.n_front = -1, .chosen = -2};
    objective_judge(objective, outcome, &j.trial, j.front, &j.n_front, &j.chosen);
    return j;
}

static void best_feasible_point(void **state) {
    (void)state;
    struct objective *objective = MAKE(NULL, {'+', "accuracy"}, {'<', "runtime <= 80 ms"});
    struct outcome outcome = {0};
    add(&outcome, 0.99, 60, false); /* a reading on the way */
    add(&outcome, 0.95, 100, true); /* too slow */
    add(&outcome, 0.80, 40, true);
    add(&outcome, 0.90, 80, true);
    add(&outcome, 0.90, 70, true); /* as good as the one before */
    struct judged j = judge(objective, &outcome);
    assert_int_equal(j.trial.status, TRIAL_DONE);
    assert_int_equal(j.chosen, 3);
    assert_int_equal(j.n_front, 1);
    assert_true(j.trial.result.objective[0] == -0.9 && j.trial.result.constraint[0] == 0);
    assert_true(j.trial.violation == 0);
    assert_true(objective_shown(objective, 0, j.trial.result.objective[0]) == 0.9);
    outcome_free(&outcome);
    objective_free(objective);
}

static void least_violation_when_none_is_feasible(void **state) {
    (void)state;
    struct objective *objective =
        MAKE(NULL, {'+', "accuracy"}, {'<', "runtime <= 80 ms"}, {'<', "accuracy >= 90 %"});
    struct outcome outcome = {0};
    add(&outcome, 0.95, 160, true); /* 1 + 0 */
    add(&outcome, 0.45, 100, true); /* 0.25 + 0.5 */
    add(&outcome, 0.90, 120, true); /* 0.5 + 0 */
    add(&outcome, 0.99, 120, true); /* the same, and better */
    struct judged j = judge(objective, &outcome);
    assert_int_equal(j.chosen, 3);
    assert_int_equal(j.n_front, 1);
    assert_true(fabs(j.trial.violation - 0.5) < 1e-12);
    assert_true(fabs(j.trial.result.constraint[0] - log(1.5)) < 1e-12);
    assert_true(fabs(j.trial.result.constraint[1] + log(0.99 / 0.9)) < 1e-12);
    add(&outcome, 0.91, 79, true); /* feasible at last */
    j = judge(objective, &outcome);
    assert_true(j.chosen == 4 && j.trial.violation == 0);
    outcome_free(&outcome);
    objective_free(objective);
}

static void targets_from_both_sides(void **state) {
    (void)state;
    struct objective *objective = MAKE(NULL, {'+', "accuracy"}, {'=', "runtime = 0.08 s"});
    static const struct {
        double runtime, violation;
    } cases[] = {{80, 0}, {81.5, 0}, {78.5, 0}, {82, 0.025}, {77, 0.0375}, {160, 1}, {40, 0.5}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct outcome outcome = {0};
        add(&outcome, 0.9, cases[i].runtime, true);
        struct judged j = judge(objective, &outcome);
        assert_true(fabs(j.trial.violation - cases[i].violation) < 1e-12);
        assert_true(fabs(j.trial.result.constraint[0] - log(cases[i].runtime / 80)) < 1e-12);
        outcome_free(&outcome);
    }
    objective_free(objective);
}

static void columns_of_the_solver(void **state) {
    (void)state;
    struct objective *objective =
        MAKE("entropy|skips", {'-', "entropy"}, {'<', "skips <= 0"}, {'<', "entropy >= -2"});
    struct outcome outcome = {0};
    struct point point = point_none();
    point.extra[0] = -3;
    point.extra[1] = 4;
    assert_int_equal(outcome_add(&outcome, &point), 0);
    struct judged j = judge(objective, &outcome);
    assert_true(j.trial.result.objective[0] == -3);
    assert_true(j.trial.result.constraint[0] == 4 && j.trial.result.constraint[1] == 1);
    assert_true(j.trial.violation == 4 + 0.5);
    outcome_free(&outcome);
    objective_free(objective);
}

static void what_cannot_be_judged_is_invalid(void **state) {
    (void)state;
    struct objective *objective = MAKE(NULL, {'-', "ln(loss)"}, {'<', "runtime <= 80 ms"});
    struct outcome outcome = {0};
    struct judged j = judge(objective, &outcome);
    assert_int_equal(j.trial.status, TRIAL_INVALID);
    assert_string_equal(j.trial.detail, "the solver returned no final point");
    assert_true(j.n_front == 0 && j.chosen == -1);
    struct point point = point_none();
    point.loss = 0;
    point.runtime = 3;
    assert_int_equal(outcome_add(&outcome, &point), 0); /* ln 0 */
    j = judge(objective, &outcome);
    assert_int_equal(j.trial.status, TRIAL_INVALID);
    assert_string_equal(j.trial.detail, "no point with a finite ln(loss)");
    point.loss = 1;
    point.runtime = NAN;
    assert_int_equal(outcome_add(&outcome, &point), 0);
    j = judge(objective, &outcome);
    assert_string_equal(j.trial.detail, "no point with a finite runtime");
    point.runtime = 0; /* a network of no cost: far inside the cap, and finite */
    assert_int_equal(outcome_add(&outcome, &point), 0);
    j = judge(objective, &outcome);
    assert_true(j.trial.status == TRIAL_DONE && j.chosen == 2 && j.trial.violation == 0);
    outcome_free(&outcome);
    objective_free(objective);
}

/* A front against the definition: feasible, and no feasible point is better or equal and earlier.
 */
static void fronts_are_non_dominated(void **state) {
    (void)state;
    struct objective *objective =
        MAKE(NULL, {'+', "accuracy"}, {'-', "runtime"}, {'<', "runtime <= 7 ms"});
    struct rng rng = rng_make(3, 1, 0);
    for (int round = 0; round < 300; round++) {
        struct outcome outcome = {0};
        int n = 1 + (int)rng_below(&rng, 40), expected = 0, first = -1;
        for (int i = 0; i < n; i++) /* a coarse grid, so that points coincide */
            add(&outcome, rng_below(&rng, 9) / 10.0, 1 + rng_below(&rng, 9), rng_below(&rng, 5));
        struct judged j = judge(objective, &outcome);
        for (int i = 0; i < n; i++) {
            const struct point *p = &outcome.point[i];
            bool in = p->final && p->runtime <= 7;
            for (int k = 0; in && k < n; k++) {
                const struct point *q = &outcome.point[k];
                bool equal = q->accuracy == p->accuracy && q->runtime == p->runtime;
                bool as_good = q->accuracy >= p->accuracy && q->runtime <= p->runtime;
                in = !(q->final && as_good && (!equal || k < i));
            }
            if (!in)
                continue;
            if (expected == 0)
                first = i;
            assert_true(expected < j.n_front);
            assert_true(j.front[expected].objective[0] == -p->accuracy &&
                        j.front[expected].objective[1] == p->runtime);
            expected++;
        }
        if (expected > 0) {
            assert_int_equal(j.n_front, expected);
            assert_int_equal(j.chosen, first);
        } else
            assert_true(j.n_front <= 1);
        outcome_free(&outcome);
    }
    objective_free(objective);
}

static void texts_are_canonical(void **state) {
    (void)state;
    struct objective *objective = MAKE(
        "skips", {'+', "accuracy*(runtime/80ms)^-0.07"}, {'-', " loss "}, {'<', "runtime<=80ms"},
        {'<', "accuracy  >=90%"}, {'=', "params=  5.50 M"}, {'<', "skips <= 3"});
    assert_int_equal(objective_goals(objective), 2);
    assert_string_equal(objective_goal_text(objective, 0), "accuracy * (runtime / 80 ms)^-0.07");
    assert_string_equal(objective_goal_text(objective, 1), "loss");
    assert_true(objective_maximizes(objective, 0) && !objective_maximizes(objective, 1));
    assert_int_equal(objective_constraints(objective), 4);
    static const char *const texts[] = {"runtime <= 80 ms", "accuracy >= 90 %", "params = 5.5 M",
                                        "skips <= 3"};
    for (int i = 0; i < 4; i++)
        assert_string_equal(objective_constraint_text(objective, i), texts[i]);
    assert_int_equal(objective_constraint_kind(objective, 2), HPO_TARGET);
    objective_free(objective);
}

static void bad_constraints(void **state) {
    (void)state;
    static const struct {
        char what;
        const char *text;
        int column;
        const char *why;
    } cases[] = {
        {'<', "runtime < 80 ms", 8, "'<=' or '>=' is expected here"},
        {'<', "runtime = 80 ms", 8, "a 'target' is what asks for equality"},
        {'=', "runtime <= 80 ms", 8, "'subject to' is what bounds"},
        {'<', "runtime <= ", 11, "a number is expected here"},
        {'<', "runtme <= 80 ms", 0, "no quantity 'runtme'; did you mean 'runtime'?"},
        {'<', "80 ms >= runtime", 0, "a quantity is expected here"},
        {'<', "runtime <= 80 ms + 3", 17, "nothing more is expected here"},
        {'<', "runtime <= 80 %", 11, "runtime is a time in us, ms or s, not '80 %'"},
        {'<', "accuracy >= 90", 12, "did you mean '90 %'?"},
        {'<', "accuracy >= 90 ms", 12, "accuracy is a share in [0,1] or in %"},
        {'<', "params <= 0", 10, "params is above 0, so its limit must be"},
        {'<', "runtime <= -3 ms", 11, "runtime is above 0"},
        {'<', "skips <= 3 ms", 9, "'skips' is a plain number"},
        {'<', "params <= 3 M", 0, NULL},
        {'<', "params  <= 3 M", 0, "'params <= 3 M' is asked for already"},
    };
    struct objective *objective = MAKE("skips", {'+', "accuracy"});
    for (size_t i = 0; i < LENGTH(cases); i++) {
        int column = -1;
        int status = objective_add_constraint(
            objective, cases[i].what == '<' ? HPO_CAP : HPO_TARGET, cases[i].text, &column);
        assert_int_equal(status, cases[i].why ? -1 : 0);
        if (cases[i].why && !strstr(fail_message(), cases[i].why))
            fail_msg("%s: '%s' is not in '%s'", cases[i].text, cases[i].why, fail_message());
        if (cases[i].why && cases[i].column && column != cases[i].column)
            fail_msg("%s: column %d, not %d", cases[i].text, column, cases[i].column);
    }
    objective_free(objective);
}

static void no_more_parts_than_there_is_room_for(void **state) {
    (void)state;
    struct objective *objective =
        MAKE(NULL, {'+', "accuracy"}, {'-', "loss"}, {'-', "runtime"}, {'-', "params"},
             {'<', "runtime <= 1 ms"}, {'<', "runtime <= 2 ms"}, {'<', "runtime <= 3 ms"},
             {'<', "runtime <= 4 ms"});
    int column;
    assert_int_equal(objective_add_goal(objective, false, "flops", &column), -1);
    assert_string_equal(fail_message(), "more than 4 goals");
    assert_int_equal(objective_add_constraint(objective, HPO_CAP, "flops <= 1 G", &column), -1);
    assert_string_equal(fail_message(), "more than 4 constraints and targets");
    objective_free(objective);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_feasible_point),
        cmocka_unit_test(least_violation_when_none_is_feasible),
        cmocka_unit_test(targets_from_both_sides),
        cmocka_unit_test(columns_of_the_solver),
        cmocka_unit_test(what_cannot_be_judged_is_invalid),
        cmocka_unit_test(fronts_are_non_dominated),
        cmocka_unit_test(texts_are_canonical),
        cmocka_unit_test(bad_constraints),
        cmocka_unit_test(no_more_parts_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
