/* profile.c - measuring a space and checking a table against whole networks (profile.h). */
#include "profile.h"
#include "fail.h"
#include "rng.h"
#include "runtime/runtime.h"
#include <math.h>
#include <stdlib.h>

const char *const profile_spaces = MBCONV_SPACES;

static int find_space(const char *name, const struct mbconv_space **space) {
    *space = mbconv_find(name);
    return *space ? 0 : fail("no space '%s'; there are %s", name, MBCONV_SPACES);
}

int profile_measure(const char *name, int rounds, FILE *out) {
    const struct mbconv_space *space;
    struct runtime_table table;
    if (find_space(name, &space) || runtime_measure(&table, space, rounds))
        return -1;
    return runtime_write(&table, out);
}

/* Every choice of every block alike; SE where the table has it. */
static void draw(const struct mbconv_space *space, bool se, struct rng *rng,
                 struct mbconv_arch *arch) {
    struct mbconv_block block[MBCONV_MAX_BLOCKS];
    mbconv_largest(space, arch);
    mbconv_blocks(space, block);
    for (int b = 0; b < arch->blocks; b++)
        if (block[b].searchable)
            arch->choice[b] = (struct mbconv_choice){
                .skip = block[b].skippable && rng_below(rng, 5) == 0,
                .kernel = rng_below(rng, 2) ? 5 : 3,
                .expansion = rng_below(rng, 2) ? 6 : 3,
                .se = se ? (int)rng_below(rng, 3) * 25 : 0,
            };
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Ranks from 1, equal values sharing their mean. */
static void rank(const double *v, int n, double *out) {
    for (int i = 0; i < n; i++) {
        int below = 0, equal = 0;
        for (int j = 0; j < n; j++) {
            below += v[j] < v[i];
            equal += v[j] == v[i];
        }
        out[i] = below + (equal + 1) / 2.0;
    }
}

static double correlation(const double *a, const double *b, int n) {
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++) {
        ma += a[i] / n;
        mb += b[i] / n;
    }
    for (int i = 0; i < n; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return ab / sqrt(aa * bb);
}

/* predicted, measured (n); work (3 n). */
static void summarise(const double *predicted, const double *measured, int n, double *work,
                      struct profile_agreement *agreement) {
    double *error = work + 2 * n;
    for (int i = 0; i < n; i++)
        error[i] = fabs(predicted[i] / measured[i] - 1);
    qsort(error, (size_t)n, sizeof *error, compare);
    rank(predicted, n, work);
    rank(measured, n, work + n);
    *agreement = (struct profile_agreement){
        .archs = n,
        .spearman = correlation(work, work + n, n),
        .median_error = (error[(n - 1) / 2] + error[n / 2]) / 2,
        .worst_error = error[n - 1],
    };
}

static int measure_one(const struct runtime_table *table, int rounds, struct rng *rng, FILE *out,
                       double *predicted, double *measured) {
    struct mbconv_arch arch;
    struct runtime_cell cell;
    char text[MBCONV_TEXT_MAX];
    draw(table->space, runtime_has_se(table), rng, &arch);
    if (runtime_measure_arch(&arch, rounds, &cell))
        return -1;
    *predicted = runtime_of(table, &arch);
    *measured = cell.ms;
    if (out)
        fprintf(out, "%.6g,%.6g,%.3g,%s\n", *predicted, *measured, cell.spread,
                mbconv_format(&arch, text));
    return 0;
}

int profile_check(const char *name, const char *path, int archs, int rounds, uint64_t seed,
                  FILE *out, struct profile_agreement *agreement) {
    const struct mbconv_space *space;
    struct runtime_table table;
    if (find_space(name, &space) || runtime_read(&table, space, path))
        return -1;
    double *v = calloc(5 * (size_t)archs, sizeof *v);
    if (!v)
        return fail("out of memory for %d architectures", archs);
    struct rng rng = rng_make(seed, rng_stream("profile"), 0);
    int status = 0;
    if (out)
        fputs("predicted_ms,measured_ms,spread_ms,arch\n", out);
    for (int i = 0; i < archs && !status; i++)
        status = measure_one(&table, rounds, &rng, out, &v[i], &v[archs + i]);
    if (!status)
        summarise(v, v + archs, archs, v + 2 * archs, agreement);
    free(v);
    return status;
}
