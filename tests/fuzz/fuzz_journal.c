/* fuzz_journal.c - any bytes as a run's trials.csv and points.csv (a line "----" between them): an
 * error that changes nothing, or a prefix of them that can be replayed, and read again. */
#include "buffer.h"
#include "fuzz.h"
#include "run.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char study_text[] =
    "study: fuzz\npending: 2\nsolver: {name: bowl, x0: -5 .. 5, epochs: 1 .. 9,\n"
    "  fault: [none, fail], fault_above: -1 .. 1}\nmethods: [random]\nbudget: 1000 epochs\n";

static char folder[256];
static struct study *study;

static void path_of(const char *name, char *path, size_t size) {
    snprintf(path, size, "%s/%s", folder, name);
}

static void put(const char *name, const void *bytes, size_t n) {
    char path[300];
    path_of(name, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    FUZZ_CHECK(fd >= 0 && buffer_write(fd, bytes, n) == 0);
    close(fd);
}

static struct buffer get(const char *name) {
    char path[300];
    struct buffer text = {0};
    path_of(name, path, sizeof path);
    FUZZ_CHECK(buffer_read_file(&text, path, 1 << 28) == 0);
    return text;
}

static void remove_folder(void) {
    char path[300];
    for (int f = 0; f < JOURNAL_FILES; f++) {
        path_of(journal_file_name[f], path, sizeof path);
        unlink(path);
    }
    rmdir(folder);
    study_free(study);
}

static void prepare(void) {
    char *faults;
    strcpy(folder,
           access("/dev/shm", W_OK) ? "/tmp/nastune-fuzz-XXXXXX" : "/dev/shm/nastune-fuzz-XXXXXX");
    FUZZ_CHECK(mkdtemp(folder));
    FUZZ_CHECK(study_load_text("s", study_text, strlen(study_text), &study, &faults) == 0);
    atexit(remove_folder);
}

/* What is left is what was there, up to some byte; or a header, where there was not even that. */
static void check_prefix(enum journal_file file, const void *bytes, size_t n) {
    struct buffer now = get(journal_file_name[file]), header = {0};
    journal_header(study, file, &header);
    bool prefix = now.length <= n && memcmp(now.data, bytes, now.length) == 0;
    bool fresh = now.length == header.length && memcmp(now.data, header.data, now.length) == 0;
    FUZZ_CHECK(prefix || fresh);
    buffer_free(&now);
    buffer_free(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char separator[] = "----\n";
    if (!study)
        prepare();
    const uint8_t *middle = memmem(data, size, separator, strlen(separator));
    size_t trials = middle ? (size_t)(middle - data) : size;
    const uint8_t *points = middle ? middle + strlen(separator) : data + size;
    size_t n_points = (size_t)(data + size - points);
    put("trials.csv", data, trials);
    put("points.csv", points, n_points);
    put("timing.csv", "", 0);
    struct run run;
    int status = run_open(&run, study, 0, 0, folder);
    int told = run.told, asked = run.asked;
    run_close(&run);
    if (status == 0) {
        check_prefix(JOURNAL_TRIALS, data, trials);
        check_prefix(JOURNAL_POINTS, points, n_points);
        FUZZ_CHECK(run_open(&run, study, 0, 0, folder) == 0);
        FUZZ_CHECK(run.told == told && run.asked == asked);
        run_close(&run);
    }
    return 0;
}
