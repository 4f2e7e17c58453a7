/* threads.h - a few threads that share the slices of a job. Whoever is free takes the next slice,
 * the caller included, so nobody waits for a thread that the machine does not run just now: on a
 * busy machine the caller does the work alone, where a barrier would cost a time slice of the
 * scheduler each time. Which thread does a slice changes nothing in its result. */
#ifndef NET_THREADS_H
#define NET_THREADS_H

struct threads;

/* `count` >= 1 threads, the caller being one of them. Fails when they cannot be made. */
int threads_open(struct threads **out, int count);
void threads_close(struct threads *threads); /* NULL is fine */

/* body(job, slice, thread) for slices 0 .. slices-1 (at most 255); thread is 0 .. count-1, never
 * the same for two at a time. Returns when all are done. */
void threads_run(struct threads *threads, int slices,
                 void (*body)(void *job, int slice, int thread), void *job);

#endif
