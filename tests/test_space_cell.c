/* test_space_cell.c - cell spaces: edges, genotype text, and costs against published figures and a
 * second count, made from lists of layers. */
#include "check.h"
#include "fail.h"
#include "space/cell.h"
#include <math.h>
#include <string.h>

static struct cell_space network(int channels, int cells, int side, int depth) {
    return (struct cell_space){.image = {1, side, side, depth},
                               .cells = cells,
                               .nodes = 4,
                               .channels = channels,
                               .stem = 3,
                               .classes = 10};
}
/* quark0/darts, cnn/genotypes.py */
static const char v1[] =
    "normal 2=sep_conv_3x3(0)+sep_conv_3x3(1) 3=skip_connect(0)+sep_conv_3x3(1) "
    "4=skip_connect(0)+sep_conv_3x3(1) 5=sep_conv_3x3(0)+skip_connect(2) "
    "reduce 2=max_pool_3x3(0)+max_pool_3x3(1) 3=max_pool_3x3(0)+skip_connect(2) "
    "4=max_pool_3x3(0)+skip_connect(2) 5=skip_connect(2)+avg_pool_3x3(0)";
static const char v2[] =
    "normal 2=sep_conv_3x3(0)+sep_conv_3x3(1) 3=sep_conv_3x3(0)+sep_conv_3x3(1) "
    "4=skip_connect(0)+sep_conv_3x3(1) 5=skip_connect(0)+dil_conv_3x3(2) "
    "reduce 2=max_pool_3x3(0)+max_pool_3x3(1) 3=max_pool_3x3(1)+skip_connect(2) "
    "4=max_pool_3x3(0)+skip_connect(2) 5=max_pool_3x3(1)+skip_connect(2)";

static void edges_are_numbered_as_in_darts(void **state) {
    (void)state;
    assert_int_equal(cell_edges(4), 14);
    int e = 0;
    for (int node = 0; node < 4; node++)
        for (int p = 0; p < node + 2; p++, e++) {
            int n, q;
            cell_ends(e, &n, &q);
            assert_int_equal(cell_edge(node, p), e);
            assert_true(n == node && q == p);
        }
    struct cell_place place[CELL_MAX_CELLS];
    struct cell_space darts = network(36, 20, 32, 3);
    cell_places(&darts, place);
    for (e = 0; e < 14; e++) {
        bool two = e < 4 || e == 5 || e == 6 || e == 9 || e == 10;
        assert_int_equal(cell_stride(&place[6], e), two ? 2 : 1);
        assert_int_equal(cell_stride(&place[5], e), 1);
    }
}

static void places_follow_the_reductions(void **state) {
    (void)state;
    struct cell_place place[CELL_MAX_CELLS];
    struct cell_space space = network(16, 8, 28, 1);
    cell_places(&space, place);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(place[i].reduction, i == 2 || i == 5);
        assert_int_equal(place[i].shrink, i == 3 || i == 6);
        assert_int_equal(place[i].channels, i < 2 ? 16 : i < 5 ? 32 : 64);
        assert_int_equal(place[i].out_height, i < 2 ? 28 : i < 5 ? 14 : 7);
    }
    assert_true(place[0].in[0] == 48 && place[0].in[1] == 48 && place[1].in[1] == 64);
    assert_true(place[3].in[0] == 64 && place[3].in[1] == 128);
}

static void published_sizes(void **state) {
    (void)state;
    struct cell_arch arch;
    struct cell_space darts = network(36, 20, 32, 3);
    assert_int_equal(cell_parse(v2, &arch), 0);
    /* the repository's own count for this genotype: "param size = 3.349342MB" */
    assert_float_equal(cell_params(&arch, &darts), 3349342, 0.5);
    assert_float_equal(1e-6 * cell_flops(&arch, &darts), 528, 1); /* as quoted for it */
    assert_int_equal(cell_parse(v1, &arch), 0);
    assert_true(cell_params(&arch, &darts) > 3.1e6 && cell_params(&arch, &darts) < 3.3e6);
}

/* The constants of the GOLD-NAS repository at C = 36 and L = 14: 613.45 M for all operators,
 * exactly ours; 166.0186 M for stem, inputs and classifier, 1.5 % more than our multiply-adds (what
 * else it counts is not said there). */
static void flops_of_the_gold_space(void **state) {
    (void)state;
    struct cell_space net = network(36, 14, 32, 3);
    struct cell_arch all = {.nodes = 4, .kinds = 14, .own = true};
    for (int i = 0; i < 14; i++)
        for (int e = 0; e < 14; e++)
            all.has[i][e] = 1 << NET_SKIP | 1 << NET_SEP_CONV_3;
    double base = cell_base_flops(&net), rest = cell_flops(&all, &net) - base;
    assert_float_equal(1e-6 * rest, 613.45, 0.005);
    assert_float_equal(1e-6 * base, 166.0186, 2.5);
}

/* ---- a second count ---- */

struct count {
    double params, flops;
};
static void conv(struct count *n, int k, int in, int out, int groups, int pixels, bool norm) {
    double weights = (double)k * k * (in / groups) * out;
    n->params += weights + (norm ? 2 * out : 0);
    n->flops += weights * pixels;
}

static void operate(struct count *n, int op, int c, int stride, int pixels) {
    int k = op == NET_SEP_CONV_5 || op == NET_DIL_CONV_5 ? 5 : 3;
    if (op == NET_SKIP && stride == 2) {
        conv(n, 1, c, c / 2, 1, pixels, true);
        conv(n, 1, c, c / 2, 1, pixels, true);
    }
    if (op == NET_SEP_CONV_3 || op == NET_SEP_CONV_5) {
        conv(n, k, c, c, c, pixels, false);
        conv(n, 1, c, c, 1, pixels, true);
    }
    if (op >= NET_SEP_CONV_3) {
        conv(n, k, c, c, c, pixels, false);
        conv(n, 1, c, c, 1, pixels, true);
    }
}

static void random_genotypes_counted_twice(void **state) {
    (void)state;
    struct rng rng = rng_make(1, 1, 0);
    struct cell_space darts = network(16, 8, 32, 3);
    cell_operators(&darts, CELL_DARTS);
    for (int round = 0; round < 50; round++) {
        int channels = 4 + 2 * (int)rng_below(&rng, 10), cells = 3 + (int)rng_below(&rng, 18);
        struct cell_space net = network(channels, cells, 32, 3);
        struct cell_arch arch = {.nodes = 4, .kinds = 2};
        cell_random(&darts, &rng, arch.has[0]);
        cell_random(&darts, &rng, arch.has[1]);
        struct count n = {0};
        int c = net.channels, side = 32, c0 = 3 * c, c1 = 3 * c;
        conv(&n, 3, 3, 3 * c, 1, 32 * 32, true);
        for (int i = 0; i < net.cells; i++) {
            bool reduction = i == net.cells / 3 || i == 2 * net.cells / 3;
            if (reduction)
                c *= 2;
            conv(&n, 1, c0, c, 1, side * side, true);
            conv(&n, 1, c1, c, 1, side * side, true);
            if (reduction)
                side /= 2;
            for (int e = 0; e < 14; e++)
                for (int op = 1; op < NET_OPS; op++)
                    if (arch.has[reduction][e] >> op & 1) {
                        bool from_input = e < 4 || e == 5 || e == 6 || e == 9 || e == 10;
                        operate(&n, op, c, reduction && from_input ? 2 : 1, side * side);
                    }
            c0 = c1, c1 = 4 * c;
        }
        n.params += 4 * c * 10 + 10;
        n.flops += 4 * c * 10;
        assert_float_equal(cell_params(&arch, &net), n.params, 0.5);
        assert_float_equal(cell_flops(&arch, &net), n.flops, 0.5);
    }
}

/* ---- text ---- */

static void text_comes_back(void **state) {
    (void)state;
    struct rng rng = rng_make(2, 1, 0);
    char text[CELL_TEXT_MAX], again[CELL_TEXT_MAX];
    struct cell_arch arch, back;
    assert_int_equal(cell_parse(v2, &arch), 0);
    assert_string_equal(cell_format(&arch, text), v2);
    for (int round = 0; round < 300; round++) {
        bool own = round % 2;
        memset(&arch, 0, sizeof arch);
        arch.own = own, arch.nodes = 1 + (int)rng_below(&rng, 6);
        arch.kinds = own ? 3 + (int)rng_below(&rng, 8) : 2;
        for (int i = 0; i < arch.kinds; i++)
            for (int e = 0; e < cell_edges(arch.nodes); e++)
                for (int o = 1; o < NET_OPS; o++)
                    if (rng_below(&rng, 8) == 0)
                        arch.has[i][e] = (unsigned char)(arch.has[i][e] | 1 << o);
        assert_int_equal(cell_parse(cell_format(&arch, text), &back), 0);
        assert_memory_equal(&arch, &back, sizeof arch);
        assert_string_equal(cell_format(&back, again), text);
    }
    /* the longest that a solver can have: 20 cells, both operators of GOLD-NAS on each edge */
    arch = (struct cell_arch){.nodes = 4, .kinds = 20, .own = true};
    for (int i = 0; i < 20; i++)
        memset(arch.has[i], 1 << NET_SKIP | 1 << NET_SEP_CONV_3, 14);
    assert_true(strlen(cell_format(&arch, text)) < 12000);
}

static void order_does_not_matter_but_is_canonical(void **state) {
    (void)state;
    char text[CELL_TEXT_MAX];
    struct cell_arch arch;
    assert_int_equal(cell_parse(v1, &arch), 0);
    assert_non_null(strstr(cell_format(&arch, text), "5=avg_pool_3x3(0)+skip_connect(2)"));
}

static void bad_text_is_refused(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"", "ends early"},
        {"normal 2=skip_connect(0)", "ends early"},
        {"normal 2=skip_connect(0) reduce", "ends early"},
        {"reduce 2=skip_connect(0)", "'reduce' stands where 'normal' must"},
        {"normal 2=skip_connect(2) reduce 2=none", "predecessors are 0 to 1"},
        {"normal 2=skip_connect(x) reduce 2=none", "predecessors are 0 to 1"},
        {"normal 2=skip(0) reduce 2=none", "is not an operator"},
        {"normal 2=none(0) reduce 2=none", "is not an operator"},
        {"normal 2=skip_connect(0)+skip_connect(0) reduce 2=none", "twice"},
        {"normal 3=skip_connect(0) reduce 2=none", "node 2 comes next"},
        {"normal 2= reduce 2=none", "ends in nothing"},
        {"normal 2=none 3=none reduce 2=none", "ends early"},
        {"normal 2=none reduce 2=none normal 2=none", "more cells"},
        {"cell0 2=none cell2 2=none", "'cell1' must"},
        {"normal 2=none 3=none 4=none 5=none 6=none 7=none 8=none reduce 2=none", "at most 6"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cell_arch arch;
        assert_int_equal(cell_parse(bad[i][0], &arch), -1);
        if (!strstr(fail_message(), bad[i][1]))
            print_error("expected '%s', got '%s'\n", bad[i][1], fail_message());
        assert_non_null(strstr(fail_message(), bad[i][1]));
    }
}

static void darts_rule(void **state) {
    (void)state;
    struct cell_space space = {.nodes = 2};
    cell_operators(&space, CELL_DARTS);
    double weight[5][8] = {{0}};
    unsigned char has[CELL_MAX_EDGES];
    weight[0][NET_NONE] = 9, weight[0][NET_SKIP] = 0.2; /* none is never chosen */
    weight[1][NET_SEP_CONV_3] = 0.3;
    weight[2][NET_MAX_POOL_3] = 0.5, weight[2][NET_SEP_CONV_5] = 0.4;
    weight[3][NET_SKIP] = 0.1; /* the weakest of three */
    weight[4][NET_DIL_CONV_5] = 0.2;
    cell_choose(&space, weight[0], 2, has);
    assert_true(has[0] == 1 << NET_SKIP && has[1] == 1 << NET_SEP_CONV_3);
    assert_true(has[2] == 1 << NET_MAX_POOL_3 && has[3] == 0 && has[4] == 1 << NET_DIL_CONV_5);
    cell_choose(&space, weight[0], 0, has);
    assert_true(has[3] == 1 << NET_SKIP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_are_numbered_as_in_darts),
        cmocka_unit_test(places_follow_the_reductions),
        cmocka_unit_test(published_sizes),
        cmocka_unit_test(flops_of_the_gold_space),
        cmocka_unit_test(random_genotypes_counted_twice),
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(order_does_not_matter_but_is_canonical),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(darts_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
