/* buffer.h - a growing piece of text. After a failed allocation it stays failed, so that callers
 * check once, at the end. */
#ifndef NASTUNE_BUFFER_H
#define NASTUNE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* (length + 1) NUL-terminated when length > 0 */
    size_t length, room;
    bool failed; /* memory ran out: the content is not whole */
};

void buffer_add(struct buffer *buffer, const char *bytes, size_t n);
void buffer_print(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_clear(struct buffer *buffer); /* keeps the memory */
void buffer_free(struct buffer *buffer);  /* leaves it empty, ready for use */

/* 0, or the failure that memory ran out. */
int buffer_check(const struct buffer *buffer);

/* Writes all n bytes, however many calls it takes. -1: it cannot, and errno says why. */
int buffer_write(int fd, const char *bytes, size_t n);

/* Reads a whole file (at most `limit` bytes) onto the end. */
int buffer_read_file(struct buffer *buffer, const char *path, size_t limit);

#endif
