/* executor.c - runs trials, in this process or in processes of their own (executor.h). */
#include "executor.h"
#include "fail.h"
#include "platform.h"
#include "reap.h"
#include "worker.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 64 << 20, /* bytes of points from one trial */
    SLOTS_MAX = 1024
};
static const double grace = 2; /* s between TERM and KILL */

struct slot {
    struct job *job; /* NULL: free */
    pid_t pid;
    int answer;         /* read end of its pipe; -1: at its end */
    struct buffer text; /* of the answer */
    double started;     /* monotonic */
    double deadline;    /* monotonic; INFINITY: none */
    bool told_to_end;   /* TERM was sent; KILL follows at the deadline */
    bool timed_out, flood;
};

struct executor {
    const struct study *study;
    const char *resolved;
    bool inside; /* trials run in this process */
    int slots;
    struct slot *slot; /* (slots) */
    struct job *ended; /* of an inside trial, until it is fetched */
};

static volatile sig_atomic_t interrupted;

void executor_interrupt(int signal) {
    interrupted = signal;
}

int executor_interrupted(void) {
    return interrupted;
}

int executor_open(struct executor **out, const struct study *study, const char *resolved,
                  int slots) {
    struct executor *executor = calloc(1, sizeof *executor);
    if (slots > SLOTS_MAX)
        slots = SLOTS_MAX;
    if (executor)
        executor->slot = calloc((size_t)slots, sizeof *executor->slot);
    if (!executor || !executor->slot) {
        free(executor);
        return fail("out of memory");
    }
    executor->study = study;
    executor->resolved = resolved;
    executor->inside = !study->isolate;
    executor->slots = executor->inside ? 1 : slots;
    if (!executor->inside)
        reap_adopt();
    *out = executor;
    return 0;
}

bool executor_free_slot(const struct executor *executor) {
    if (executor->inside)
        return !executor->ended;
    for (int i = 0; i < executor->slots; i++)
        if (!executor->slot[i].job)
            return true;
    return false;
}

static void conclude(struct job *job, enum trial_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void conclude(struct job *job, enum trial_status status, const char *format, ...) {
    va_list args;
    job->trial.status = status;
    va_start(args, format);
    vsnprintf(job->trial.detail, sizeof job->trial.detail, format, args);
    va_end(args);
    outcome_free(&job->outcome);
}

/* ---- inside this process ---- */

static void run_inside(struct executor *executor, struct job *job) {
    struct config settings = {0};
    struct outcome outcome = {0};
    double start = platform_monotonic();
    int status = study_trial_settings(executor->study, &job->trial, &settings);
    struct solver_task task = {
        .settings = &settings,
        .seed = study_trial_seed(executor->study, job->repeat, job->trial.id),
        .fidelity = job->trial.fidelity,
        .fidelity_max = executor->study->fidelity_max,
        .folder = *job->folder ? job->folder : NULL,
        .threads = 1,
    };
    if (status == 0)
        status = worker_solve(executor->study->solver, &task, job->load, job->save, &outcome);
    config_free(&settings);
    job->outcome = outcome;
    if (status)
        conclude(job, TRIAL_FAILED, "%s", fail_message());
    job->timing.seconds = platform_monotonic() - start;
    executor->ended = job;
}

/* ---- processes ---- */

/* Between fork and exec: only what is safe there. */
static void become_worker(const struct executor *executor, int order, int answer, int log,
                          pid_t parent) {
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before that line */
        _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    struct rlimit core = {0, 0};
    setrlimit(RLIMIT_CORE, &core);
    /* The answer's descriptor first: the others may be numbered 3. All three are above 3. */
    if (dup2(order, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0 || dup2(answer, WORKER_FD) < 0)
        _exit(127);
    char *const argv[] = {(char *)"nastune", (char *)"trial", (char *)executor->resolved, NULL};
    execv(platform_self(), argv);
    _exit(127);
}

/* A descriptor above WORKER_FD, so that dup2 onto 0..3 cannot overwrite another of them. */
static int lift(int fd) {
    if (fd < 0)
        return fd;
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, WORKER_FD + 1);
    int why = errno;
    close(fd);
    errno = why;
    return lifted;
}

/* The order as a file in memory, so that no one has to feed a pipe. */
static int order_file(const struct executor *executor, const struct job *job) {
    struct buffer text = {0};
    int fd = lift(memfd_create("order", MFD_CLOEXEC));
    if (fd >= 0 && (worker_order(executor->study, job, &text) ||
                    buffer_write(fd, text.data, text.length) || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    buffer_free(&text);
    return fd;
}

static int log_file(const struct job *job) {
    char path[sizeof job->folder + 16];
    if (!*job->folder)
        return lift(open("/dev/null", O_WRONLY | O_CLOEXEC));
    snprintf(path, sizeof path, "%s/log.txt", job->folder);
    return lift(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666));
}

static int spawn(struct executor *executor, struct slot *slot, struct job *job) {
    int answer[2] = {-1, -1}, order = order_file(executor, job), log = log_file(job);
    int status = order < 0 || log < 0 || pipe2(answer, O_CLOEXEC) ? -1 : 0;
    int write_end = status == 0 ? lift(answer[1]) : -1;
    pid_t parent = getpid();
    pid_t pid = write_end < 0 ? -1 : fork();
    if (pid == 0)
        become_worker(executor, order, write_end, log, parent);
    int why = errno;
    close(order);
    close(log);
    close(write_end);
    if (pid < 0) {
        close(answer[0]);
        return fail("a process for the trial: %s", strerror(why));
    }
    *slot = (struct slot){.job = job,
                          .pid = pid,
                          .answer = answer[0],
                          .started = platform_monotonic(),
                          .deadline = INFINITY};
    if (executor->study->timeout > 0)
        slot->deadline = slot->started + executor->study->timeout;
    return 0;
}

static struct slot *free_slot(struct executor *executor) {
    for (int i = 0; i < executor->slots; i++)
        if (!executor->slot[i].job)
            return &executor->slot[i];
    return NULL;
}

int executor_start(struct executor *executor, struct job *job) {
    job->timing.started = platform_clock();
    job->timing.seconds = job->timing.cpu_seconds = job->timing.peak_memory = NAN;
    if (*job->folder && mkdir(job->folder, 0777) && errno != EEXIST)
        return fail("%s: %s", job->folder, strerror(errno));
    if (executor->inside)
        run_inside(executor, job);
    else
        return spawn(executor, free_slot(executor), job);
    return 0;
}

/* ---- waiting ---- */

static void tell_to_end(struct slot *slot) {
    kill(-slot->pid, slot->told_to_end ? SIGKILL : SIGTERM);
    slot->deadline = platform_monotonic() + grace;
    slot->told_to_end = true;
}

static void read_answer(struct slot *slot) {
    char block[65536];
    ssize_t n = read(slot->answer, block, sizeof block);
    if (n < 0 && errno == EINTR)
        return;
    if (n > 0 && slot->text.length + (size_t)n <= ANSWER_MAX) {
        buffer_add(&slot->text, block, (size_t)n);
        return;
    }
    slot->flood = n > 0;
    close(slot->answer);
    slot->answer = -1;
}

static void judge_exit(const struct executor *executor, struct slot *slot, int status) {
    struct job *job = slot->job;
    if (slot->timed_out)
        conclude(job, TRIAL_TIMEOUT, "took longer than %g s", executor->study->timeout);
    else if (slot->flood) /* its pipe was closed, which may have ended it */
        conclude(job, TRIAL_INVALID, "more than %d MB of points", ANSWER_MAX >> 20);
    else if (WIFSIGNALED(status))
        conclude(job, TRIAL_CRASHED, "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        conclude(job, TRIAL_FAILED, "exit code %d", WEXITSTATUS(status));
    else if (buffer_check(&slot->text))
        conclude(job, TRIAL_INVALID, "out of memory for its points");
    else
        worker_answer(executor->study, job, slot->text.data, slot->text.length);
}

/* A trial's process ends what it started; one that was killed could not, and its orphans are ours.
 */
static void kill_orphans(const struct executor *executor) {
    pid_t trials[SLOTS_MAX];
    int n = 0;
    for (int i = 0; i < executor->slots; i++)
        if (executor->slot[i].job)
            trials[n++] = executor->slot[i].pid;
    reap_children(trials, n);
}

/* Whether the trial's process has ended; then the slot is free again. */
static bool reap(struct executor *executor, struct slot *slot) {
    int status;
    struct rusage usage;
    siginfo_t ended = {0};
    if (waitid(P_PID, (id_t)slot->pid, &ended, WEXITED | WNOHANG | WNOWAIT) || ended.si_pid == 0)
        return false;
    kill(-slot->pid, SIGKILL); /* what it left in its group, while its id cannot be another's */
    wait4(slot->pid, &status, 0, &usage);
    while (slot->answer >= 0) { /* what it wrote before it ended; a grandchild may hold the pipe */
        struct pollfd left = {.fd = slot->answer, .events = POLLIN};
        if (poll(&left, 1, 0) <= 0)
            break;
        read_answer(slot);
    }
    if (slot->answer >= 0)
        close(slot->answer);
    struct timing *timing = &slot->job->timing;
    timing->seconds = platform_monotonic() - slot->started;
    timing->cpu_seconds = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                          1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    timing->peak_memory = (double)usage.ru_maxrss / 1024;
    judge_exit(executor, slot, status);
    buffer_free(&slot->text);
    slot->job = NULL;
    if (WIFSIGNALED(status))
        kill_orphans(executor);
    return true;
}

/* Sleeps until an answer comes in, a deadline passes, a signal comes, or `seconds` are over. */
static void sleep_for_news(struct executor *executor, double seconds) {
    struct pollfd news[SLOTS_MAX];
    struct slot *from[SLOTS_MAX];
    int n = 0;
    double now = platform_monotonic();
    for (int i = 0; i < executor->slots; i++) {
        struct slot *slot = &executor->slot[i];
        if (!slot->job)
            continue;
        if (slot->deadline - now < seconds)
            seconds = slot->deadline > now ? slot->deadline - now : 0;
        if (slot->answer >= 0) {
            news[n] = (struct pollfd){.fd = slot->answer, .events = POLLIN};
            from[n++] = slot;
        } else if (seconds > 0.005)
            seconds = 0.005; /* its pipe is closed: it is about to end */
    }
    struct timespec time = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)(1e9 * (seconds - floor(seconds)))};
    if (ppoll(news, (nfds_t)n, &time, NULL) <= 0)
        return;
    for (int i = 0; i < n; i++)
        if (news[i].revents)
            read_answer(from[i]);
}

static struct job *find_ended(struct executor *executor) {
    struct job *job = executor->ended;
    executor->ended = NULL;
    for (int i = 0; i < executor->slots && !job; i++) {
        struct slot *slot = &executor->slot[i];
        struct job *running = slot->job;
        if (running && reap(executor, slot))
            job = running;
        else if (running && slot->deadline <= platform_monotonic()) {
            slot->timed_out = true;
            tell_to_end(slot);
        }
    }
    return job;
}

struct job *executor_wait(struct executor *executor, double seconds) {
    double until = platform_monotonic() + seconds;
    for (;;) {
        struct job *job = find_ended(executor);
        double left = until - platform_monotonic();
        if (job || interrupted || left <= 0)
            return job;
        sleep_for_news(executor, left);
    }
}

static bool any_running(struct executor *executor) {
    bool any = false;
    for (int i = 0; i < executor->slots; i++)
        if (executor->slot[i].job && !reap(executor, &executor->slot[i]))
            any = true;
    return any;
}

void executor_close(struct executor *executor) {
    if (!executor)
        return;
    for (int i = 0; i < executor->slots; i++)
        if (executor->slot[i].job)
            tell_to_end(&executor->slot[i]);
    for (double from = platform_monotonic(); any_running(executor);) {
        usleep(2000);
        if (platform_monotonic() - from > grace)
            for (int i = 0; i < executor->slots; i++)
                if (executor->slot[i].job)
                    kill(-executor->slot[i].pid, SIGKILL);
    }
    if (!executor->inside)
        kill_orphans(executor);
    free(executor->slot);
    free(executor);
}
