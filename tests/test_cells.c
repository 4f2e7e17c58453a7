/* test_cells.c - the cells of nastune's CSV: every double and every text comes back. */
#include "cells.h"
#include "check.h"
#include "fail.h"
#include "rng.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_round_trip(double number) {
    struct buffer line = {0};
    double back;
    cells_number(&line, number);
    if (!isnan(number)) {
        assert_int_equal(cells_read_number(line.data, &back), 0);
        if (memcmp(&back, &number, sizeof back)) {
            print_error("%a became '%s'\n", number, line.data);
            assert_true(!"the number comes back");
        }
    } else
        assert_int_equal(line.length, 0);
    buffer_free(&line);
}

static void every_double_comes_back(void **state) {
    (void)state;
    static const double special[] = {
        0.0,        -0.0,     1,         -1,          0.1,       0.1 + 0.2, 1.0 / 3,
        DBL_MAX,    -DBL_MAX, DBL_MIN,   DBL_EPSILON, 0x1p-1074, 1e15,      1e16,
        0x1p53 + 1, INFINITY, -INFINITY, NAN,         5e-324,    2.5e-310,  123456.789};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        assert_round_trip(special[i]);
    struct rng rng = rng_make(3, rng_stream("test cells"), 0);
    for (int i = 0; i < 100000; i++) { /* any bits */
        uint64_t bits = rng_u32(&rng) | (uint64_t)rng_u32(&rng) << 32;
        double number;
        memcpy(&number, &bits, sizeof number);
        assert_round_trip(number);
    }
}

static void numbers_are_short(void **state) {
    (void)state;
    struct buffer line = {0};
    cells_number(&line, 0.1);
    cells_number(&line, 240);
    cells_integer(&line, -3);
    cells_number(&line, NAN);
    cells_text(&line, NULL);
    cells_end(&line);
    assert_string_equal(line.data, "0.1,240,-3,,\"\"\r\n");
    cells_integer(&line, 7); /* a new line starts without a comma */
    assert_string_equal(line.data, "0.1,240,-3,,\"\"\r\n7");
    buffer_free(&line);
}

static void only_numbers_are_numbers(void **state) {
    (void)state;
    double number;
    assert_int_equal(cells_read_number("", &number), 0);
    assert_true(isnan(number));
    static const char *const bad[] = {"x", "1x", "1 ", "1,2", "--1", "e5", "0.1.2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(cells_read_number(bad[i], &number), -1);
}

static void texts_are_quoted(void **state) {
    (void)state;
    static const char *const texts[] = {"plain", "",  "a,b",      "say \"so\"", "\"",
                                        "\"\"",  ",", " blanks ", "tab\there",  "\xc3\xa9t\xc3\xa9",
                                        "=1+1",  "-", "'"};
    enum { N = sizeof texts / sizeof *texts };
    struct buffer line = {0};
    struct cells cells = {0};
    for (int i = 0; i < N; i++)
        cells_text(&line, texts[i]);
    assert_int_equal(cells_split(&cells, line.data, line.length), 0);
    assert_int_equal(cells.count, N);
    for (int i = 0; i < N; i++)
        assert_string_equal(cells.cell[i], texts[i]);
    cells_free(&cells);
    buffer_clear(&line);
    cells_text(&line, "say \"so\"");
    assert_string_equal(line.data, "\"say \"\"so\"\"\""); /* RFC 4180, 2.7 */
    buffer_free(&line);
}

static void bad_lines_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *line;
        size_t length;
    } bad[] = {{"\"open", 5}, {"\"a\"b", 4}, {"a\"b", 3},       {"a\0b", 3},
               {"a\rb", 3},   {"a\nb", 3},   {"\"a\r\nb\"", 6}, {"\"a\"\"", 4}};
    struct cells cells = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(cells_split(&cells, bad[i].line, bad[i].length), -1);
    assert_int_equal(cells_split(&cells, "1,,\"x\",", 7), 0); /* and the struct is still fine */
    assert_int_equal(cells.count, 4);
    assert_string_equal(cells.cell[1], "");
    assert_string_equal(cells.cell[3], "");
    cells_free(&cells);
}

static void assert_sanitized(const char *text, size_t size, const char *wanted) {
    char room[64] = "";
    strncpy(room, text, sizeof room - 1);
    cells_sanitize(room, size);
    assert_string_equal(room, wanted);
}

static void foreign_text_is_made_fit(void **state) {
    (void)state;
    assert_sanitized("fine", 64, "fine");
    assert_sanitized("two\r\nlines\x7f", 64, "two  lines ");
    assert_sanitized("=cmd()", 64, "'=cmd()");
    assert_sanitized("-1", 64, "'-1");
    assert_sanitized("@x", 64, "'@x");
    assert_sanitized("+1", 3, "'+"); /* no room: the end goes, the apostrophe does not */
    assert_sanitized("", 64, "");
    assert_sanitized("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 64,
                     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_sanitized("a\xff"
                     "b\xc3",
                     64, "a?b?");
    assert_sanitized("\xe2\x82", 64, "??");           /* cut in two */
    assert_sanitized("\xc0\xaf", 64, "??");           /* overlong */
    assert_sanitized("\xed\xa0\x80", 64, "???");      /* a surrogate */
    assert_sanitized("\xf4\x90\x80\x80", 64, "????"); /* past U+10FFFF */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_double_comes_back),  cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(only_numbers_are_numbers), cmocka_unit_test(texts_are_quoted),
        cmocka_unit_test(bad_lines_are_refused),    cmocka_unit_test(foreign_text_is_made_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
