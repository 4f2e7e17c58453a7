/* test_parsec.c - PARSEC as a solver (cell_search.h): the distribution as a file and back, the
 * memory of one network, the cost term, the number of samples. */
#include "cell_search.h"

const struct search_case search_cases[] = {
    {"parsec",
     {{"samples", "3"},
      {"lr_arch", "0.1"},
      {"sampled_points", "2"},
      {"train_portion", "0.8"},
      {"temperature", "16"},
      {"operators", "gold"}}},
};
const int search_n_cases = 1;

static void a_distribution_is_handed_on(void **state) {
    (void)state;
    char path[128], again[128];
    struct search search, next, larger;
    snprintf(path, sizeof path, "%s/distribution.txt", folder);
    snprintf(again, sizeof again, "%s/again.txt", folder);
    prepare(&search, 0, 1, 3, 3);
    set(&search, "operators", "no-none");
    set(&search, "lr_arch", "0.3");
    set(&search, "save_to", path);
    run(&search);
    assert_int_equal(access(path, R_OK), 0);
    double entropy = search.out.point[0].extra[0];
    assert_true(entropy < 2 * (2 * log(6) + 4 * log(7)) - 0.1); /* it has learnt something */
    prepare(&next, 0, 2, 1, 1);
    set(&next, "operators", "no-none");
    set(&next, "init_from", path);
    set(&next, "smoothing", "0");
    set(&next, "save_to", again);
    set(&next, "lr_arch", "0.0001");
    run(&next);
    assert_float_equal(next.out.point[0].extra[0], entropy, 0.05);
    assert_string_equal(next.out.point[0].arch, search.out.point[0].arch);
    prepare(&larger, 0, 2, 1, 1);
    set(&larger, "operators", "no-none"); /* another size of network, the same space */
    set(&larger, "channels", "6");
    set(&larger, "cells", "4");
    set(&larger, "init_from", path);
    set(&larger, "smoothing", "0.5");
    set(&larger, "lr_arch", "0.0001");
    run(&larger);
    assert_true(larger.out.point[0].extra[0] > entropy);
    finish(&search);
    finish(&next);
    finish(&larger);
    prepare(&next, 0, 2, 1, 1);
    set(&next, "operators", "no-none");
    set(&next, "init_from", path);
    set(&next, "nodes", "3");
    next.state = calloc(1, next.ops->state_size);
    assert_int_equal(next.ops->open(next.state, &next.task), -1);
    assert_non_null(strstr(fail_message(), "distribution.txt:"));
    finish(&next);
}

/* A large cost drives the mode to few multiply-adds; entropy sets the number of samples. */
static void cost_and_samples(void **state) {
    (void)state;
    struct search dear, free_one, adapt;
    struct cell_space space = {.image = {1, SIDE, SIDE, 1},
                               .cells = 3,
                               .nodes = 2,
                               .channels = 4,
                               .stem = 3,
                               .classes = 10};
    prepare(&dear, 0, 1, 6, 6);
    set(&dear, "operators", "no-none");
    set(&dear, "cost", "1");
    char target[32]; /* the operators are the excess */
    snprintf(target, sizeof target, "%.3f", 1e-6 * cell_base_flops(&space));
    set(&dear, "cost_target", target);
    set(&dear, "lr_arch", "0.3");
    set(&dear, "temperature", "4096");
    run(&dear);
    prepare(&free_one, 0, 1, 6, 6);
    set(&free_one, "operators", "no-none");
    set(&free_one, "lr_arch", "0.3");
    set(&free_one, "temperature", "4096");
    run(&free_one);
    assert_true(dear.out.point[0].flops < 0.9 * free_one.out.point[0].flops);
    finish(&free_one);
    prepare(&adapt, 0, 1, 1, 1);
    set(&adapt, "operators", "no-none");
    set(&adapt, "adapt", "yes");
    set(&adapt, "samples_per_nat", "0.1");
    set(&adapt, "lr_arch", "0.0001");
    run(&adapt);
    assert_true(adapt.out.point[0].extra[2] == 3); /* 0.1 * 22.7 nats */
    finish(&dear);
    finish(&adapt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SEARCH_TESTS,
        cmocka_unit_test(a_distribution_is_handed_on),
        cmocka_unit_test(cost_and_samples),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
