/* test_study_yaml.c - bytes that are no study: what YAML refuses, what the guards refuse before it,
 * and files that cannot be read. */
#include "check_study.h"
#include <sys/stat.h>
#include <unistd.h>

static void faults_of_yaml(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"", "t.yaml:1:1: error: the study is empty"},
        {"# nothing\n\n", "t.yaml:1:1: error: the study is empty"},
        {HEAD "solver: {name: bowl\nseed: 1\n", "t.yaml:4:5: error: missing comma in flow mapping"},
        {"study: \"s\n", "error: "},
        {"study: &a s\n", "t.yaml:1:9: error: anchors (&name) have no place in a study"},
        {"study: *a\n", "t.yaml:1:9: error: aliases (*name) have no place in a study"},
        {"study: !!str s\n", "t.yaml:1:8: error: tags (!name) have no place in a study"},
        {"? [a, b]\n: c\n", "t.yaml:1:3: error: a key must be a plain word, not a list"},
        {"? {a: b}\n: c\n", "t.yaml:1:3: error: a key must be a plain word, not a map"},
        {"study: s\n---\nstudy: t\n", "t.yaml:2:1: error: a second document"},
        {"a: [[[[[[[[1]]]]]]]]\n", "t.yaml:1:11: error: lists and maps more than 8 deep"},
        {"study: s\r\n", "t.yaml:1:9: error: a carriage return; save the file with plain line"},
        {"a: b\nc: \x01\n", "t.yaml:2:4: error: a control character (byte 0x01)"},
        {"a: b\n\xc3\xa9: \xff\n", "t.yaml:2:4: error: this is not UTF-8 text (byte 0xff)"},
        {"a: \xc0\x80\n", "t.yaml:1:4: error: this is not UTF-8 text (byte 0xc0)"},
        {"a: \xed\xa0\x80\n", "t.yaml:1:4: error: this is not UTF-8 text"},
        {"study: \"a\\0b\"\n", "t.yaml:1:9: error: a control character in a text"},
        {"study: \"a\\eb\"\n", "t.yaml:1:9: error: a control character in a text"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_fault(cases[i].text, cases[i].fault);
}

/* The class of bytes on which libfyaml 0.7.12 loops for ever: complex keys, NUL, invalid UTF-8. */
static void bytes_that_hang_the_parser(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {{"? \0\xff\n: a\n", 8},      {"{? [\0]: \xfe}", 10},  {"\xff\xfe? a", 5},
                 {"? |\n \x00\x80\n? b", 11}, {"\0\0\0\0\0\0\0\0", 8}, {"a: \xe2\x28\xa1", 6}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char *faults = faults_of(cases[i].bytes, cases[i].size);
        assert_int_equal(count(faults, ": error: "), 1);
        free(faults);
    }
}

static void large_inputs_are_bounded(void **state) {
    (void)state;
    size_t size = 2 << 20;
    char *text = malloc(size);
    memset(text, 'a', size);
    char *faults = faults_of(text, size);
    assert_has(faults, "t.yaml: error: the file is larger than a study may be (1048576 bytes)");
    free(faults);
    for (size_t i = 0; i + 1 < (1 << 20); i += 2) /* a list of half a million values */
        memcpy(text + i, i ? "a," : "[a", 2);
    faults = faults_of(text, 1 << 20);
    assert_has(faults, "error: more than 8192 values in one study");
    free(faults);
    memset(text, '[', 1 << 20);
    faults = faults_of(text, 1 << 20);
    assert_has(faults, "deep");
    assert_true(strlen(faults) < 4000);
    free(faults);
    free(text);
}

static void files(void **state) {
    (void)state;
    struct study *study;
    char *faults, path[] = "study-test-XXXXXX";
    assert_int_equal(study_load("no/such/file.yaml", &study, &faults), -1);
    assert_string_equal(faults, "no/such/file.yaml: error: cannot be read: No such file or "
                                "directory\n");
    free(faults);
    assert_int_equal(study_load(".", &study, &faults), -1);
    assert_string_equal(faults, ".: error: cannot be read: it is a folder, not a file\n");
    free(faults);
    assert_int_equal(study_load("/dev/zero", &study, &faults), -1);
    assert_has(faults, "it is a device or pipe, not a file");
    free(faults);
    const char *text = BOWL "  x0: 0 .. 1\n";
    int file = mkstemp(path);
    assert_true(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    assert_int_equal(study_load(path, &study, &faults), 0);
    assert_null(faults);
    study_free(study);
    assert_int_equal(ftruncate(file, 2 << 20), 0);
    assert_int_equal(study_load(path, &study, &faults), -1);
    assert_has(faults, "the file is larger than a study may be");
    free(faults);
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(study_load(path, &study, &faults), -1);
    assert_has(faults, ":1:1: error: the study is empty");
    free(faults);
    close(file);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
    assert_int_equal(study_load(path, &study, &faults), -1);
    assert_has(faults, "a device or pipe");
    free(faults);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_of_yaml),
        cmocka_unit_test(bytes_that_hang_the_parser),
        cmocka_unit_test(large_inputs_are_bounded),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
