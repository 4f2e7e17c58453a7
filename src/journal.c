/* journal.c - opening, appending to and syncing the files of one run (journal.h). */
#include "journal.h"
#include "fail.h"
#include "journal_rows.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int journal_append(struct journal *journal, const struct trial *trial, int known,
                   const struct outcome *outcome, int chosen, const struct timing *timing) {
    struct buffer *points = &journal->pending[JOURNAL_POINTS];
    for (int i = 0; i < outcome->count; i++)
        journal_point_row(journal, points, trial->id, i, i == chosen, &outcome->point[i]);
    journal_trial_row(journal, &journal->pending[JOURNAL_TRIALS], trial, known, outcome->count,
                      chosen);
    journal_timing_row(journal, &journal->pending[JOURNAL_TIMING], trial->id, timing);
    journal->trials++;
    for (int f = 0; f < JOURNAL_FILES; f++)
        if (buffer_check(&journal->pending[f]))
            return -1;
    return 0;
}

/* Appends to the file and waits for the disk; on any error takes back what was written. */
static int append_durably(int fd, const struct buffer *bytes, const char *name) {
    struct stat before;
    if (bytes->length == 0)
        return 0;
    if (fstat(fd, &before))
        return fail("%s: %s", name, strerror(errno));
    if (buffer_write(fd, bytes->data, bytes->length) == 0 && fdatasync(fd) == 0)
        return 0;
    int why = errno;
    if (ftruncate(fd, before.st_size)) /* the reader cuts it otherwise */
        return fail("%s: %s; its last row is cut at the next start", name, strerror(why));
    return fail("%s: %s", name, strerror(why));
}

int journal_sync(struct journal *journal) {
    /* The row in trials.csv commits, so it comes last. */
    static const enum journal_file order[] = {JOURNAL_POINTS, JOURNAL_TIMING, JOURNAL_TRIALS};
    for (int i = 0; i < JOURNAL_FILES; i++) {
        enum journal_file f = order[i];
        if (append_durably(journal->fd[f], &journal->pending[f], journal_file_name[f]))
            return fail_within("the study is intact; free space or mend the disk and run the same "
                               "command again");
        buffer_clear(&journal->pending[f]);
    }
    return 0;
}

/* ---- opening ---- */

/* Whether the text is the beginning of a file: of its header, or the zeros that a power cut may
 * leave of it. */
static bool begins(const struct buffer *text, const struct buffer *header) {
    size_t zeros = 0;
    while (zeros < text->length && text->data[zeros] == 0)
        zeros++;
    return zeros == text->length || memcmp(text->data, header->data, text->length) == 0;
}

static int open_file(struct journal *journal, enum journal_file file, int folder) {
    const char *name = journal_file_name[file];
    int fd = openat(folder, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    journal->fd[file] = fd;
    struct stat status;
    if (fd < 0 || fstat(fd, &status))
        return fail("%s: %s", name, strerror(errno));
    struct buffer header = {0}, text = {0};
    journal_header(journal->study, file, &header);
    int result = 0;
    /* A file that ends within its header was killed while it was made: nothing is lost by starting
     * it again. Anything else is left to the reader to complain of. */
    if ((size_t)status.st_size < header.length) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        result = buffer_read_file(&text, path, JOURNAL_FILE_LIMIT);
        if (result == 0 && begins(&text, &header))
            result = ftruncate(fd, 0) ? fail("%s: %s", name, strerror(errno))
                                      : append_durably(fd, &header, name);
    }
    buffer_free(&header);
    buffer_free(&text);
    return result;
}

static int open_reader_file(struct journal *journal, enum journal_file file, int folder) {
    journal->fd[file] = openat(folder, journal_file_name[file], O_RDONLY | O_CLOEXEC);
    return journal->fd[file] < 0 ? fail("%s: %s", journal_file_name[file], strerror(errno)) : 0;
}

static int open_files(struct journal *journal, const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = 0;
    if (fd < 0)
        return fail("%s: %s", folder, strerror(errno));
    for (int f = 0; f < JOURNAL_FILES && status == 0; f++)
        status = journal->reader ? open_reader_file(journal, (enum journal_file)f, fd)
                                 : open_file(journal, (enum journal_file)f, fd);
    if (status == 0 && !journal->reader && fsync(fd))
        status = fail("%s", strerror(errno));
    close(fd);
    return status ? fail_within("%s", folder) : 0;
}

static void prepare(struct journal *journal, const struct study *study, int method, int repeat) {
    *journal = (struct journal){.study = study, .method = method, .repeat = repeat};
    for (int f = 0; f < JOURNAL_FILES; f++)
        journal->fd[f] = -1;
}

int journal_open(struct journal *journal, const struct study *study, int method, int repeat,
                 const char *folder) {
    prepare(journal, study, method, repeat);
    return open_files(journal, folder);
}

int journal_open_reader(struct journal *journal, const struct study *study, int method, int repeat,
                        const char *folder) {
    prepare(journal, study, method, repeat);
    journal->reader = true;
    return open_files(journal, folder);
}

void journal_close(struct journal *journal) {
    if (!journal->study)
        return;
    for (int f = 0; f < JOURNAL_FILES; f++) {
        if (journal->fd[f] >= 0)
            close(journal->fd[f]);
        buffer_free(&journal->pending[f]);
    }
    *journal = (struct journal){0};
}
