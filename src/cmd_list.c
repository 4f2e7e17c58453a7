/* cmd_list.c - nastune solvers, nastune methods: what there is, and the settings of each. */
#include "cmd.h"
#include "hpo.h"
#include "solver.h"
#include <stdio.h>
#include <string.h>

static const char *type_name(const struct setting *setting) {
    static const char *const names[] = {[SETTING_REAL] = "real",
                                        [SETTING_INT] = "int",
                                        [SETTING_CHOICE] = "choice",
                                        [SETTING_TEXT] = "text",
                                        [SETTING_LINES] = "list"};
    return names[setting->type];
}

static void allowed(const struct setting *setting, char *text, size_t size) {
    if (setting->type == SETTING_CHOICE)
        snprintf(text, size, "%s", setting->choices);
    else if (setting->type == SETTING_TEXT || setting->type == SETTING_LINES)
        snprintf(text, size, "any");
    else
        snprintf(text, size, "%g .. %g%s", setting->lo, setting->hi,
                 setting->scale == SETTING_LOG ? " log" : "");
}

static void print_setting(const struct setting *setting, int name_width, int range_width) {
    char range[256];
    allowed(setting, range, sizeof range);
    printf("  %-*s %-7s %-*s %-10s %-7s %s", name_width, setting->name, type_name(setting),
           range_width, range,
           setting->preset ? *setting->preset ? setting->preset : "\"\"" : "(needed)",
           setting->unit ? setting->unit : "", setting->help);
    if (setting->when)
        printf(" [when %s]", setting->when);
    putchar('\n');
}

static void print_settings(const struct setting *table) {
    int name_width = 7, range_width = 7;
    for (int i = 0; table[i].type != SETTING_END; i++) {
        char range[256];
        allowed(&table[i], range, sizeof range);
        if ((int)strlen(table[i].name) > name_width)
            name_width = (int)strlen(table[i].name);
        if ((int)strlen(range) > range_width)
            range_width = (int)strlen(range);
    }
    if (table[0].type == SETTING_END) {
        puts("  no settings");
        return;
    }
    printf("  %-*s %-7s %-*s %-10s %-7s %s\n", name_width, "setting", "type", range_width,
           "allowed", "default", "unit", "meaning");
    for (int i = 0; table[i].type != SETTING_END; i++)
        print_setting(&table[i], name_width, range_width);
}

static void print_one(const char *name, const char *about, const char *paper,
                      const struct setting *table) {
    printf("%s - %s\n", name, about);
    if (*paper)
        printf("  after: %s\n", paper);
    putchar('\n');
    print_settings(table);
}

static const char *solver_name(const void *context, int i) {
    (void)context;
    return solver_registry[i] ? solver_registry[i]->name : NULL;
}

static const char *method_name(const void *context, int i) {
    (void)context;
    return hpo_registry[i] ? hpo_registry[i]->name : NULL;
}

static int unknown(const struct cmd *cmd, const char *what, const char *name, const char *meant) {
    char why[200];
    snprintf(why, sizeof why, "no %s '%.60s'%s%s%s", what, name, meant ? "; did you mean '" : "",
             meant ? meant : "", meant ? "'?" : "");
    return cmd_misused(cmd, why);
}

static bool wants_help(int argc, char **argv) {
    return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int solvers_main(const struct cmd *cmd, int argc, char **argv) {
    if (wants_help(argc, argv))
        return cmd_help(cmd);
    if (argc > 2)
        return cmd_misused(cmd, "at most one name is wanted");
    if (argc == 2) {
        const struct solver_ops *solver = solver_find(argv[1]);
        if (!solver)
            return unknown(cmd, "solver", argv[1], setting_suggest(argv[1], solver_name, NULL));
        print_one(solver->name, solver->about, solver->paper, solver->settings);
        if (solver->fidelity)
            printf("\n  fidelity: %s\n", solver->fidelity);
        if (solver->columns)
            printf("  columns of its own in points.csv: %s\n", solver->columns);
        return EXIT_FINE;
    }
    for (int i = 0; solver_registry[i]; i++)
        printf("%-14s %s\n", solver_registry[i]->name, solver_registry[i]->about);
    return EXIT_FINE;
}

static int methods_main(const struct cmd *cmd, int argc, char **argv) {
    if (wants_help(argc, argv))
        return cmd_help(cmd);
    if (argc > 2)
        return cmd_misused(cmd, "at most one name is wanted");
    if (argc == 2) {
        const struct hpo_ops *method = hpo_find(argv[1]);
        if (!method)
            return unknown(cmd, "method", argv[1], setting_suggest(argv[1], method_name, NULL));
        print_one(method->name, method->about, method->paper, method->settings);
        return EXIT_FINE;
    }
    for (int i = 0; hpo_registry[i]; i++)
        printf("%-20s %s\n", hpo_registry[i]->name, hpo_registry[i]->about);
    return EXIT_FINE;
}

const struct cmd cmd_solvers = {
    .name = "solvers",
    .usage = "solvers [NAME]",
    .about = "List the NAS solvers, or one's settings",
    .details =
        "A setting is pinned in a study (warmup: 0.6), searched as a range (lambda: 1e-4 .. 1) or\n"
        "as a list (optimizer: [rmsprop, sgd]). 'log': a searched range is laid out by "
        "logarithm.\n",
    .main = solvers_main,
};

const struct cmd cmd_methods = {
    .name = "methods",
    .usage = "methods [NAME]",
    .about = "List the outer methods, or one's settings",
    .details = "In a study: methods: [random, bo, {name: bo, label: bo-2, SETTING: VALUE}]\n",
    .main = methods_main,
};
