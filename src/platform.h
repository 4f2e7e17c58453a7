/* platform.h - the numerical traps of the machine, handled once and in one place. */
#ifndef NASTUNE_PLATFORM_H
#define NASTUNE_PLATFORM_H

/* Called first in main. Where OpenBLAS would run kernels older than the CPU (Debian 12's 0.3.21
 * does not know newer CPUs: 2-4 times slower), sets OPENBLAS_CORETYPE and executes the program
 * again, once; a user's own OPENBLAS_CORETYPE is respected. Likewise one BLAS thread, since trials
 * own the cores, and GOMP_SPINCOUNT=0, since spinning barriers collapse on a shared machine. Never
 * fails: without it the program is slower, not wrong. Switches GSL's aborting error handler off. */
void platform_prepare(char **argv);

/* Per thread: subnormal numbers count as zero (they are up to 60 times slower). */
void platform_prepare_thread(void);

/* The kernels that OpenBLAS runs: "SkylakeX". Borrowed. */
const char *platform_blas_core(void);

/* The path of this program, for executing it again; "" if the system does not tell. Borrowed. */
const char *platform_self(void);

/* "0.1.0". Borrowed. */
const char *platform_version(void);

double platform_monotonic(void); /* s, never jumps */
double platform_clock(void);     /* s since 1970, UTC */

#endif
