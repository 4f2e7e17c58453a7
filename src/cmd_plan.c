/* cmd_plan.c - nastune plan: what a study will cost, before anything runs. */
#include "cmd.h"
#include "study.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Trials and charged fidelity of one pass over the rungs. */
static void print_rungs(const struct hpo_rung *rung, int n, bool resumable, const char *unit) {
    double total = 0;
    int trials = 0;
    printf("  %-8s %8s %12s %14s\n", "bracket", "trials", "trained to", "charged");
    for (int i = 0; i < n; i++) {
        double each = rung[i].fidelity - (resumable ? rung[i].continued : 0);
        total += rung[i].trials * each;
        trials += rung[i].trials;
        printf("  %-8d %8d %12g %14g\n", rung[i].bracket, rung[i].trials, rung[i].fidelity,
               rung[i].trials * each);
    }
    printf("  %-8s %8d %12s %14g %s\n", "a pass", trials, "", total, unit);
}

static int print_method(const struct study *study, int m) {
    struct hpo_task task;
    struct hpo_rung rung[HPO_MAX_RUNGS];
    const struct hpo_ops *ops = study->method[m].ops;
    const char *unit = study->budget_in_trials ? "trials" : study->solver->fidelity;
    study_hpo_task(study, m, 0, &task);
    int rungs = ops->plan ? ops->plan(&task, rung) : 0;
    printf("\n%s (%s)\n", study->method[m].label, ops->about);
    if (rungs < 0)
        return -1;
    if (rungs > 0) {
        print_rungs(rung, rungs, task.resumable, study->solver->fidelity);
        puts(task.resumable ? "  continued trials are charged for their new part"
                            : "  every trial starts from scratch and is charged in full");
    } else {
        double each = study->budget_in_trials ? 1 : study->fidelity_max;
        printf("  %.0f trials at full fidelity (%g %s)%s\n", floor(study->budget / each),
               study->fidelity_max, study->has_fidelity ? study->solver->fidelity : "trial",
               study->fidelity_min < study->fidelity_max ? "; more where the method trains less"
                                                         : "");
    }
    printf("  budget of a run: %g %s\n", study->budget, unit);
    return 0;
}

static int plan_main(const struct cmd *cmd, int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return cmd_help(cmd);
    if (argc != 2 || argv[1][0] == '-')
        return cmd_misused(cmd, "one study file is wanted");
    struct study *study = cmd_load_study(argv[1]);
    if (!study)
        return EXIT_STUDY;
    double size = space_size(&study->space);
    printf("%s: %d searched settings", study->name, study->space.n);
    if (size < 1e15)
        printf(" (%.0f different trials)", size);
    printf(", %d methods, %d repeats: %d runs\n", study->n_methods, study->repeats,
           study->n_methods * study->repeats);
    int status = 0;
    for (int m = 0; m < study->n_methods && status == 0; m++)
        status = print_method(study, m);
    if (status == 0)
        printf("\nin all: %g %s\n", study->budget * study->n_methods * study->repeats,
               study->budget_in_trials ? "trials" : study->solver->fidelity);
    study_free(study);
    return status ? cmd_failed(EXIT_FAILED) : EXIT_FINE;
}

const struct cmd cmd_plan = {
    .name = "plan",
    .usage = "plan STUDY",
    .about = "Show what a study will run and cost: brackets, rungs, trials",
    .details =
        "For methods that lay out their fidelities ahead (successive halving, Hyperband and its "
        "kin):\n"
        "one pass over their brackets, rung by rung. A run repeats the pass until its budget is\n"
        "spent.\n",
    .main = plan_main,
};
