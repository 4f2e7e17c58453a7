/* data_split.c - seeded splits, shuffles and batches of a data set (data.h). */
#include "fail.h"
#include "net/data.h"
#include <stdlib.h>
#include <string.h>

int data_split_open(struct data_split *split, const struct data *data, int n_train,
                    int n_validation, uint64_t seed) {
    *split = (struct data_split){.n_train = n_train, .n_validation = n_validation};
    if (n_train < 1 || n_validation < 0 || n_train > data->train - n_validation)
        return fail("%s has %d training images; %d to train on and %d to validate on are wanted",
                    data->name, data->train, n_train, n_validation);
    int *all = malloc((size_t)data->train * sizeof *all);
    split->train = malloc((size_t)n_train * sizeof *all);
    split->validation = malloc(((size_t)n_validation + 1) * sizeof *all);
    if (!all || !split->train || !split->validation) {
        free(all);
        data_split_free(split);
        return fail("out of memory for a split of %d images", data->train);
    }
    for (int i = 0; i < data->train; i++)
        all[i] = i;
    struct rng rng = rng_make(seed, rng_stream("data-split"), 0);
    rng_shuffle(&rng, all, data->train);
    memcpy(split->validation, all, (size_t)n_validation * sizeof *all);
    memcpy(split->train, all + n_validation, (size_t)n_train * sizeof *all);
    free(all);
    return 0;
}

void data_split_free(struct data_split *split) {
    free(split->train);
    free(split->validation);
    *split = (struct data_split){0};
}

void data_split_order(const struct data_split *split, uint64_t seed, int epoch, int *order) {
    struct rng rng = rng_make(seed, rng_stream("data-order"), (uint32_t)epoch);
    memcpy(order, split->train, (size_t)split->n_train * sizeof *order);
    rng_shuffle(&rng, order, split->n_train);
}

void data_batch(const struct data *data, const int *image, int n, real *x, int *label) {
    int channels = data->channels;
    size_t bytes = (size_t)data->height * (size_t)data->width * (size_t)channels;
    for (int i = 0; i < n; i++) {
        const unsigned char *pixel = data->pixels + bytes * (size_t)image[i];
        label[i] = data->labels[image[i]];
        for (size_t at = 0; at < bytes; at += (size_t)channels)
            for (int c = 0; c < channels; c++)
                *x++ = data->level[c][pixel[at + (size_t)c]];
    }
}
