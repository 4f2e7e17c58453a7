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
#undef fail /* cmocka's macro; ours is fail.h. (fail_msg goes with it: print_error, then assert.) */

#endif
