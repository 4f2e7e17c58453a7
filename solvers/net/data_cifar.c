/* data_cifar.c - CIFAR-10, binary version (Krizhevsky, "Learning Multiple Layers of Features from
 * Tiny Images", 2009): records of a label and 32 x 32 pixels in three planes. */
#include "fail.h"
#include "net/data.h"
#include <stdlib.h>

enum { SIDE = 32, PLANES = 3, PLANE = SIDE * SIDE, RECORD = 1 + PLANES * PLANE, FILES = 6 };

static const char *const files[FILES + 1] = {"data_batch_1.bin",
                                             "data_batch_2.bin",
                                             "data_batch_3.bin",
                                             "data_batch_4.bin",
                                             "data_batch_5.bin",
                                             "test_batch.bin",
                                             NULL};

struct part {
    unsigned char *bytes;
    size_t size;
};

static int read_part(struct part *part, const char *folder, const char *file) {
    if (data_read(folder, file, &part->bytes, &part->size))
        return -1;
    if (part->size == 0 || part->size % RECORD)
        return fail("%s/%s is damaged: %zu bytes are no whole number of %d-byte images", folder,
                    file, part->size, RECORD);
    for (size_t at = 0; at < part->size; at += RECORD)
        if (part->bytes[at] >= DATA_CLASSES)
            return fail("%s/%s is damaged: label %d of image %zu", folder, file, part->bytes[at],
                        at / RECORD);
    return 0;
}

/* Planes to pixels: (C,H,W) to (H,W,C). */
static void interleave(const unsigned char *planes, unsigned char *pixels) {
    for (int i = 0; i < PLANE; i++)
        for (int c = 0; c < PLANES; c++)
            pixels[i * PLANES + c] = planes[c * PLANE + i];
}

static int assemble(struct data *data, const struct part part[FILES]) {
    size_t train = 0, test = part[FILES - 1].size / RECORD;
    for (int i = 0; i < FILES - 1; i++)
        train += part[i].size / RECORD;
    unsigned char *pixels, *labels;
    if (data_reserve(data, SIDE, SIDE, PLANES, (int)train, (int)test, &pixels, &labels))
        return -1;
    for (int i = 0; i < FILES; i++)
        for (size_t at = 0; at < part[i].size; at += RECORD) {
            *labels++ = part[i].bytes[at];
            interleave(part[i].bytes + at + 1, pixels);
            pixels += RECORD - 1;
        }
    return 0;
}

static int decode(struct data *data, const char *folder) {
    struct part part[FILES] = {{0}};
    int status = 0;
    for (int i = 0; i < FILES && !status; i++)
        status = read_part(&part[i], folder, files[i]);
    if (!status)
        status = assemble(data, part);
    for (int i = 0; i < FILES; i++)
        free(part[i].bytes);
    return status;
}

const struct data_format data_cifar = {
    .name = "cifar-10",
    .files = files,
    .subfolder = "cifar-10-batches-bin",
    .hint = "unpack the binary version of CIFAR-10 (folder cifar-10-batches-bin) and name that "
            "folder as data_folder or in the environment variable NASTUNE_DATA",
    .decode = decode,
};
