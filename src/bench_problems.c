/* bench_problems.c - the problems in closed form (bench_problems.h). */
#include "bench_problems.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct space_dim real_dim(double lo, double hi) {
    return (struct space_dim){.kind = SPACE_REAL, .lo = lo, .hi = hi, .parent = -1};
}

static void box(struct space *space, int n, double lo, double hi) {
    *space = (struct space){.n = n};
    for (int d = 0; d < n; d++) {
        space->dim[d] = real_dim(lo, hi);
        space->dim[d].name[0] = 'x';
        space->dim[d].name[1] = (char)('0' + (d + 1) / 10);
        space->dim[d].name[2] = (char)('0' + (d + 1) % 10);
    }
}

/* Fidelity as a share of the full one; the truth is at 1. */
static double share(double fidelity, double full) {
    return fidelity > 0 ? fidelity / full : 1;
}

static void branin_space(struct space *space) {
    box(space, 2, -5, 10);
    space->dim[1].lo = 0;
    space->dim[1].hi = 15;
}

/* missing: 1 - share of the full fidelity (Kandasamy et al. 2017). */
static double branin_at(const double *v, double missing) {
    double b = 5.1 / (4 * M_PI * M_PI) - 0.01 * missing, c = 5 / M_PI - 0.1 * missing;
    double t = 1 / (8 * M_PI) + 0.05 * missing;
    return pow(v[1] - b * v[0] * v[0] + c * v[0] - 6, 2) + 10 * (1 - t) * cos(v[0]) + 10;
}

static void branin(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    result->objective[0] = branin_at(v, 0);
}

static void branin_mf(const double *v, double fidelity, struct result *result) {
    result->objective[0] = branin_at(v, 1 - share(fidelity, 27));
}

static void cube3(struct space *space) {
    box(space, 3, 0, 1);
}

static void cube6(struct space *space) {
    box(space, 6, 0, 1);
}

static double hartmann(int n, const double *v, const double *a, const double *p, double less) {
    static const double weight[4] = {1, 1.2, 3, 3.2};
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        double inner = 0;
        for (int d = 0; d < n; d++)
            inner += a[i * n + d] * pow(v[d] - p[i * n + d], 2);
        sum -= (weight[i] - less) * exp(-inner);
    }
    return sum;
}

static double hartmann3_at(const double *v, double less) {
    static const double a[] = {3, 10, 30, 0.1, 10, 35, 3, 10, 30, 0.1, 10, 35};
    static const double p[] = {0.3689, 0.1170, 0.2673, 0.4699, 0.4387, 0.7470,
                               0.1091, 0.8732, 0.5547, 0.0381, 0.5743, 0.8828};
    return hartmann(3, v, a, p, less);
}

static double hartmann6_at(const double *v, double less) {
    static const double a[] = {10, 3,   17,  3.5, 1.7, 8, 0.05, 10, 17,   0.1, 8,   14,
                               3,  3.5, 1.7, 10,  17,  8, 17,   8,  0.05, 10,  0.1, 14};
    static const double p[] = {0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886, 0.2329, 0.4135,
                               0.8307, 0.3736, 0.1004, 0.9991, 0.2348, 0.1451, 0.3522, 0.2883,
                               0.3047, 0.6650, 0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381};
    return hartmann(6, v, a, p, less);
}

static void hartmann3(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    result->objective[0] = hartmann3_at(v, 0);
}

static void hartmann3_mf(const double *v, double fidelity, struct result *result) {
    result->objective[0] = hartmann3_at(v, 0.1 * (1 - share(fidelity, 27)));
}

/* The lower the fidelity, the more it says the opposite. */
static void hartmann3_misleading(const double *v, double fidelity, struct result *result) {
    result->objective[0] = hartmann3_at(v, 0) * (2 * share(fidelity, 27) - 1);
}

static void hartmann6(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    result->objective[0] = hartmann6_at(v, 0);
}

static void hartmann6_mf(const double *v, double fidelity, struct result *result) {
    result->objective[0] = hartmann6_at(v, 0.1 * (1 - share(fidelity, 27)));
}

static void ackley_space(struct space *space) {
    box(space, 5, -32.768, 32.768);
}

static void ackley(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    double squares = 0, waves = 0;
    for (int d = 0; d < 5; d++) {
        squares += v[d] * v[d] / 5;
        waves += cos(2 * M_PI * v[d]) / 5;
    }
    result->objective[0] = 20 + M_E - 20 * exp(-0.2 * sqrt(squares)) - exp(waves);
}

static void rosenbrock_space(struct space *space) {
    box(space, 4, -5, 10);
}

static void rosenbrock(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    result->objective[0] = 0;
    for (int d = 0; d < 3; d++)
        result->objective[0] += 100 * pow(v[d + 1] - v[d] * v[d], 2) + pow(1 - v[d], 2);
}

static void levy_space(struct space *space) {
    box(space, 4, -10, 10);
}

static void levy(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    double w[4];
    for (int d = 0; d < 4; d++)
        w[d] = 1 + (v[d] - 1) / 4;
    double sum = pow(sin(M_PI * w[0]), 2);
    for (int d = 0; d < 3; d++)
        sum += pow(w[d] - 1, 2) * (1 + 10 * pow(sin(M_PI * w[d] + 1), 2));
    result->objective[0] = sum + pow(w[3] - 1, 2) * (1 + pow(sin(2 * M_PI * w[3]), 2));
}

enum { ONES = 4 }; /* choices, and as many reals */

static void counting_ones_space(struct space *space) {
    box(space, 2 * ONES, 0, 1);
    for (int d = 0; d < ONES; d++) {
        space->dim[d].kind = SPACE_CHOICE;
        space->dim[d].levels = 2;
        space->dim[d].level[1] = 1;
    }
}

/* Bernoulli means, estimated from 9 samples a unit of fidelity; their noise as a normal one. */
static void counting_ones(const double *v, double fidelity, struct result *result) {
    uint64_t key = (uint64_t)fidelity;
    double sum = 0;
    for (int d = 0; d < 2 * ONES; d++) {
        uint64_t bits;
        memcpy(&bits, &v[d], sizeof bits);
        key = rng_derive(key ^ bits, rng_stream("counting-ones"), (uint32_t)d);
        struct rng rng = rng_make(key, rng_stream("noise"), 0);
        double noise = d < ONES || !(fidelity > 0)
                           ? 0
                           : sqrt(v[d] * (1 - v[d]) / (9 * fidelity)) * rng_normal(&rng);
        sum += v[d] + noise;
    }
    result->objective[0] = -sum / (2 * ONES);
}

static void gardner_space(struct space *space) {
    box(space, 2, 0, 6);
}

/* The second problem of Gardner et al.: a narrow feasible region. */
static void gardner(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    result->objective[0] = sin(v[0]) + v[1];
    result->constraint[0] = sin(v[0]) * sin(v[1]) + 0.95;
}

static void target_space(struct space *space) {
    box(space, 3, 0, 1);
    space->dim[0] = (struct space_dim){.name = "lambda",
                                       .kind = SPACE_REAL,
                                       .scale = SETTING_LOG,
                                       .lo = 1e-4,
                                       .hi = 1,
                                       .parent = -1};
    space->dim[1] = space->dim[0];
    strcpy(space->dim[1].name, "rate");
    strcpy(space->dim[2].name, "warmup");
}

/* Like the search for a network of 80 ms: lambda and warm-up set the runtime, and slower networks
 * err less. The best lies at the edge of the tolerance, 81.6 ms. */
static void target(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    double runtime = 40 + 160 * (1 - 0.2 * v[2]) / (1 + pow(v[0] / 0.01, 1.2));
    result->constraint[0] = log(runtime / 80);
    result->objective[0] =
        0.3 * exp(-runtime / 100) + 0.05 * pow(log10(v[1]) + 1.5, 2) + 0.1 * pow(v[2] - 0.6, 2);
}

/* A setting that decides over others, whole numbers and a log scale. */
static void mixed_space(struct space *space) {
    box(space, 6, 0, 1);
    space->dim[0] = (struct space_dim){.name = "rate",
                                       .kind = SPACE_REAL,
                                       .scale = SETTING_LOG,
                                       .lo = 1e-5,
                                       .hi = 1,
                                       .parent = -1};
    space->dim[1] =
        (struct space_dim){.name = "width", .kind = SPACE_INT, .lo = 1, .hi = 64, .parent = -1};
    space->dim[2] = (struct space_dim){.name = "batch",
                                       .kind = SPACE_LIST,
                                       .levels = 5,
                                       .level = {16, 32, 64, 128, 256},
                                       .parent = -1};
    space->dim[3] = (struct space_dim){
        .name = "kind", .kind = SPACE_CHOICE, .levels = 3, .level = {0, 1, 2}, .parent = -1};
    space->dim[4].parent = 3; /* momentum, of kinds 1 and 2 */
    space->dim[4].parent_levels = 1 << 1 | 1 << 2;
}

static void mixed(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    static const double rate[3] = {-1, -2, -3}, offset[3] = {0.15, 0.05, 0};
    int kind = (int)v[3];
    double sum = offset[kind] + 0.3 * pow(log10(v[0]) - rate[kind], 2);
    sum += 2 * pow((v[1] - 44) / 64, 2) + 0.1 * pow(log2(v[2] / 64), 2) + pow(v[5] - 0.25, 2);
    if (kind > 0)
        sum += pow(v[4] - (kind == 1 ? 0.9 : 0.4), 2);
    result->objective[0] = sum;
}

enum { ZDT = 8, DTLZ = 6 };

static void zdt_space(struct space *space) {
    box(space, ZDT, 0, 1);
}

static double zdt_g(const double *v) {
    double sum = 0;
    for (int d = 1; d < ZDT; d++)
        sum += v[d];
    return 1 + 9 * sum / (ZDT - 1);
}

static void zdt1(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    double g = zdt_g(v);
    result->objective[0] = v[0];
    result->objective[1] = g * (1 - sqrt(v[0] / g));
}

static void zdt2(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    double g = zdt_g(v);
    result->objective[0] = v[0];
    result->objective[1] = g * (1 - pow(v[0] / g, 2));
}

static void zdt3(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    double g = zdt_g(v);
    result->objective[0] = v[0];
    result->objective[1] = g * (1 - sqrt(v[0] / g) - v[0] / g * sin(10 * M_PI * v[0]));
}

static void dtlz_space(struct space *space) {
    box(space, DTLZ, 0, 1);
}

static void dtlz2(const double *v, double fidelity, struct result *result) {
    (void)fidelity;
    double g = 0;
    for (int d = 1; d < DTLZ; d++)
        g += pow(v[d] - 0.5, 2);
    result->objective[0] = (1 + g) * cos(v[0] * M_PI / 2);
    result->objective[1] = (1 + g) * sin(v[0] * M_PI / 2);
}

/* Volumes: of the square below the reference less the area under the front, which is 1/3 for zdt1,
 * 2/3 for zdt2, a quarter of a disc for dtlz2; zdt3 by quadrature of its five pieces. References as
 * in Daulton, Balandat & Bakshy (NeurIPS 2020). */
/* clang-format off */
const struct bench_problem bench_problems[] = {
    {"branin", "2 reals, three global optima",
     1, 0, HPO_CAP, 0.39788735772973816, 1, {0}, 0, 50, branin_space, branin},
    {"hartmann3", "3 reals",
     1, 0, HPO_CAP, -3.8627797869493365, 1, {0}, 0, 50, cube3, hartmann3},
    {"hartmann6", "6 reals, a local optimum at regret 0.12",
     1, 0, HPO_CAP, -3.3223680114155147, 1, {0}, 0, 100, cube6, hartmann6},
    {"ackley5", "5 reals, many local optima",
     1, 0, HPO_CAP, 0, 1, {0}, 0, 100, ackley_space, ackley},
    {"rosenbrock4", "4 reals, a curved valley, values over six decades",
     1, 0, HPO_CAP, 0, 1, {0}, 0, 100, rosenbrock_space, rosenbrock},
    {"levy4", "4 reals, many local optima",
     1, 0, HPO_CAP, 0, 1, {0}, 0, 100, levy_space, levy},
    {"mixed", "reals, whole numbers, a list, a choice and a conditional real",
     1, 0, HPO_CAP, 0, 1, {0}, 0, 60, mixed_space, mixed},
    {"gardner", "2 reals under a narrow constraint",
     1, 1, HPO_CAP, 0.25323589750530805, 1, {0}, 0, 50, gardner_space, gardner},
    {"target", "3 reals; a runtime is to be met while the error is low",
     1, 1, HPO_TARGET, 0.1326590727839696, 1, {0}, 0, 40, target_space, target},
    {"branin-mf", "branin with a fidelity of 27 steps",
     1, 0, HPO_CAP, 0.39788735772973816, 27, {0}, 0, 30, branin_space, branin_mf},
    {"hartmann3-mf", "hartmann3 with a fidelity of 27 steps",
     1, 0, HPO_CAP, -3.8627797869493365, 27, {0}, 0, 30, cube3, hartmann3_mf},
    {"hartmann6-mf", "hartmann6 with a fidelity of 27 steps",
     1, 0, HPO_CAP, -3.3223680114155147, 27, {0}, 0, 50, cube6, hartmann6_mf},
    {"hartmann3-misleading", "its low fidelities say the opposite",
     1, 0, HPO_CAP, -3.8627797869493365, 27, {0}, 0, 30, cube3, hartmann3_misleading},
    {"counting-ones", "4 choices, 4 reals; noise falls with the fidelity",
     1, 0, HPO_CAP, -1, 81, {0}, 0, 30, counting_ones_space, counting_ones},
    {"zdt1", "8 reals, convex front",
     2, 0, HPO_CAP, NAN, 1, {11, 11}, 121 - 1.0 / 3, 60, zdt_space, zdt1},
    {"zdt2", "8 reals, concave front",
     2, 0, HPO_CAP, NAN, 1, {11, 11}, 121 - 2.0 / 3, 60, zdt_space, zdt2},
    {"zdt3", "8 reals, a front in five pieces",
     2, 0, HPO_CAP, NAN, 1, {11, 11}, 128.77811568719673, 60, zdt_space, zdt3},
    {"dtlz2", "6 reals, a front on a circle",
     2, 0, HPO_CAP, NAN, 1, {1.1, 1.1}, 0.42460183660255172, 60, dtlz_space, dtlz2},
    {0},
};
/* clang-format on */

const struct bench_problem *bench_problem_find(const char *name) {
    for (const struct bench_problem *p = bench_problems; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

double bench_violation(const struct bench_problem *problem, const struct result *result) {
    double sum = 0;
    for (int c = 0; c < problem->n_constraints; c++) {
        double off = fabs(expm1(result->constraint[c]));
        if (problem->constraint_kind == HPO_CAP)
            sum += fmax(0, result->constraint[c]);
        else if (off > 0.02)
            sum += off;
    }
    return sum;
}

static int by_first(const void *a, const void *b) {
    const double *p = a, *q = b;
    return p[0] != q[0] ? (p[0] > q[0]) - (p[0] < q[0]) : (p[1] > q[1]) - (p[1] < q[1]);
}

double bench_hypervolume(int n, const double *points, const double reference[2]) {
    double *sorted = malloc((2 * (size_t)n + 1) * sizeof *sorted), volume = 0;
    if (!sorted)
        return NAN;
    memcpy(sorted, points, 2 * (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, 2 * sizeof *sorted, by_first);
    double ceiling = reference[1];
    for (int i = 0; i < n; i++)
        if (sorted[2 * i] < reference[0] && sorted[2 * i + 1] < ceiling) {
            volume += (reference[0] - sorted[2 * i]) * (ceiling - sorted[2 * i + 1]);
            ceiling = sorted[2 * i + 1];
        }
    free(sorted);
    return volume;
}
