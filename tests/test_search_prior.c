/* test_search_prior.c - PARSEC's distribution: entropy, density, gradients against enumeration and
 * differences, text; and on a toy problem with a likelihood in closed form the fitted distribution
 * goes to the posterior mode found by enumeration. */
#include "check.h"
#include "fail.h"
#include "search/prior.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cell_space space_of(int nodes, enum cell_operators operators) {
    struct cell_space space = {.nodes = nodes};
    cell_operators(&space, operators);
    return space;
}

static void entropy_at_the_start(void **state) {
    (void)state;
    struct cell_space space = space_of(4, CELL_NO_NONE);
    struct prior prior;
    assert_int_equal(prior_open(&prior, &space), 0);
    assert_float_equal(prior_entropy(&prior), 50.28, 0.005);
    assert_float_equal(prior_entropy(&prior), 2 * (2 * log(2.0 * 3 * 4 * 5) + 8 * log(7.0)), 1e-9);
    assert_int_equal(prior.count, 2 * 2 * (2 + 3 + 4 + 5 + 4 * 7));
    prior_free(&prior);
}

/* The smallest space: one node, two operators: 4^4 = 256 samples in all. */
enum { ALL = 256 };
static struct prior_sample sample_at(int i) {
    struct prior_sample s = {0};
    for (int bit = 0; bit < 8; bit++) {
        unsigned char value = i >> bit & 1;
        if (bit % 2)
            s.op[bit / 4][0][bit / 2 % 2] = value;
        else
            s.input[bit / 4][0][bit / 2 % 2] = value;
    }
    return s;
}

/* ln p(y|A): a table of random values, so no slot is independent of the others. */
static void likelihoods(uint64_t seed, double scale, double *l) {
    struct rng rng = rng_make(seed, 1, 0);
    for (int i = 0; i < ALL; i++)
        l[i] = scale * rng_normal(&rng);
}

static int index_of(const struct prior_sample *s) {
    for (int i = 0; i < ALL; i++) {
        struct prior_sample t = sample_at(i);
        if (memcmp(&t, s, sizeof t) == 0)
            return i;
    }
    return -1;
}

static void open_small(struct cell_space *space, struct prior *prior, uint64_t seed, double by) {
    *space = space_of(1, CELL_GOLD);
    assert_int_equal(prior_open(prior, space), 0);
    struct rng rng = rng_make(seed, 2, 0);
    for (size_t i = 0; i < prior->count; i++)
        prior->logit[i] = by * rng_normal(&rng);
}

static void density_entropy_and_frequencies_by_enumeration(void **state) {
    (void)state;
    struct cell_space space;
    struct prior prior;
    enum { DRAWS = 200000 };
    static int seen[ALL];
    open_small(&space, &prior, 1, 0.8);
    double sum = 0, entropy = 0;
    for (int i = 0; i < ALL; i++) {
        struct prior_sample s = sample_at(i);
        double l = prior_log(&prior, &s);
        sum += exp(l);
        entropy -= exp(l) * l;
    }
    assert_float_equal(sum, 1, 1e-12);
    assert_float_equal(prior_entropy(&prior), entropy, 1e-12);
    struct rng rng = rng_make(9, 3, 0);
    for (int k = 0; k < DRAWS; k++) {
        struct prior_sample s;
        prior_draw(&prior, &rng, &s);
        seen[index_of(&s)]++;
    }
    double chi = 0;
    for (int i = 0; i < ALL; i++) {
        struct prior_sample s = sample_at(i);
        double expected = DRAWS * exp(prior_log(&prior, &s));
        chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    assert_true(chi > 160 && chi < 360); /* 255 degrees of freedom, deviation 22.6 */
    prior_free(&prior);
}

static void gradient_against_differences(void **state) {
    (void)state;
    struct cell_space space = space_of(3, CELL_DARTS);
    struct prior prior;
    struct prior_sample sample;
    assert_int_equal(prior_open(&prior, &space), 0);
    struct rng rng = rng_make(4, 1, 0);
    for (size_t i = 0; i < prior.count; i++)
        prior.logit[i] = rng_normal(&rng);
    prior_draw(&prior, &rng, &sample);
    double *g = calloc(prior.count, sizeof *g);
    prior_gradient(&prior, &sample, 0.5, g);
    for (size_t i = 0; i < prior.count; i++) {
        double was = prior.logit[i];
        prior.logit[i] = was + 1e-5;
        double up = prior_log(&prior, &sample);
        prior.logit[i] = was - 1e-5;
        double down = prior_log(&prior, &sample);
        prior.logit[i] = was;
        assert_float_equal(g[i], 0.5 * (up - down) / 2e-5, 1e-8);
    }
    free(g);
    prior_free(&prior);
}

static void weights_in_the_log_domain(void **state) {
    (void)state;
    double l[3] = {-5000, -5000 - log(2), -5000 - log(4)}, w[3];
    prior_weights(3, l, 1, w);
    assert_float_equal(w[0], 4.0 / 7, 1e-12);
    assert_float_equal(w[2], 1.0 / 7, 1e-12);
    prior_weights(3, l, 2, w);
    assert_float_equal(w[0] / w[1], sqrt(2), 1e-12);
}

/* grad log sum_A p(y|A) p(A|pi), exactly. */
static void exact_gradient(const struct prior *prior, const double *l, double *g) {
    double weight[ALL];
    for (int i = 0; i < ALL; i++) {
        struct prior_sample s = sample_at(i);
        weight[i] = l[i] + prior_log(prior, &s);
    }
    prior_weights(ALL, weight, 1, weight);
    for (int i = 0; i < ALL; i++) {
        struct prior_sample s = sample_at(i);
        prior_gradient(prior, &s, weight[i], g);
    }
}

/* Self-normalised weights have a bias of order 1/K: K is large here. */
static void importance_weighted_gradient_is_the_exact_one(void **state) {
    (void)state;
    enum { K = 4000, ROUNDS = 100, COUNT = 16 };
    struct cell_space space;
    struct prior prior;
    double l[ALL], exact[COUNT] = {0}, sum[COUNT] = {0}, square[COUNT] = {0};
    static double likelihood[K], weight[K];
    static struct prior_sample sample[K];
    open_small(&space, &prior, 2, 0.5);
    assert_int_equal(prior.count, COUNT);
    likelihoods(3, 1, l);
    exact_gradient(&prior, l, exact);
    struct rng rng = rng_make(5, 1, 0);
    for (int round = 0; round < ROUNDS; round++) {
        double g[COUNT] = {0};
        for (int k = 0; k < K; k++) {
            prior_draw(&prior, &rng, &sample[k]);
            likelihood[k] = l[index_of(&sample[k])];
        }
        prior_weights(K, likelihood, 1, weight);
        for (int k = 0; k < K; k++)
            prior_gradient(&prior, &sample[k], weight[k], g);
        for (int i = 0; i < COUNT; i++)
            sum[i] += g[i], square[i] += g[i] * g[i];
    }
    double largest = 0;
    for (int i = 0; i < COUNT; i++) {
        double mean = sum[i] / ROUNDS, error = sqrt((square[i] / ROUNDS - mean * mean) / ROUNDS);
        assert_true(fabs(mean - exact[i]) <= 3 * error + 1e-12);
        largest = fmax(largest, fabs(exact[i]) / error);
    }
    assert_true(largest > 50); /* there was something to see */
    prior_free(&prior);
}

/* Gradient ascent with K samples a step: the distribution gathers on the best architecture. */
static void it_goes_to_the_posterior_mode(void **state) {
    (void)state;
    enum { K = 64, STEPS = 4000 };
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct cell_space space;
        struct prior prior;
        double l[ALL], likelihood[K], weight[K];
        struct prior_sample sample[K], mode;
        open_small(&space, &prior, 0, 0);
        likelihoods(seed, 2, l);
        int best = 0;
        for (int i = 0; i < ALL; i++) /* the prior is uniform: the likeliest is the mode */
            best = l[i] > l[best] ? i : best;
        for (int step = 0; step < STEPS; step++) {
            struct rng rng = rng_make(seed, 7, (uint32_t)step);
            for (int k = 0; k < K; k++) {
                prior_draw(&prior, &rng, &sample[k]);
                likelihood[k] = l[index_of(&sample[k])];
            }
            prior_weights(K, likelihood, 1, weight);
            double g[16] = {0};
            for (int k = 0; k < K; k++)
                prior_gradient(&prior, &sample[k], weight[k], g);
            for (size_t i = 0; i < prior.count; i++)
                prior.logit[i] += 0.1 * g[i];
        }
        prior_mode(&prior, &mode);
        if (index_of(&mode) != best)
            print_error("seed %d: %d (%g), not %d (%g)\n", (int)seed, index_of(&mode),
                        l[index_of(&mode)], best, l[best]);
        assert_int_equal(index_of(&mode), best);
        assert_true(prior_entropy(&prior) < 0.1 * 8 * log(2) && prior_confidence(&prior) > 0.95);
        prior_free(&prior);
    }
}

static void arch_of_a_sample(void **state) {
    (void)state;
    struct cell_space space = space_of(2, CELL_NO_NONE);
    struct prior prior;
    struct cell_arch arch;
    char text[CELL_TEXT_MAX];
    assert_int_equal(prior_open(&prior, &space), 0);
    struct prior_sample s = {.input = {{{1, 0}, {2, 2}}, {{0, 0}, {1, 2}}},
                             .op = {{{2, 3}, {0, 4}}, {{1, 1}, {5, 6}}}};
    prior_arch(&prior, &s, &arch);
    assert_string_equal(cell_format(&arch, text),
                        "normal 2=sep_conv_3x3(0)+skip_connect(1) "
                        "3=max_pool_3x3(2)+sep_conv_5x5(2) "
                        "reduce 2=avg_pool_3x3(0) 3=dil_conv_3x3(1)+dil_conv_5x5(2)");
    prior_free(&prior);
}

static void text_with_smoothing(void **state) {
    (void)state;
    char path[] = "/tmp/nastune-prior-XXXXXX";
    close(mkstemp(path));
    struct cell_space space = space_of(4, CELL_NO_NONE), other = space_of(3, CELL_NO_NONE),
                      less = space_of(4, CELL_GOLD);
    struct prior a, b, c, d;
    assert_int_equal(prior_open(&a, &space), 0);
    assert_int_equal(prior_open(&b, &space), 0);
    assert_int_equal(prior_open(&c, &other), 0);
    assert_int_equal(prior_open(&d, &less), 0);
    struct rng rng = rng_make(6, 1, 0);
    for (size_t i = 0; i < a.count; i++)
        a.logit[i] = 3 * rng_normal(&rng);
    a.logit[0] = 100; /* a certain choice */
    assert_int_equal(prior_write(&a, path), 0);
    assert_int_equal(prior_read(&b, path, 0), 0);
    struct prior_sample s;
    prior_draw(&a, &rng, &s);
    assert_float_equal(prior_log(&a, &s), prior_log(&b, &s), 1e-9);
    assert_int_equal(prior_read(&b, path, 0.2), 0);
    assert_float_equal(exp(b.logit[0]), 0.9, 1e-9); /* 0.8 * 1 + 0.2 / 2 */
    assert_float_equal(exp(b.logit[1]), 0.1, 1e-9);
    assert_true(prior_entropy(&b) > prior_entropy(&a));
    assert_int_equal(prior_read(&c, path, 0), -1);
    assert_int_equal(prior_read(&d, path, 0), -1);
    assert_non_null(strstr(fail_message(), ":2: 2 probabilities that add up to 1"));
    assert_int_equal(prior_read(&d, "/nowhere", 0), -1);
    prior_free(&a), prior_free(&b), prior_free(&c), prior_free(&d);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropy_at_the_start),
        cmocka_unit_test(density_entropy_and_frequencies_by_enumeration),
        cmocka_unit_test(gradient_against_differences),
        cmocka_unit_test(weights_in_the_log_domain),
        cmocka_unit_test(importance_weighted_gradient_is_the_exact_one),
        cmocka_unit_test(it_goes_to_the_posterior_mode),
        cmocka_unit_test(arch_of_a_sample),
        cmocka_unit_test(text_with_smoothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
