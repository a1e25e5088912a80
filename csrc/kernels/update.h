/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The optimizers' updates, and what else runs once per step over all parameters of a dtype: gradient norms, scaling and
 * clamping of gradients. One launch each, over the elements of all parameters one after the other: a table says
 * whose they are. The table is part of the launch's arguments, as a recording of steps would copy them.
 */
#ifndef NG_KERNELS_UPDATE_H
#define NG_KERNELS_UPDATE_H

#include <math.h>
#include <string.h>

#include "ng_api.h"

enum { NG_UPDATE_STATES = 3 };

/* One parameter. `new_*` is where a new value goes: the old place when nothing but its owner holds that memory. */
typedef struct ng_update_item {
    const void *value, *gradient;
    void *new_value;
    const void *state[NG_UPDATE_STATES];
    void *new_state[NG_UPDATE_STATES];
    int64_t begin, size;             /* its elements are [begin, begin + size) of the launch's */
    int fresh;                       /* bit i: state i has never been written; take `initial` for its elements */
    int variant;                     /* which of the optimizer's formulas: NG_DECAY and so on */
    double initial;
    int64_t *steps;                  /* that the parameter has made before this one: read when a kernel runs; NULL: nobody counts */
    union {
        struct { double lr, momentum, gain, decay; } sgd;
        struct { double beta1, beta2, lr, eps, decay, keep; } adam;
        struct { double lr, alpha, eps, decay, momentum; } rmsprop;
        struct { double lr, lr_decay, eps, decay; } adagrad;
        struct { double decay; } ema;
        struct { double low, high; } clamp;
        struct { double factor; } scale;
    } c;
} ng_update_item;

/* What an update has beyond its plainest form. Chosen outside the loop over elements. */
enum {
    NG_DECAY = 1,                    /* weight decay added to the gradient */
    NG_MOMENTUM = 2, NG_NESTEROV = 4,
    NG_AMSGRAD = 2,
    NG_CENTERED = 4
};

typedef struct ng_update_table {
    int64_t n, count;                /* parameters, elements of all of them */
    void *result;                    /* norms: a double per piece */
    double order, scale;             /* norms: 1, 2, INFINITY or another; what gradients are multiplied by before (not for INFINITY) */
    ng_update_item items[1];         /* n of them */
} ng_update_table;

static inline size_t ng_update_table_size(int64_t n)
{
    return offsetof(ng_update_table, items) + (size_t)n * sizeof(ng_update_item);
}

/* Appends a parameter of `size` elements, without states and coefficients. */
static inline ng_update_item *ng_update_add(ng_update_table *table, void *new_value, const void *value,
                                            const void *gradient, int64_t size)
{
    ng_update_item *item = &table->items[table->n++];
    memset(item, 0, sizeof *item);
    item->new_value = new_value;
    item->value = value;
    item->gradient = gradient;
    item->begin = table->count;
    item->size = size;
    table->count += size;
    return item;
}

static inline void ng_update_steps(ng_update_item *item, int64_t *steps) { item->steps = steps; }

static inline void ng_update_state(ng_update_item *item, int i, void *new_state, const void *state, int fresh)
{
    item->state[i] = fresh ? new_state : state;
    item->new_state[i] = new_state;
    item->fresh |= fresh << i;
}

/* Coefficients: what depends neither on the element nor on the number of the step is computed here, once and in double. */

static inline void ng_sgd_item(ng_update_item *item, double lr, double momentum, double dampening, double decay,
                               int nesterov)
{
    /* The first step takes the gradient itself: `initial` is 0, so momentum does not matter there. */
    const double gain = item->fresh ? 1.0 : 1.0 - dampening;
    item->variant = (decay != 0 ? NG_DECAY : 0) | (momentum != 0 ? NG_MOMENTUM : 0) | (nesterov ? NG_NESTEROV : 0);
    item->c.sgd.lr = lr;
    item->c.sgd.momentum = momentum;
    item->c.sgd.gain = gain;
    item->c.sgd.decay = decay;
}

static inline void ng_adam_item(ng_update_item *item, double lr, double beta1, double beta2, double eps, double decay,
                                int decoupled, int amsgrad)
{
    item->variant = (decay != 0 && !decoupled ? NG_DECAY : 0) | (amsgrad ? NG_AMSGRAD : 0);
    item->c.adam.beta1 = beta1;
    item->c.adam.beta2 = beta2;
    item->c.adam.lr = lr;
    item->c.adam.eps = eps;
    item->c.adam.decay = decay;
    item->c.adam.keep = decoupled ? 1.0 - lr * decay : 1.0;
}

static inline void ng_rmsprop_item(ng_update_item *item, double lr, double alpha, double eps, double decay,
                                   double momentum, int centered)
{
    item->variant = (decay != 0 ? NG_DECAY : 0) | (momentum != 0 ? NG_MOMENTUM : 0) | (centered ? NG_CENTERED : 0);
    item->c.rmsprop.lr = lr;
    item->c.rmsprop.alpha = alpha;
    item->c.rmsprop.eps = eps;
    item->c.rmsprop.decay = decay;
    item->c.rmsprop.momentum = momentum;
}

static inline void ng_adagrad_item(ng_update_item *item, double lr, double lr_decay, double eps, double decay, double initial)
{
    item->variant = decay != 0 ? NG_DECAY : 0;
    item->initial = initial;
    item->c.adagrad.lr = lr;
    item->c.adagrad.lr_decay = lr_decay;
    item->c.adagrad.eps = eps;
    item->c.adagrad.decay = decay;
}

static inline void ng_ema_item(ng_update_item *item, double decay) { item->c.ema.decay = decay; }
static inline void ng_scale_item(ng_update_item *item, double factor) { item->c.scale.factor = factor; }
static inline void ng_clamp_item(ng_update_item *item, double low, double high)
{
    item->c.clamp.low = low;
    item->c.clamp.high = high;
}

/* Launchers. Costs are measured (benchmarks/: float32, AVX2, data in cache), in 1/16 ns an element. Adam's and its like are twice
 * what they cost alone: after a backward on several threads the gradients lie in several caches, and one thread that collects
 * them took 78 us where it had taken 33 (784-128-64-10, batch 32: the step 188 us so, 140 us with the update shared out). */
static inline int ng_update_launch_(int dtype, ng_body body, const ng_update_table *table, int64_t cost)
{
    return NG->launch(body, table, ng_update_table_size(table->n), table->count, ng_grain(cost << dtype), 0);
}
static inline int ng_update_sgd(int dtype, const ng_update_table *table)
{
    return ng_update_launch_(dtype, NG->kernels[dtype]->update_sgd, table, 3);
}
static inline int ng_update_adam(int dtype, const ng_update_table *table)
{
    return ng_update_launch_(dtype, NG->kernels[dtype]->update_adam, table, 12);
}
static inline int ng_update_rmsprop(int dtype, const ng_update_table *table)
{
    return ng_update_launch_(dtype, NG->kernels[dtype]->update_rmsprop, table, 12);
}
static inline int ng_update_adagrad(int dtype, const ng_update_table *table)
{
    return ng_update_launch_(dtype, NG->kernels[dtype]->update_adagrad, table, 12);
}
static inline int ng_update_ema(int dtype, const ng_update_table *table)
{
    return ng_update_launch_(dtype, NG->kernels[dtype]->update_ema, table, 3);
}
static inline int ng_update_scale(int dtype, const ng_update_table *table)
{
    return ng_update_launch_(dtype, NG->kernels[dtype]->update_scale, table, 2);
}
static inline int ng_update_clamp(int dtype, const ng_update_table *table)
{
    return ng_update_launch_(dtype, NG->kernels[dtype]->update_clamp, table, 2);
}

/* One more step for each parameter: a launch of its own, behind the update, whose pieces all read the old numbers. */
static inline int ng_update_count(int dtype, const ng_update_table *table)
{
    return NG->launch(NG->kernels[dtype]->update_count, table, ng_update_table_size(table->n), 1, 1, 0);
}

/* The norm of all gradients of the table: each piece writes a double to table->result (ng_update_norm_pieces of them),
 * which the caller combines in order: sums of |g * scale|^order, or maxima for infinity. */
static inline int64_t ng_update_norm_grain(int dtype) { return ng_grain((int64_t)3 << dtype); }
static inline int64_t ng_update_norm_pieces(int dtype, int64_t count)
{
    const int64_t grain = ng_update_norm_grain(dtype);
    return (count + grain - 1) / grain;
}
static inline int ng_update_norm(int dtype, const ng_update_table *table)
{
    return NG->launch(NG->kernels[dtype]->update_norm, table, ng_update_table_size(table->n), table->count,
                      ng_update_norm_grain(dtype), 0);
}

#endif
