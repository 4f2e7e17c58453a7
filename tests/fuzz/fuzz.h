/* fuzz.h - what a fuzzer here is: a function that takes any bytes and must neither crash, hang nor
 * break what it asserts. With clang each is linked with libFuzzer (scripts/fuzz.sh); in every other
 * build with replay.c, which gives it the corpus and seeded changes of it. */
#ifndef NASTUNE_TESTS_FUZZ_H
#define NASTUNE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program with a word; unlike assert it stays in every build. */
#define FUZZ_CHECK(WHAT)                                                                           \
    do {                                                                                           \
        if (!(WHAT)) {                                                                             \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #WHAT);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
