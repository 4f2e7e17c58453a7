/* data_cifar.c - CIFAR-10, binary version (Krizhevsky, "Learning Multiple Layers of Features from
 * Tiny Images", 2009): records of a label and 32 x 32 pixels in three planes. */
#include "fail.h"
#include "net/data.h"

enum {
    SIDE = 32,
    PLANES = 3,
    PLANE = SIDE * SIDE,
    RECORD = 1 + PLANES * PLANE,
    FILES = 6,
    COUNT_MAX = 1000000
};

static const char *const files[FILES + 1] = {"data_batch_1.bin",
                                             "data_batch_2.bin",
                                             "data_batch_3.bin",
                                             "data_batch_4.bin",
                                             "data_batch_5.bin",
                                             "test_batch.bin",
                                             NULL};

/* Planes to pixels: (C,H,W) to (H,W,C). */
static void interleave(const unsigned char *planes, unsigned char *pixels) {
    for (int i = 0; i < PLANE; i++)
        for (int c = 0; c < PLANES; c++)
            pixels[i * PLANES + c] = planes[c * PLANE + i];
}

/* Counts the records of a file; with labels and pixels (not NULL) copies as many as were counted.
 */
static int read_records(const char *folder, const char *file, unsigned char *labels,
                        unsigned char *pixels, int *count) {
    struct data_stream stream;
    int room = labels ? *count : COUNT_MAX;
    unsigned char record[RECORD];
    bool end = false;
    int status = data_stream_open(&stream, folder, file);
    for (*count = 0; !status; ++*count) {
        status = data_stream_read(&stream, record, RECORD, &end);
        if (status || end)
            break;
        if (*count == room)
            status = fail("%s: grew while it was read, or is too large", stream.path);
        else if (record[0] >= DATA_CLASSES)
            status = fail("%s is damaged: label %d of image %d", stream.path, record[0], *count);
        else if (labels) {
            labels[*count] = record[0];
            interleave(record + 1, pixels + (size_t)*count * (RECORD - 1));
        }
    }
    if (!status && *count == 0)
        status = fail("%s is damaged: it is empty", stream.path);
    data_stream_close(&stream);
    return status;
}

static int decode(struct data *data, const char *folder) {
    int count[FILES], train = 0;
    for (int i = 0; i < FILES; i++)
        if (read_records(folder, files[i], NULL, NULL, &count[i]))
            return -1;
    for (int i = 0; i < FILES - 1; i++)
        train += count[i];
    unsigned char *pixels, *labels;
    if (data_reserve(data, SIDE, SIDE, PLANES, train, count[FILES - 1], &pixels, &labels))
        return -1;
    for (int i = 0; i < FILES; i++) {
        if (read_records(folder, files[i], labels, pixels, &count[i]))
            return -1;
        labels += count[i];
        pixels += (size_t)count[i] * (RECORD - 1);
    }
    return 0;
}

const struct data_format data_cifar = {
    .name = "cifar-10",
    .files = files,
    .subfolder = "cifar-10-batches-bin",
    .hint = "unpack the binary version of CIFAR-10 (folder cifar-10-batches-bin) and name that "
            "folder as data_folder or in the environment variable NASTUNE_DATA",
    .decode = decode,
};
