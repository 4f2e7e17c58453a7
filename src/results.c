/* results.c - the folder of a study's results (results.h). */
#include "results.h"
#include "fail.h"
#include "journal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_LIMIT = 1 << 30 };

/* ---- whole files, replaced at once ---- */

int results_sync_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = fd < 0 || fsync(fd) ? fail("%s: %s", folder, strerror(errno)) : 0;
    if (fd >= 0)
        close(fd);
    return status;
}

static int replace_file(const char *folder, const char *name, const char *bytes, size_t length) {
    char path[512], temporary[540];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    /* Only the holder of the lock writes here, so one name is enough; a killed one may have left
     * it. */
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return fail("%s: %s", temporary, strerror(errno));
    int status = buffer_write(fd, bytes, length) || fdatasync(fd)
                     ? fail("%s: %s", temporary, strerror(errno))
                     : 0;
    close(fd);
    if (status == 0 && rename(temporary, path))
        status = fail("%s: %s", path, strerror(errno));
    if (status) {
        unlink(temporary);
        return status;
    }
    return results_sync_folder(folder);
}

/* ---- folder and lock ---- */

static int make_folders(const char *path) {
    char part[512];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = part + 1; *slash; slash++)
        if (*slash == '/') {
            *slash = 0;
            if (mkdir(part, 0777) && errno != EEXIST)
                return fail("%s: %s", part, strerror(errno));
            *slash = '/';
        }
    if (mkdir(part, 0777) && errno != EEXIST)
        return fail("%s: %s", part, strerror(errno));
    return 0;
}

static void read_line(const char *path, char *line, size_t size) {
    FILE *file = fopen(path, "re");
    if (!file || !fgets(line, (int)size, file))
        *line = 0;
    line[strcspn(line, "\n")] = 0;
    if (file)
        fclose(file);
}

static int sign_lock(int fd) {
    char host[256] = "?", boot[64], text[400];
    gethostname(host, sizeof host - 1);
    read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    int n =
        snprintf(text, sizeof text, "process %ld on %s (boot %s)\n", (long)getpid(), host, boot);
    return ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n ? -1 : 0;
}

/* A lock of this process: it goes with it, however it ends. (One of the open file would live on for
 * a moment in a child that is forked but not yet executed.) The file must be opened only here,
 * since closing any descriptor of it gives such a lock up. */
static int take_lock(struct results *results) {
    char path[512], holder[400];
    snprintf(path, sizeof path, "%s/lock", results->folder);
    results->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (results->lock < 0)
        return fail("%s: %s", path, strerror(errno));
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(results->lock, F_SETLK, &whole) == 0)
        return sign_lock(results->lock) ? fail("%s: %s", path, strerror(errno)) : 0;
    if (errno != EAGAIN && errno != EACCES)
        return fail("%s: %s", path, strerror(errno));
    read_line(path, holder, sizeof holder);
    fail("%s: another process works on this study: %s; wait for it or end it", results->folder,
         *holder ? holder : "unknown");
    return RESULTS_BUSY;
}

/* ---- the same study as before? ---- */

static int resolve(const struct study *study, char **text, size_t *length) {
    FILE *memory = open_memstream(text, length);
    int status = memory ? study_resolve(study, memory) : fail("out of memory");
    if (memory && fclose(memory))
        status = fail("out of memory");
    return status;
}

static int check_continues(const struct results *results, const struct study *study) {
    struct study *before;
    char *faults = NULL;
    if (study_load(results->resolved, &before, &faults)) {
        free(faults);
        return fail_within("%s cannot be read back", results->resolved);
    }
    int status = study_continues(study, before);
    if (status)
        fail_within("%s holds results of another study named '%s'; give this one another name, "
                    "another --out folder, or remove the old results. The difference",
                    results->folder, study->name);
    study_free(before);
    return status;
}

static int keep_study(const struct results *results, const struct study *study) {
    char *text = NULL;
    size_t length = 0;
    struct stat there;
    int status = 0;
    if (stat(results->resolved, &there) == 0)
        status = check_continues(results, study);
    if (status == 0 && (status = resolve(study, &text, &length)) == 0)
        status = replace_file(results->folder, "study.resolved.yaml", text, length);
    free(text);
    return status;
}

int results_open(struct results *results, const struct study *study, const char *parent) {
    char runs[512];
    results->lock = -1;
    if (snprintf(results->folder, sizeof results->folder, "%s/%s", parent, study->name) >=
        (int)sizeof results->folder)
        return fail("%s: the path is too long", parent);
    snprintf(results->resolved, sizeof results->resolved, "%s/study.resolved.yaml",
             results->folder);
    snprintf(runs, sizeof runs, "%s/runs", results->folder);
    if (make_folders(runs))
        return -1;
    int status = take_lock(results);
    if (status == 0)
        status = keep_study(results, study);
    if (status)
        results_close(results);
    return status;
}

static int name_folder(struct results *results, const char *folder) {
    if (snprintf(results->folder, sizeof results->folder, "%s", folder) >=
        (int)sizeof results->folder)
        return fail("%s: the path is too long", folder);
    snprintf(results->resolved, sizeof results->resolved, "%s/study.resolved.yaml",
             results->folder);
    if (access(results->resolved, R_OK))
        return fail("%s: %s", results->resolved, strerror(errno));
    return 0;
}

int results_open_folder(struct results *results, const char *folder) {
    results->lock = -1;
    return name_folder(results, folder) ? -1 : take_lock(results);
}

int results_look(struct results *results, const char *folder, char *holder, size_t size) {
    char path[512];
    results->lock = -1;
    *holder = 0;
    if (name_folder(results, folder))
        return -1;
    snprintf(path, sizeof path, "%s/lock", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    if (fd >= 0 && fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
        read_line(path, holder, size);
    if (fd >= 0)
        close(fd);
    return 0;
}

void results_close(struct results *results) {
    if (results->lock >= 0)
        close(results->lock);
    results->lock = -1;
}

void results_run_folder(const struct results *results, const struct study *study, int method,
                        int repeat, char *path, size_t size) {
    snprintf(path, size, "%s/runs/%s-%d", results->folder, study->method[method].label, repeat);
}

/* ---- merging ---- */

/* The rows of a run's file, without the header, onto the end of `all`. */
static int add_rows(const char *folder, enum journal_file file, struct buffer *all) {
    char path[560];
    struct buffer text = {0};
    snprintf(path, sizeof path, "%s/%s", folder, journal_file_name[file]);
    int status = buffer_read_file(&text, path, FILE_LIMIT);
    char *header_end = status == 0 && text.length ? memchr(text.data, '\n', text.length) : NULL;
    if (header_end) {
        size_t skip = (size_t)(header_end + 1 - text.data);
        buffer_add(all, text.data + skip, text.length - skip);
    }
    buffer_free(&text);
    return status;
}

static int merge_file(const struct results *results, const struct study *study,
                      enum journal_file file) {
    struct buffer all = {0};
    char folder[512];
    int status = 0;
    journal_header(study, file, &all);
    for (int m = 0; m < study->n_methods; m++)
        for (int r = 0; r < study->repeats && status == 0; r++) {
            results_run_folder(results, study, m, r, folder, sizeof folder);
            status = add_rows(folder, file, &all);
        }
    if (status == 0 && (status = buffer_check(&all)) == 0)
        status = replace_file(results->folder, journal_file_name[file], all.data, all.length);
    buffer_free(&all);
    return status;
}

int results_merge(const struct results *results, const struct study *study) {
    for (int f = 0; f < JOURNAL_FILES; f++)
        if (merge_file(results, study, (enum journal_file)f))
            return -1;
    return 0;
}
