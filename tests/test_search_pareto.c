/* test_search_pareto.c - CARS: sorting and NSGA-III's niching against slow references on 200 random
 * populations, the protection of large networks on a constructed case, and the breeding. */
#include "check.h"
#include "search/evolve.h"
#include "search/pareto.h"
#include <math.h>
#include <string.h>

enum { MOST = 60 };

static bool better(const double *a, const double *b) {
    return a[0] <= b[0] && a[1] <= b[1] && !(a[0] == b[0] && a[1] == b[1]);
}

/* The rank of a point is the length of the longest chain that dominates it. */
static int chain(int n, const double (*f)[2], int i) {
    int longest = 0;
    for (int j = 0; j < n; j++)
        if (better(f[j], f[i])) {
            int length = 1 + chain(n, f, j);
            longest = length > longest ? length : longest;
        }
    return longest;
}

static int draw_population(struct rng *rng, double (*f)[2], bool grid) {
    int n = 2 + (int)rng_below(rng, 24);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2; k++)
            f[i][k] = grid ? (double)rng_below(rng, 5) : (k ? 30 : 1) * rng_uniform(rng) - 0.5;
    return n;
}

static void ranks_against_chains(void **state) {
    (void)state;
    struct rng rng = rng_make(1, 1, 0);
    for (int round = 0; round < 200; round++) {
        double f[MOST][2];
        int rank[MOST], n = draw_population(&rng, f, round % 2);
        pareto_ranks(n, (const double(*)[2])f, rank);
        for (int i = 0; i < n; i++)
            assert_int_equal(rank[i], chain(n, (const double(*)[2])f, i));
    }
}

/* ---- NSGA-III, written out anew ---- */

static void reference(int n, const double (*f)[2], int keep, struct rng *rng, bool *chosen) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY}, cut[2];
    double g[MOST][2], distance[MOST];
    int rank[MOST], niche[MOST], last = 0, count[MOST] = {0}, total = 0, ends[2] = {-1, -1};
    bool closed[MOST] = {false};
    memset(chosen, 0, MOST);
    for (int i = 0; i < n; i++)
        rank[i] = chain(n, f, i);
    for (;; last++) {
        int size = 0;
        for (int i = 0; i < n; i++)
            size += rank[i] == last;
        if (total + size > keep)
            break;
        for (int i = 0; i < n; i++)
            chosen[i] |= rank[i] == last;
        total += size;
        if (total == keep)
            return;
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2 && rank[i] <= last; k++) {
            low[k] = f[i][k] < low[k] ? f[i][k] : low[k];
            high[k] = f[i][k] > high[k] ? f[i][k] : high[k];
        }
    for (int k = 0; k < 2; k++) {
        double least = INFINITY;
        for (int i = 0; i < n; i++) {
            if (rank[i] > last)
                continue;
            double w[2] = {1e-6, 1e-6};
            w[k] = 1;
            double asf = fmax((f[i][0] - low[0]) / w[0], (f[i][1] - low[1]) / w[1]);
            if (ends[k] < 0 || asf < least * (1 - 1e-12))
                least = asf, ends[k] = i;
        }
    }
    /* x / cut0 + y / cut1 = 1 through both ends, by Cramer's rule */
    double a = f[ends[0]][0] - low[0], b = f[ends[0]][1] - low[1];
    double c = f[ends[1]][0] - low[0], d = f[ends[1]][1] - low[1], det = a * d - b * c;
    for (int k = 0; k < 2; k++) {
        double inverse = k ? (a - c) / det : (d - b) / det;
        cut[k] = 1 / inverse;
        if (det <= 0 || !isfinite(cut[k]) || cut[k] <= 1e-12)
            cut[k] = high[k] > low[k] ? high[k] - low[k] : 1;
    }
    for (int i = 0; i < n; i++) {
        if (rank[i] > last)
            continue;
        distance[i] = INFINITY;
        for (int k = 0; k < 2; k++)
            g[i][k] = (f[i][k] - low[k]) / cut[k];
        for (int k = 0; k < keep; k++) { /* |g - (g.w) w| for the unit vector w */
            double w[2] = {k, keep - 1 - k}, length = sqrt(w[0] * w[0] + w[1] * w[1]);
            if (keep == 1)
                w[0] = w[1] = 0, length = 1;
            double dot = (g[i][0] * w[0] + g[i][1] * w[1]) / length;
            double x = g[i][0] - dot * w[0] / length, y = g[i][1] - dot * w[1] / length;
            if (sqrt(x * x + y * y) < distance[i] - 1e-12)
                distance[i] = sqrt(x * x + y * y), niche[i] = k;
        }
        if (chosen[i])
            count[niche[i]]++;
    }
    while (total < keep) {
        int fewest = n + 1, tied[MOST], n_tied = 0, members[MOST], n_members = 0;
        for (int k = 0; k < keep; k++)
            if (!closed[k] && count[k] < fewest)
                fewest = count[k];
        for (int k = 0; k < keep; k++)
            if (!closed[k] && count[k] == fewest)
                tied[n_tied++] = k;
        int k = tied[rng_below(rng, (uint32_t)n_tied)];
        for (int i = 0; i < n; i++)
            if (rank[i] == last && !chosen[i] && niche[i] == k)
                members[n_members++] = i;
        if (n_members == 0) {
            closed[k] = true;
            continue;
        }
        int pick = members[0];
        for (int m = 0; m < n_members; m++)
            pick = distance[members[m]] < distance[pick] - 1e-12 ? members[m] : pick;
        if (count[k] > 0)
            pick = members[rng_below(rng, (uint32_t)n_members)];
        chosen[pick] = true;
        count[k]++;
        total++;
    }
}

static void niching_against_a_reference(void **state) {
    (void)state;
    struct rng rng = rng_make(2, 1, 0);
    int niched = 0;
    for (int round = 0; round < 200; round++) {
        double f[MOST][2];
        bool chosen[MOST] = {false}, wanted[MOST];
        int n = draw_population(&rng, f, false), keep = 2 + (int)rng_below(&rng, (uint32_t)n - 1),
            all = 0;
        struct rng one = rng_make(3, 1, (uint32_t)round), two = one;
        assert_int_equal(pareto_nsga3(n, (const double(*)[2])f, keep, &one, chosen), 0);
        reference(n, (const double(*)[2])f, keep, &two, wanted);
        for (int i = 0; i < n; i++) {
            assert_int_equal(chosen[i], wanted[i]);
            all += chosen[i];
        }
        assert_int_equal(all, keep);
        niched += memcmp(&one, &two, sizeof one) == 0 && one.counter[0] + (uint32_t)one.used > 0;
    }
    assert_true(niched > 100);
}

/* Ties, equal points and degenerate fronts: the right number, whole fronts first. */
static void niching_on_a_grid(void **state) {
    (void)state;
    struct rng rng = rng_make(4, 1, 0);
    for (int round = 0; round < 200; round++) {
        double f[MOST][2];
        bool chosen[MOST];
        int rank[MOST], n = draw_population(&rng, f, true), all = 0, worst = 0;
        int keep = 1 + (int)rng_below(&rng, (uint32_t)n);
        pareto_ranks(n, (const double(*)[2])f, rank);
        assert_int_equal(pareto_nsga3(n, (const double(*)[2])f, keep, &rng, chosen), 0);
        for (int i = 0; i < n; i++) {
            all += chosen[i];
            worst = chosen[i] && rank[i] > worst ? rank[i] : worst;
        }
        assert_int_equal(all, keep);
        for (int i = 0; i < n; i++)
            assert_true(chosen[i] || rank[i] >= worst);
    }
}

/* Early in a search: small networks have learnt more. The large one, number 5, is better than the
 * middling ones but behind the small ones: plain selection drops it, protection keeps it. */
static void protection_keeps_a_large_network(void **state) {
    (void)state;
    static const double accuracy[8] = {0.60, 0.58, 0.56, 0.54, 0.52, 0.55, 0.40, 0.41};
    static const double size[8] = {1.0, 0.9, 0.8, 0.7, 0.6, 5.0, 2.0, 2.1};
    double plain[8][2], guarded[8][2];
    int a[8], b[8];
    bool chosen[8];
    for (int i = 0; i < 8; i++) {
        plain[i][0] = guarded[i][0] = -accuracy[i];
        plain[i][1] = size[i], guarded[i][1] = -size[i];
    }
    struct rng rng = rng_make(5, 1, 0);
    assert_int_equal(pareto_nsga3(8, (const double(*)[2])plain, 5, &rng, chosen), 0);
    assert_false(chosen[5]);
    pareto_ranks(8, (const double(*)[2])plain, a);
    pareto_ranks(8, (const double(*)[2])guarded, b);
    assert_true(a[5] > 0 && b[5] == 0);
    int kept = 0;
    for (uint32_t round = 0; round < 40; round++) {
        rng = rng_make(6, 1, round);
        /* the union of both first fronts is {0 .. 5}: six, all taken */
        assert_int_equal(pareto_merge(8, a, b, 6, &rng, chosen), 0);
        assert_true(chosen[5]);
        int all = 0;
        for (int i = 0; i < 8; i++)
            all += chosen[i];
        assert_int_equal(all, 6);
        assert_int_equal(pareto_merge(8, a, b, 5, &rng, chosen), 0); /* a random five of them */
        assert_false(chosen[6] || chosen[7]);
        kept += chosen[5];
    }
    assert_true(kept > 25 && kept < 40);
}

static void merging_fills_up(void **state) {
    (void)state;
    struct rng rng = rng_make(7, 1, 0);
    for (int round = 0; round < 200; round++) {
        double f[MOST][2];
        int a[MOST], b[MOST], n = draw_population(&rng, f, round % 2), all = 0;
        int keep = 1 + (int)rng_below(&rng, (uint32_t)n);
        bool chosen[MOST];
        pareto_ranks(n, (const double(*)[2])f, a);
        for (int i = 0; i < n; i++)
            f[i][1] = -f[i][1];
        pareto_ranks(n, (const double(*)[2])f, b);
        assert_int_equal(pareto_merge(n, a, b, keep, &rng, chosen), 0);
        for (int i = 0; i < n; i++)
            all += chosen[i];
        assert_int_equal(all, keep);
    }
}

/* ---- breeding ---- */

static void children_come_from_their_parents(void **state) {
    (void)state;
    struct cell_space space = {.nodes = 4};
    struct rng rng = rng_make(8, 1, 0);
    int from_b = 0, rounds = 2000;
    cell_operators(&space, CELL_DARTS);
    for (int round = 0; round < rounds; round++) {
        struct evolve_gene a, b, child;
        evolve_random(&space, &rng, &a);
        evolve_random(&space, &rng, &b);
        evolve_cross(&space, &a, &b, 0.3, &rng, &child);
        for (int node = 0; node < 4; node++) {
            bool is_b = true, is_a = true;
            for (int kind = 0; kind < 2; kind++) { /* both kinds together */
                assert_true(a.from[kind][node][0] < a.from[kind][node][1]);
                assert_true(a.from[kind][node][1] < node + 2 && a.op[kind][node][0] < 8);
                is_b = is_b && memcmp(child.from[kind][node], b.from[kind][node], 2) == 0 &&
                       memcmp(child.op[kind][node], b.op[kind][node], 2) == 0;
                is_a = is_a && memcmp(child.from[kind][node], a.from[kind][node], 2) == 0 &&
                       memcmp(child.op[kind][node], a.op[kind][node], 2) == 0;
            }
            assert_true(is_a || is_b);
            from_b += is_b && !is_a;
        }
    }
    assert_float_equal((double)from_b / (4 * rounds), 0.3, 3 * sqrt(0.21 / (4 * rounds)));
}

static void children_are_new(void **state) {
    (void)state;
    struct cell_space space = {.nodes = 1};
    struct evolve_gene population[15], child;
    struct rng rng = rng_make(9, 1, 0);
    const struct evolve_odds odds = {0.25, 0.25, 0.5};
    cell_operators(&space, CELL_GOLD); /* sixteen individuals in all */
    for (int i = 0; i < 15;) {
        bool known = false;
        evolve_random(&space, &rng, &population[i]);
        for (int j = 0; j < i; j++)
            known = known || memcmp(&population[i], &population[j], sizeof *population) == 0;
        i += !known;
    }
    for (int round = 0; round < 20; round++) {
        evolve_child(&space, population, 15, &odds, &rng, &child);
        for (int i = 0; i < 15; i++)
            assert_true(memcmp(&child, &population[i], sizeof child) != 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_against_chains), cmocka_unit_test(niching_against_a_reference),
        cmocka_unit_test(niching_on_a_grid),    cmocka_unit_test(protection_keeps_a_large_network),
        cmocka_unit_test(merging_fills_up),     cmocka_unit_test(children_come_from_their_parents),
        cmocka_unit_test(children_are_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
