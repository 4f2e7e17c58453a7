/* command.c - any program as a solver: a training script, on this machine, in any language.
 *
 * The study declares the settings and gives the command as a list of arguments, in which {NAME}
 * stands for a setting's value:
 *
 *     solver:
 *       name: command
 *       command: [python3, train.py, "--lr={lr}", "--epochs={fidelity}", "--seed={seed}"]
 *       settings:
 *         lr: 1e-5 .. 1e-1 log
 *
 * The program says what it found in lines "nastune: accuracy=0.93 runtime=71.2 epoch=3" on its
 * standard output, or in the CSV file that NASTUNE_POINTS names (command/report.h). With `resume:
 * yes` it leaves what it needs to continue in the folder {checkpoint} and continues from
 * {resume_from} unless that is empty; it must not change the latter. Its output goes to the trial's
 * log.txt. It runs without a shell, in a clean environment, and nothing of it survives its trial
 * (command/child.h). */
#include "command/argv.h"
#include "command/child.h"
#include "command/report.h"
#include "fail.h"
#include "solver.h"
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = PATH_MAX + 32, ENV_MAX = 256, WORD_SIZE = 64 };

static const struct setting settings[] = {
    {.name = "command",
     .type = SETTING_LINES,
     .help = "the program and its arguments; {NAME} stands for a setting, fidelity, seed, "
             "trial_dir, checkpoint, resume_from, points or threads"},
    {.name = "columns",
     .type = SETTING_LINES,
     .preset = "",
     .help = "further columns that it reports: numbers for objectives and constraints"},
    {.name = "environment",
     .type = SETTING_LINES,
     .preset = "",
     .help = "variables it gets besides PATH, HOME, USER, LANG, TMPDIR: NAME passes one on, "
             "NAME=VALUE sets one"},
    {.name = "resume",
     .type = SETTING_CHOICE,
     .choices = "no|yes",
     .preset = "no",
     .help = "it leaves checkpoints and continues from them"},
    {.name = "epochs",
     .type = SETTING_REAL,
     .lo = 1e-9,
     .hi = 1e9,
     .scale = SETTING_LOG,
     .preset = "1",
     .unit = "epochs",
     .help = "the fidelity: how far it trains, in any unit of its own"},
    {0}};

struct command {
    const struct solver_task *task;
    bool temporary;         /* the folder is ours, and goes away */
    char folder[PATH_SIZE]; /* of the trial, absolute */
    char checkpoint[PATH_SIZE], points[PATH_SIZE], resume_from[PATH_SIZE];
    char fidelity[WORD_SIZE], seed[WORD_SIZE], threads[WORD_SIZE];
    struct report report;
    struct outcome *out;
    char why[FAIL_MESSAGE_MAX]; /* a line that could not be read; "": none */
};

/* ---- before a study ---- */

/* Whether execvp would find it. */
static bool is_program(const char *name) {
    char path[PATH_SIZE];
    const char *folders = getenv("PATH");
    if (strchr(name, '/'))
        return access(name, X_OK) == 0;
    for (const char *f = folders ? folders : "/usr/bin:/bin"; f; f = strchr(f, ':')) {
        f += *f == ':';
        snprintf(path, sizeof path, "%.*s/%s", (int)strcspn(f, ":"), f, name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static int check_environment(const char *lines) {
    for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t n = strcspn(line, "=\n");
        if (n == 0 || strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789_") < n)
            return fail("environment: '%.*s' is neither NAME nor NAME=VALUE",
                        (int)strcspn(line, "\n"), line);
    }
    return 0;
}

static int command_check(const struct config *config) {
    char **argv;
    const struct argv_values values = {.settings = config};
    for (int i = 0; i < ARGV_NAMES; i++)
        if (setting_find(config->table, argv_names[i]) >= 0)
            return fail("a setting cannot be named '%s': {%s} is something else", argv_names[i],
                        argv_names[i]);
    if (argv_fill(&argv, config_text(config, "command"), &values))
        return fail_within("command");
    bool good = strchr(argv[0], '{') || is_program(argv[0]);
    int status = good ? check_environment(config_text(config, "environment"))
                      : fail("command: there is no program '%s'", argv[0]);
    argv_free(argv);
    return status;
}

static int command_describe(const struct config *config, char *text, size_t size) {
    char **argv;
    const struct argv_values values = {.settings = config};
    if (argv_fill(&argv, config_text(config, "command"), &values))
        return fail_within("command");
    size_t used = (size_t)snprintf(text, size, "a trial runs, for example (one argument a line):");
    for (char **word = argv; *word && used < size; word++)
        used += (size_t)snprintf(text + used, size - used, "\n    %s", *word);
    argv_free(argv);
    return 0;
}

/* ---- folders ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static int remove_tree(const char *path) {
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT
               ? fail("%s: %s", path, strerror(errno))
               : 0;
}

static int open_folder(struct command *command) {
    const char *parent = getenv("TMPDIR");
    if (command->task->folder) {
        if (!realpath(command->task->folder, command->folder))
            return fail("%s: %s", command->task->folder, strerror(errno));
    } else {
        snprintf(command->folder, PATH_MAX, "%s/nastune-XXXXXX", parent ? parent : "/tmp");
        if (!mkdtemp(command->folder))
            return fail("%s: %s", command->folder, strerror(errno));
        command->temporary = true;
    }
    snprintf(command->checkpoint, PATH_SIZE, "%.*s/checkpoint", PATH_MAX, command->folder);
    snprintf(command->points, PATH_SIZE, "%.*s/points.csv", PATH_MAX, command->folder);
    /* A killed attempt at the same trial may have left its own. */
    if (remove_tree(command->checkpoint) || (unlink(command->points) && errno != ENOENT) ||
        mkdir(command->checkpoint, 0777))
        return fail("%s: %s", command->folder, strerror(errno));
    return 0;
}

static int command_open(void *state, const struct solver_task *task) {
    struct command *command = state;
    command->task = task;
    command->report.columns = config_text(task->settings, "columns");
    const struct setting real = {.type = SETTING_REAL};
    setting_format(&real, task->fidelity, command->fidelity, WORD_SIZE);
    /* 31 bits: what every language's generators take. */
    snprintf(command->seed, WORD_SIZE, "%lu", (unsigned long)(task->seed & 0x7fffffff));
    snprintf(command->threads, WORD_SIZE, "%d", task->threads);
    return command_check(task->settings) || open_folder(command) ? -1 : 0;
}

static void command_close(void *state) {
    struct command *command = state;
    if (command->temporary)
        remove_tree(command->folder);
}

/* ---- its environment ---- */

struct env {
    char *text[ENV_MAX + 1];
    int count;
};

static void env_add(struct env *env, const char *name, size_t name_length, const char *value) {
    if (env->count < ENV_MAX && value &&
        asprintf(&env->text[env->count], "%.*s=%s", (int)name_length, name, value) >= 0)
        env->count++;
}

static void env_add_lines(struct env *env, const char *lines) {
    char name[256];
    for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t length = strcspn(line, "\n"), n = strcspn(line, "=\n");
        char *value = line[n] == '=' ? strndup(line + n + 1, length - n - 1) : NULL;
        snprintf(name, sizeof name, "%.*s", (int)n, line);
        env_add(env, name, n, value ? value : getenv(name));
        free(value);
    }
}

static void make_env(const struct command *command, struct env *env) {
    static const char *const base[] = {"PATH", "HOME",   "USER", "LOGNAME",
                                       "LANG", "TMPDIR", "TZ",   "NASTUNE_STUDY"};
    const struct solver_task *task = command->task;
    char full[WORD_SIZE];
    const struct setting real = {.type = SETTING_REAL};
    const struct {
        const char *name, *value;
    } ours[] = {
        {"NASTUNE_POINTS", command->points},
        {"NASTUNE_TRIAL_DIR", command->folder},
        {"NASTUNE_CHECKPOINT", command->checkpoint},
        {"NASTUNE_RESUME_FROM", command->resume_from},
        {"NASTUNE_FIDELITY", command->fidelity},
        {"NASTUNE_FIDELITY_MAX", setting_format(&real, task->fidelity_max, full, sizeof full)},
        {"NASTUNE_SEED", command->seed},
        {"NASTUNE_THREADS", command->threads}};
    for (size_t i = 0; i < sizeof base / sizeof *base; i++)
        env_add(env, base[i], strlen(base[i]), getenv(base[i]));
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        env_add(env, ours[i].name, strlen(ours[i].name), ours[i].value);
    env_add_lines(env, config_text(task->settings, "environment"));
}

/* ---- the run ---- */

static void take_line(void *context, const char *line) {
    struct command *command = context;
    if (!*command->why && report_line(&command->report, line, command->out))
        snprintf(command->why, sizeof command->why, "%s", fail_message());
}

/* How it ended, as the trial's end. */
static int judge_end(const struct command *command, const struct child *child) {
    const char *said = *child->last ? ": " : "";
    if (child->stopped)
        return fail("it was stopped");
    if (WIFSIGNALED(child->status)) {
        int signal_number = WTERMSIG(child->status);
        if (command->task->folder) { /* this process is the trial's: it ends as its program did */
            signal(signal_number, SIG_DFL);
            raise(signal_number);
        }
        return fail("signal %d (%s)%s%s", signal_number, strsignal(signal_number), said,
                    child->last);
    }
    if (WEXITSTATUS(child->status) != 0)
        return fail("exit code %d%s%s", WEXITSTATUS(child->status), said, child->last);
    return *command->why ? fail("%s", command->why) : 0;
}

static int command_train(void *state, double fidelity, struct outcome *out) {
    struct command *command = state;
    char **argv;
    struct env env = {.count = 0};
    (void)fidelity; /* the task's */
    command->out = out;
    const struct argv_values values = {.settings = command->task->settings,
                                       .text = {command->fidelity, command->seed, command->folder,
                                                command->checkpoint, command->resume_from,
                                                command->points, command->threads}};
    if (argv_fill(&argv, config_text(command->task->settings, "command"), &values))
        return fail_within("command");
    make_env(command, &env);
    struct child child = {.argv = argv, .env = env.text, .line = take_line, .context = command};
    int status = child_run(&child) || judge_end(command, &child) ||
                         report_file(&command->report, command->points, out)
                     ? -1
                     : 0;
    report_end(&command->report, out);
    argv_free(argv);
    for (int i = 0; i < env.count; i++)
        free(env.text[i]);
    return status;
}

/* ---- checkpoints: whole folders ---- */

static int command_save(void *state, const char *path) {
    struct command *command = state;
    if (rmdir(command->checkpoint) == 0) /* empty */
        return fail("it left no checkpoint in {checkpoint}, although resume is yes");
    if (remove_tree(path))
        return -1;
    return rename(command->checkpoint, path) ? fail("%s: %s", path, strerror(errno)) : 0;
}

static int command_load(void *state, const char *path) {
    struct command *command = state;
    return realpath(path, command->resume_from) ? 0 : fail("%s: %s", path, strerror(errno));
}

const struct solver_ops solver_command = {
    .name = "command",
    .about = "any program: its settings declared in the study, its points read from its output",
    .paper = "",
    .settings = settings,
    .fidelity = "epochs",
    .columns_setting = "columns",
    .resume_setting = "resume",
    .declares = true,
    .state_size = sizeof(struct command),
    .check = command_check,
    .describe = command_describe,
    .open = command_open,
    .train = command_train,
    .save = command_save,
    .load = command_load,
    .close = command_close,
};
