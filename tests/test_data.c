/* test_data.c - reading idx and CIFAR files that the test writes itself, the cache, splits and
 * batches. */
#include "check.h"
#include "fail.h"
#include "net/data.h"
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

static char home[] = "/tmp/nastune-data-XXXXXX";
static char idx_folder[64], cifar_folder[64], cache_folder[64];

enum { TRAIN = 50, TEST = 10, H = 3, W = 4 };

static int pixel_of(int image, int at) {
    return (image * 37 + at * 11 + 5) % 256;
}

static void put(const char *folder, const char *name, const void *bytes, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    bool packed = strstr(name, ".gz");
    gzFile file = gzopen(path, packed ? "wb" : "wbT");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

static void put_idx(const char *prefix, int first, int count) {
    unsigned char images[16 + TRAIN * H * W] = {0, 0, 8, 3, 0, 0, 0, (unsigned char)count,
                                                0, 0, 0, H, 0, 0, 0, W};
    unsigned char labels[8 + TRAIN] = {0, 0, 8, 1, 0, 0, 0, (unsigned char)count};
    for (int i = 0; i < count; i++) {
        labels[8 + i] = (unsigned char)((first + i) % 10);
        for (int at = 0; at < H * W; at++)
            images[16 + i * H * W + at] = (unsigned char)pixel_of(first + i, at);
    }
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte.gz", prefix);
    put(idx_folder, name, images, (size_t)(16 + count * H * W));
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix); /* unpacked files are fine too */
    put(idx_folder, name, labels, (size_t)(8 + count));
}

static void put_cifar(const char *name, int first, int count) {
    unsigned char *bytes = malloc((size_t)count * 3073);
    for (int i = 0; i < count; i++) {
        bytes[i * 3073] = (unsigned char)((first + i) % 10);
        for (int at = 0; at < 3072; at++)
            bytes[i * 3073 + 1 + at] = (unsigned char)pixel_of(first + i, at);
    }
    put(cifar_folder, name, bytes, (size_t)count * 3073);
    free(bytes);
}

static void put_all(void) {
    put_idx("train", 0, TRAIN);
    put_idx("t10k", TRAIN, TEST);
    for (int i = 0; i < 5; i++)
        put_cifar((const char *const[]){"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                        "data_batch_4.bin", "data_batch_5.bin"}[i],
                  i * 2, 2);
    put_cifar("test_batch.bin", 10, 3);
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(home))
        return -1;
    snprintf(idx_folder, sizeof idx_folder, "%s/idx", home);
    snprintf(cifar_folder, sizeof cifar_folder, "%s/cifar-10-batches-bin", home);
    snprintf(cache_folder, sizeof cache_folder, "%s/cache", home);
    mkdir(idx_folder, 0700);
    mkdir(cifar_folder, 0700);
    setenv("XDG_CACHE_HOME", cache_folder, 1);
    unsetenv("NASTUNE_DATA");
    put_all();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", home, home);
    return system(command);
}

/* The one file in the cache whose name starts with `name`, or nothing. */
static bool cache_file(const char *name, char *path, size_t size) {
    char folder[96];
    snprintf(folder, sizeof folder, "%s/nastune", cache_folder);
    DIR *dir = opendir(folder);
    int found = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strncmp(entry->d_name, name, strlen(name)) == 0) {
            snprintf(path, size, "%s/%s", folder, entry->d_name);
            found++;
        }
    if (dir)
        closedir(dir);
    assert_true(found <= 1);
    return found == 1;
}

static struct data *open_idx(void) {
    struct data *data;
    if (data_open(&data, "fashion-mnist", idx_folder))
        print_error("%s\n", fail_message());
    assert_non_null(data);
    return data;
}

static void check_idx(const struct data *data) {
    assert_true(data->height == H && data->width == W && data->channels == 1);
    assert_true(data->train == TRAIN && data->test == TEST && data->classes == 10);
    for (int i = 0; i < TRAIN + TEST; i++) {
        assert_int_equal(data->labels[i], i % 10);
        for (int at = 0; at < H * W; at++)
            assert_int_equal(data->pixels[i * H * W + at], pixel_of(i, at));
    }
}

static void idx_is_read(void **state) {
    (void)state;
    struct data *data = open_idx();
    check_idx(data);
    double sum = 0, squares = 0;
    for (int i = 0; i < TRAIN * H * W; i++) {
        double value = pixel_of(i / (H * W), i % (H * W)) / 255.0;
        sum += value;
        squares += value * value;
    }
    double mean = sum / (TRAIN * H * W), variance = squares / (TRAIN * H * W) - mean * mean;
    assert_float_equal(data->mean[0], mean, 1e-12);
    assert_float_equal(data->deviation[0], sqrt(variance), 1e-12);
    data_close(data);
}

static void cifar_planes_become_pixels(void **state) {
    (void)state;
    struct data *data;
    assert_int_equal(data_open(&data, "cifar-10", home), 0); /* found in the subfolder */
    assert_true(data->height == 32 && data->width == 32 && data->channels == 3);
    assert_true(data->train == 10 && data->test == 3);
    for (int i = 0; i < 13; i++)
        for (int at = 0; at < 1024; at++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(data->pixels[(i * 1024 + at) * 3 + c], pixel_of(i, c * 1024 + at));
    data_close(data);
    setenv("NASTUNE_DATA", home, 1);
    assert_int_equal(data_open(&data, "cifar-10", ""), 0);
    data_close(data);
    unsetenv("NASTUNE_DATA");
    assert_int_equal(data_open(&data, "cifar-10", NULL), -1);
    assert_non_null(strstr(fail_message(), "NASTUNE_DATA"));
}

static void the_cache_is_mapped_and_renewed(void **state) {
    (void)state;
    char path[512];
    data_close(open_idx());
    assert_true(cache_file("fashion-mnist", path, sizeof path));
    struct data *data = open_idx();
    assert_true(data->mapped);
    check_idx(data);
    data_close(data);
    /* one flipped bit, and a cut file: decoded again, and the cache made good */
    for (int round = 0; round < 2; round++) {
        int file = open(path, O_RDWR);
        unsigned char byte;
        assert_int_equal(pread(file, &byte, 1, 400), 1);
        byte ^= 4;
        assert_int_equal(round ? ftruncate(file, 300) : (pwrite(file, &byte, 1, 400) != 1), 0);
        close(file);
        data = open_idx();
        assert_false(data->mapped);
        check_idx(data);
        data_close(data);
        data = open_idx();
        assert_true(data->mapped);
        data_close(data);
    }
    /* other source files: decoded again */
    put_idx("t10k", TRAIN, TEST - 1);
    data = open_idx();
    assert_false(data->mapped);
    assert_int_equal(data->test, TEST - 1);
    data_close(data);
    put_idx("t10k", TRAIN, TEST);
}

static void without_a_cache_it_is_decoded(void **state) {
    (void)state;
    setenv("XDG_CACHE_HOME", "/dev/null/nowhere", 1);
    struct data *data = open_idx();
    assert_false(data->mapped);
    check_idx(data);
    data_close(data);
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", "", 1);
    data_close(open_idx());
    setenv("XDG_CACHE_HOME", cache_folder, 1);
}

static void several_writers_leave_one_whole_file(void **state) {
    (void)state;
    char path[512];
    if (cache_file("fashion-mnist", path, sizeof path))
        unlink(path);
    enum { WRITERS = 8 };
    pid_t child[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        if (!(child[i] = fork())) {
            struct data *data;
            int status = data_open(&data, "fashion-mnist", idx_folder);
            _exit(status || data->test != TEST);
        }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    assert_true(cache_file("fashion-mnist", path, sizeof path));
    struct data *data = open_idx();
    assert_true(data->mapped);
    data_close(data);
}

static void faults_say_what_to_do(void **state) {
    (void)state;
    struct data *data;
    char path[128];
    assert_int_equal(data_open(&data, "fashion-mnist", "/nowhere"), -1);
    assert_null(data);
    assert_non_null(strstr(fail_message(), "apt-get install dataset-fashion-mnist"));
    assert_int_equal(data_open(&data, "mnist", NULL), -1);
    assert_non_null(strstr(fail_message(), "fashion-mnist|cifar-10"));
    snprintf(path, sizeof path, "%s/t10k-labels-idx1-ubyte", idx_folder);
    put(idx_folder, "t10k-labels-idx1-ubyte", "\0\0\10\1\0\0\0\12\1\2\3\4\5\6\7\10\11\12", 18);
    assert_int_equal(data_open(&data, "fashion-mnist", idx_folder), -1);
    assert_non_null(strstr(fail_message(), "label 10 of image 9"));
    put(idx_folder, "t10k-labels-idx1-ubyte", "\0\0\10\1\0\0\0\12\1\2\3\4\5\6\7\1\1\1\1", 19);
    assert_int_equal(data_open(&data, "fashion-mnist", idx_folder), -1);
    assert_non_null(strstr(fail_message(), "longer than its header says"));
    put(idx_folder, "t10k-labels-idx1-ubyte", "\0\0\10\1\0\0\0\12\1\2", 10);
    assert_int_equal(data_open(&data, "fashion-mnist", idx_folder), -1);
    assert_non_null(strstr(fail_message(), "t10k-labels-idx1-ubyte is cut short or damaged"));
    unlink(path);
    assert_int_equal(data_open(&data, "fashion-mnist", idx_folder), -1);
    assert_non_null(strstr(fail_message(), "t10k-labels-idx1-ubyte is not in"));
    put_idx("t10k", TRAIN, TEST);
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte.gz", idx_folder);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size - 12), 0);
    assert_int_equal(data_open(&data, "fashion-mnist", idx_folder), -1);
    assert_non_null(strstr(fail_message(), "t10k-images-idx3-ubyte.gz"));
    put(cifar_folder, "test_batch.bin", "abc", 3);
    assert_int_equal(data_open(&data, "cifar-10", cifar_folder), -1);
    assert_non_null(strstr(fail_message(), "test_batch.bin is cut short or damaged"));
    put_all();
}

static void splits_are_disjoint_and_seeded(void **state) {
    (void)state;
    struct data *data = open_idx();
    struct data_split a, b;
    assert_int_equal(data_split_open(&a, data, 30, 20, 7), 0);
    assert_int_equal(data_split_open(&b, data, 10, 20, 7), 0);
    int seen[TRAIN] = {0};
    for (int i = 0; i < 30; i++)
        seen[a.train[i]]++;
    for (int i = 0; i < 20; i++)
        seen[a.validation[i]]++;
    for (int i = 0; i < TRAIN; i++)
        assert_int_equal(seen[i], 1);
    assert_memory_equal(a.validation, b.validation, 20 * sizeof(int));
    assert_memory_equal(a.train, b.train, 10 * sizeof(int));
    data_split_free(&b);
    assert_int_equal(data_split_open(&b, data, 30, 20, 8), 0);
    assert_memory_not_equal(a.validation, b.validation, 20 * sizeof(int));
    int first[30], second[30], again[30];
    data_split_order(&a, 7, 0, first);
    data_split_order(&a, 7, 1, second);
    data_split_order(&a, 7, 0, again);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, second, sizeof first);
    for (int i = 0; i < 30; i++)
        seen[second[i]]++;
    for (int i = 0; i < 30; i++)
        assert_int_equal(seen[a.train[i]], 2);
    data_split_free(&b);
    assert_int_equal(data_split_open(&b, data, 31, 20, 7), -1);
    assert_non_null(strstr(fail_message(), "has 50 training images"));
    data_split_free(&a);
    data_close(data);
}

static void batches_are_normalised(void **state) {
    (void)state;
    struct data *data = open_idx();
    int image[TRAIN], label[TRAIN];
    real x[TRAIN * H * W];
    for (int i = 0; i < TRAIN; i++)
        image[i] = TRAIN - 1 - i;
    data_batch(data, image, TRAIN, x, label);
    double sum = 0, squares = 0;
    for (int i = 0; i < TRAIN * H * W; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    assert_float_equal(sum / (TRAIN * H * W), 0, 1e-6);
    assert_float_equal(squares / (TRAIN * H * W), 1, 1e-5);
    assert_int_equal(label[0], (TRAIN - 1) % 10);
    assert_float_equal(x[5], (pixel_of(TRAIN - 1, 5) / 255.0 - data->mean[0]) / data->deviation[0],
                       1e-5);
    data_close(data);
}

static void the_packaged_data_open(void **state) {
    (void)state;
    struct data *data;
    if (access("/usr/share/datasets/fashion-mnist", R_OK)) {
        print_message("Fashion-MNIST is not installed: skipped\n");
        skip();
    }
    assert_int_equal(data_open(&data, "fashion-mnist", NULL), 0);
    assert_true(data->train == 60000 && data->test == 10000 && data->height == 28);
    assert_float_equal(data->mean[0], 0.2860, 1e-4); /* as published for this data set */
    assert_float_equal(data->deviation[0], 0.3530, 1e-4);
    data_close(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_is_read),
        cmocka_unit_test(cifar_planes_become_pixels),
        cmocka_unit_test(the_cache_is_mapped_and_renewed),
        cmocka_unit_test(without_a_cache_it_is_decoded),
        cmocka_unit_test(several_writers_leave_one_whole_file),
        cmocka_unit_test(faults_say_what_to_do),
        cmocka_unit_test(splits_are_disjoint_and_seeded),
        cmocka_unit_test(batches_are_normalised),
        cmocka_unit_test(the_packaged_data_open),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
