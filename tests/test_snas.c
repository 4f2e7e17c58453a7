/* test_snas.c - SNAS as a solver (cell_search.h): the cost bites, whatever its estimator. */
#include "cell_search.h"

const struct search_case search_cases[] = {
    {"snas",
     {{"lr_arch", "0.05"},
      {"drop_path", "0.1"},
      {"samples", "2"},
      {"operators", "gold"},
      {"accuracy_of", "supernet"}}},
};
const int search_n_cases = 1;

static void a_high_price_makes_small_networks(void **state) {
    (void)state;
    static const char *const estimator[] = {"reparametrization", "discrete", "policy"};
    for (int i = 0; i < 3; i++) {
        struct search cheap, dear;
        prepare(&cheap, 0, 3, 4, 4);
        prepare(&dear, 0, 3, 4, 4);
        set(&cheap, "eta", "1e-06");
        set(&dear, "eta", "1");
        set(&cheap, "estimator", estimator[i]);
        set(&dear, "estimator", estimator[i]);
        for (int k = 0; k < 2; k++) {
            struct search *search = k ? &dear : &cheap;
            set(search, "samples", "1");
            set(search, "lr_arch", "0.3");
        }
        run(&cheap);
        run(&dear);
        assert_true(dear.out.point[0].extra[3] < 0.9 * cheap.out.point[0].extra[3]);
        assert_true(cheap.out.point[0].extra[2] == 0.03); /* the temperature has come down */
        finish(&cheap);
        finish(&dear);
    }
}

static void presets_name_an_eta(void **state) {
    (void)state;
    struct search named, number;
    prepare(&named, 0, 3, 1, 1);
    prepare(&number, 0, 3, 1, 1);
    set(&named, "preset", "aggressive");
    set(&number, "eta", "0.01");
    run(&named);
    run(&number);
    assert_true(same_points(&named, &number));
    finish(&named);
    finish(&number);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SEARCH_TESTS,
        cmocka_unit_test(a_high_price_makes_small_networks),
        cmocka_unit_test(presets_name_an_eta),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
