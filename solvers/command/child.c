/* child.c - runs a program and minds it (child.h). */
#include "child.h"
#include "fail.h"
#include "reap.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 10, OUT = 0, ERR = 1, ENDED = 2 };
static const double grace = 1.5; /* s between TERM and KILL: less than the harness gives us */

/* The beginning of the log is written at once, its end is kept in a ring. */
struct log {
    size_t seen;
    char *ring; /* (CHILD_LOG_HALF) NULL: out of memory, and the end is lost */
};

/* A stream cut into lines. */
struct lines {
    char *text; /* (LINE_MAX_BYTES) */
    size_t length;
    bool too_long;
};

struct minder {
    struct child *child;
    pid_t pid;
    int fd[3]; /* OUT, ERR, and a descriptor that becomes readable when the program has ended */
    struct lines lines[2];
    struct log log;
};

static volatile sig_atomic_t told_to_stop;

static void note_stop(int signal) {
    (void)signal;
    told_to_stop = 1;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- the log ---- */

static void put(const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, n);
        if (written < 0 && errno != EINTR)
            return; /* a log is a service */
        if (written > 0) {
            bytes += written;
            n -= (size_t)written;
        }
    }
}

static void log_add(struct log *log, const char *bytes, size_t n) {
    size_t head = log->seen < CHILD_LOG_HALF ? CHILD_LOG_HALF - log->seen : 0;
    head = head < n ? head : n;
    put(bytes, head);
    if (log->ring)
        for (size_t i = head; i < n; i++)
            log->ring[(log->seen + i) % CHILD_LOG_HALF] = bytes[i];
    log->seen += n;
}

static void log_end(const struct log *log) {
    size_t past = log->seen > CHILD_LOG_HALF ? log->seen - CHILD_LOG_HALF : 0;
    size_t kept = log->ring ? past < CHILD_LOG_HALF ? past : CHILD_LOG_HALF : 0;
    if (past > kept) {
        char note[80];
        int n = snprintf(note, sizeof note, "\n[... %zu bytes left out ...]\n", past - kept);
        put(note, (size_t)n);
    }
    for (size_t at = log->seen - kept; at < log->seen;) {
        size_t from = at % CHILD_LOG_HALF, n = CHILD_LOG_HALF - from;
        n = n < log->seen - at ? n : log->seen - at;
        put(log->ring + from, n);
        at += n;
    }
}

/* ---- lines ---- */

static void note_last(struct child *child, const char *line) {
    line += strspn(line, " \t\r");
    if (*line)
        snprintf(child->last, sizeof child->last, "%s", line);
}

static void end_line(struct minder *minder, int stream) {
    struct lines *lines = &minder->lines[stream];
    if (lines->length > 0 && lines->text[lines->length - 1] == '\r')
        lines->length--;
    lines->text[lines->length] = 0;
    if (stream == ERR)
        note_last(minder->child, lines->text);
    else if (!lines->too_long && strlen(lines->text) == lines->length)
        minder->child->line(minder->child->context, lines->text);
    lines->length = 0;
    lines->too_long = false;
}

static void take(struct minder *minder, int stream, const char *bytes, size_t n) {
    struct lines *lines = &minder->lines[stream];
    log_add(&minder->log, bytes, n);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] == '\n')
            end_line(minder, stream);
        else if (lines->length < LINE_MAX_BYTES - 1)
            lines->text[lines->length++] = bytes[i];
        else
            lines->too_long = true;
}

/* Reads once; false when nothing is there (any more). */
static bool drink(struct minder *minder, int stream) {
    char block[16384];
    if (minder->fd[stream] < 0)
        return false;
    ssize_t n = read(minder->fd[stream], block, sizeof block);
    if (n > 0) {
        take(minder, stream, block, (size_t)n);
        return true;
    }
    if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        close(minder->fd[stream]);
        minder->fd[stream] = -1;
    }
    return false;
}

/* ---- the process ---- */

/* Between fork and exec: only what is safe there. Tells why on `failure`. */
static void become(const struct child *child, int out, int err, int failure, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    int in = open("/dev/null", O_RDONLY);
    if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(err, STDERR_FILENO) < 0 || dup3(failure, STDERR_FILENO + 1, O_CLOEXEC) < 0)
        _exit(127);
    syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0);
    execvpe(child->argv[0], child->argv, child->env);
    int why = errno;
    if (write(STDERR_FILENO + 1, &why, sizeof why) != sizeof why)
        _exit(126);
    _exit(127);
}

static int pipe_high(int fd[2]) { /* above the descriptors that the child sets up */
    int low[2];
    if (pipe2(low, O_CLOEXEC))
        return -1;
    for (int i = 0; i < 2; i++) {
        fd[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 10);
        close(low[i]);
    }
    return fd[0] < 0 || fd[1] < 0 ? -1 : 0;
}

static int start(struct minder *minder) {
    int out[2], err[2], failure[2], why = 0;
    if (pipe_high(out) || pipe_high(err) || pipe_high(failure))
        return fail("a pipe: %s", strerror(errno));
    pid_t parent = getpid();
    minder->pid = fork();
    if (minder->pid == 0)
        become(minder->child, out[1], err[1], failure[1], parent);
    int fork_error = errno;
    close(out[1]);
    close(err[1]);
    close(failure[1]);
    minder->fd[OUT] = out[0];
    minder->fd[ERR] = err[0];
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    if (minder->pid < 0) {
        close(failure[0]);
        return fail("a process: %s", strerror(fork_error));
    }
    ssize_t n = read(failure[0], &why, sizeof why);
    close(failure[0]);
    minder->fd[ENDED] = (int)syscall(SYS_pidfd_open, minder->pid, 0);
    if (n != sizeof why)
        return 0;
    waitpid(minder->pid, NULL, 0);
    return fail("%s: %s", minder->child->argv[0], strerror(why));
}

static bool has_ended(pid_t pid) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == pid;
}

static void mind(struct minder *minder) {
    double kill_at = INFINITY;
    while (!has_ended(minder->pid)) {
        struct pollfd news[3];
        for (int i = 0; i < 3; i++)
            news[i] = (struct pollfd){.fd = minder->fd[i], .events = POLLIN};
        /* A signal may come before poll sleeps, hence never for long. */
        poll(news, 3, minder->fd[ENDED] < 0 ? 20 : 200);
        drink(minder, OUT);
        drink(minder, ERR);
        if (told_to_stop && !minder->child->stopped) {
            minder->child->stopped = true;
            kill(minder->pid, SIGTERM);
            kill_at = now() + grace;
        }
        if (now() > kill_at)
            kill(minder->pid, SIGKILL);
    }
}

int child_run(struct child *child) {
    struct minder minder = {.child = child, .fd = {-1, -1, -1}};
    struct sigaction stop = {.sa_handler = note_stop}, before;
    minder.log.ring = malloc(CHILD_LOG_HALF);
    minder.lines[OUT].text = malloc(LINE_MAX_BYTES);
    minder.lines[ERR].text = malloc(LINE_MAX_BYTES);
    int status = minder.lines[OUT].text && minder.lines[ERR].text ? 0 : fail("out of memory");
    child->stopped = false;
    *child->last = 0;
    told_to_stop = 0;
    reap_adopt();
    sigaction(SIGTERM, &stop, &before);
    if (status == 0 && (status = start(&minder)) == 0) {
        mind(&minder);
        waitpid(minder.pid, &child->status, 0);
        reap_children(NULL, 0);
        for (int stream = OUT; stream <= ERR; stream++) {
            while (drink(&minder, stream)) {
            }
            if (minder.lines[stream].length > 0)
                end_line(&minder, stream);
        }
        log_end(&minder.log);
    }
    sigaction(SIGTERM, &before, NULL);
    for (int i = 0; i < 3; i++)
        if (minder.fd[i] >= 0)
            close(minder.fd[i]);
    free(minder.log.ring);
    free(minder.lines[OUT].text);
    free(minder.lines[ERR].text);
    return status;
}
