/* test_net_threads.c - threads that share slices: each slice of each job is done once, by one
 * thread at a time with the number it says, whatever the machine runs meanwhile. */
#include "check.h"
#include "net/threads.h"
#include <stdatomic.h>
#include <string.h>

enum { SLICES = 8, JOBS = 3000, THREADS = 4 };

struct job {
    int number, slices;
    int done[SLICES];
    atomic_int inside[THREADS];
    atomic_int faults;
};

static void body(void *argument, int slice, int thread) {
    struct job *job = argument;
    if (thread < 0 || thread >= THREADS || slice < 0 || slice >= job->slices) {
        atomic_fetch_add(&job->faults, 1);
        return;
    }
    if (atomic_fetch_add(&job->inside[thread], 1) != 0)
        atomic_fetch_add(&job->faults, 1);
    job->done[slice]++; /* no atomic: nobody else may be here */
    atomic_fetch_sub(&job->inside[thread], 1);
}

static void each_slice_once(void **state) {
    (void)state;
    for (int count = 1; count <= THREADS; count++) {
        struct threads *threads;
        assert_int_equal(threads_open(&threads, count), 0);
        for (int n = 0; n < JOBS; n++) {
            struct job job = {.number = n, .slices = 1 + n % SLICES};
            threads_run(threads, job.slices, body, &job);
            assert_int_equal(job.faults, 0);
            for (int i = 0; i < SLICES; i++)
                assert_int_equal(job.done[i], i < job.slices);
        }
        threads_close(threads);
    }
    threads_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_slice_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
