/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * How elementwise kernels walk operands that are broadcast against each other.
 *
 * The output is taken in groups of up to BLOCK elements: as many inner axes as fit make a row, and as many rows as fit along
 * the axis before them, A, a group. For a group an operand stands where it is (IN_PLACE), is one number (CONSTANT), or is
 * spelt out into a block of the first-level cache: for each group (SPELT), or, where it is the same for all groups along A,
 * once (REPEATED). So an inner axis of three elements costs no more than a long one.
 */
#ifndef NG_BROADCAST_H
#define NG_BROADCAST_H

#include <string.h>

#include "elementwise.h"
#include "ng_real.h"
#include "ng_tail.h"

/* Elements that are spelt out at a time: they stay in L1. */
#define BLOCK 1024
/* A row of at least this many elements is long enough to be taken alone. */
#define LONG_ROW 128
/* A block has room for what is written beyond its last row: short rows are filled by whole vectors of 32 bytes. */
#define PADDED (BLOCK + 32)

enum { IN_PLACE, CONSTANT, REPEATED, SPELT };

typedef struct rows {
    int rank, first;                          /* the row's axes: first ... rank - 1 */
    const int64_t *dims;
    int64_t row, most;                        /* elements of a row, rows of a group */
    int64_t column, at[NG_MAX_NDIM];          /* where we are: in the row, and in the axes before it */
    int kind[NG_MAX_OPERANDS];
    int64_t spelt[NG_MAX_OPERANDS];           /* the offset of what is in its block, -1: nothing */
} rows;

/* Whether an operand is contiguous, or one number, from `axis` on. */
static inline int is_contiguous(const rows *w, const ng_walk *walk, int axis)
{
    int64_t step = 1;
    int yes = 1;
    for (int i = w->rank - 1; i >= axis; i--) {
        yes &= walk->strides[i] == step;
        step *= w->dims[i];
    }
    return yes;
}
static inline int is_constant(const rows *w, const ng_walk *walk, int axis)
{
    int yes = 1;
    for (int i = axis; i < w->rank; i++) yes &= walk->strides[i] == 0;
    return yes;
}

static rows rows_from(int rank, const int64_t *dims, const ng_walk *walks, int count, int64_t begin)
{
    rows w = {.rank = rank, .first = rank - 1, .dims = dims, .row = dims[rank - 1], .most = 1};
    while (w.first > 0 && w.row * dims[w.first - 1] <= BLOCK) w.row *= dims[--w.first];
    if (w.first > 0 && 2 * w.row <= BLOCK) {
        w.most = BLOCK / w.row;
        /* of rows of 3, 336 and not 341: they fill vectors */
        for (int64_t n = w.most; n > w.most - w.most / 4; n--)
            if ((w.row * n & (TAIL - 1)) == 0) {
                w.most = n;
                break;
            }
        if (w.most > dims[w.first - 1]) w.most = dims[w.first - 1];
        /* Long rows are not copied where they can be read, but where a group is spelt out once for many. */
        if (w.row >= LONG_ROW)
            for (int k = 0; k < count; k++)
                if (walks[k].mode == NG_STRIDED && is_contiguous(&w, &walks[k], w.first) && !is_contiguous(&w, &walks[k], w.first - 1)
                    && (walks[k].strides[w.first - 1] || dims[w.first - 1] < 8 * w.most))
                    w.most = 1;
    }
    const int outer = w.most > 1 ? w.first - 1 : w.first;
    for (int k = 0; k < count; k++) {
        w.spelt[k] = -1;
        w.kind[k] = is_contiguous(&w, &walks[k], outer)                               ? IN_PLACE
                    : is_constant(&w, &walks[k], outer)                               ? CONSTANT
                    : w.most > 1 && walks[k].strides[w.first - 1] == 0 ? REPEATED
                                                                                      : SPELT;
    }
    if (begin == 0) return w;
    w.column = begin % w.row;
    int64_t index = begin / w.row;
    for (int axis = w.first - 1; axis >= 0; axis--) {
        w.at[axis] = axis ? index % dims[axis] : index;
        index = axis ? index / dims[axis] : 0;
    }
    return w;
}

/* How many of the next `left` elements are taken at once. */
static inline int64_t rows_take(const rows *w, int64_t left)
{
    int64_t n = w->most;
    if (n > 1 && w->dims[w->first - 1] - w->at[w->first - 1] < n) n = w->dims[w->first - 1] - w->at[w->first - 1];
    n = n * w->row - w->column;
    if (n > BLOCK) n = BLOCK;
    return n < left ? n : left;
}

static inline void rows_pass(rows *w, int64_t n)
{
    w->column += n;
    if (w->column < w->row) return;
    int64_t passed = w->column / w->row;
    w->column -= passed * w->row;
    for (int axis = w->first - 1; axis >= 0; axis--) {
        w->at[axis] += passed;
        if (w->at[axis] < w->dims[axis]) return;
        w->at[axis] -= w->dims[axis];       /* a group ends with its axis */
        passed = 1;
    }
}

#define TYPE REAL
#define OF(name) name##_real
#include "kernels/broadcast.tpl"
#define TYPE uint8_t
#define OF(name) name##_byte
#include "kernels/broadcast.tpl"

#endif
