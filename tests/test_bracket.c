/* test_bracket.c - Hyperband's brackets against the paper's table, the arithmetic for every eta,
 * and the order of trials under several objectives. */
#include "bracket/bracket.h"
#include "check.h"
#include "pareto/pareto.h"
#include "setting.h"
#include <math.h>
#include <string.h>

/* Li et al. 2018, table 1: R = 81, eta = 3. */
static void paper_table(void **state) {
    (void)state;
    static const struct {
        int bracket, trials, fidelity;
    } table[] = {{0, 81, 1}, {0, 27, 3}, {0, 9, 9},  {0, 3, 27}, {0, 1, 81},
                 {1, 34, 3}, {1, 11, 9}, {1, 3, 27}, {1, 1, 81}, {2, 15, 9},
                 {2, 5, 27}, {2, 1, 81}, {3, 8, 27}, {3, 2, 81}, {4, 5, 81}};
    struct hpo_task task = {.fidelity_min = 1, .fidelity_max = 81, .fidelity_integral = true};
    struct hpo_rung rung[HPO_MAX_RUNGS];
    assert_int_equal(bracket_hyperband(&task, 3, rung), 15);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(rung[i].bracket, table[i].bracket);
        assert_int_equal(rung[i].trials, table[i].trials);
        assert_true(rung[i].fidelity == table[i].fidelity);
        bool first = i == 0 || rung[i].bracket != rung[i - 1].bracket;
        assert_true(rung[i].continued == (first ? 0 : rung[i - 1].fidelity));
    }
    assert_int_equal(bracket_halving(&task, 3, rung), 5);
    assert_true(rung[0].trials == 81 && rung[4].trials == 1 && rung[4].fidelity == 81);
}

/* Powers of every eta: a floating-point logarithm gets some of them wrong (243 to the base 3). */
static void no_bracket_is_lost(void **state) {
    (void)state;
    for (int eta = 2; eta <= 10; eta++) {
        double full = 1;
        for (int s = 0; s <= 6; s++, full *= eta) {
            struct hpo_task task = {.fidelity_min = 1, .fidelity_max = full};
            assert_int_equal(bracket_s_max(&task, eta), s);
            task.fidelity_max = full * eta - 1;
            if (task.fidelity_max >= full)
                assert_int_equal(bracket_s_max(&task, eta), s);
            task.fidelity_min = 0.1; /* ten times the ratio, in tenths */
            task.fidelity_max = 0.1 * full;
            assert_int_equal(bracket_s_max(&task, eta), s);
            struct hpo_rung rung[HPO_MAX_RUNGS];
            task = (struct hpo_task){.fidelity_min = 1, .fidelity_max = full};
            int rungs = bracket_hyperband(&task, eta, rung);
            assert_int_equal(rungs, (s + 1) * (s + 2) / 2);
            for (int i = 0; i < rungs; i++) {
                assert_true(rung[i].trials >= 1);
                assert_true(rung[i].fidelity >= 1 && rung[i].fidelity <= full);
                if (rung[i].continued > 0) {
                    assert_int_equal(rung[i].trials, rung[i - 1].trials / eta);
                    assert_true(rung[i].fidelity == eta * rung[i - 1].fidelity);
                }
            }
            assert_int_equal(rung[rungs - 1].trials, s + 1); /* the last bracket: full only */
        }
    }
    struct hpo_task wide = {.fidelity_min = 1e-9, .fidelity_max = 1e15};
    struct hpo_rung rung[HPO_MAX_RUNGS];
    for (int eta = 2; eta <= 10; eta++) {
        int rungs = bracket_hyperband(&wide, eta, rung);
        assert_true(rungs <= HPO_MAX_RUNGS);
        for (int i = 0; i < rungs; i++)
            assert_true(rung[i].trials > 0);
    }
}

static void ids_fill_the_rungs(void **state) {
    (void)state;
    struct hpo_task task = {.fidelity_min = 1, .fidelity_max = 9};
    struct hpo_rung rung[HPO_MAX_RUNGS];
    int rungs = bracket_hyperband(&task, 3, rung); /* 9 3 1 | 5 1 | 3: 22 trials */
    struct slot slot = bracket_slot(rung, rungs, 10);
    assert_true(slot.sweep == 0 && slot.rung == 1 && slot.index == 1 && slot.first == 9);
    slot = bracket_slot(rung, rungs, 22 + 18);
    assert_true(slot.sweep == 1 && slot.rung == 4 && slot.index == 0 && slot.first == 40);
}

static struct trial trial_of(int id, double a, double b, double violation) {
    struct trial trial = {.id = id, .parent = -1, .status = TRIAL_DONE, .violation = violation};
    trial.result.objective[0] = a;
    trial.result.objective[1] = b;
    return trial;
}

static void fronts_in_order(void **state) {
    (void)state;
    struct space space = {0};
    struct hpo_task task = {.space = &space, .n_objectives = 2};
    struct history history;
    history_open(&history, &task);
    struct trial trials[] = {trial_of(0, 2, 2, 0.5), trial_of(1, 1, 5, 0),    trial_of(2, 3, 3, 0),
                             trial_of(3, 5, 1, 0),   trial_of(4, 4, 4, 0),    trial_of(5, 0, 0, 2),
                             trial_of(6, 0, 0, 0),   trial_of(7, 3.1, 2.9, 0)};
    trials[6].status = TRIAL_FAILED;
    int id[8];
    for (int i = 0; i < 8; i++) {
        history_asked(&history, &trials[i]);
        history_tell(&history, &trials[i]);
        id[i] = 7 - i;
    }
    assert_int_equal(pareto_order(&history, id, 8), 0);
    /* The ends of the front, its middle by room, the dominated one, then by violation, then what
     * failed. */
    static const int expected[] = {1, 3, 2, 7, 4, 0, 5, 6};
    assert_memory_equal(id, expected, sizeof expected);
    task.n_objectives = 1;
    assert_int_equal(pareto_order(&history, id, 8), 0);
    static const int by_value[] = {1, 2, 7, 4, 3, 0, 5, 6};
    assert_memory_equal(id, by_value, sizeof by_value);
    assert_int_equal(history_best(&history), 1);
    history_close(&history);
}

/* ASHA with eta 3: the best of three goes up as soon as the third is told, and is not promoted
 * twice. */
static void asha_promotes_at_once(void **state) {
    (void)state;
    const struct hpo_ops *ops = hpo_find("asha");
    struct space space = {.n = 1};
    space.dim[0] = (struct space_dim){.kind = SPACE_REAL, .hi = 1, .parent = -1};
    struct config settings;
    assert_int_equal(config_open(&settings, ops->settings), 0);
    struct hpo_task task = {.space = &space,
                            .fidelity_min = 1,
                            .fidelity_max = 9,
                            .n_objectives = 1,
                            .settings = &settings};
    _Alignas(max_align_t) char room[4096] = {0};
    assert_true(ops->state_size <= sizeof room);
    assert_int_equal(ops->open(room, &task), 0);
    static const double value[] = {3, 1, 2, 0.5, 9, 8, 0.1, 7};
    static const double fidelity[] = {1, 1, 1, 3, 1, 1, 1, 3};
    static const int parent[] = {-1, -1, -1, 1, -1, -1, -1, 6};
    for (int i = 0; i < 8; i++) {
        struct trial trial = {.id = i, .parent = -1, .fidelity = 9};
        assert_int_equal(ops->ask(room, &trial), HPO_TRIAL);
        assert_true(trial.fidelity == fidelity[i]);
        assert_int_equal(trial.parent, parent[i]);
        ops->asked(room, &trial);
        trial.status = TRIAL_DONE;
        trial.result.objective[0] = value[i];
        ops->tell(room, &trial, &trial.result, 1);
    }
    ops->close(room);
    config_free(&settings);
}

int main(void) {
    hpo_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_table),           cmocka_unit_test(no_bracket_is_lost),
        cmocka_unit_test(ids_fill_the_rungs),    cmocka_unit_test(fronts_in_order),
        cmocka_unit_test(asha_promotes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
