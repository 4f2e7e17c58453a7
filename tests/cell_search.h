/* cell_search.h - what the tests of the cell-space solvers share: small made-up images, a search by
 * hand, and what holds for all of them: it learns, its points add up, it is the same for the same
 * seed and any number of threads, a checkpoint continues it. A test defines search_cases. */
#ifndef NASTUNE_TESTS_CELL_SEARCH_H
#define NASTUNE_TESTS_CELL_SEARCH_H

#include "check.h"
#include "fail.h"
#include "net/data.h"
#include "solver.h"
#include "space/cell.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { TRAIN = 400, TEST = 20, SIDE = 28 };

static char folder[] = "/tmp/nastune-search-XXXXXX";

/* What a solver needs beside the common settings to do something in a few steps. */
struct search_case {
    const char *solver, *settings[6][2];
};
extern const struct search_case search_cases[];
extern const int search_n_cases;

/* Each class has a bar of its own place and direction, under noise. */
static void draw(unsigned char *image, int class, struct rng *rng) {
    for (int row = 0; row < SIDE; row++)
        for (int column = 0; column < SIDE; column++) {
            int along = class < 5 ? row : column, at = 2 + 5 * (class % 5);
            int bar = along >= at && along < at + 4 ? 120 : 0;
            image[row * SIDE + column] = (unsigned char)(bar + (int)rng_below(rng, 100));
        }
}

static void put(const char *name, const unsigned char *bytes, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    gzFile file = gzopen(path, "wb1");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

static void put_set(const char *prefix, int count) {
    static unsigned char images[16 + TRAIN * SIDE * SIDE], labels[8 + TRAIN];
    const unsigned char high = (unsigned char)(count >> 8), low = (unsigned char)count;
    memcpy(images, (unsigned char[]){0, 0, 8, 3, 0, 0, high, low, 0, 0, 0, SIDE, 0, 0, 0, SIDE},
           16);
    memcpy(labels, (unsigned char[]){0, 0, 8, 1, 0, 0, high, low}, 8);
    struct rng rng = rng_make(1, rng_stream(prefix), 0);
    for (int i = 0; i < count; i++) {
        labels[8 + i] = (unsigned char)(i % 10);
        draw(images + 16 + i * SIDE * SIDE, i % 10, &rng);
    }
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte.gz", prefix);
    put(name, images, (size_t)(16 + count * SIDE * SIDE));
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte.gz", prefix);
    put(name, labels, (size_t)(8 + count));
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    setenv("XDG_CACHE_HOME", folder, 1);
    put_set("train", TRAIN);
    put_set("t10k", TEST);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* ---- a search by hand ---- */

struct search {
    const struct solver_ops *ops;
    struct config config;
    struct solver_task task;
    void *state;
    struct outcome out;
};

static void set(struct search *search, const char *name, const char *value) {
    if (config_set(&search->config, name, value))
        print_error("%s\n", fail_message());
    assert_string_equal(config_text(&search->config, name), value);
}

static void prepare(struct search *search, int which, uint64_t seed, double fidelity, double full) {
    *search = (struct search){.ops = solver_find(search_cases[which].solver)};
    assert_non_null(search->ops);
    assert_int_equal(config_open(&search->config, search->ops->settings), 0);
    set(search, "data_folder", folder);
    set(search, "train", "96");
    set(search, "validation", "40");
    set(search, "batch", "16");
    set(search, "channels", "4");
    set(search, "cells", "3");
    set(search, "nodes", "2");
    for (int i = 0; i < 6 && search_cases[which].settings[i][0]; i++)
        set(search, search_cases[which].settings[i][0], search_cases[which].settings[i][1]);
    search->task = (struct solver_task){.settings = &search->config,
                                        .seed = seed,
                                        .fidelity = fidelity,
                                        .fidelity_max = full,
                                        .threads = 1};
}

static int open_search(struct search *search) {
    search->state = calloc(1, search->ops->state_size);
    assert_non_null(search->state);
    int status = search->ops->open(search->state, &search->task);
    if (status)
        print_message("%s\n", fail_message());
    return status;
}

static void run(struct search *search) {
    if (open_search(search) ||
        search->ops->train(search->state, search->task.fidelity, &search->out))
        print_error("%s\n", fail_message());
    assert_true(search->out.count > 0 && search->out.point[search->out.count - 1].final);
}

static void finish(struct search *search) {
    search->ops->close(search->state);
    free(search->state);
    outcome_free(&search->out);
    config_free(&search->config);
}

static bool same_number(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool same_point(const struct point *p, const struct point *q) {
    bool same = p->final == q->final && same_number(p->epoch, q->epoch) &&
                same_number(p->accuracy, q->accuracy) && same_number(p->loss, q->loss) &&
                same_number(p->params, q->params) && strcmp(p->arch, q->arch) == 0;
    for (int i = 0; i < POINT_MAX_EXTRA; i++)
        same = same && same_number(p->extra[i], q->extra[i]);
    return same;
}

/* The last `count` points of a and all of b. */
static bool same_tail(const struct search *a, const struct search *b) {
    int skip = a->out.count - b->out.count;
    bool same = skip >= 0;
    for (int i = 0; same && i < b->out.count; i++)
        same = same_point(&a->out.point[skip + i], &b->out.point[i]);
    return same;
}

static bool same_points(const struct search *a, const struct search *b) {
    return a->out.count == b->out.count && same_tail(a, b);
}

/* ---- what holds for all ---- */

static void it_learns_and_its_points_add_up(void **state) {
    (void)state;
    for (int i = 0; i < search_n_cases; i++) {
        struct search search;
        double best = 0;
        prepare(&search, i, 1, 5, 5);
        set(&search, "train", "240");
        set(&search, "lr", "0.1");
        run(&search);

        for (int k = 0; k < search.out.count; k++) {
            const struct point *point = &search.out.point[k];
            struct cell_arch arch;
            struct cell_space space = {.image = {1, SIDE, SIDE, 1},
                                       .cells = 3,
                                       .nodes = 2,
                                       .channels = 4,
                                       .stem = 3,
                                       .classes = 10};
            if (cell_parse(point->arch, &arch))
                print_error("%s: %s\n", point->arch, fail_message());
            assert_int_equal(arch.nodes, 2);
            assert_true(point->params == cell_params(&arch, &space));
            assert_true(point->flops == cell_flops(&arch, &space));
            assert_true(isfinite(point->loss) && point->epoch <= 5);
            best = fmax(best, point->accuracy);
        }
        if (best <= 0.4)
            print_error("%s: accuracy %g\n", search_cases[i].solver, best);
        assert_true(best > 0.4); /* a tenth by chance */
        finish(&search);
    }
}

static void same_seed_same_bytes_any_threads(void **state) {
    (void)state;
    for (int i = 0; i < search_n_cases; i++) {
        struct search one, two, other;
        prepare(&one, i, 3, 2, 2);
        prepare(&two, i, 3, 2, 2);
        prepare(&other, i, 4, 2, 2);
        two.task.threads = 2;
        run(&one);
        run(&two);
        run(&other);
        assert_true(same_points(&one, &two));
        assert_false(same_points(&one, &other));
        finish(&one);
        finish(&two);
        finish(&other);
    }
}

static void a_checkpoint_continues(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    for (int i = 0; i < search_n_cases; i++) {
        struct search straight, first, second, foreign;
        prepare(&straight, i, 5, 3, 5);
        prepare(&first, i, 5, 2, 5);
        prepare(&second, i, 77, 3, 5); /* a checkpoint brings its seed */
        prepare(&foreign, i, 5, 3, 5);
        set(&foreign, "batch", "4");
        run(&straight);
        run(&first);
        assert_int_equal(first.ops->save(first.state, path), 0);
        assert_int_equal(open_search(&second), 0);
        assert_int_equal(second.ops->load(second.state, path), 0);
        assert_int_equal(second.ops->train(second.state, 3, &second.out), 0);
        assert_true(second.out.count > 0 && same_tail(&straight, &second));
        assert_int_equal(open_search(&foreign), 0);
        assert_int_equal(foreign.ops->load(foreign.state, path), -1);
        assert_non_null(strstr(fail_message(), "another search"));
        finish(&straight);
        finish(&first);
        finish(&second);
        finish(&foreign);
    }
}

static void rescaling_is_another_schedule(void **state) {
    (void)state;
    for (int i = 0; i < search_n_cases; i++) {
        struct search cut, pressed;
        prepare(&cut, i, 7, 3, 6);
        prepare(&pressed, i, 7, 3, 6);
        set(&pressed, "fidelity", "rescale");
        run(&cut);
        run(&pressed);
        assert_false(same_points(&cut, &pressed));
        finish(&cut);
        finish(&pressed);
    }
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *message;
    } bad[] = {
        {"data_folder", "/nowhere", "apt-get install dataset-fashion-mnist"},
        {"train", "500", "has 400 training images"},
        {"batch", "300", "batch: 300 images a step, but only"},
    };
    for (int i = 0; i < search_n_cases; i++)
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            struct search search;
            prepare(&search, i, 1, 1, 1);
            set(&search, bad[k].name, bad[k].value);
            search.state = calloc(1, search.ops->state_size);
            assert_int_equal(search.ops->open(search.state, &search.task), -1);
            assert_non_null(strstr(fail_message(), bad[k].message));
            if (k < 2)
                assert_int_equal(search.ops->check(&search.config), -1);
            finish(&search);
        }
}

#define SEARCH_TESTS                                                                               \
    cmocka_unit_test(it_learns_and_its_points_add_up),                                             \
        cmocka_unit_test(same_seed_same_bytes_any_threads),                                        \
        cmocka_unit_test(a_checkpoint_continues), cmocka_unit_test(rescaling_is_another_schedule), \
        cmocka_unit_test(bad_settings_are_refused)

#endif
