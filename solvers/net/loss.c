/* loss.c - the classifier: linear layer and softmax cross-entropy with label smoothing (Szegedy et
 * al., CVPR 2016). */
#include "internal.h"
#include <math.h>

void net_linear_forward(struct net *net, int n, int c_in, int c_out, const real *x, const real *w,
                        const real *bias, real *y) {
    net_pw_forward(net, (struct net_shape){n, 1, 1, c_in}, c_out, x, w, y);
    for (int i = 0; bias && i < n; i++)
        for (int j = 0; j < c_out; j++)
            y[(ptrdiff_t)i * c_out + j] += bias[j];
}

void net_linear_backward(struct net *net, int n, int c_in, int c_out, const real *x, const real *w,
                         const real *dy, real *dx, real *dw, real *dbias) {
    net_pw_backward(net, (struct net_shape){n, 1, 1, c_in}, c_out, x, w, dy, dx, dw);
    for (int i = 0; dbias && i < n; i++)
        for (int j = 0; j < c_out; j++)
            dbias[j] += dy[(ptrdiff_t)i * c_out + j];
}

static int row_largest(int classes, const real *row) {
    int best = 0;
    for (int j = 1; j < classes; j++)
        if (row[j] > row[best])
            best = j;
    return best;
}

/* ln sum exp. */
static double row_log_sum(int classes, const real *row, double largest) {
    double sum = 0;
    for (int j = 0; j < classes; j++)
        sum += exp((double)row[j] - largest);
    return largest + log(sum);
}

double net_loss(int n, int classes, const real *logits, const int *labels, double smoothing,
                real *dlogits, int *correct) {
    const double rest = smoothing / classes;
    double loss = 0;
    int right = 0;
    for (int i = 0; i < n; i++) {
        const real *row = logits + (ptrdiff_t)i * classes;
        assert(labels[i] >= 0 && labels[i] < classes);
        const int best = row_largest(classes, row);
        const double log_sum = row_log_sum(classes, row, row[best]);
        right += best == labels[i];
        for (int j = 0; j < classes; j++) {
            const double target = rest + (j == labels[i] ? 1 - smoothing : 0);
            const double log_p = row[j] - log_sum;
            loss -= target * log_p;
            if (dlogits)
                dlogits[(ptrdiff_t)i * classes + j] = (real)((exp(log_p) - target) / n);
        }
    }
    if (correct)
        *correct = right;
    return loss / n;
}
