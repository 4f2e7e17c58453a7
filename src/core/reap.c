/* reap.c - ending processes for certain, by looking through /proc (reap.h). */
#include "reap.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000, ROUND_MILLISECONDS = 5, ENVIRON_MAX = 1 << 18 };

void reap_adopt(void) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Reads /proc/PID/NAME, at most size - 1 bytes, and puts a NUL behind. Returns its length. */
static size_t read_proc(pid_t pid, const char *name, char *text, size_t size) {
    char path[64];
    size_t length = 0;
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t n = 1; fd >= 0 && n > 0 && length<size - 1; length += n> 0 ? (size_t)n : 0)
        n = read(fd, text + length, size - 1 - length);
    if (fd >= 0)
        close(fd);
    text[length] = 0;
    return length;
}

static bool is_child(pid_t pid, const void *context) {
    char text[512];
    (void)context;
    read_proc(pid, "stat", text, sizeof text);
    const char *name_end = strrchr(text, ')'); /* the name may hold anything */
    int parent;
    return name_end && sscanf(name_end + 1, " %*c %d", &parent) == 1 && parent == getpid();
}

static bool is_marked(pid_t pid, const void *context) {
    static char text[ENVIRON_MAX];
    size_t length = read_proc(pid, "environ", text, sizeof text);
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        if (strcmp(text + at, context) == 0)
            return true;
    return false;
}

/* The next process of /proc that is wanted, or 0. */
static pid_t next_process(DIR *proc, bool (*wanted)(pid_t, const void *), const void *context) {
    struct dirent *entry;
    while ((entry = readdir(proc)))
        if (isdigit((unsigned char)entry->d_name[0])) {
            pid_t pid = (pid_t)atol(entry->d_name);
            if (pid != getpid() && wanted(pid, context))
                return pid;
        }
    return 0;
}

static void sleep_a_round(void) {
    const struct timespec time = {.tv_nsec = ROUND_MILLISECONDS * 1000000L};
    nanosleep(&time, NULL);
}

static bool is_among(pid_t pid, const pid_t *list, int n) {
    for (int i = 0; i < n; i++)
        if (list[i] == pid)
            return true;
    return false;
}

/* One look through all processes; how many children there were to kill. */
static int kill_children(const pid_t *spare, int n) {
    DIR *proc = opendir("/proc");
    int killed = 0;
    for (pid_t pid; proc && (pid = next_process(proc, is_child, NULL));)
        if (!is_among(pid, spare, n)) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, WNOHANG);
            killed++;
        }
    if (proc)
        closedir(proc);
    return killed;
}

void reap_children(const pid_t *spare, int n) {
    for (int round = 0; round < ROUNDS_MAX && kill_children(spare, n) > 0; round++)
        sleep_a_round();
}

int reap_marked(const char *assignment) {
    int first = 0;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        DIR *proc = opendir("/proc");
        int found = 0;
        for (pid_t pid; proc && (pid = next_process(proc, is_marked, assignment)); found++)
            kill(pid, SIGKILL);
        if (proc)
            closedir(proc);
        if (round == 0)
            first = found;
        if (found == 0)
            break;
        sleep_a_round();
    }
    return first;
}
