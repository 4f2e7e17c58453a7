/* fuzz_report.c - any bytes as what a command reports: the lines of its output, and its CSV file.
 */
#include "command/report.h"
#include "fuzz.h"
#include "sheet/sheet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct report report = {.columns = "speed\nmemory"};
    struct outcome outcome = {0};
    struct sheet *sheet;
    char *text = malloc(size + 1), *rest = text, *line;
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    while ((line = strsep(&rest, "\n")))
        report_line(&report, line, &outcome);
    report_end(&report, &outcome);
    for (int i = 0; i < outcome.count; i++)
        FUZZ_CHECK(!outcome.point[i].arch || !strpbrk(outcome.point[i].arch, "\r\n"));
    FUZZ_CHECK(outcome.count == 0 || report.marked || outcome.point[outcome.count - 1].final);
    outcome_free(&outcome);
    free(text);
    if (sheet_parse(&sheet, "fuzz", (const char *)data, size) == 0) {
        FUZZ_CHECK(sheet->columns >= 1 && sheet->rows >= 0);
        sheet_free(sheet);
    }
    return 0;
}
