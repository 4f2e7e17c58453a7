/* data_idx.c - the idx format of MNIST and Fashion-MNIST (Xiao, Rasul & Vollgraf, "Fashion-MNIST: a
 * Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017). */
#include "fail.h"
#include "net/data.h"
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 0x803, LABELS = 0x801, SIDE_MAX = 1024, COUNT_MAX = 10000000 };

static const char *const files[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", NULL};

static unsigned big_endian(const unsigned char *b) {
    return (unsigned)b[0] << 24 | (unsigned)b[1] << 16 | (unsigned)b[2] << 8 | b[3];
}

struct idx {
    unsigned char *bytes; /* the file; owned */
    const unsigned char *body;
    unsigned count, height, width; /* labels: 1 x 1 */
};

static int parse(struct idx *idx, size_t size, unsigned magic) {
    size_t header = magic == IMAGES ? 16 : 8;
    if (size < header || big_endian(idx->bytes) != magic)
        return fail("is no idx file of %s", magic == IMAGES ? "images" : "labels");
    idx->count = big_endian(idx->bytes + 4);
    idx->height = magic == IMAGES ? big_endian(idx->bytes + 8) : 1;
    idx->width = magic == IMAGES ? big_endian(idx->bytes + 12) : 1;
    idx->body = idx->bytes + header;
    if (idx->count < 1 || idx->count > COUNT_MAX || idx->height < 1 || idx->height > SIDE_MAX ||
        idx->width < 1 || idx->width > SIDE_MAX)
        return fail("its header says %u images of %u x %u", idx->count, idx->height, idx->width);
    size_t wanted = header + (size_t)idx->count * idx->height * idx->width;
    return size == wanted ? 0 : fail("has %zu bytes, but its header says %zu", size, wanted);
}

static int read_idx(struct idx *idx, const char *folder, const char *file, unsigned magic) {
    size_t size;
    if (data_read(folder, file, &idx->bytes, &size))
        return -1;
    return parse(idx, size, magic) ? fail_within("%s/%s is damaged", folder, file) : 0;
}

static int check_labels(const struct idx *labels, const struct idx *images, const char *folder,
                        const char *file) {
    if (labels->count != images->count)
        return fail("%s/%s: %u labels for %u images", folder, file, labels->count, images->count);
    for (unsigned i = 0; i < labels->count; i++)
        if (labels->body[i] >= DATA_CLASSES)
            return fail("%s/%s is damaged: label %d of image %u", folder, file, labels->body[i], i);
    return 0;
}

static int assemble(struct data *data, const struct idx idx[4], const char *folder) {
    if (idx[0].height != idx[2].height || idx[0].width != idx[2].width)
        return fail("%s: training images are %u x %u, test images %u x %u", folder, idx[0].height,
                    idx[0].width, idx[2].height, idx[2].width);
    size_t image = (size_t)idx[0].height * idx[0].width;
    unsigned char *pixels, *labels;
    if (data_reserve(data, (int)idx[0].height, (int)idx[0].width, 1, (int)idx[0].count,
                     (int)idx[2].count, &pixels, &labels))
        return -1;
    memcpy(pixels, idx[0].body, image * idx[0].count);
    memcpy(pixels + image * idx[0].count, idx[2].body, image * idx[2].count);
    memcpy(labels, idx[1].body, idx[1].count);
    memcpy(labels + idx[1].count, idx[3].body, idx[3].count);
    return 0;
}

static int decode(struct data *data, const char *folder) {
    struct idx idx[4] = {{0}};
    int status = 0;
    for (int i = 0; i < 4 && !status; i++)
        status = read_idx(&idx[i], folder, files[i], i % 2 ? LABELS : IMAGES);
    for (int i = 1; i < 4 && !status; i += 2)
        status = check_labels(&idx[i], &idx[i - 1], folder, files[i]);
    if (!status)
        status = assemble(data, idx, folder);
    for (int i = 0; i < 4; i++)
        free(idx[i].bytes);
    return status;
}

const struct data_format data_idx = {
    .name = "fashion-mnist",
    .files = files,
    .subfolder = "fashion-mnist",
    .system = "/usr/share/datasets/fashion-mnist",
    .hint = "install it with `apt-get install dataset-fashion-mnist`, or name the folder of its "
            "idx files as data_folder",
    .decode = decode,
};
