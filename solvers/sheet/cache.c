/* cache.c - parsed files and their indices, kept for the life of the process (sheet.h): the table
 * solver runs inside the harness, thousands of times a second, on the same file. */
#include "fail.h"
#include "sheet/sheet.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct leaf {
    struct leaf *next;
    int keys;
    struct sheet_key key[SHEET_KEYS];
    struct sheet_index *index;
};
struct book {
    struct book *next;
    struct stat stat; /* of the file when it was read: a file that was replaced is read again */
    struct sheet *sheet;
    struct leaf *leaves;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct book *books;

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int find_book(const char *path, const struct sheet **out) {
    struct stat now;
    if (stat(path, &now))
        return fail("%s: %s", path, strerror(errno));
    if (!S_ISREG(now.st_mode))
        return fail("%s: no file", path);
    for (struct book *book = books; book; book = book->next)
        if (strcmp(book->sheet->name, path) == 0 && same_file(&book->stat, &now)) {
            *out = book->sheet;
            return 0;
        }
    struct book *book = calloc(1, sizeof *book);
    if (!book)
        return fail("%s: out of memory", path);
    if (sheet_read(&book->sheet, path)) {
        free(book);
        return -1;
    }
    book->stat = now;
    book->next = books;
    books = book;
    *out = book->sheet;
    return 0;
}

static bool same_key(const struct leaf *leaf, const struct sheet_key *key, int n) {
    if (leaf->keys != n)
        return false;
    for (int i = 0; i < n; i++)
        if (leaf->key[i].column != key[i].column || leaf->key[i].exact != key[i].exact)
            return false;
    return true;
}

static int find_leaf(const struct sheet *sheet, const struct sheet_key *key, int n,
                     const struct sheet_index **out) {
    struct book *book = books;
    while (book->sheet != sheet)
        book = book->next;
    struct leaf *leaf = book->leaves;
    while (leaf && !same_key(leaf, key, n))
        leaf = leaf->next;
    if (!leaf) {
        if (!(leaf = calloc(1, sizeof *leaf)))
            return fail("out of memory for an index");
        leaf->keys = n;
        for (int i = 0; i < n; i++)
            leaf->key[i] = key[i];
        if (sheet_index_open(&leaf->index, sheet, leaf->key, n)) {
            free(leaf);
            return -1;
        }
        leaf->next = book->leaves;
        book->leaves = leaf;
    }
    *out = leaf->index;
    return 0;
}

int sheet_cached(const struct sheet **out, const char *path) {
    pthread_mutex_lock(&lock);
    int status = find_book(path, out);
    pthread_mutex_unlock(&lock);
    return status;
}

int sheet_cached_index(const struct sheet_index **out, const struct sheet *sheet,
                       const struct sheet_key *key, int n) {
    pthread_mutex_lock(&lock);
    int status = find_leaf(sheet, key, n, out);
    pthread_mutex_unlock(&lock);
    return status;
}
