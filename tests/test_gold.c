/* test_gold.c - GOLD-NAS as a solver (cell_search.h): a series of shrinking networks. */
#include "cell_search.h"

const struct search_case search_cases[] = {
    {"gold", {{"lambda0", "0.02"}, {"eta_max", "0.12"}, {"stable_rounds", "0"}, {"n0", "2"}}},
};
const int search_n_cases = 1;

static void operators_only_go(void **state) {
    (void)state;
    struct search search;
    prepare(&search, 0, 1, 16, 16);
    set(&search, "curve", "yes");
    set(&search, "min_flops", "0.5");
    run(&search);
    double before = INFINITY, flops = INFINITY;
    int finals = 0;
    for (int i = 0; i < search.out.count; i++) {
        const struct point *point = &search.out.point[i];
        assert_true(point->extra[0] <= before);
        before = point->extra[0];
        if (!point->final)
            continue;
        assert_true(point->flops < flops || i == search.out.count - 1);
        flops = point->flops;
        finals++;
        struct cell_arch arch;
        assert_int_equal(cell_parse(point->arch, &arch), 0);
        for (int cell = 0; cell < 3; cell++) /* something enters every node */
            assert_true((arch.has[cell][0] | arch.has[cell][1]) &&
                        (arch.has[cell][2] | arch.has[cell][3] | arch.has[cell][4]));
    }
    assert_true(finals >= 3 && before < 30);
    finish(&search);
}

/* A checkpoint keeps the points that came before it. */
static void a_series_survives_a_checkpoint(void **state) {
    (void)state;
    char path[128];
    struct search straight, first, second;
    struct search *all[3] = {&straight, &first, &second};
    snprintf(path, sizeof path, "%s/series", folder);
    for (int i = 0; i < 3; i++) {
        prepare(all[i], 0, 1, i == 1 ? 12 : 16, 16);
        set(all[i], "min_flops", "0.5");
    }
    run(&straight);
    run(&first);
    assert_true(first.out.count >= 2);
    assert_int_equal(first.ops->save(first.state, path), 0);
    assert_int_equal(open_search(&second), 0);
    assert_int_equal(second.ops->load(second.state, path), 0);
    assert_int_equal(second.ops->train(second.state, 16, &second.out), 0);
    assert_true(same_points(&straight, &second));
    for (int i = 0; i < 3; i++)
        finish(all[i]);
}

static void eta_max_stands_above_eta_min(void **state) {
    (void)state;
    struct search search;
    prepare(&search, 0, 1, 1, 1);
    set(&search, "eta_min", "0.05");
    set(&search, "eta_max", "0.04");
    search.state = calloc(1, search.ops->state_size);
    assert_int_equal(search.ops->open(search.state, &search.task), -1);
    assert_non_null(strstr(fail_message(), "eta_max: must be above eta_min, which is 0.05"));
    finish(&search);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SEARCH_TESTS,
        cmocka_unit_test(operators_only_go),
        cmocka_unit_test(a_series_survives_a_checkpoint),
        cmocka_unit_test(eta_max_stands_above_eta_min),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
