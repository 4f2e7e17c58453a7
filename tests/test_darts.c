/* test_darts.c - DARTS as a solver (cell_search.h): both orders, the health column, the radius. */
#include "cell_search.h"

const struct search_case search_cases[] = {
    {"darts",
     {{"order", "1"},
      {"lr_arch", "0.05"},
      {"train_portion", "0.8"},
      {"operators", "gold"},
      {"accuracy_of", "supernet"}}},
    {"darts",
     {{"order", "2"}, {"lr_arch", "0.05"}, {"operators", "gold"}, {"accuracy_of", "supernet"}}},
};
const int search_n_cases = 2;

/* xi = 0 is the first order, byte by byte; the second order is something else; two edges a node. */
static void orders(void **state) {
    (void)state;
    struct search first, zero, second;
    prepare(&first, 1, 2, 2, 2);
    prepare(&zero, 1, 2, 2, 2);
    prepare(&second, 1, 2, 2, 2);
    set(&first, "order", "1");
    set(&zero, "xi", "0");
    run(&first);
    run(&zero);
    run(&second);
    assert_true(same_points(&first, &zero));
    assert_false(same_points(&first, &second));
    struct cell_arch arch;
    assert_int_equal(cell_parse(first.out.point[0].arch, &arch), 0);
    for (int kind = 0; kind < 2; kind++) {
        int into[2] = {0}, skips = 0;
        for (int e = 0; e < 5; e++) {
            into[e >= 2] += arch.has[kind][e] != 0;
            skips += arch.has[kind][e] == 1 << NET_SKIP;
        }
        assert_true(into[0] == 2 && into[1] == 2);
        assert_true(kind || first.out.point[0].extra[0] == skips);
    }
    finish(&first);
    finish(&zero);
    finish(&second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SEARCH_TESTS,
        cmocka_unit_test(orders),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
