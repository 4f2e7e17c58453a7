/* shim.c - faults on demand, loaded before libc with LD_PRELOAD: something goes wrong at the n-th
 * call that changes a file, for n = 1, 2, ... until there is no n-th call any more (the discipline
 * of SQLite's tests).
 *
 *     FAULT_UNDER   only files under this folder count
 *     FAULT_KIND    kill_before, kill_after  SIGKILL before, after any such call
 *                   half      SIGKILL after the first half of a write
 *                   short     a write that writes half and says so
 *                   eintr     a write or sync that is interrupted once
 *                   enospc    a write that fails after its first half; creating that fails
 *                   eio       fsync and fdatasync fail
 *     FAULT_AT      n, counting the calls this kind is about
 *     FAULT_MARK    a file that is made when the fault happens
 *
 * A trial's own process is left in peace: its faults are a trial's, not the study's. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call { CALL_WRITE, CALL_SYNC, CALL_CREATE, CALL_CHANGE };

static const char *under, *kind, *mark;
static long at, count;

__attribute__((constructor)) static void prepare(void) {
    char command[4096] = "";
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY);
    long n = fd < 0 ? 0 : syscall(SYS_read, fd, command, sizeof command - 1);
    close(fd);
    const char *second = memchr(command, 0, n > 0 ? (size_t)n : 0);
    bool trial = second && strcmp(second + 1, "trial") == 0;
    under = getenv("FAULT_UNDER");
    kind = getenv("FAULT_KIND");
    mark = getenv("FAULT_MARK");
    at = under && kind && mark && getenv("FAULT_AT") && !trial ? atol(getenv("FAULT_AT")) : 0;
}

static bool concerned(enum call call) {
    if (strcmp(kind, "half") == 0 || strcmp(kind, "short") == 0)
        return call == CALL_WRITE;
    if (strcmp(kind, "eintr") == 0)
        return call == CALL_WRITE;
    if (strcmp(kind, "enospc") == 0)
        return call == CALL_WRITE || call == CALL_CREATE;
    if (strcmp(kind, "eio") == 0)
        return call == CALL_SYNC;
    return true; /* kill_before, kill_after */
}

/* Whether this call on this path is the one. */
static bool strikes(enum call call, const char *path) {
    if (at == 0 || !concerned(call) || strncmp(path, under, strlen(under)) != 0 || ++count != at)
        return false;
    close((int)syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0666));
    return true;
}

static void path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = 0;
}

/* The whole path of a name in a folder. */
static void path_at(int folder, const char *name, char *path) {
    *path = 0;
    if (*name != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(path, PATH_MAX))
                *path = 0;
        } else
            path_of(folder, path);
        strncat(path, "/", PATH_MAX - strlen(path) - 1);
    }
    strncat(path, name, PATH_MAX - strlen(path) - 1);
}

static bool is(const char *name) {
    return strcmp(kind, name) == 0;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
}

/* Runs `real` with the fault around it, for calls that return 0 or -1. */
#define AROUND(REAL, STRUCK)                                                                       \
    do {                                                                                           \
        bool struck = STRUCK;                                                                      \
        if (struck && is("kill_before"))                                                           \
            die();                                                                                 \
        if (struck && (is("enospc") || is("eio") || is("eintr"))) {                                \
            errno = is("enospc") ? ENOSPC : is("eio") ? EIO : EINTR;                               \
            return -1;                                                                             \
        }                                                                                          \
        int result = REAL;                                                                         \
        if (struck && is("kill_after"))                                                            \
            die();                                                                                 \
        return result;                                                                             \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t n) {
    char path[PATH_MAX];
    path_of(fd, path);
    if (!strikes(CALL_WRITE, path))
        return syscall(SYS_write, fd, bytes, n);
    if (is("kill_before"))
        die();
    if (is("eintr")) {
        errno = EINTR;
        return -1;
    }
    long written = syscall(SYS_write, fd, bytes, is("kill_after") ? n : n / 2);
    if (is("kill_after") || is("half"))
        die();
    if (is("enospc")) {
        errno = ENOSPC;
        return -1;
    }
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset) {
    char path[PATH_MAX];
    path_of(fd, path);
    if (strikes(CALL_CHANGE, path) && (is("kill_before") || is("kill_after"))) {
        if (is("kill_after"))
            syscall(SYS_pwrite64, fd, bytes, n, offset);
        die();
    }
    return syscall(SYS_pwrite64, fd, bytes, n, offset);
}

int fsync(int fd) {
    char path[PATH_MAX];
    path_of(fd, path);
    AROUND((int)syscall(SYS_fsync, fd), strikes(CALL_SYNC, path));
}

int fdatasync(int fd) {
    char path[PATH_MAX];
    path_of(fd, path);
    AROUND((int)syscall(SYS_fdatasync, fd), strikes(CALL_SYNC, path));
}

int ftruncate(int fd, off_t size) {
    char path[PATH_MAX];
    path_of(fd, path);
    AROUND((int)syscall(SYS_ftruncate, fd, size), strikes(CALL_CHANGE, path));
}

int rename(const char *from, const char *to) {
    char path[PATH_MAX];
    path_at(AT_FDCWD, to, path);
    AROUND((int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0),
           strikes(CALL_CHANGE, path));
}

int unlink(const char *name) {
    char path[PATH_MAX];
    path_at(AT_FDCWD, name, path);
    AROUND((int)syscall(SYS_unlinkat, AT_FDCWD, name, 0), strikes(CALL_CHANGE, path));
}

int mkdir(const char *name, mode_t mode) {
    char path[PATH_MAX];
    struct stat there;
    path_at(AT_FDCWD, name, path);
    bool makes = stat(name, &there) != 0;
    AROUND((int)syscall(SYS_mkdirat, AT_FDCWD, name, mode), makes && strikes(CALL_CREATE, path));
}

static int open_file(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    struct stat there;
    bool makes = false;
    if (flags & O_CREAT) {
        path_at(folder, name, path);
        makes = fstatat(folder, name, &there, 0) != 0;
    }
    AROUND((int)syscall(SYS_openat, folder, name, flags, mode),
           makes && strikes(CALL_CREATE, path));
}

static mode_t mode_of(int flags, va_list args) {
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(args, int) : 0;
}

int open(const char *name, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return open_file(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char *name, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return open_file(folder, name, flags, mode);
}
