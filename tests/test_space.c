/* test_space.c - the unit cube: what x means, that a trial read back from its row is the trial that
 * was run, conditions, and how many trials there are. */
#include "check.h"
#include "rng.h"
#include "space.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct space_dim real = {
    .name = "real", .kind = SPACE_REAL, .lo = -5, .hi = 5, .parent = -1};
static const struct space_dim rate = {
    .name = "rate", .kind = SPACE_REAL, .scale = SETTING_LOG, .lo = 1e-5, .hi = 0.3, .parent = -1};
static const struct space_dim whole = {
    .name = "whole", .kind = SPACE_INT, .lo = -2, .hi = 4, .parent = -1};
static const struct space_dim width = {
    .name = "width", .kind = SPACE_INT, .scale = SETTING_LOG, .lo = 1, .hi = 1000, .parent = -1};
static const struct space_dim list = {
    .name = "list", .kind = SPACE_LIST, .levels = 3, .level = {16, 24, 40}, .parent = -1};
static const struct space_dim choice = {
    .name = "choice", .kind = SPACE_CHOICE, .levels = 3, .level = {0, 2, 3}, .parent = -1};

static void ends_of_the_cube(void **state) {
    (void)state;
    assert_true(space_value(&real, 0) == -5 && space_value(&real, 1) == 5);
    assert_true(space_value(&real, -3) == -5 && space_value(&real, 7) == 5);
    assert_true(space_value(&real, 0.5) == 0);
    assert_true(fabs(space_value(&rate, 0.5) - sqrt(1e-5 * 0.3)) < 1e-13);
    assert_true(space_value(&whole, 0) == -2 && space_value(&whole, 1) == 4);
    assert_true(space_value(&width, 0) == 1 && space_value(&width, 1) == 1000);
    assert_true(space_value(&list, 0) == 16 && space_value(&list, 1) == 40);
    assert_true(space_value(&choice, 0.34) == 2);
}

/* Every value of a bin has its share of the cube: linear whole numbers equal shares. */
static void bins_are_fair(void **state) {
    (void)state;
    int count[7] = {0};
    for (int i = 0; i < 7000; i++)
        count[(int)space_value(&whole, (i + 0.5) / 7000) + 2]++;
    for (int i = 0; i < 7; i++)
        assert_int_equal(count[i], 1000);
    int levels[3] = {0};
    for (int i = 0; i < 3000; i++)
        levels[space_level(&list, (i + 0.5) / 3000)]++;
    for (int i = 0; i < 3; i++)
        assert_int_equal(levels[i], 1000);
    assert_int_equal(space_level(&whole, 1), 6);
}

static void units_invert_values(void **state) {
    (void)state;
    for (double v = -2; v <= 4; v++)
        assert_true(space_value(&whole, space_unit(&whole, v)) == v);
    for (double v = 1; v <= 1000; v++)
        assert_true(space_value(&width, space_unit(&width, v)) == v);
    for (int l = 0; l < 3; l++) {
        assert_true(space_value(&list, space_unit(&list, list.level[l])) == list.level[l]);
        assert_true(space_value(&choice, space_unit(&choice, choice.level[l])) == choice.level[l]);
    }
    assert_true(space_unit(&list, 23) == space_unit(&list, 24));
    assert_true(space_unit(&rate, 1e-9) == 0 && space_unit(&rate, 1) == 1);
}

/* The promise that resuming stands on: the x of a trial, its values as decimal text, and x from
 * those again, are the same bits. */
static void canonical_x_survives_its_row(void **state) {
    (void)state;
    struct rng rng = rng_make(7, rng_stream("test space"), 0);
    for (int t = 0; t < 20000; t++) {
        struct space space = {.n = 2, .dim = {rate, real}};
        for (int d = 0; d < 2; d++) { /* ranges of all kinds and sizes */
            double lo = exp(20 * rng_uniform(&rng) - 10);
            space.dim[d].lo = d ? -lo * rng_uniform(&rng) : lo;
            space.dim[d].hi = lo * (1 + exp(12 * rng_uniform(&rng) - 6));
        }
        double x[2] = {rng_uniform(&rng), rng_uniform(&rng)}, value[2], again[2], back[2];
        if (t % 10 == 0)
            x[0] = t % 20 ? 1 : 0;
        space_canonical(&space, x);
        space_decode(&space, x, value);
        for (int d = 0; d < 2; d++) {
            char text[40];
            snprintf(text, sizeof text, "%.17g", value[d]);
            back[d] = strtod(text, NULL);
        }
        space_encode(&space, back, again);
        if (memcmp(x, again, sizeof x)) {
            print_error("x %.17g %.17g, values %.17g %.17g, again %.17g %.17g\n", x[0], x[1],
                        value[0], value[1], again[0], again[1]);
            assert_true(!"x comes back");
        }
        double twice[2] = {x[0], x[1]};
        space_canonical(&space, twice);
        assert_memory_equal(x, twice, sizeof x);
    }
}

/* choice decides over rate (levels 0 and 2) and over list (level 1), list over whole. */
static struct space conditional(void) {
    struct space space = {.n = 4, .dim = {choice, whole, list, width}};
    space.dim[1].parent = 0;
    space.dim[1].parent_levels = 1 << 0 | 1 << 2;
    space.dim[2].parent = 0;
    space.dim[2].parent_levels = 1 << 1;
    space.dim[2].kind = SPACE_CHOICE;
    space.dim[3].parent = 2;
    space.dim[3].parent_levels = 1 << 2;
    return space;
}

static void conditions_are_followed_upwards(void **state) {
    (void)state;
    struct space space = conditional();
    double first[] = {0.1, 0.2, 0.9, 0.3}, second[] = {0.5, 0.2, 0.9, 0.3},
           third[] = {0.5, 0.2, 0.1, 0.3}, value[4];
    assert_true(space_active(&space, first, 1) && !space_active(&space, first, 2));
    assert_false(
        space_active(&space, first, 3)); /* its parent is at the level, but does not matter */
    assert_true(space_active(&space, second, 3));
    assert_false(space_active(&space, third, 3));
    space_decode(&space, first, value);
    assert_true(!isnan(value[1]) && isnan(value[2]) && isnan(value[3]));
    space_canonical(&space, first);
    assert_true(first[2] == 0.5 && first[3] == 0.5);
    double other[] = {0.2, 0.2, 0.1, 0.9};
    space_canonical(&space, other);
    assert_true(space_same(&space, first, other));
    space_canonical(&space, second);
    assert_false(space_same(&space, first, second));
}

static void sizes_count_conditions(void **state) {
    (void)state;
    struct space space = conditional();
    /* 7 + 7 whole numbers, and under the middle choice 1 + 1 + 1000. */
    assert_true(space_size(&space) == 7 + 7 + 1 + 1 + 1000);
    struct space flat = {.n = 2, .dim = {whole, list}}, endless = {.n = 1, .dim = {real}},
                 nothing = {.n = 0};
    assert_true(space_size(&flat) == 21);
    assert_true(isinf(space_size(&endless)));
    assert_true(space_size(&nothing) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_the_cube),
        cmocka_unit_test(bins_are_fair),
        cmocka_unit_test(units_invert_values),
        cmocka_unit_test(canonical_x_survives_its_row),
        cmocka_unit_test(conditions_are_followed_upwards),
        cmocka_unit_test(sizes_count_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
