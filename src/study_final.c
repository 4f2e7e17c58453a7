/* study_final.c - the `final:` block of a study: how decoded architectures are trained from
 * scratch. */
#include "fail.h"
#include "study_read.h"

void study_read_final(struct study *study, const struct yaml *node, struct faults *faults) {
    static const char *const more[] = {NULL};
    if (!study->solver)
        return;
    if (!study->solver->final_settings) {
        if (node)
            yaml_fault(faults, node->key ? node->key : node,
                       "solver %s has no final training of its own", study->solver->name);
        return;
    }
    if (config_open(&study->final, study->solver->final_settings)) {
        faults->out_of_memory = true;
        return;
    }
    if (node && yaml_is_map(faults, node, "final"))
        study_read_values(&study->final, node, more, "final", faults);
}
