/* net.h - the training engine: layers forward and backward on the CPU, optimisers, checkpoints.
 *
 * Tensors are plain arrays of `real`, NHWC: element (n, h, w, c) of a struct net_shape stands at
 * ((n*H + h)*W + w)*C + c. Any channel count works; multiples of 16 are fast. Layers come in pairs
 * x_forward / x_backward and follow the same rules:
 *   - a forward overwrites its output y;
 *   - a backward takes dy (the gradient of the loss by y), OVERWRITES dx and ADDS to the gradients
 *     of weights. A dx or a weight gradient that is not wanted may be NULL;
 *   - inputs and outputs do not overlap unless the declaration says they may.
 * No function here allocates, except those with _open, _reserve or _load in their names, so a
 * training step allocates nothing.
 *
 * Results are bit-identical for any number of threads: sums over the batch are taken over
 * NET_SLICES fixed slices of it and added in the order of the slices. They may differ in the last
 * digits between processors with and without AVX2 and AVX-512. */
#ifndef NET_NET_H
#define NET_NET_H

#include "rng.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef NET_DOUBLE /* for tests: gradients against finite differences */
typedef double real;
#else
typedef float real;
#endif

struct net; /* threads, kernels of this processor, scratch memory */

/* Threads are clamped to 1 .. NET_SLICES. Also makes the calling thread flush denormals to zero, as
 * the worker threads do. Fails when memory or threads are out. */
#define NET_SLICES 8
int net_open(struct net **out, int threads);
void net_close(struct net *net); /* NULL is fine */

/* Which kernels run: "avx512", "avx2" or "plain". net_use switches (tests, benchmarks); fails when
 * the processor lacks them or the name is unknown. */
const char *net_path(const struct net *net);
int net_use(struct net *net, const char *path);

/* ---- shapes and memory ---- */

struct net_shape {
    int n, h, w, c; /* images, rows, columns, channels; each >= 1 */
};
size_t net_count(struct net_shape shape); /* n*h*w*c */

/* A k x k window, zero padding dilation*(k-1)/2 on each side, so that stride 1 keeps the size and
 * stride s gives ceil(size/s). k odd. */
struct net_window {
    int k, stride, dilation;
};
struct net_shape net_window_output(struct net_shape in, struct net_window window, int c_out);

/* One block of memory laid out by a plan that runs twice: first over a zeroed arena, where take
 * counts and returns NULL; then, after reserve, over the same calls, where it hands out zeroed,
 * 64-byte aligned arrays. */
struct net_arena {
    char *base;
    size_t used, size; /* bytes */
};
real *net_arena_take(struct net_arena *arena, size_t count);  /* count reals */
void *net_arena_bytes(struct net_arena *arena, size_t bytes); /* for other types */
int net_arena_reserve(struct net_arena *arena);               /* fails when memory is out */
/* The same, but pages are taken as they are first written: for a plan of which each step uses a
 * part (it may lay that part out anew from used = 0; then the arrays are not zeroed). */
int net_arena_reserve_lazily(struct net_arena *arena);
void net_arena_free(struct net_arena *arena); /* fine on a zeroed one */

/* ---- convolutions, no bias ---- */

/* Dense: x (N,H,W,Cin), w (k,k,Cin,Cout), y (N,H',W',Cout) with H', W' of net_window_output. The
 * dilation is 1. */
void net_conv_forward(struct net *net, struct net_shape in, struct net_window window, int c_out,
                      const real *x, const real *w, real *y);
void net_conv_backward(struct net *net, struct net_shape in, struct net_window window, int c_out,
                       const real *x, const real *w, const real *dy, real *dx, real *dw);

/* Depthwise: x (N,H,W,C), w (k,k,C), y (N,H',W',C). */
void net_dw_forward(struct net *net, struct net_shape in, struct net_window window, const real *x,
                    const real *w, real *y);
void net_dw_backward(struct net *net, struct net_shape in, struct net_window window, const real *x,
                     const real *w, const real *dy, real *dx, real *dw);

/* Pointwise (1x1): x (N,H,W,Cin), w (Cin,Cout), y (N,H,W,Cout). */
void net_pw_forward(struct net *net, struct net_shape in, int c_out, const real *x, const real *w,
                    real *y);
void net_pw_backward(struct net *net, struct net_shape in, int c_out, const real *x, const real *w,
                     const real *dy, real *dx, real *dw);

/* ---- batch norm with an activation behind it ---- */

enum net_act {
    NET_IDENTITY,
    NET_RELU,
    NET_RELU6, /* min(max(x,0),6) */
    NET_HSWISH /* x * relu6(x+3) / 6 */
};

/* y = act(gamma * (x - mean) / sqrt(var + eps) + beta), mean and biased variance over (N,H,W).
 * gamma, beta (C) may be NULL: 1 and 0. mean, inverse (C) are written for the backward: the batch
 * mean and 1/sqrt(var + eps). y may be x only where no backward follows. */
void net_bn_forward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                    const real *gamma, const real *beta, real eps, real *mean, real *inverse,
                    real *y);
/* The forward's y again, from its x, mean and inverse: what is not saved is computed twice. */
void net_bn_again(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                  const real *gamma, const real *beta, const real *mean, const real *inverse,
                  real *y);
/* From x (not y) and the forward's mean and inverse. dx may be dy. dgamma, dbeta (C) or NULL. */
void net_bn_backward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                     const real *gamma, const real *beta, const real *mean, const real *inverse,
                     const real *dy, real *dx, real *dgamma, real *dbeta);
/* running = momentum * running + (1 - momentum) * batch, from a forward's mean and inverse; the
 * variance is made unbiased with `samples` = N*H*W (pass 0 to keep it biased, as TensorFlow). */
void net_bn_track(int c, const real *mean, const real *inverse, real eps, long samples,
                  real momentum, real *running_mean, real *running_var);
/* With running statistics, for evaluation. y may be x. */
void net_bn_evaluate(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                     const real *gamma, const real *beta, real eps, const real *running_mean,
                     const real *running_var, real *y);

/* ---- element-wise and pooling ---- */

void net_clear(struct net *net, struct net_shape shape, real *x); /* x = 0 */
void net_act_forward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                     real *y);
void net_act_backward(struct net *net, struct net_shape shape, enum net_act act, const real *x,
                      const real *dy, real *dx); /* dx may be dy */
/* y = a + b; y may be a or b. Its backward is dy itself, for both. */
void net_add(struct net *net, struct net_shape shape, const real *a, const real *b, real *y);

/* x (N,H,W,C) -> y (N,C): the mean over H, W. */
void net_gap_forward(struct net *net, struct net_shape in, const real *x, real *y);
void net_gap_backward(struct net *net, struct net_shape in, const real *dy, real *dx);

/* Fills mask (count) with 0 (probability 1 - keep) or 1/keep; then y = x * mask forward and
 * dx = dy * mask backward, both by net_multiply (y may be x). */
void net_dropout_mask(struct rng *rng, size_t count, double keep, real *mask);
void net_multiply(struct net *net, struct net_shape shape, const real *x, const real *mask,
                  real *y);

/* 3x3 pooling with padding 1: x (N,H,W,C), y (N,H',W',C), stride 1 or 2. The largest value (the
 * first of equals takes the gradient), or the mean of the values inside the image. */
void net_pool_forward(struct net *net, struct net_shape in, int stride, bool largest, const real *x,
                      real *y);
void net_pool_backward(struct net *net, struct net_shape in, int stride, bool largest,
                       const real *x, const real *dy, real *dx);

/* y (N,H,W,C) = x * factor (N): drop-path forward and, with dy for x, backward; y may be x.
 * net_dropout_mask with count N makes the factors. */
void net_scale_images(struct net *net, struct net_shape shape, const real *x, const real *factor,
                      real *y);

/* Channels [at, at + part.c) of y (N,H,W,channels) = x (part), and the reverse, added to dx:
 * concatenation by placement. */
void net_place(struct net *net, struct net_shape part, const real *x, int channels, int at,
               real *y);
void net_place_backward(struct net *net, struct net_shape part, const real *dy, int channels,
                        int at, real *dx);

/* Squeeze-and-excitation (Hu, Shen & Sun, CVPR 2018): y = x * gate, gate = sigmoid(hidden W2 + b2),
 * hidden = relu(pooled W1 + b1), pooled = mean of x over H, W. */
struct net_se {
    const real *w1, *b1;          /* (C,R), (R) */
    const real *w2, *b2;          /* (R,C), (C) */
    real *pooled, *hidden, *gate; /* (N,C), (N,R), (N,C): saved by forward */
};
struct net_se_gradient {
    real *w1, *b1, *w2, *b2; /* added to */
};
void net_se_forward(struct net *net, struct net_shape shape, int reduced, const struct net_se *se,
                    const real *x, real *y);
/* work: N*(2C + R) reals. dx may not be NULL. */
void net_se_backward(struct net *net, struct net_shape shape, int reduced, const struct net_se *se,
                     const real *x, const real *dy, real *work, real *dx,
                     const struct net_se_gradient *gradient);

/* ---- augmentation ---- */

struct net_augment {
    int pad;    /* crop of the image's size at a random place of the image padded by this with 0 */
    bool flip;  /* left-right, for half of the images */
    int cutout; /* side of a square at a random place that is set to 0 (DeVries & Taylor 2017); 0:
                   none */
};
/* y (shape) = x augmented; what happens to image i of batch `batch` depends on the seed, batch and
 * i alone. */
void net_augment(struct net_shape shape, const struct net_augment *how, uint64_t seed,
                 uint32_t batch, const real *x, real *y);

/* ---- classifier ---- */

/* x (N,Cin), w (Cin,Cout), bias (Cout) or NULL, y (N,Cout). */
void net_linear_forward(struct net *net, int n, int c_in, int c_out, const real *x, const real *w,
                        const real *bias, real *y);
void net_linear_backward(struct net *net, int n, int c_in, int c_out, const real *x, const real *w,
                         const real *dy, real *dx, real *dw, real *dbias);

/* Mean cross-entropy (nats) of softmax(logits) against the labels smoothed to
 * (1 - smoothing) one-hot + smoothing / classes. logits (N,classes), labels (N) in 0..classes-1.
 * dlogits (N,classes) or NULL: the gradient of the mean. *correct (or NULL): how many rows have
 * their largest logit at the label (first of equals counts). Not finite when a logit is not: the
 * caller checks isfinite. */
double net_loss(int n, int classes, const real *logits, const int *labels, double smoothing,
                real *dlogits, int *correct);

/* ---- MBConv: [1x1 expand, BN, act,] depthwise, BN, act, 1x1 project, BN [, + x] ---- */

/* What is fixed. Set the first group, then net_mbconv_plan, which fills the second. */
struct net_mbconv {
    struct net_shape in;      /* (N,H,W,Cin) */
    int expanded, out;        /* channels of the depthwise conv, and of the result */
    struct net_window window; /* of the depthwise conv */
    enum net_act act;
    bool expand;   /* false: no expansion conv; then expanded == in.c */
    bool residual; /* add x to the result; needs stride 1 and out == in.c */
    real eps;      /* of the batch norms */

    struct net_shape middle, result; /* (N,H',W',E), (N,H',W',Cout) */
    real *z[3];                      /* pre-BN tensors, saved: expand, depthwise, project */
    real *mean[3], *inverse[3];      /* of this batch */
};
/* Weights or their gradients. gamma, beta by BN: expand, depthwise, project. */
struct net_mbconv_weights {
    real *expand;   /* (Cin,E); NULL without expansion */
    real *depth;    /* (k,k,E): for a superkernel the effective, masked one */
    real *project;  /* (E,Cout) */
    real *gamma[3]; /* (E), (E), (Cout); NULL: 1 */
    real *beta[3];  /* the same; NULL: 0 */
};
/* Takes the saved tensors from the arena and gives in *work the count of reals of work space that
 * forward and backward need (any contents; may be shared by all blocks). */
void net_mbconv_plan(struct net_mbconv *block, struct net_arena *arena, size_t *work);
void net_mbconv_forward(struct net *net, struct net_mbconv *block, const real *x,
                        const struct net_mbconv_weights *w, real *work, real *y);
void net_mbconv_backward(struct net *net, const struct net_mbconv *block, const real *x,
                         const struct net_mbconv_weights *w, const real *dy, real *work, real *dx,
                         const struct net_mbconv_weights *dw);
/* With running statistics (3 of each, as gamma); the block's own tensors serve as work space. */
void net_mbconv_evaluate(struct net *net, struct net_mbconv *block, const real *x,
                         const struct net_mbconv_weights *w, real *const running_mean[3],
                         real *const running_var[3], real *work, real *y);

/* ---- squeeze-and-excitation as a searched operation, without biases ---- */

/* With pooled = the mean of x over H, W and g = logistic(excite' relu(squeeze pooled)):
 * y = x (1 + mix (g - 1)). Channels from `live` on are dead: 0 in y, and not pooled; but gradients
 * go straight through them, so that a superkernel learns what closing them costs. Set the first
 * group, then net_gated_se_plan. squeeze, excite (width, C). */
struct net_gated_se {
    struct net_shape in; /* (N,H,W,C) */
    int width;           /* of the bottleneck, >= 1 */

    int live; /* 0 .. C; may change from call to call, as may mix */
    real mix; /* 1: SE; 0: the identity */

    real *pooled, *hidden, *gate; /* (N,C), (N,width), (N,C): of the last forward */
};
void net_gated_se_plan(struct net_gated_se *se, struct net_arena *arena);
void net_gated_se_forward(struct net *net, struct net_gated_se *se, const real *x,
                          const real *squeeze, const real *excite, real *y);
/* dx is overwritten; dsqueeze, dexcite are added to; *dmix is set. None may be NULL. The slope of
 * relu at 0 is taken as 1, so that a row of zeros is told what it would do. */
void net_gated_se_backward(struct net *net, struct net_gated_se *se, const real *x,
                           const real *squeeze, const real *excite, const real *dy, real *dx,
                           real *dsqueeze, real *dexcite, double *dmix);

/* ---- weights and optimisers ---- */

/* N(0, sqrt(2 / fan_out)); fan_out is k*k*Cout for a dense conv, k*k for a depthwise one. */
void net_init_normal(struct rng *rng, size_t count, double fan_out, real *w);

/* One weight tensor and what belongs to it. */
struct net_weight {
    const char *name; /* borrowed; for checkpoints */
    real *value, *grad;
    real *slot[2]; /* (count) each, zeroed at first; how many are used: net_optim_slots */
    real *average; /* (count) EMA of value, or NULL */
    size_t count;
    bool decay;  /* weight decay applies */
    bool frozen; /* this step did not touch it: neither updated nor decayed; its slots stay */
};

enum net_optim_kind {
    NET_SGD,     /* v = momentum v + g;  w -= rate v (nesterov: w -= rate (g + momentum v)) */
    NET_RMSPROP, /* TensorFlow 1.x: s = rho s + (1-rho) g^2; v = momentum v + rate g/sqrt(s + eps);
                    w -= v. s starts at 1 there: set slot[0] to 1 for that */
    NET_ADAM     /* Kingma & Ba 2015, with bias correction: w -= rate m^/(sqrt(v^) + eps) */
};
struct net_optim {
    enum net_optim_kind kind;
    double momentum;     /* SGD, RMSProp; ADAM: beta1 */
    double rho;          /* RMSProp; ADAM: beta2 */
    double eps;          /* RMSProp: under the root; Adam: beside it */
    double weight_decay; /* added to the gradient as weight_decay * value */
    bool nesterov;       /* SGD */
};
int net_optim_slots(const struct net_optim *optim); /* 0, 1 or 2 of net_weight.slot */
/* One step at learning rate `rate`; `step` counts from 1 (Adam's bias correction). */
void net_optim_step(struct net *net, const struct net_optim *optim, double rate, long step,
                    struct net_weight *weights, int n);
void net_grad_zero(struct net *net, struct net_weight *weights, int n);
/* The global L2 norm of the unfrozen gradients before clipping; scales them to at most `limit`
 * (<= 0: only measures). */
double net_grad_clip(struct net *net, struct net_weight *weights, int n, double limit);
/* average = decay average + (1 - decay) value, where there is one and it is not frozen. */
void net_average(struct net *net, struct net_weight *weights, int n, double decay);

/* Learning rates at `step` (from 0). */
double net_rate_cosine(double base, double least, double step, double total);
double net_rate_exponential(double base, double factor, double step, double every, bool staircase);
double net_rate_steps(double base, double factor, double step, const double *at, int n);

/* ---- checkpoints ---- */

struct net_record {
    const char *name; /* 1 .. 63 bytes */
    void *data;
    size_t bytes;
};
/* Writes all records to a temporary file beside `path`, syncs and renames it: the file is the old
 * or the new one, never a part. Fails naming the file. */
int net_checkpoint_save(const char *path, const struct net_record *records, int n);
/* Reads them back; names, order and sizes must agree. Fails, touching nothing, on a foreign, cut or
 * damaged file. */
int net_checkpoint_load(const char *path, const struct net_record *records, int n);

#endif
