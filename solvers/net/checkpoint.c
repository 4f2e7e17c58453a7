/* checkpoint.c - named records in one file: header (magic, version, count, size of the body, CRC-32
 * of the body), then for each record its name (64 bytes), its size and its bytes. Written beside
 * its place, synced and renamed. Numbers are in the machine's own order; the magic tells. */
#include "fail.h"
#include "net.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { NAME_BYTES = 64, VERSION = 1 };
static const uint64_t magic = 0x31747063656e756e; /* "nunecpt1" */

struct header {
    uint64_t magic;
    uint32_t version, records;
    uint64_t body;        /* bytes */
    uint32_t crc, unused; /* 0 */
};
struct entry {
    char name[NAME_BYTES];
    uint64_t bytes;
};

static struct entry entry_of(const struct net_record *record) {
    struct entry entry = {.bytes = record->bytes};
    size_t length = strlen(record->name);
    memcpy(entry.name, record->name, length < NAME_BYTES ? length : NAME_BYTES - 1);
    return entry;
}

static uint32_t crc_add(uint32_t crc, const void *data, size_t bytes) {
    return (uint32_t)crc32_z(crc, data, bytes);
}

static struct header header_of(const struct net_record *records, int n) {
    struct header header = {.magic = magic, .version = VERSION, .records = (uint32_t)n};
    for (int i = 0; i < n; i++) {
        const struct entry entry = entry_of(&records[i]);
        header.body += sizeof entry + records[i].bytes;
        header.crc = crc_add(header.crc, &entry, sizeof entry);
        header.crc = crc_add(header.crc, records[i].data, records[i].bytes);
    }
    return header;
}

static int write_all(FILE *file, const struct net_record *records, int n) {
    const struct header header = header_of(records, n);
    int bad = fwrite(&header, sizeof header, 1, file) != 1;
    for (int i = 0; i < n && !bad; i++) {
        const struct entry entry = entry_of(&records[i]);
        bad = fwrite(&entry, sizeof entry, 1, file) != 1 ||
              fwrite(records[i].data, 1, records[i].bytes, file) != records[i].bytes;
    }
    return bad || fflush(file) || fsync(fileno(file)) ? -1 : 0;
}

int net_checkpoint_save(const char *path, const struct net_record *records, int n) {
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.%ld.part", path, (long)getpid()) >= (int)sizeof beside)
        return fail("%s: the path is too long", path);
    FILE *file = fopen(beside, "wb");
    if (!file)
        return fail("%s: %s", beside, strerror(errno));
    int bad = write_all(file, records, n), reason = errno;
    if (fclose(file) && !bad)
        bad = -1, reason = errno;
    if (!bad && rename(beside, path))
        bad = -1, reason = errno;
    if (!bad)
        return 0;
    unlink(beside);
    return fail("%s: %s", path, strerror(reason));
}

/* Whether the file's contents are what was asked for, before anything is touched. */
static int body_check(const char *path, const struct header *header, const char *body,
                      const struct net_record *records, int n) {
    const struct header want = header_of(records, n);
    if (header->records != want.records || header->body != want.body)
        return fail("%s: a checkpoint of another network (%u records, %llu bytes; here %u, %llu)",
                    path, header->records, (unsigned long long)header->body, want.records,
                    (unsigned long long)want.body);
    if (crc_add(0, body, header->body) != header->crc)
        return fail("%s: the checkpoint is damaged (checksum)", path);
    for (int i = 0; i < n; i++) {
        const struct entry entry = entry_of(&records[i]);
        if (memcmp(body, &entry, sizeof entry))
            return fail("%s: record %d is '%.63s', not '%s' of %zu bytes", path, i, body,
                        records[i].name, records[i].bytes);
        body += sizeof entry + records[i].bytes;
    }
    return 0;
}

static int body_read(const char *path, FILE *file, const struct net_record *records, int n) {
    struct header header;
    if (fread(&header, sizeof header, 1, file) != 1 || header.magic != magic || header.unused)
        return fail("%s: not a checkpoint", path);
    if (header.version != VERSION)
        return fail("%s: checkpoint version %u; this program reads %d", path, header.version,
                    VERSION);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    if (size < 0 || (uint64_t)size != sizeof header + header.body)
        return fail("%s: the checkpoint is cut or longer than it should be", path);
    char *body = malloc(header.body ? header.body : 1);
    if (!body)
        return fail("%s: out of memory", path);
    fseek(file, sizeof header, SEEK_SET);
    int bad = fread(body, 1, header.body, file) != header.body
                  ? fail("%s: cannot be read", path)
                  : body_check(path, &header, body, records, n);
    const char *at = body;
    for (int i = 0; i < n && !bad; i++) {
        memcpy(records[i].data, at + sizeof(struct entry), records[i].bytes);
        at += sizeof(struct entry) + records[i].bytes;
    }
    free(body);
    return bad;
}

int net_checkpoint_load(const char *path, const struct net_record *records, int n) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail("%s: %s", path, strerror(errno));
    int bad = body_read(path, file, records, n);
    fclose(file);
    return bad;
}
