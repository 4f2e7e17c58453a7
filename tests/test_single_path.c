/* test_single_path.c - the whole solver on small made-up images: it learns, it is the same for the
 * same seed and any number of threads, a checkpoint continues it, lambda does what it must. */
#include "check.h"
#include "fail.h"
#include "net/data.h"
#include "solver.h"
#include "space/mbconv.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { TRAIN = 400, TEST = 20, SIDE = 28 };

static char folder[] = "/tmp/nastune-search-XXXXXX";

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
    struct config config;
    struct solver_task task;
    void *state;
    struct outcome out;
};

static const struct solver_ops *ops(void) {
    return solver_find("single-path");
}

static void set(struct search *search, const char *name, const char *value) {
    if (config_set(&search->config, name, value))
        print_error("%s\n", fail_message());
    assert_string_equal(config_text(&search->config, name), value);
}

static void prepare(struct search *search, uint64_t seed, double fidelity, double full) {
    *search = (struct search){0};
    assert_int_equal(config_open(&search->config, ops()->settings), 0);
    set(search, "data_folder", folder);
    set(search, "train", "64");
    set(search, "validation", "32");
    set(search, "batch", "16");
    search->task = (struct solver_task){.settings = &search->config,
                                        .seed = seed,
                                        .fidelity = fidelity,
                                        .fidelity_max = full,
                                        .threads = 1};
}

static int open_search(struct search *search) {
    search->state = calloc(1, ops()->state_size);
    assert_non_null(search->state);
    return ops()->open(search->state, &search->task);
}

static void run(struct search *search) {
    if (open_search(search) || ops()->train(search->state, search->task.fidelity, &search->out))
        print_error("%s\n", fail_message());
    assert_true(search->out.count > 0 && search->out.point[search->out.count - 1].final);
}

static void finish(struct search *search) {
    ops()->close(search->state);
    free(search->state);
    outcome_free(&search->out);
    config_free(&search->config);
}

static const struct point *last(const struct search *search) {
    return &search->out.point[search->out.count - 1];
}

static bool same_points(const struct search *a, const struct search *b) {
    bool same = a->out.count == b->out.count;
    for (int i = 0; same && i < a->out.count; i++) {
        const struct point *p = &a->out.point[i], *q = &b->out.point[i];
        same = memcmp(&p->epoch, &q->epoch, sizeof p->epoch) == 0 && p->final == q->final &&
               memcmp(&p->accuracy, &q->accuracy, sizeof p->accuracy) == 0 &&
               memcmp(&p->loss, &q->loss, sizeof p->loss) == 0 &&
               memcmp(&p->runtime, &q->runtime, sizeof p->runtime) == 0 &&
               strcmp(p->arch, q->arch) == 0;
    }
    return same;
}

static void it_learns_and_its_points_add_up(void **state) {
    (void)state;
    struct search search;
    prepare(&search, 1, 5, 5);
    set(&search, "train", "240");
    set(&search, "lambda", "1e-07");
    set(&search, "lr", "0.2");
    run(&search);
    assert_int_equal(search.out.count, 5);
    for (int i = 0; i < 5; i++) {
        const struct point *point = &search.out.point[i];
        struct mbconv_arch arch;
        assert_true(point->epoch == i + 1 && point->final == (i == 4));
        assert_int_equal(mbconv_parse(point->arch, &arch), 0);
        assert_true(point->params == mbconv_params(&arch) && point->flops == mbconv_flops(&arch));
        assert_true(point->runtime > 0 && isfinite(point->loss));
    }
    if (last(&search)->accuracy <= 0.6)
        print_error("accuracy %g\n", last(&search)->accuracy);
    assert_true(last(&search)->accuracy > 0.6); /* a tenth by chance */
    assert_true(last(&search)->loss < search.out.point[0].loss);
    finish(&search);
}

static void same_seed_same_bytes_any_threads(void **state) {
    (void)state;
    struct search one, again, two, other;
    prepare(&one, 3, 2, 2);
    prepare(&again, 3, 2, 2);
    prepare(&two, 3, 2, 2);
    prepare(&other, 4, 2, 2);
    two.task.threads = 2;
    run(&one);
    run(&again);
    run(&two);
    run(&other);
    assert_true(same_points(&one, &again));
    assert_true(same_points(&one, &two));
    assert_false(same_points(&one, &other));
    finish(&one);
    finish(&again);
    finish(&two);
    finish(&other);
}

static void a_checkpoint_continues(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    struct search straight, first, second, foreign;
    prepare(&straight, 5, 3, 4);
    prepare(&first, 5, 2, 4);
    prepare(&second, 77, 3, 4); /* a checkpoint brings its seed */
    prepare(&foreign, 5, 3, 4);
    set(&foreign, "batch", "8");
    set(&straight, "lambda", "0.5");
    set(&first, "lambda", "0.5");
    set(&second, "lambda", "0.5");
    run(&straight);
    run(&first);
    assert_int_equal(ops()->save(first.state, path), 0);
    assert_int_equal(open_search(&second), 0);
    assert_int_equal(ops()->load(second.state, path), 0);
    assert_int_equal(ops()->train(second.state, 3, &second.out), 0);
    assert_int_equal(second.out.count, 1);
    straight.out.point[0].final = false;
    struct search tail = straight;
    tail.out.point += 2;
    tail.out.count = 1;
    assert_true(same_points(&tail, &second));
    assert_int_equal(open_search(&foreign), 0);
    assert_int_equal(ops()->load(foreign.state, path), -1);
    assert_non_null(strstr(fail_message(), "another search"));
    finish(&straight);
    finish(&first);
    finish(&second);
    finish(&foreign);
}

/* During the warm-up lambda is not in the loss: a truncated search of that length cannot know it.
 */
static void lambda_counts_after_the_warm_up_only(void **state) {
    (void)state;
    static const char *const fidelity[] = {"truncate", "rescale"};
    for (int i = 0; i < 2; i++) {
        struct search low, high;
        prepare(&low, 7, 2, 4); /* 2 of 4 epochs: the warm-up takes 2.5 */
        prepare(&high, 7, 2, 4);
        set(&low, "fidelity", fidelity[i]);
        set(&high, "fidelity", fidelity[i]);
        set(&low, "lambda", "1e-07");
        set(&high, "lambda", "10");
        run(&low);
        run(&high);
        assert_int_equal(same_points(&low, &high), i == 0);
        finish(&low);
        finish(&high);
    }
}

static void lambda_shrinks_the_network(void **state) {
    (void)state;
    static const char *const lambda[] = {"1e-07", "10"};
    struct mbconv_arch largest;
    char text[MBCONV_TEXT_MAX];
    mbconv_largest(mbconv_find("fashion"), &largest);
    struct search search[2];
    for (int i = 0; i < 2; i++) {
        prepare(&search[i], 2, 4, 4);
        set(&search[i], "train", "128");
        set(&search[i], "lambda", lambda[i]);
        set(&search[i], "warmup", "0.25");
        set(&search[i], "keep", "1");
        set(&search[i], "lr", "0.2");
        set(&search[i], "curve", "no");
        run(&search[i]);
        assert_int_equal(search[i].out.count, 1);
    }
    assert_string_equal(last(&search[0])->arch, mbconv_format(&largest, text));
    assert_true(last(&search[1])->runtime < 0.5 * last(&search[0])->runtime);
    finish(&search[0]);
    finish(&search[1]);
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *message;
    } bad[] = {
        {"data_folder", "/nowhere", "apt-get install dataset-fashion-mnist"},
        {"latency", "/nowhere.csv", "/nowhere.csv: No such file"},
        {"space", "cifar", "space cifar is for images of 32x32x3"},
        {"train", "500", "has 400 training images"},
        {"batch", "300", "batch: 300 images a step, but only 64"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct search search;
        prepare(&search, 1, 1, 1);
        set(&search, bad[i].name, bad[i].value);
        assert_int_equal(open_search(&search), -1);
        if (!strstr(fail_message(), bad[i].message))
            print_error("expected '%s', got '%s'\n", bad[i].message, fail_message());
        assert_non_null(strstr(fail_message(), bad[i].message));
        if (strcmp(bad[i].name, "batch") != 0)
            assert_int_equal(ops()->check(&search.config), -1);
        finish(&search);
    }
    struct search fine;
    prepare(&fine, 1, 1, 1);
    assert_int_equal(ops()->check(&fine.config), 0);
    assert_int_equal(open_search(&fine), 0);
    finish(&fine);
}

static void a_loss_that_is_not_finite_ends_the_search(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/huge.csv", folder);
    FILE *file = fopen(path, "w"); /* finite runtimes whose sum is not */
    fputs("space,block,operator,runtime_ms,spread_ms,device,date\n", file);
    for (int b = 1; b <= 8; b++)
        for (int op = 0; op < 4; op++)
            fprintf(file, "fashion,%d,k%de%d,1e308,,,\n", b, op < 2 ? 3 : 5, op % 2 ? 6 : 3);
    fputs("fashion,rest,rest,1,,,\n", file);
    fclose(file);
    struct search search;
    prepare(&search, 1, 1, 1);
    set(&search, "latency", path);
    assert_int_equal(open_search(&search), 0);
    assert_int_equal(ops()->train(search.state, 1, &search.out), -1);
    assert_non_null(strstr(fail_message(), "the loss is not finite at step 1 (epoch 1)"));
    assert_int_equal(search.out.count, 0);
    finish(&search);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_and_its_points_add_up),
        cmocka_unit_test(same_seed_same_bytes_any_threads),
        cmocka_unit_test(a_checkpoint_continues),
        cmocka_unit_test(lambda_counts_after_the_warm_up_only),
        cmocka_unit_test(lambda_shrinks_the_network),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(a_loss_that_is_not_finite_ends_the_search),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
