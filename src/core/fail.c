/* fail.c - the calling thread's error message. */
#include "fail.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[FAIL_MESSAGE_MAX];

int fail(const char *format, ...) {
    char text[FAIL_MESSAGE_MAX]; /* the old message may be among the arguments */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    return -1;
}

int fail_within(const char *format, ...) {
    char context[FAIL_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    return fail("%s: %s", context, message);
}

const char *fail_message(void) {
    return message;
}
