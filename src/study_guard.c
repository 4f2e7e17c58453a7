/* study_guard.c - size, UTF-8 and control characters of a study file (study_guard.h). */
#include "study_guard.h"
#include "study.h"
#include <stdint.h>
#include <string.h>

/* Length of the UTF-8 character at s (Unicode 15, table 3-7), 0 when malformed, and its code. */
static size_t decode(const unsigned char *s, size_t size, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > size)
        return 0;
    *code = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        *code = *code << 6 | (s[i] & 0x3Fu);
    }
    bool surrogate = *code >= 0xD800 && *code < 0xE000;
    return *code < least[n] || *code > 0x10FFFF || surrogate ? 0 : n;
}

/* C0, DEL, C1, the line separators that some parsers break lines at, and the byte-order mark. */
static bool is_control(uint32_t code) {
    return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0) ||
           code == 0x2028 || code == 0x2029 || code == 0xFEFF || (code & 0xFFFE) == 0xFFFE;
}

size_t guard_text(const char *text, size_t size, size_t *column, const char **why) {
    *column = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        size_t n = decode((const unsigned char *)text + at, size - at, &code);
        if (n == 0 || is_control(code)) {
            *why = n == 0         ? "this is not UTF-8 text"
                   : code == '\r' ? "a carriage return; save the file with plain line ends (LF)"
                                  : "a control character";
            return at;
        }
        *column = code == '\n' ? 0 : *column + 1;
        at += n;
    }
    return size;
}

static int line_of(const char *text, size_t at) {
    int line = 1;
    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';
    return line;
}

bool guard_source(struct faults *faults) {
    const char *source = faults->source, *why;
    size_t size = faults->size, column;
    faults->source = NULL; /* a line that is not text is not shown */
    if (size > STUDY_FILE_MAX) {
        faults_add(faults, 0, 0, 0, "the file is larger than a study may be (%d bytes)",
                   STUDY_FILE_MAX);
        return false;
    }
    size_t good = guard_text(source, size, &column, &why);
    if (good < size) {
        faults_add(faults, line_of(source, good), (int)column + 1, 1, "%s (byte 0x%02x)", why,
                   (unsigned)(unsigned char)source[good]);
        return false;
    }
    faults->source = source;
    return true;
}
