/* test_rng.c - Philox4x32-10 against the vectors published with Random123 (kat_vectors), and the
 * streams. */
#include "check.h"
#include "rng.h"
#include <math.h>

static void published_vectors(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t out[4];
        rng_philox(vectors[i].counter, vectors[i].key, out);
        assert_memory_equal(out, vectors[i].out, sizeof out);
    }
}

static void streams_do_not_depend_on_order(void **state) {
    (void)state;
    struct rng a = rng_make(7, rng_stream("a"), 3), b = rng_make(7, rng_stream("b"), 3);
    uint32_t first_a = rng_u32(&a), first_b = rng_u32(&b);
    struct rng b_again = rng_make(7, rng_stream("b"), 3), a_again = rng_make(7, rng_stream("a"), 3);
    assert_int_equal(rng_u32(&b_again), first_b);
    assert_int_equal(rng_u32(&a_again), first_a);
    assert_int_not_equal(first_a, first_b);
    assert_true(rng_derive(7, 1, 0) != rng_derive(7, 1, 1) &&
                rng_derive(7, 1, 0) != rng_derive(8, 1, 0));
}

static void distributions_have_their_moments(void **state) {
    (void)state;
    enum { N = 200000 };
    struct rng rng = rng_make(11, 1, 0);
    double sum = 0, squares = 0, normal = 0, normal_squares = 0, below = 0;
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&rng), z = rng_normal(&rng);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += u * u;
        normal += z;
        normal_squares += z * z;
        uint32_t k = rng_below(&rng, 7);
        assert_true(k < 7);
        below += k;
    }
    assert_true(fabs(sum / N - 0.5) < 0.003 && fabs(squares / N - 1.0 / 3) < 0.003);
    assert_true(fabs(normal / N) < 0.01 && fabs(normal_squares / N - 1) < 0.015);
    assert_true(fabs(below / N - 3) < 0.02);
}

static void shuffle_is_a_permutation(void **state) {
    (void)state;
    int v[50], seen[50] = {0};
    for (int i = 0; i < 50; i++)
        v[i] = i;
    struct rng rng = rng_make(1, 2, 3);
    rng_shuffle(&rng, v, 50);
    for (int i = 0; i < 50; i++)
        seen[v[i]]++;
    for (int i = 0; i < 50; i++)
        assert_int_equal(seen[i], 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(streams_do_not_depend_on_order),
        cmocka_unit_test(distributions_have_their_moments),
        cmocka_unit_test(shuffle_is_a_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
