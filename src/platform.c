/* platform.c - OpenBLAS kernels, floating-point mode, clocks (platform.h). */
#include "platform.h"
#include "hpo.h"
#include <limits.h>
#include <openblas_config.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <pmmintrin.h>
#include <xmmintrin.h>
#endif

char *
openblas_get_corename(void); /* cblas.h declares it, along with much that is not wanted here */

static const char *const prepared = "NASTUNE_PREPARED"; /* set for the second execution */

const char *platform_version(void) {
    return NASTUNE_VERSION;
}

const char *platform_blas_core(void) {
    return openblas_get_corename();
}

const char *platform_self(void) {
    static char path[PATH_MAX];
    if (!*path) {
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        path[n > 0 ? n : 0] = 0;
    }
    return path;
}

/* The core type to ask for, or NULL when OpenBLAS has chosen well. */
static const char *better_core(void) {
#if defined(__x86_64__)
    static const char *const modern[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake",
                                         "Sapphirerapids"};
    const char *core = platform_blas_core();
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    for (size_t i = 0; i < sizeof modern / sizeof *modern; i++)
        if (strcasecmp(core, modern[i]) == 0 && (i > 1 || !avx512))
            return NULL;
    return avx512 ? "SkylakeX" : avx2 ? "Haswell" : NULL;
#else
    return NULL;
#endif
}

void platform_prepare(char **argv) {
    hpo_prepare();
    platform_prepare_thread();
    if (getenv(prepared) || !*platform_self())
        return;
    const char *core = getenv("OPENBLAS_CORETYPE") ? NULL : better_core();
    if (core)
        setenv("OPENBLAS_CORETYPE", core, 0);
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    setenv("GOMP_SPINCOUNT", "0", 0);
    setenv(prepared, "1", 1);
    execv(platform_self(), argv);
}

void platform_prepare_thread(void) {
#if defined(__x86_64__)
    _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
    _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
#endif
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double platform_monotonic(void) {
    return seconds(CLOCK_MONOTONIC);
}

double platform_clock(void) {
    return seconds(CLOCK_REALTIME);
}
