/* data.h - image data sets: opening, splits, batches.
 *
 * A data set is decoded once into one block (labels, pixels, statistics), which is kept in a cache
 * file and mapped by every later trial: opening then takes milliseconds. The cache is
 * $XDG_CACHE_HOME/nastune or ~/.cache/nastune; where that cannot be written the data are decoded
 * into memory. The environment variable NASTUNE_DATA may name a folder with data sets. */
#ifndef NET_DATA_H
#define NET_DATA_H

#include "net/net.h"

#define DATA_NAMES "fashion-mnist|cifar-10" /* choices of a setting */
#define DATA_CHANNELS 3                     /* at most */
#define DATA_CLASSES 10                     /* at most */

struct data {
    const char *name;
    int height, width, channels, classes;
    int train, test;             /* images: the training ones first, then the test ones */
    const unsigned char *pixels; /* (train + test, H, W, C) */
    const unsigned char *labels; /* (train + test) 0 .. classes-1 */
    double mean[DATA_CHANNELS], deviation[DATA_CHANNELS]; /* of the training pixels / 255 */
    float level[DATA_CHANNELS][256];                      /* (byte / 255 - mean) / deviation */

    struct data_block *block; /* what holds all this; private */
    size_t size;              /* bytes of the block */
    bool mapped;
};

/* Opens a data set of DATA_NAMES. folder: where its files are; NULL or "": $NASTUNE_DATA, then
 * where the Debian package puts them. Fails on missing or damaged files and says what to install or
 * where to put them. */
int data_open(struct data **out, const char *name, const char *folder);
void data_close(struct data *data); /* NULL is fine */

/* ---- splits and batches ---- */

/* Numbers of training images, drawn without replacement. */
struct data_split {
    int *train, *validation; /* (n_train), (n_validation) */
    int n_train, n_validation;
};
/* Fails when the data set has fewer training images than asked for (n_train >= 1, n_validation >=
 * 0). The same seed gives the same validation images whatever n_train is. */
int data_split_open(struct data_split *split, const struct data *data, int n_train,
                    int n_validation, uint64_t seed);
void data_split_free(struct data_split *split); /* fine on a zeroed one */

/* order (n_train): the training images of an epoch, shuffled by (seed, epoch). */
void data_split_order(const struct data_split *split, uint64_t seed, int epoch, int *order);

/* Images image[0 .. n) as x (n,H,W,C), normalised by channel, and their labels (n). */
void data_batch(const struct data *data, const int *image, int n, real *x, int *label);

/* ---- formats: what the readers of files fill in ---- */

struct data_format {
    const char *name;         /* "fashion-mnist" */
    const char *const *files; /* NULL-terminated; each may also be there as FILE.gz */
    const char *subfolder;    /* also looked into, below any folder that is named */
    const char *system;       /* folder of the Debian package; NULL: none */
    const char *hint;         /* what to do when it is missing */
    /* Reads the files in `folder` and makes the block by data_reserve. */
    int (*decode)(struct data *data, const char *folder);
};
extern const struct data_format data_idx, data_cifar;

/* Makes the block and sets everything but the contents: returns where pixels and labels go. */
int data_reserve(struct data *data, int height, int width, int channels, int train, int test,
                 unsigned char **pixels, unsigned char **labels);
/* FOLDER/FILE or FOLDER/FILE.gz as a stream of bytes. */
struct data_stream {
    void *file;      /* gzFile */
    char path[4096]; /* which of the two it is, for messages */
};
int data_stream_open(struct data_stream *stream, const char *folder, const char *file);
/* Reads `size` bytes; fails when there are fewer. With `end` (may be NULL) the end of the file in
 * place of the first byte is no failure and sets *end. */
int data_stream_read(struct data_stream *stream, void *bytes, size_t size, bool *end);
/* Fails when more bytes follow. */
int data_stream_end(struct data_stream *stream);
void data_stream_close(struct data_stream *stream); /* fine on a zeroed one */

#endif
