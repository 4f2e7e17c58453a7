/* threads.c - threads that take slices of a job by a ticket: the number of the job and how many of
 * its slices are left in one word, so that a thread that wakes late finds none left of a job gone
 * by. */
#include "threads.h"
#include "fail.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { SLICE_BITS = 8, MOST_THREADS = 64 };
static const int patience = 4000; /* turns of looking before a thread sleeps: some 20 us */

struct helper {
    struct threads *threads;
    pthread_t id;
    int index;
};

struct threads {
    int count;
    void (*body)(void *job, int slice, int thread);
    void *job;
    _Atomic uint64_t ticket; /* job number, slices left */
    atomic_int done, asleep;
    atomic_bool quit;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct helper helper[MOST_THREADS];
};

static inline void pause_a_little(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static int left(uint64_t ticket) {
    return (int)(ticket & ((1 << SLICE_BITS) - 1));
}

/* Takes slices of the job that is open until none is left. Between a slice taken and the same slice
 * done the caller cannot leave the job, so its fields hold. */
static void work(struct threads *t, int thread) {
    uint64_t ticket = atomic_load(&t->ticket);
    while (left(ticket) > 0) {
        if (!atomic_compare_exchange_weak(&t->ticket, &ticket, ticket - 1))
            continue;
        t->body(t->job, left(ticket) - 1, thread);
        atomic_fetch_add(&t->done, 1);
        ticket = atomic_load(&t->ticket);
    }
}

/* Returns when the job is no longer `number`. */
static void await(struct threads *t, uint64_t number) {
    for (int i = 0; i < patience; i++) {
        if (atomic_load(&t->ticket) >> SLICE_BITS != number || atomic_load(&t->quit))
            return;
        pause_a_little();
    }
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->asleep, 1);
    while (atomic_load(&t->ticket) >> SLICE_BITS == number && !atomic_load(&t->quit))
        pthread_cond_wait(&t->wake, &t->lock);
    atomic_fetch_sub(&t->asleep, 1);
    pthread_mutex_unlock(&t->lock);
}

static void *help(void *argument) {
    const struct helper *h = argument;
    struct threads *t = h->threads;
    uint64_t number = 0;
    while (!atomic_load(&t->quit)) {
        await(t, number);
        number = atomic_load(&t->ticket) >> SLICE_BITS;
        work(t, h->index);
    }
    return NULL;
}

static void wake_all(struct threads *t) {
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void threads_run(struct threads *t, int slices, void (*body)(void *, int, int), void *job) {
    if (t->count == 1) {
        for (int slice = 0; slice < slices; slice++)
            body(job, slice, 0);
        return;
    }
    const uint64_t number = (atomic_load(&t->ticket) >> SLICE_BITS) + 1;
    t->body = body, t->job = job; /* nobody reads them: nothing is left of the last job */
    atomic_store(&t->done, 0);
    atomic_store(&t->ticket, number << SLICE_BITS | (uint64_t)slices);
    if (atomic_load(&t->asleep))
        wake_all(t);
    work(t, 0);
    for (int i = 0; atomic_load(&t->done) < slices; i++)
        if (i < patience)
            pause_a_little();
        else
            sched_yield();
}

int threads_open(struct threads **out, int count) {
    struct threads *t = calloc(1, sizeof *t);
    if (!t)
        return fail("out of memory");
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    for (t->count = 1; t->count < count && t->count < MOST_THREADS; t->count++) {
        struct helper *h = &t->helper[t->count];
        *h = (struct helper){.threads = t, .index = t->count};
        if (pthread_create(&h->id, NULL, help, h)) {
            threads_close(t);
            return fail("cannot start %d threads", count);
        }
    }
    *out = t;
    return 0;
}

void threads_close(struct threads *t) {
    if (!t)
        return;
    atomic_store(&t->quit, true);
    wake_all(t);
    for (int i = 1; i < t->count; i++)
        pthread_join(t->helper[i].id, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
