/* data.c - finding a data set, decoding it once, and the cache that maps it afterwards (data.h). */
#include "net/data.h"
#include "fail.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PATH = 4096, READ_CHUNK = 1 << 20 };

static const struct data_format *const formats[] = {&data_idx, &data_cifar, NULL};

/* The block: this header, the labels, the pixels. It is what a cache file holds, byte for byte, on
 * the machine that wrote it. */
struct data_block {
    char magic[16]; /* with the version of this layout */
    uint64_t source, size;
    int32_t height, width, channels, train, test;
    uint32_t check; /* CRC-32 of the block, with 0 here */
    double mean[DATA_CHANNELS], deviation[DATA_CHANNELS];
};
static const char magic[16] = "nastune-data-01";

/* ---- files ---- */

/* FOLDER/FILE or FOLDER/FILE.gz, whichever is there. */
static int locate(const char *folder, const char *file, char *path, struct stat *info) {
    static const char *const ending[] = {"", ".gz"};
    for (int i = 0; i < 2; i++) {
        int length = snprintf(path, PATH, "%s/%s%s", folder, file, ending[i]);
        if (length < PATH && stat(path, info) == 0)
            return 0;
    }
    return fail("%s is not in %s", file, folder);
}

int data_stream_open(struct data_stream *stream, const char *folder, const char *file) {
    struct stat info;
    stream->file = NULL;
    if (locate(folder, file, stream->path, &info))
        return -1;
    stream->file = gzopen(stream->path, "rb");
    return stream->file ? 0 : fail("%s: %s", stream->path, strerror(errno));
}

static int fail_stream(struct data_stream *stream) {
    int code;
    const char *why = gzerror(stream->file, &code);
    return fail("%s is cut short or damaged%s%s", stream->path, code == Z_OK ? "" : ": ",
                code == Z_OK      ? ""
                : code == Z_ERRNO ? strerror(errno)
                                  : why);
}

int data_stream_read(struct data_stream *stream, void *bytes, size_t size, bool *end) {
    size_t done = 0;
    while (done < size) {
        size_t left = size - done;
        int got = gzread(stream->file, (char *)bytes + done,
                         left > READ_CHUNK ? READ_CHUNK : (unsigned)left);
        int code;
        gzerror(stream->file, &code);
        if (got == 0 && done == 0 && end && code == Z_OK) {
            *end = true;
            return 0;
        }
        if (got <= 0)
            return fail_stream(stream);
        done += (size_t)got;
    }
    return 0;
}

int data_stream_end(struct data_stream *stream) {
    char more;
    bool end = false;
    if (data_stream_read(stream, &more, 1, &end))
        return -1;
    return end ? 0 : fail("%s is damaged: it is longer than its header says", stream->path);
}

void data_stream_close(struct data_stream *stream) {
    if (stream->file)
        gzclose(stream->file);
    stream->file = NULL;
}

static bool has_first_file(const struct data_format *format, const char *folder) {
    char path[PATH];
    struct stat info;
    return locate(folder, format->files[0], path, &info) == 0;
}

/* `named` itself or the format's subfolder of it. */
static bool look_into(const struct data_format *format, const char *named, char *folder) {
    if (!named || !*named)
        return false;
    snprintf(folder, PATH, "%s", named);
    if (has_first_file(format, folder))
        return true;
    return snprintf(folder, PATH, "%s/%s", named, format->subfolder) < PATH &&
           has_first_file(format, folder);
}

static int find_folder(const struct data_format *format, const char *given, char *folder) {
    const char *environment = getenv("NASTUNE_DATA");
    bool is_given = given && *given;
    if (is_given
            ? look_into(format, given, folder)
            : look_into(format, environment, folder) || look_into(format, format->system, folder))
        return 0;
    const char *where = is_given                      ? given
                        : environment && *environment ? environment
                        : format->system              ? format->system
                                                      : "any known folder";
    return fail("data set %s: %s is not in %s; %s", format->name, format->files[0], where,
                format->hint);
}

#define HASH_START 14695981039346656037u

/* FNV-1a, continued. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    for (const unsigned char *b = bytes; size > 0; b++, size--)
        hash = (hash ^ *b) * 1099511628211u;
    return hash;
}

/* A number for these files as they are now: names, sizes, times of change. */
static int identify(const struct data_format *format, const char *folder, uint64_t *source) {
    uint64_t hash = HASH_START;
    for (int i = 0; format->files[i]; i++) {
        char path[PATH];
        struct stat info;
        if (locate(folder, format->files[i], path, &info))
            return fail("data set %s: %s; %s", format->name, fail_message(), format->hint);
        uint64_t facts[] = {(uint64_t)info.st_size, (uint64_t)info.st_mtim.tv_sec,
                            (uint64_t)info.st_mtim.tv_nsec, (uint64_t)info.st_ino};
        hash = hash_bytes(hash, path, strlen(path));
        hash = hash_bytes(hash, facts, sizeof facts);
    }
    *source = hash;
    return 0;
}

/* ---- the block ---- */

static size_t image_bytes(const struct data_block *block) {
    return (size_t)block->height * (size_t)block->width * (size_t)block->channels;
}
static size_t image_count(const struct data_block *block) {
    return (size_t)block->train + (size_t)block->test;
}

static uint32_t block_check(const struct data_block *block) {
    struct data_block head = *block;
    head.check = 0;
    uLong crc = crc32_z(0, (const Bytef *)&head, sizeof head);
    return (uint32_t)crc32_z(crc, (const Bytef *)(block + 1), block->size - sizeof head);
}

/* What a reader of `data` sees of its block. */
static void attach(struct data *data) {
    const struct data_block *block = data->block;
    data->height = block->height;
    data->width = block->width;
    data->channels = block->channels;
    data->classes = DATA_CLASSES;
    data->train = block->train;
    data->test = block->test;
    data->labels = (const unsigned char *)(block + 1);
    data->pixels = data->labels + image_count(block);
    for (int c = 0; c < block->channels; c++) {
        data->mean[c] = block->mean[c];
        data->deviation[c] = block->deviation[c];
        for (int byte = 0; byte < 256; byte++)
            data->level[c][byte] = (float)((byte / 255.0 - block->mean[c]) / block->deviation[c]);
    }
}

int data_reserve(struct data *data, int height, int width, int channels, int train, int test,
                 unsigned char **pixels, unsigned char **labels) {
    struct data_block head = {
        .height = height, .width = width, .channels = channels, .train = train, .test = test};
    memcpy(head.magic, magic, sizeof magic);
    head.size = sizeof head + image_count(&head) * (1 + image_bytes(&head));
    data->block = calloc(1, head.size);
    if (!data->block)
        return fail("data set %s: out of memory for %zu bytes", data->name, (size_t)head.size);
    *data->block = head;
    data->size = head.size;
    *labels = (unsigned char *)(data->block + 1);
    *pixels = *labels + image_count(&head);
    return 0;
}

/* Mean and deviation of each channel over the training images, exact in integers. */
static void measure(struct data_block *block) {
    size_t pixels = (size_t)block->train * (size_t)block->height * (size_t)block->width;
    const unsigned char *pixel = (const unsigned char *)(block + 1) + image_count(block);
    for (int c = 0; c < block->channels; c++) {
        uint64_t sum = 0, squares = 0;
        for (size_t i = 0; i < pixels; i++) {
            unsigned value = pixel[i * (size_t)block->channels + (size_t)c];
            sum += value;
            squares += value * value;
        }
        double n = (double)pixels, mean = (double)sum / n;
        double variance = (double)squares / n - mean * mean;
        block->mean[c] = mean / 255;
        block->deviation[c] = variance > 0 ? sqrt(variance) / 255 : 1; /* a flat channel */
    }
}

/* ---- the cache ---- */

static int make_folder(const char *path) {
    return mkdir(path, 0700) && errno != EEXIST ? -1 : 0;
}

/* The cache's file for a data set from this folder; an empty path when there is no place for it. */
static void cache_path(const struct data *data, const char *source, char *path) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char folder[PATH];
    bool own = cache && *cache == '/';
    path[0] = 0;
    if (!own && !(home && *home == '/'))
        return;
    if (snprintf(folder, sizeof folder, "%s%s", own ? cache : home, own ? "" : "/.cache") >=
            (int)sizeof folder - 64 ||
        make_folder(folder))
        return;
    strcat(folder, "/nastune");
    if (make_folder(folder))
        return;
    if (snprintf(path, PATH, "%s/%s-%016llx.data", folder, data->name,
                 (unsigned long long)hash_bytes(HASH_START, source, strlen(source))) >= PATH)
        path[0] = 0;
}

static bool block_valid(const struct data_block *block, size_t size, uint64_t source) {
    if (size < sizeof *block || memcmp(block->magic, magic, sizeof magic) != 0 ||
        block->size != size || block->source != source || block->channels < 1 ||
        block->channels > DATA_CHANNELS || block->height < 1 || block->width < 1 ||
        block->train < 1 || block->test < 1)
        return false;
    return size == sizeof *block + image_count(block) * (1 + image_bytes(block)) &&
           block_check(block) == block->check;
}

/* Maps a cache file when it is whole and of these sources; otherwise data stays without a block. */
static void cache_map(struct data *data, const char *path, uint64_t source) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (file < 0)
        return;
    void *map = MAP_FAILED;
    if (fstat(file, &info) == 0 && info.st_size >= (off_t)sizeof(struct data_block))
        map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (map == MAP_FAILED)
        return;
    if (!block_valid(map, (size_t)info.st_size, source)) {
        munmap(map, (size_t)info.st_size);
        return;
    }
    data->block = map;
    data->size = (size_t)info.st_size;
    data->mapped = true;
}

static bool write_all(int file, const void *bytes, size_t size) {
    for (const char *at = bytes; size > 0;) {
        ssize_t wrote = write(file, at, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        at += wrote;
        size -= (size_t)wrote;
    }
    return true;
}

/* Written beside its place and renamed: readers and several writers at once only ever meet whole
 * files. A cache that cannot be written is no fault. */
static void cache_write(const struct data *data, const char *path) {
    char temporary[PATH + 8];
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int file = mkostemp(temporary, O_CLOEXEC);
    if (file < 0)
        return;
    bool written = write_all(file, data->block, data->size);
    if (close(file) || !written || rename(temporary, path))
        unlink(temporary);
}

/* ---- opening ---- */

static int decode(struct data *data, const struct data_format *format, const char *folder,
                  uint64_t source) {
    if (format->decode(data, folder))
        return fail("data set %s: %s; %s", format->name, fail_message(), format->hint);
    measure(data->block);
    data->block->source = source;
    data->block->check = block_check(data->block);
    return 0;
}

static int open_format(struct data *data, const struct data_format *format, const char *given) {
    char folder[PATH], path[PATH];
    uint64_t source = 0;
    if (find_folder(format, given, folder) || identify(format, folder, &source))
        return -1;
    cache_path(data, folder, path);
    if (*path)
        cache_map(data, path, source);
    if (!data->block) {
        if (decode(data, format, folder, source))
            return -1;
        if (*path)
            cache_write(data, path);
    }
    attach(data);
    return 0;
}

int data_open(struct data **out, const char *name, const char *folder) {
    *out = NULL;
    const struct data_format *format = NULL;
    for (int i = 0; formats[i]; i++)
        if (strcmp(formats[i]->name, name) == 0)
            format = formats[i];
    if (!format)
        return fail("no data set '%s'; there are %s", name, DATA_NAMES);
    struct data *data = calloc(1, sizeof *data);
    if (!data)
        return fail("out of memory");
    data->name = format->name;
    if (open_format(data, format, folder)) {
        data_close(data);
        return -1;
    }
    *out = data;
    return 0;
}

void data_close(struct data *data) {
    if (!data)
        return;
    if (data->mapped)
        munmap(data->block, data->size);
    else
        free(data->block);
    free(data);
}
