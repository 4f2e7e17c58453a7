/* data_idx.c - the idx format of MNIST and Fashion-MNIST (Xiao, Rasul & Vollgraf, "Fashion-MNIST: a
 * Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017). */
#include "fail.h"
#include "net/data.h"

enum { IMAGES = 0x803, LABELS = 0x801, SIDE_MAX = 1024, COUNT_MAX = 10000000 };

static const char *const files[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", NULL};

static unsigned big_endian(const unsigned char *b) {
    return (unsigned)b[0] << 24 | (unsigned)b[1] << 16 | (unsigned)b[2] << 8 | b[3];
}

struct idx {
    struct data_stream stream;
    unsigned count, height, width; /* labels: 1 x 1 */
};

static int open_idx(struct idx *idx, const char *folder, const char *file, unsigned magic) {
    unsigned char header[16];
    size_t size = magic == IMAGES ? 16 : 8;
    if (data_stream_open(&idx->stream, folder, file) ||
        data_stream_read(&idx->stream, header, size, NULL))
        return -1;
    if (big_endian(header) != magic)
        return fail("%s is damaged: it is no idx file of %s", idx->stream.path,
                    magic == IMAGES ? "images" : "labels");
    idx->count = big_endian(header + 4);
    idx->height = magic == IMAGES ? big_endian(header + 8) : 1;
    idx->width = magic == IMAGES ? big_endian(header + 12) : 1;
    if (idx->count < 1 || idx->count > COUNT_MAX || idx->height < 1 || idx->height > SIDE_MAX ||
        idx->width < 1 || idx->width > SIDE_MAX)
        return fail("%s is damaged: its header says %u images of %u x %u", idx->stream.path,
                    idx->count, idx->height, idx->width);
    return 0;
}

/* Training images and labels, test images and labels: do they belong together? */
static int check_headers(const struct idx idx[4], const char *folder) {
    for (int i = 0; i < 4; i += 2)
        if (idx[i].count != idx[i + 1].count)
            return fail("%s: %u labels for %u images", idx[i + 1].stream.path, idx[i + 1].count,
                        idx[i].count);
    if (idx[0].height != idx[2].height || idx[0].width != idx[2].width)
        return fail("%s: training images are %u x %u, test images %u x %u", folder, idx[0].height,
                    idx[0].width, idx[2].height, idx[2].width);
    return 0;
}

static int read_body(struct idx *idx, unsigned char *to) {
    size_t size = (size_t)idx->count * idx->height * idx->width;
    return data_stream_read(&idx->stream, to, size, NULL) || data_stream_end(&idx->stream) ? -1 : 0;
}

static int read_labels(struct idx *idx, unsigned char *labels) {
    if (read_body(idx, labels))
        return -1;
    for (unsigned i = 0; i < idx->count; i++)
        if (labels[i] >= DATA_CLASSES)
            return fail("%s is damaged: label %d of image %u", idx->stream.path, labels[i], i);
    return 0;
}

static int read_all(struct data *data, struct idx idx[4]) {
    size_t first = (size_t)idx[0].count * idx[0].height * idx[0].width;
    unsigned char *pixels, *labels;
    if (data_reserve(data, (int)idx[0].height, (int)idx[0].width, 1, (int)idx[0].count,
                     (int)idx[2].count, &pixels, &labels))
        return -1;
    return read_body(&idx[0], pixels) || read_labels(&idx[1], labels) ||
                   read_body(&idx[2], pixels + first) || read_labels(&idx[3], labels + idx[0].count)
               ? -1
               : 0;
}

static int decode(struct data *data, const char *folder) {
    struct idx idx[4] = {{{0}, 0, 0, 0}};
    int status = 0;
    for (int i = 0; i < 4 && !status; i++)
        status = open_idx(&idx[i], folder, files[i], i % 2 ? LABELS : IMAGES);
    if (!status)
        status = check_headers(idx, folder);
    if (!status)
        status = read_all(data, idx);
    for (int i = 0; i < 4; i++)
        data_stream_close(&idx[i].stream);
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
