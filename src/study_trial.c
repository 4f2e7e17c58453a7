/* study_trial.c - what a study hands to a trial and to a method: settings, tasks, seeds. */
#include "study.h"
#include <string.h>

static int fidelity_setting(const struct study *study) {
    return study->has_fidelity ? setting_find(study->table, study->solver->fidelity) : -1;
}

int study_trial_settings(const struct study *study, const struct trial *trial, struct config *out) {
    double value[SPACE_MAX_DIMS];
    int fidelity = fidelity_setting(study);
    if (config_copy(out, &study->settings))
        return -1;
    space_decode(&study->space, trial->x, value);
    for (int d = 0; d < study->space.n; d++)
        if (value[d] == value[d] && config_set_number(out, study->space.dim[d].setting, value[d]))
            return -1;
    return fidelity >= 0 ? config_set_number(out, fidelity, trial->fidelity) : 0;
}

/* The default of a dimension, when it is among what is searched. */
static bool find_default(const struct study *study, const struct space_dim *dim, double *value) {
    const struct setting *setting = &study->table[dim->setting];
    if (!setting->preset || setting_parse(setting, setting->preset, value))
        return false;
    if (!dim->levels)
        return *value >= dim->lo && *value <= dim->hi;
    for (int l = 0; l < dim->levels; l++)
        if (dim->level[l] == *value)
            return true;
    return false;
}

/* The defaults as a point of the cube. Those of settings that do not matter there may be any. */
static bool find_start(const struct study *study, double *x) {
    bool found[SPACE_MAX_DIMS];
    for (int d = 0; d < study->space.n; d++) {
        double value;
        found[d] = find_default(study, &study->space.dim[d], &value);
        x[d] = found[d] ? space_unit(&study->space.dim[d], value) : 0.5;
    }
    for (int d = 0; d < study->space.n; d++)
        if (!found[d] && space_active(&study->space, x, d))
            return false;
    space_canonical(&study->space, x);
    return true;
}

/* A schedule that is compressed into its fidelity has no further part (SOLVER_SCHEDULE_SETTING). */
static bool is_compressed(const struct study *study) {
    int schedule = setting_find(study->table, "fidelity");
    if (schedule < 0 || study->table[schedule].type != SETTING_CHOICE)
        return false;
    for (int d = 0; d < study->space.n; d++)
        if (study->space.dim[d].setting == schedule)
            return true; /* some trials are */
    return config_choice(&study->settings, "fidelity") == SOLVER_RESCALE;
}

static bool is_resumable(const struct study *study) {
    const struct solver_ops *solver = study->solver;
    return solver->save && solver->load && !is_compressed(study) &&
           (!solver->resume_setting || config_flag(&study->settings, solver->resume_setting));
}

void study_hpo_task(const struct study *study, int method, int repeat, struct hpo_task *out) {
    int fidelity = fidelity_setting(study);
    *out = (struct hpo_task){
        .space = &study->space,
        .fidelity_min = study->fidelity_min,
        .fidelity_max = study->fidelity_max,
        .fidelity_integral = fidelity < 0 || study->table[fidelity].type == SETTING_INT,
        .resumable = is_resumable(study),
        .n_objectives = objective_goals(study->objective),
        .n_constraints = objective_constraints(study->objective),
        .settings = &study->method[method].settings,
        .seed = rng_derive(study->seed, rng_stream("repeat"), (uint32_t)repeat)};
    for (int i = 0; i < out->n_constraints; i++)
        out->constraint_kind[i] = objective_constraint_kind(study->objective, i);
    out->has_start = find_start(study, out->start);
}

uint64_t study_trial_seed(const struct study *study, int repeat, int trial) {
    uint64_t repeat_seed =
        rng_derive(study->seed, rng_stream("trials of repeat"), (uint32_t)repeat);
    return rng_derive(repeat_seed, rng_stream("trial"), (uint32_t)trial);
}
