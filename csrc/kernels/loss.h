/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Losses. Each is one node: its forward also writes the gradient that it would send back for dy = 1 (with the 1/n of a mean in
 * it), so that backward has only to multiply by dy, and nothing to do where dy is 1. (nll_loss's gradient is all zeros but
 * for one element a row: its backward writes it.)
 *
 * A loss of classes sees logits x (outer, n, inner), n classes, and one row (outer, inner) per sample. A sum over rows is cut
 * into pieces by shape alone: each leaves its part in `parts`, loss_combine adds them in order.
 */
#ifndef NG_LOSS_H
#define NG_LOSS_H

#include "ng_api.h"

enum { NG_LOSS_NONE = 0, NG_LOSS_SUM = 1, NG_LOSS_MEAN = 2 };
enum { NG_LOSS_SHORT = 48 };     /* rows that are not short are done one by one */

/* Labels of any integer type, checked and copied: -1 stands for one that is ignored. */
typedef struct ng_labels_args {
    int64_t *labels;
    double *totals;          /* per piece: the weights of its labels, added up */
    const void *given, *weight;
    int64_t classes, ignore_index, grain;
    int bytes, is_signed;
} ng_labels_args;

typedef struct ng_class_loss_args {
    void *loss;                     /* one per row (no reduction), or the result */
    double *parts;                  /* per piece; NULL if there is only one */
    const void *dy;                 /* backward of nll: then only dx is written; else NULL */
    void *dx, *dt;                  /* gradients, or NULL */
    const void *x, *target, *weight;   /* target: probabilities, or NULL */
    const int64_t *labels;          /* or NULL */
    const double *totals;           /* of the labels: their sum divides a mean */
    int64_t n_totals;
    double divisor, smoothing;      /* divisor: where there are no totals */
    int64_t n, inner, tiles, grain;
    int reduction, is_nll;
} ng_class_loss_args;

typedef struct ng_pair_loss_args {
    void *loss;
    double *parts;
    void *dx, *dt;
    const void *x, *target, *weight, *pos_weight;     /* weights: bce_logits_weighted's, of x's size */
    double parameter, divisor;
    int64_t grain;
    int reduction;
} ng_pair_loss_args;

typedef struct ng_loss_combine_args {
    void *loss;
    const double *parts, *totals;
    int64_t n_parts, n_totals;
    double divisor;
} ng_loss_combine_args;

/* How many doubles of `totals` ng_labels fills. */
static inline int64_t ng_labels_grain(void) { return ng_grain(24); }
static inline int64_t ng_labels_pieces(int64_t count) { return ng_ceil_div(count, ng_labels_grain()); }

/* labels = given, checked to be in [0, classes) or ignore_index; NG_INDEX_RANGE if not */
static inline int ng_labels(int dtype, int64_t *labels, double *totals, const void *given, int bytes, int is_signed,
                            const void *weight, int64_t count, int64_t classes, int64_t ignore_index)
{
    const ng_labels_args args = {labels, totals, given, weight, classes, ignore_index, ng_labels_grain(), bytes, is_signed};
    return count ? NG->launch(NG->kernels[dtype]->labels, &args, sizeof args, count, args.grain, 0) : NG_OK;
}

/* Adds up the parts that a launch of `count` items leaves, or has it write the result itself where it is one piece. */
static inline int ng_loss_launch(int dtype, ng_body body, void *args, size_t size, void *loss, double **parts,
                                 const double *totals, int64_t n_totals, double divisor, int is_reduced, int64_t count,
                                 int64_t grain, size_t scratch)
{
    const int64_t pieces = ng_ceil_div(count, grain);
    if (!is_reduced || pieces == 1) return count ? NG->launch(body, args, size, count, grain, scratch) : NG_OK;
    *parts = ng_temporary((size_t)(pieces + 1) * sizeof(double));
    if (!*parts) return NG_NO_MEMORY;
    int status = count ? NG->launch(body, args, size, count, grain, scratch) : NG_OK;
    if (status == NG_OK) {
        const ng_loss_combine_args combine = {loss, *parts, totals, pieces, n_totals, divisor};
        status = NG->launch(NG->kernels[dtype]->loss_combine, &combine, sizeof combine, 1, 1, 0);
    }
    ng_temporary_done(*parts, (size_t)(pieces + 1) * sizeof(double));
    return status;
}

static inline int ng_class_loss_launch_(int dtype, ng_class_loss_args *args, int64_t cost, int64_t outer, const double *totals)
{
    const int64_t n = args->n, inner = args->inner;
    args->divisor = args->reduction == NG_LOSS_MEAN ? (double)(outer * inner) : 1;
    if (args->labels && args->reduction == NG_LOSS_MEAN) args->totals = totals, args->n_totals = ng_labels_pieces(outer * inner);
    args->tiles = ng_ceil_div(inner, NG_LANES);
    int64_t count = outer * args->tiles;
    args->grain = ng_grain(n * cost * NG_LANES + 300);
    if (inner == 1) args->grain *= NG_LANES, count = outer;
    return ng_loss_launch(dtype, NG->kernels[dtype]->class_loss, args, sizeof *args, args->loss, &args->parts, args->totals,
                          args->n_totals, args->divisor, args->loss && args->reduction != NG_LOSS_NONE, count, args->grain,
                          args->is_nll ? 0 : (size_t)(n * NG_LANES) * ng_itemsize(dtype));
}

/* Cross entropy of logits. labels with totals, or target; dx, dt: NULL where not wanted */
static inline int ng_cross_entropy(int dtype, void *loss, void *dx, void *dt, const void *x, const int64_t *labels,
                                   const double *totals, const void *target, const void *weight, double smoothing,
                                   int reduction, int64_t outer, int64_t n, int64_t inner)
{
    ng_class_loss_args args = {.loss = loss, .dx = dx, .dt = dt, .x = x, .target = target, .weight = weight, .labels = labels,
                               .smoothing = smoothing, .n = n, .inner = inner, .reduction = reduction};
    return ng_class_loss_launch_(dtype, &args, dtype == NG_F32 ? 20 : 50, outer, totals);
}

/* Negative log-likelihood of log-probabilities */
static inline int ng_nll(int dtype, void *loss, const void *x, const int64_t *labels, const double *totals, const void *weight,
                         int reduction, int64_t outer, int64_t n, int64_t inner)
{
    ng_class_loss_args args = {.loss = loss, .x = x, .weight = weight, .labels = labels, .n = n, .inner = inner,
                               .reduction = reduction, .is_nll = 1};
    return ng_class_loss_launch_(dtype, &args, 1, outer, totals);
}
/* dx (outer, n, inner) from dy, which is one, or for NG_LOSS_NONE (outer, inner) */
static inline int ng_nll_backward(int dtype, void *dx, const void *dy, const int64_t *labels, const double *totals,
                                  const void *weight, int reduction, int64_t outer, int64_t n, int64_t inner)
{
    ng_class_loss_args args = {.dx = dx, .dy = dy, .weight = weight, .labels = labels, .n = n, .inner = inner,
                               .reduction = reduction, .is_nll = 1};
    return ng_class_loss_launch_(dtype, &args, dtype == NG_F32 ? 2 : 4, outer, totals);
}

/* The losses of pairs x[i], target[i]. */
enum { NG_LOSS_MSE, NG_LOSS_L1, NG_LOSS_SMOOTH_L1, NG_LOSS_HUBER, NG_LOSS_BCE, NG_LOSS_BCE_LOGITS, NG_LOSS_BCE_LOGITS_WEIGHTED, NG_LOSS_KL,
       NG_LOSS_FROM_PROBS };

/* loss = their sum / divisor, or (not reduced) one each; dx, dt: NULL where not wanted. NG_INDEX_RANGE: x is not a probability */
static inline int ng_pair_loss(int dtype, int which, void *loss, void *dx, void *dt, const void *x, const void *target,
                               const void *weight, const void *pos_weight, double parameter, double divisor, int is_reduced, int64_t count)
{
    const ng_kernels *k = NG->kernels[dtype];
    const ng_body bodies[] = {k->loss_mse, k->loss_l1, k->loss_smooth_l1, k->loss_huber, k->loss_bce, k->loss_bce_logits,
                              k->loss_bce_logits_weighted, k->loss_kl, k->loss_from_probs};
    ng_pair_loss_args args = {.loss = loss, .dx = dx, .dt = dt, .x = x, .target = target, .weight = weight,
                              .pos_weight = pos_weight, .parameter = parameter,
                              .divisor = divisor, .reduction = is_reduced ? NG_LOSS_SUM : NG_LOSS_NONE,
                              .grain = ng_grain(dtype == NG_F32 ? 8 : 16)};
    return ng_loss_launch(dtype, bodies[which], &args, sizeof args, loss, &args.parts, NULL, 0, divisor, is_reduced, count,
                          args.grain, 0);
}

#endif
