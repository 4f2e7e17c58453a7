/* check.h - cmocka with the headers it needs before it, in the order it needs them. */
#ifndef NASTUNE_TESTS_CHECK_H
#define NASTUNE_TESTS_CHECK_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#undef fail /* cmocka's macro; ours is fail.h. (fail_msg goes with it: print_error, then assert.)  \
             */

/* fail.h has a fail of its own, so only fail_msg stays. */
#undef fail
#undef fail_msg
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        print_error("ERROR: " __VA_ARGS__);                                                        \
        print_error("\n");                                                                         \
        _fail(__FILE__, __LINE__);                                                                 \
    } while (0)

#endif
