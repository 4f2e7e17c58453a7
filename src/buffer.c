/* buffer.c - a growing piece of text. */
#include "buffer.h"
#include "fail.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool reserve(struct buffer *buffer, size_t more) {
    size_t need = buffer->length + more + 1;
    if (buffer->failed)
        return false;
    if (need <= buffer->room)
        return true;
    size_t room = buffer->room ? buffer->room : 256;
    while (room < need)
        room *= 2;
    char *data = realloc(buffer->data, room);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->room = room;
    return true;
}

void buffer_add(struct buffer *buffer, const char *bytes, size_t n) {
    if (!reserve(buffer, n))
        return;
    if (n > 0)
        memcpy(buffer->data + buffer->length, bytes, n);
    buffer->length += n;
    buffer->data[buffer->length] = 0;
}

void buffer_print(struct buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !reserve(buffer, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(buffer->data + buffer->length, (size_t)n + 1, format, args);
    va_end(args);
    buffer->length += (size_t)n;
}

void buffer_clear(struct buffer *buffer) {
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = 0;
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

int buffer_check(const struct buffer *buffer) {
    return buffer->failed ? fail("out of memory") : 0;
}

int buffer_write(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            bytes += written;
            n -= (size_t)written;
        }
    }
    return 0;
}

static int read_all(struct buffer *buffer, int fd, const char *path, size_t limit) {
    char block[65536];
    for (size_t total = 0;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail("%s: %s", path, strerror(errno));
        if (n == 0)
            return buffer_check(buffer);
        if ((total += (size_t)n) > limit)
            return fail("%s: larger than %zu bytes", path, limit);
        buffer_add(buffer, block, (size_t)n);
    }
}

int buffer_read_file(struct buffer *buffer, const char *path, size_t limit) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail("%s: %s", path, strerror(errno));
    int status = read_all(buffer, fd, path, limit);
    close(fd);
    return status;
}
