/* test_journal.c - the journal of a run: what was synced comes back whole; a file that ends
 * anywhere is repaired to a valid prefix; what is wrong before the end is an error that names its
 * place. */
#include "check.h"
#include "fail.h"
#include "journal.h"
#include "scratch.h"
#include <math.h>

enum { TRIALS = 6 };

static const char study_text[] = "study: journal\n"
                                 "solver:\n"
                                 "  name: bowl\n"
                                 "  x0: -5 .. 5\n"
                                 "  fault: [none, fail, nan]\n"
                                 "  fault_above: -1 .. 1\n"
                                 "  epochs: 1 .. 27\n"
                                 "methods: [bo]\n"
                                 "budget: 60 trials\n";

struct bench {
    struct study *study;
    char folder[SCRATCH_PATH];
    struct journal journal;
};

static int bench_open(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    bench->study = scratch_study(study_text);
    scratch_open(bench->folder);
    *state = bench;
    return 0;
}

static int bench_close(void **state) {
    struct bench *bench = *state;
    journal_close(&bench->journal);
    scratch_remove(bench->folder);
    study_free(bench->study);
    free(bench);
    return 0;
}

static int open_journal(struct bench *bench) {
    journal_close(&bench->journal);
    return journal_open(&bench->journal, bench->study, 0, 0, bench->folder);
}

/* Trial `id`: with id % 4 points, of every kind of status that is not DONE. */
static struct trial make_trial(const struct study *study, int id) {
    static const enum trial_status statuses[] = {TRIAL_FAILED, TRIAL_CRASHED, TRIAL_TIMEOUT,
                                                 TRIAL_INVALID};
    struct trial trial = {.id = id,
                          .parent = id > 2 ? id - 2 : -1,
                          .x = {0.1 * id, 0.3 * (id % 4), 0.7},
                          .fidelity = 1 + id,
                          .cost = 1,
                          .origin = "design",
                          .status = statuses[id % 4]};
    snprintf(trial.detail, sizeof trial.detail, "signal %d, \"quoted\"", id);
    space_canonical(&study->space, trial.x);
    return trial;
}

static void append(struct bench *bench, int id) {
    struct trial trial = make_trial(bench->study, id);
    struct timing timing = {.started = 1.7e9 + id, .seconds = 0.25, .peak_memory = NAN};
    struct outcome outcome = {0};
    for (int i = 0; i < id % 4; i++) {
        struct point point = point_none();
        point.loss = id + 0.1 * i;
        point.arch = i ? "a,\"b\"" : NULL;
        assert_int_equal(outcome_add(&outcome, &point), 0);
    }
    assert_int_equal(journal_append(&bench->journal, &trial, id, &outcome, -1, &timing), 0);
    outcome_free(&outcome);
}

static void fill(struct bench *bench) {
    assert_int_equal(open_journal(bench), 0);
    for (int id = 0; id < TRIALS; id++)
        append(bench, id);
    assert_int_equal(journal_sync(&bench->journal), 0);
}

static void assert_entry(const struct bench *bench, const struct journal_entry *entry, int id) {
    struct trial wanted = make_trial(bench->study, id);
    assert_int_equal(entry->trial.id, id);
    assert_int_equal(entry->trial.parent, wanted.parent);
    assert_int_equal(entry->trial.status, wanted.status);
    assert_memory_equal(entry->trial.x, wanted.x, 3 * sizeof(double));
    assert_true(entry->trial.fidelity == wanted.fidelity && entry->trial.cost == wanted.cost);
    assert_string_equal(entry->trial.origin, "design");
    assert_string_equal(entry->trial.detail, wanted.detail);
    assert_int_equal(entry->known, id);
    assert_int_equal(entry->outcome.count, id % 4);
    for (int i = 0; i < entry->outcome.count; i++) {
        assert_true(entry->outcome.point[i].loss == id + 0.1 * i);
        assert_true(isnan(entry->outcome.point[i].accuracy));
        if (i)
            assert_string_equal(entry->outcome.point[i].arch, "a,\"b\"");
        else
            assert_null(entry->outcome.point[i].arch);
    }
}

/* Opens and reads; the entries must be the first ones. Returns how many. */
static int read_prefix(struct bench *bench) {
    struct journal_entry *entries;
    int count;
    if (open_journal(bench) || journal_read(&bench->journal, &entries, &count)) {
        print_error("%s\n", fail_message());
        assert_true(!"the journal is good");
    }
    for (int i = 0; i < count; i++)
        assert_entry(bench, &entries[i], i);
    journal_entries_free(entries, count);
    return count;
}

static void assert_refused(struct bench *bench, const char *why) {
    struct journal_entry *entries = NULL;
    int count = 0;
    int status = open_journal(bench) || journal_read(&bench->journal, &entries, &count);
    journal_entries_free(entries, count);
    assert_true(status);
    if (!strstr(fail_message(), why)) {
        print_error("'%s' is not in '%s'\n", why, fail_message());
        assert_true(!"the reason");
    }
}

static void rows_come_back(void **state) {
    struct bench *bench = *state;
    fill(bench);
    assert_int_equal(read_prefix(bench), TRIALS);
    append(bench, TRIALS); /* and go on */
    assert_int_equal(journal_sync(&bench->journal), 0);
    assert_int_equal(read_prefix(bench), TRIALS + 1);
}

static void unsynced_rows_are_not_there(void **state) {
    struct bench *bench = *state;
    fill(bench);
    append(bench, TRIALS);
    assert_int_equal(read_prefix(bench), TRIALS); /* closing drops what is pending */
}

static int count_rows(const char *bytes, size_t n) {
    int rows = -1; /* the header */
    for (size_t i = 1; i < n; i++)
        rows += bytes[i] == '\n';
    return rows < 0 ? 0 : rows;
}

/* A kill may end trials.csv anywhere: the whole rows stay, the files are as if the rest had never
 * been, and the journal goes on to the same bytes. */
static void any_end_of_trials_is_repaired(void **state) {
    struct bench *bench = *state;
    fill(bench);
    struct buffer whole[JOURNAL_FILES];
    for (int f = 0; f < JOURNAL_FILES; f++)
        whole[f] = scratch_read(bench->folder, journal_file_name[f]);
    for (size_t cut = 0; cut <= whole[0].length; cut++) {
        for (int f = 0; f < JOURNAL_FILES; f++)
            scratch_write(bench->folder, journal_file_name[f], whole[f].data,
                          f == JOURNAL_TRIALS ? cut : whole[f].length);
        int kept = read_prefix(bench);
        assert_int_equal(kept, count_rows(whole[0].data, cut));
        for (int id = kept; id < TRIALS; id++)
            append(bench, id);
        assert_int_equal(journal_sync(&bench->journal), 0);
        for (int f = 0; f < JOURNAL_TIMING; f++) {
            struct buffer now = scratch_read(bench->folder, journal_file_name[f]);
            scratch_assert_same(&now, &whole[f]);
            buffer_free(&now);
        }
    }
    for (int f = 0; f < JOURNAL_FILES; f++)
        buffer_free(&whole[f]);
}

/* A kill may end points.csv anywhere past the points of committed trials. */
static void any_end_of_points_is_repaired(void **state) {
    struct bench *bench = *state;
    fill(bench);
    struct buffer points = scratch_read(bench->folder, "points.csv");
    struct buffer trials = scratch_read(bench->folder, "trials.csv");
    size_t committed = 0; /* bytes of trials.csv up to trial 2, of points.csv up to its points */
    for (int lines = 0; lines < 4; lines += trials.data[committed++] == '\n') {
    }
    size_t first = 0;
    for (int lines = 0; lines < 4; lines += points.data[first++] == '\n') {
    }
    for (size_t cut = first; cut <= points.length; cut++) {
        scratch_write(bench->folder, "trials.csv", trials.data, committed);
        scratch_write(bench->folder, "points.csv", points.data, cut);
        assert_int_equal(read_prefix(bench), 3);
        struct buffer now = scratch_read(bench->folder, "points.csv");
        assert_int_equal(now.length, first);
        buffer_free(&now);
    }
    scratch_write(bench->folder, "points.csv", points.data, first - 1); /* a promised point lost */
    assert_refused(bench, "the points of trial 2 are missing");
    buffer_free(&points);
    buffer_free(&trials);
}

/* Zeros are what a power cut may leave of an append. */
static void zeros_at_the_end_are_cut(void **state) {
    struct bench *bench = *state;
    fill(bench);
    for (int f = 0; f < JOURNAL_FILES; f++) {
        struct buffer text = scratch_read(bench->folder, journal_file_name[f]);
        buffer_add(&text, (char[700]){0}, 700);
        scratch_write(bench->folder, journal_file_name[f], text.data, text.length);
        buffer_free(&text);
    }
    assert_int_equal(read_prefix(bench), TRIALS);
    for (int f = 0; f < JOURNAL_FILES; f++)
        scratch_write(bench->folder, journal_file_name[f], (char[40]){0}, 40);
    assert_int_equal(read_prefix(bench), 0);
}

/* Rows of timing.csv are a service: any of them may be missing. */
static void timings_may_be_missing(void **state) {
    struct bench *bench = *state;
    fill(bench);
    struct buffer text = scratch_read(bench->folder, "timing.csv");
    for (size_t cut = 0; cut <= text.length; cut++) {
        scratch_write(bench->folder, "timing.csv", text.data, cut);
        assert_int_equal(read_prefix(bench), TRIALS);
    }
    buffer_free(&text);
}

/* Replaces the first `old` after the header with `new` in a file, reads, and puts the file back. */
static void assert_spoilt(struct bench *bench, const char *name, const char *old, const char *new,
                          const char *why) {
    struct buffer text = scratch_read(bench->folder, name), spoilt = {0};
    char *at = strstr(strchr(text.data, '\n'), old);
    assert_non_null(at);
    buffer_add(&spoilt, text.data, (size_t)(at - text.data));
    buffer_add(&spoilt, new, strlen(new));
    buffer_add(&spoilt, at + strlen(old), strlen(at + strlen(old)));
    scratch_write(bench->folder, name, spoilt.data, spoilt.length);
    assert_refused(bench, why);
    struct buffer left = scratch_read(bench->folder, name); /* an error repairs nothing */
    scratch_assert_same(&left, &spoilt);
    scratch_write(bench->folder, name, text.data, text.length);
    buffer_free(&left);
    buffer_free(&text);
    buffer_free(&spoilt);
}

static void bad_rows_name_their_place(void **state) {
    struct bench *bench = *state;
    fill(bench);
    assert_spoilt(bench, "trials.csv", "\"timeout\"", "\"tiemout\"", "trials.csv:4: no status");
    assert_spoilt(bench, "trials.csv", "\"timeout\"", "\"asked\"", "trials.csv:4: ");
    assert_spoilt(bench, "trials.csv", "\"bo\",0,2", "\"bo\",0,3", "trials.csv:4: trial 3 where");
    assert_spoilt(bench, "trials.csv", "\"bo\",0,2", "\"random\",0,2", "trials.csv:4: a row of");
    assert_spoilt(bench, "trials.csv", "\"bo\",0,2", "\"bo\",1,2", "trials.csv:4: a row of");
    assert_spoilt(bench, "trials.csv", "\"bo\",0,2,", "\"bo\",0,2,7", "trials.csv:4: ");
    assert_spoilt(bench, "trials.csv", "\"bo\",0,2", "\"bo\",0,2,9", "trials.csv:4: 18 cells");
    assert_spoilt(bench, "trials.csv", "\"bo\",0,3,1,3", "\"bo\",0,3,3,3", "trials.csv:5: parent");
    assert_spoilt(bench, "trials.csv", ",3,1,\"timeout\"", ",99,1,\"timeout\"", "a fidelity of 99");
    assert_spoilt(bench, "trials.csv", ",3,1,\"timeout\"", ",3,,\"timeout\"", "a cost of");
    assert_spoilt(bench, "trials.csv", ",3,1,\"timeout\"", ",3,-1,\"timeout\"", "a cost of -1");
    assert_spoilt(bench, "trials.csv", "\"none\"", "\"nome\"", "did you mean 'none'");
    assert_spoilt(bench, "trials.csv", "\"timeout\",,,2,", "\"timeout\",,,-2,", "'-2' is no whole");
    assert_spoilt(bench, "trials.csv", "\"timeout\",,,2,", "\"timeout\",,,1e300,", "no whole");
    assert_spoilt(bench, "trials.csv", "\"timeout\",,,2,", "\"timeout\",,,999999999,", "missing");
    assert_spoilt(bench, "trials.csv", "\r\n\"bo\",0,2", "\n\"bo\",0,2", "line 3 does not end");
    assert_spoilt(bench, "trials.csv", "\"bo\",0,2", "\"bo\",\"0,2", "trials.csv:4: bad quoting");
    assert_spoilt(bench, "points.csv", "\"bo\",0,2", "\"bo\",0,1", "points.csv:3: trial 1 where");
    assert_spoilt(bench, "points.csv", "0,2,0,0,,1,", "0,2,0,0,,2,", "points.csv:3: ");
    assert_spoilt(bench, "points.csv", "\"\"b\"\"", "\"b\"", "points.csv:4: bad quoting");
    assert_int_equal(read_prefix(bench), TRIALS);
}

static void other_files_are_left_alone(void **state) {
    struct bench *bench = *state;
    static const char *const foreign[] = {"not ours", "method,repeat\r\n",
                                          "a long line that is no header at all, but text, text, "
                                          "text, text, text, text, text, text, text, text, text"};
    for (int f = 0; f < JOURNAL_FILES; f++)
        for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
            fill(bench);
            scratch_write(bench->folder, journal_file_name[f], foreign[i], strlen(foreign[i]));
            assert_refused(bench, "not this study's header");
            struct buffer now = scratch_read(bench->folder, journal_file_name[f]);
            assert_string_equal(now.data, foreign[i]);
            buffer_free(&now);
            for (int g = 0; g < JOURNAL_FILES; g++)
                scratch_write(bench->folder, journal_file_name[g], "", 0);
        }
}

/* A reason may hold anything; a row stays a row. */
static void details_are_one_line(void **state) {
    struct bench *bench = *state;
    assert_int_equal(open_journal(bench), 0);
    struct trial trial = make_trial(bench->study, 0);
    snprintf(trial.detail, sizeof trial.detail, "=two\r\nlines, \"and\" more\xff");
    struct timing timing = {0};
    struct outcome outcome = {0};
    assert_int_equal(journal_append(&bench->journal, &trial, 0, &outcome, -1, &timing), 0);
    assert_int_equal(journal_sync(&bench->journal), 0);
    struct journal_entry *entries;
    int count;
    assert_int_equal(open_journal(bench), 0);
    assert_int_equal(journal_read(&bench->journal, &entries, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].trial.detail, "'=two  lines, \"and\" more?");
    journal_entries_free(entries, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_come_back, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(unsynced_rows_are_not_there, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(any_end_of_trials_is_repaired, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(any_end_of_points_is_repaired, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(zeros_at_the_end_are_cut, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(timings_may_be_missing, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(bad_rows_name_their_place, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(other_files_are_left_alone, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(details_are_one_line, bench_open, bench_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
