/* replay.c - replay FOLDER COUNT: gives a fuzzer every file of its corpus, and COUNT changes of
 * them drawn from a fixed seed. Stands in for libFuzzer where there is none. */
#include "fuzz.h"
#include "rng.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 256, SIZE_MAX_BYTES = 1 << 16 };

struct input {
    uint8_t *bytes;
    size_t size;
};

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct input read_file(const char *folder, const char *name) {
    char path[4096];
    struct input input = {malloc(SIZE_MAX_BYTES), 0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file && input.bytes);
    input.size = fread(input.bytes, 1, SIZE_MAX_BYTES, file);
    fclose(file);
    return input;
}

static int read_corpus(const char *folder, struct input *input) {
    char *names[FILES_MAX];
    int n = 0;
    DIR *all = opendir(folder);
    FUZZ_CHECK(all);
    for (struct dirent *entry; n < FILES_MAX && (entry = readdir(all));)
        if (*entry->d_name != '.')
            names[n++] = strdup(entry->d_name);
    closedir(all);
    qsort(names, (size_t)n, sizeof *names, compare_names); /* the same order everywhere */
    for (int i = 0; i < n; i++) {
        input[i] = read_file(folder, names[i]);
        free(names[i]);
    }
    return n;
}

/* Changes a copy: bytes replaced, cut out, doubled, or the end of another input put on. */
static size_t change(struct rng *rng, const struct input *all, int n, uint8_t *bytes) {
    const struct input *from = &all[rng_below(rng, (uint32_t)n)];
    size_t size = from->size;
    memcpy(bytes, from->bytes, size);
    for (uint32_t edits = 1 + rng_below(rng, 4); edits > 0 && size > 0; edits--) {
        size_t at = rng_below(rng, (uint32_t)size), room = SIZE_MAX_BYTES - size;
        size_t length = 1 + rng_below(rng, 16);
        length = length < size - at ? length : size - at;
        const struct input *other = &all[rng_below(rng, (uint32_t)n)];
        switch (rng_below(rng, 5)) {
        case 0:
            bytes[at] = (uint8_t)rng_u32(rng);
            break;
        case 1:
            bytes[at] = (uint8_t) "\r\n\",:-0e.{}[]|= "[rng_below(rng, 17)];
            break;
        case 2:
            memmove(bytes + at, bytes + at + length, size - at - length);
            size -= length;
            break;
        case 3:
            if (length <= room) {
                memmove(bytes + at + length, bytes + at, size - at);
                size += length;
            }
            break;
        default:
            if (other->size > at) {
                memcpy(bytes + at, other->bytes + at, other->size - at);
                size = other->size;
            }
        }
    }
    return size;
}

int main(int argc, char **argv) {
    static struct input all[FILES_MAX];
    static uint8_t room[SIZE_MAX_BYTES];
    if (argc != 3)
        return 64;
    int n = read_corpus(argv[1], all);
    FUZZ_CHECK(n > 0);
    struct rng rng = rng_make(1, rng_stream("fuzz"), 0);
    for (int i = 0; i < n; i++)
        LLVMFuzzerTestOneInput(all[i].bytes, all[i].size);
    for (long i = 0; i < atol(argv[2]); i++) {
        size_t size = change(&rng, all, n, room);
        uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees its end */
        FUZZ_CHECK(exact);
        memcpy(exact, room, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    for (int i = 0; i < n; i++)
        free(all[i].bytes);
    printf("%d files, %s changes\n", n, argv[2]);
    return 0;
}
