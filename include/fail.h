/* fail.h - how every function of nastune reports an error.
 *
 * A function that can fail returns int: 0 for success, -1 for failure, and says why with fail():
 *
 *     if (n > SPACE_MAX_DIMS)
 *         return fail("%d settings are searched; at most %d can be", n, SPACE_MAX_DIMS);
 *
 * The message belongs to the calling thread and stays until the next fail() there. Callers pass the
 * -1 up; fail_within() puts context in front on the way. Only main prints. Nothing below main
 * exits. A trial that fails is data (trial.h), not an error. */
#ifndef NASTUNE_FAIL_H
#define NASTUNE_FAIL_H

#define FAIL_MESSAGE_MAX 2048 /* bytes, the final NUL included; longer messages are cut */

/* Sets this thread's message; always returns -1. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Puts "context: " in front of this thread's message; always returns -1. */
int fail_within(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The message of the last fail() in this thread; "" when there was none. Borrowed. */
const char *fail_message(void);

#endif
