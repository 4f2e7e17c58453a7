/* test_cars.c - CARS as a solver (cell_search.h): its points are a front, in every mode. */
#include "cell_search.h"

const struct search_case search_cases[] = {
    {"cars", {{"population", "6"}, {"warmup", "0.2"}, {"interval", "2"}, {"train_portion", "0.8"}}},
};
const int search_n_cases = 1;

static void points_are_a_front(void **state) {
    (void)state;
    static const char *const selection[] = {"cars-code", "cars-paper", "nsga3"};
    for (int i = 0; i < 3; i++) {
        struct search search;
        prepare(&search, 0, 1, 3, 3);
        set(&search, "selection", selection[i]);
        set(&search, "interval", "1");
        set(&search, "objective", i == 1 ? "flops" : "params");
        run(&search);
        for (int k = 1; k < search.out.count; k++) {
            const struct point *a = &search.out.point[k - 1], *b = &search.out.point[k];
            assert_true(a->final && b->final && b->accuracy > a->accuracy);
            assert_true(i == 1 ? b->flops > a->flops : b->params > a->params);
        }
        assert_true(search.out.point[0].extra[1] == 2); /* epochs 1 and 2 */
        finish(&search);
    }
}

static void other_points(void **state) {
    (void)state;
    struct search all, uniform;
    prepare(&all, 0, 1, 1, 1);
    prepare(&uniform, 0, 1, 1, 1);
    set(&all, "points", "all");
    set(&uniform, "points", "uniform");
    run(&all);
    run(&uniform);
    assert_true(all.out.count == 6 && uniform.out.count <= 4);
    finish(&all);
    finish(&uniform);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SEARCH_TESTS,
        cmocka_unit_test(points_are_a_front),
        cmocka_unit_test(other_points),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
