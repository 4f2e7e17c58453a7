/* point.c - points and the growing list of them. */
#include "point.h"
#include "fail.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct point point_none(void) {
    struct point point = {.epoch = NAN,
                          .final = true,
                          .accuracy = NAN,
                          .loss = NAN,
                          .test_accuracy = NAN,
                          .runtime = NAN,
                          .params = NAN,
                          .flops = NAN};
    for (int i = 0; i < POINT_MAX_EXTRA; i++)
        point.extra[i] = NAN;
    return point;
}

static int check_arch(const char *arch) {
    size_t length = strlen(arch);
    if (length >= POINT_ARCH_MAX)
        return fail("architecture text of %zu bytes; at most %d are allowed", length,
                    POINT_ARCH_MAX - 1);
    for (const char *c = arch; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return fail("architecture text holds control byte 0x%02x; it must be one line of text",
                        (unsigned char)*c);
    return 0;
}

int outcome_add(struct outcome *outcome, const struct point *point) {
    if (point->arch && check_arch(point->arch))
        return -1;
    if (outcome->count == outcome->room) {
        int room = outcome->room ? 2 * outcome->room : 8;
        struct point *grown = realloc(outcome->point, (size_t)room * sizeof *grown);
        if (!grown)
            return fail("out of memory for %d points", room);
        outcome->point = grown;
        outcome->room = room;
    }
    struct point copy = *point;
    if (point->arch && !(copy.arch = strdup(point->arch)))
        return fail("out of memory for an architecture's text");
    outcome->point[outcome->count++] = copy;
    return 0;
}

void outcome_free(struct outcome *outcome) {
    for (int i = 0; i < outcome->count; i++)
        free(outcome->point[i].arch);
    free(outcome->point);
    *outcome = (struct outcome){0};
}
