/* test_space_mbconv.c - the shipped MBConv spaces, architecture text, and costs against hand
 * counts. */
#include "check.h"
#include "fail.h"
#include "rng.h"
#include "space/mbconv.h"
#include <string.h>

static void the_published_space_has_its_shape(void **state) {
    (void)state;
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    int n = mbconv_blocks(mbconv_find("imagenet-mobile"), block), searchable = 0, skippable = 0;
    assert_int_equal(n, 22);
    for (int b = 0; b < n; b++) {
        searchable += block[b].searchable;
        skippable += block[b].skippable;
        assert_int_equal(block[b].searchable, b >= 1 && b <= 20);
        if (b) {
            assert_int_equal(block[b].in, block[b - 1].out);
            assert_int_equal(block[b].height, block[b - 1].out_height);
        }
    }
    assert_int_equal(searchable, 20);
    assert_int_equal(skippable, 15); /* 4^5 * 5^15 architectures */
    static const int first[] = {1, 5, 9, 13, 17}, stride[] = {2, 2, 2, 1, 2};
    static const int size[] = {112, 56, 28, 14, 14};
    for (int i = 0; i < 5; i++) {
        assert_false(block[first[i]].skippable);
        assert_int_equal(block[first[i]].stride, stride[i]);
        assert_int_equal(block[first[i]].height, size[i]);
    }
    assert_int_equal(block[21].out_height, 7);
    assert_int_equal(block[21].out, 320);
}

static void costs_by_hand(void **state) {
    (void)state;
    struct mbconv_arch arch;
    assert_int_equal(mbconv_parse("fashion k3e3 skip skip skip k5e6 skip skip skip", &arch), 0);
    /* stem 28 -> 14; block 0: 16 -> 16, expansion 1; block 1: 16 -> 24, 14 -> 7; block 5: 24 -> 40,
     * 7 -> 4, a hidden width of 144; head 40 -> 128 at 4x4; classifier */
    double flops = 14 * 14 * 9 * 16 + 14 * 14 * 16 * (9 + 16) +
                   (14 * 14 * 16 * 48 + 7 * 7 * 48 * (9 + 24)) +
                   (7 * 7 * 24 * 144 + 4 * 4 * 144 * (25 + 40)) + 4 * 4 * 40 * 128 + 128 * 10;
    double params =
        (9 * 16 + 32) + (16 * 9 + 32 + 16 * 16 + 32) + (16 * 48 + 96 + 48 * 9 + 96 + 48 * 24 + 48) +
        (24 * 144 + 288 + 144 * 25 + 288 + 144 * 40 + 80) + (40 * 128 + 256) + (128 * 10 + 10);
    assert_true(mbconv_flops(&arch) == flops);
    assert_true(mbconv_params(&arch) == params);
    /* squeeze-and-excitation of a quarter of 24 channels: two matrices of 144 x 6 */
    arch.choice[5].se = 25;
    assert_true(mbconv_flops(&arch) == flops + 2 * 144 * 6);
    assert_true(mbconv_params(&arch) == params + 2 * 144 * 6);
}

static void text_comes_back(void **state) {
    (void)state;
    struct rng rng = rng_make(5, 1, 0);
    for (int i = 0; mbconv_at(i); i++)
        for (int round = 0; round < 50; round++) {
            struct mbconv_block block[MBCONV_MAX_BLOCKS];
            struct mbconv_arch arch, back;
            char text[MBCONV_TEXT_MAX], again[MBCONV_TEXT_MAX];
            mbconv_largest(mbconv_at(i), &arch);
            mbconv_blocks(mbconv_at(i), block);
            for (int b = 0; b < arch.blocks; b++)
                if (block[b].searchable)
                    arch.choice[b] =
                        (struct mbconv_choice){.skip = block[b].skippable && !rng_below(&rng, 4),
                                               .kernel = rng_below(&rng, 2) ? 5 : 3,
                                               .expansion = rng_below(&rng, 2) ? 6 : 3,
                                               .se = (int)rng_below(&rng, 3) * 25};
            mbconv_format(&arch, text);
            assert_int_equal(mbconv_parse(text, &back), 0);
            assert_string_equal(mbconv_format(&back, again), text);
            assert_true(mbconv_flops(&back) == mbconv_flops(&arch));
            assert_true(mbconv_params(&back) == mbconv_params(&arch));
        }
}

static void bad_text_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"fasion k3e3", "no space 'fasion'"},
        {"fashion k3e3", "block 2 and what follows are missing"},
        {"fashion skip skip skip skip k5e6 skip skip skip",
         "block 1: this block cannot be skipped"},
        {"fashion k3e3 k4e3 skip skip k5e6 skip skip skip", "block 2: 'k4e3' is no choice"},
        {"fashion k3e3 k3e3x skip skip k5e6 skip skip skip", "block 2: 'k3e3x' is no choice"},
        {"fashion k3e3 k3e3s0 skip skip k5e6 skip skip skip", "block 2: 'k3e3s0' is no choice"},
        {"fashion k3e3 skip skip skip k5e6 skip skip skip k3e3", "'k3e3' is left over"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mbconv_arch arch;
        assert_int_equal(mbconv_parse(bad[i].text, &arch), -1);
        if (!strstr(fail_message(), bad[i].message))
            print_error("expected '%s', got '%s'\n", bad[i].message, fail_message());
        assert_non_null(strstr(fail_message(), bad[i].message));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_space_has_its_shape),
        cmocka_unit_test(costs_by_hand),
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(bad_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
