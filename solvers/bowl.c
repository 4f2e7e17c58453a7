/* bowl.c - a closed-form problem with the shape of a NAS solver: costs nothing, has a known
 * optimum, and misbehaves on request. It tests the harness and the methods, as fio's null engine
 * tests fio.
 *
 * With r^2 the sum over the five coordinates of (x_i - c_i)^2, c = (1, -2, 0.5, 3, -1), and e
 * epochs of training:
 *
 *     loss     = 0.1 + 0.02 r^2 + 0.3 / e
 *
 *     accuracy = exp(-loss)
 *
 *     runtime  = 20 + 12 (5 + x_0) ms, so that a cap on it holds x_0 away from its optimum
 *
 * The best loss at e epochs is 0.1 + 0.3 / e, at x = c, with a runtime of 92 ms. */
#include "fail.h"
#include "solver.h"
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIMS = 5 };
static const double centre[DIMS] = {1, -2, 0.5, 3, -1};
enum fault {
    FAULT_NONE,
    FAULT_FAIL,
    FAULT_EXIT,
    FAULT_ABORT,
    FAULT_KILL,
    FAULT_HANG,
    FAULT_NAN,
    FAULT_EMPTY
};

struct bowl {
    double x[DIMS];
    enum fault fault;
};

#define COORDINATE(NAME)                                                                           \
    { .name = NAME, .type = SETTING_REAL, .lo = -5, .hi = 5, .preset = "0", .help = "a coordinate" }

static const struct setting settings[] = {COORDINATE("x0"),
                                          COORDINATE("x1"),
                                          COORDINATE("x2"),
                                          COORDINATE("x3"),
                                          COORDINATE("x4"),
                                          {.name = "epochs",
                                           .type = SETTING_INT,
                                           .lo = 1,
                                           .hi = 1000,
                                           .scale = SETTING_LOG,
                                           .preset = "8",
                                           .unit = "epochs",
                                           .help = "the fidelity: more epochs, less loss"},
                                          {.name = "fault",
                                           .type = SETTING_CHOICE,
                                           .choices = "none|fail|exit|abort|kill|hang|nan|empty",
                                           .preset = "none",
                                           .help = "misbehave: give up, exit 3, abort, SIGKILL "
                                                   "itself, never end, return NaN, return nothing"},
                                          {.name = "fault_above",
                                           .type = SETTING_REAL,
                                           .lo = -5,
                                           .hi = 5,
                                           .preset = "-5",
                                           .when = "fault=fail|exit|abort|kill|hang|nan|empty",
                                           .help = "misbehave only where x0 is at least this"},
                                          {0}};

static int bowl_open(void *state, const struct solver_task *task) {
    struct bowl *bowl = state;
    for (int d = 0; d < DIMS; d++)
        bowl->x[d] = config_real(task->settings, (const char[]){'x', (char)('0' + d), 0});
    if (bowl->x[0] >= config_real(task->settings, "fault_above"))
        bowl->fault = (enum fault)config_choice(task->settings, "fault");
    return 0;
}

/* Does what was asked for; returns only when that leaves the process alive. */
static int misbehave(enum fault fault) {
    switch (fault) {
    case FAULT_FAIL:
        return fail("the bowl was asked to fail");
    case FAULT_EXIT:
        _exit(3);
    case FAULT_ABORT:
        abort();
    case FAULT_KILL:
        raise(SIGKILL);
        return 0;
    case FAULT_HANG:
        for (;;)
            pause();
    default:
        return 0;
    }
}

static int bowl_train(void *state, double fidelity, struct outcome *out) {
    const struct bowl *bowl = state;
    if (misbehave(bowl->fault))
        return -1;
    if (bowl->fault == FAULT_EMPTY)
        return 0;
    double squares = 0;
    for (int d = 0; d < DIMS; d++)
        squares += (bowl->x[d] - centre[d]) * (bowl->x[d] - centre[d]);
    struct point point = point_none();
    point.epoch = fidelity;
    point.loss = bowl->fault == FAULT_NAN ? NAN : 0.1 + 0.02 * squares + 0.3 / fidelity;
    point.accuracy = exp(-point.loss);
    point.runtime = 20 + 12 * (5 + bowl->x[0]);
    point.params = 1e5 * (1 + squares);
    point.flops = 1e6 * point.runtime;
    return outcome_add(out, &point);
}

static void bowl_close(void *state) {
    (void)state;
}

const struct solver_ops solver_bowl = {
    .name = "bowl",
    .about = "closed form with a known optimum; tests studies, methods and the harness",
    .paper = "",
    .settings = settings,
    .fidelity = "epochs",
    .instant = true,
    .state_size = sizeof(struct bowl),
    .open = bowl_open,
    .train = bowl_train,
    .close = bowl_close,
};
