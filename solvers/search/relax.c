/* relax.c - softmax and its gradient. */
#include "search/relax.h"
#include <math.h>

double relax_log_sum(int n, const double *v) {
    double most = v[0], sum = 0;
    for (int i = 1; i < n; i++)
        most = v[i] > most ? v[i] : most;
    for (int i = 0; i < n; i++)
        sum += exp(v[i] - most);
    return most + log(sum);
}

void relax_softmax(int n, const double *logit, double *p) {
    double all = relax_log_sum(n, logit);
    for (int i = 0; i < n; i++)
        p[i] = exp(logit[i] - all);
}

void relax_softmax_backward(int n, const double *p, const double *dp, double *dlogit) {
    double mean = 0;
    for (int i = 0; i < n; i++)
        mean += p[i] * dp[i];
    for (int i = 0; i < n; i++)
        dlogit[i] += p[i] * (dp[i] - mean);
}
