/* prepare.c - the libraries under the models, set up once (hpo_prepare in hpo.h). */
#include "hpo.h"
#include <cblas.h>
#include <gsl/gsl_errno.h>

void hpo_prepare(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1); /* other numbers of threads may round otherwise */
}
