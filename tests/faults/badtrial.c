/* badtrial.c - badtrial MODE FOLDER: a program that misbehaves as a trial's command. FOLDER is only
 * there to be found among the arguments of what is left running. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void report(void) {
    puts("nastune: accuracy=0.5 runtime=10");
    fflush(stdout);
}

static void hang(void) {
    for (;;)
        pause();
}

static void ignore_all(void) {
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_IGN);
}

/* A grandchild in a session of its own that ignores what can be ignored. */
static void detach(void) {
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            ignore_all();
            hang();
        }
        _exit(0);
    }
    usleep(20000);
}

static void write_points(const char *text, size_t size) {
    FILE *file = fopen(getenv("NASTUNE_POINTS"), "w");
    if (!file || fwrite(text, 1, size, file) != size || fclose(file))
        exit(9);
}

static void flood(void) {
    static char line[1024];
    memset(line, 'x', sizeof line - 1);
    for (int i = 0; i < 32 << 10; i++)
        puts(line);
}

int main(int argc, char **argv) {
    static const char half[] = "epoch,accuracy,runtime\n1,0.4,10\n2,0.";
    static const char whole[] = "epoch,accuracy,runtime,arch\r\n1,0.4,10,\"a,b\"\r\n2,0.5,10,c\r\n";
    static const char nul[] = "epoch,accuracy\n1,0.\0004\n";
    const char *mode = argc > 1 ? argv[1] : "";
#define IS(NAME) (strcmp(mode, NAME) == 0)
    if (IS("exit")) {
        report();
        fputs("warming up\ngiving up\n\n", stderr);
        return 3;
    } else if (IS("segv")) {
        raise(SIGSEGV);
    } else if (IS("kill")) {
        raise(SIGKILL);
    } else if (IS("hang")) {
        report();
        hang();
    } else if (IS("stubborn")) {
        ignore_all();
        detach();
        hang();
    } else if (IS("detach")) {
        detach();
        report();
    } else if (IS("flood")) {
        flood();
        report();
    } else if (IS("garbage")) {
        fwrite("\0\xff\xfe nastune: \0\n\n=1+1\r\n", 1, 22, stdout);
        report();
    } else if (IS("badline")) {
        puts("nastune: accuracy=high");
        report();
    } else if (IS("typo")) {
        puts("nastune: acuracy=0.5");
    } else if (IS("file")) {
        write_points(whole, strlen(whole));
    } else if (IS("halffile")) {
        write_points(half, strlen(half));
    } else if (IS("nulfile")) {
        write_points(nul, sizeof nul - 1);
    } else if (IS("nan")) {
        puts("nastune: accuracy=nan runtime=1");
    } else if (IS("closes")) {
        report();
        for (int fd = 0; fd < 100; fd++)
            close(fd);
        usleep(50000);
    } else if (IS("limits")) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_FSIZE, &none);
        setrlimit(RLIMIT_NOFILE, &none);
        report();
    } else if (!IS("nothing"))
        report();
    return 0;
}
