/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Spelling out operands of TYPE, see broadcast.h, which includes this for each type. OF(name): the name for it.
 */

static inline void OF(splat)(TYPE *block, TYPE value, int64_t n)
{
    for (int64_t i = 0; i < n; i++) block[i] = value;
}

/* Fills `total` with what its first `n` elements are. */
static void OF(repeat)(TYPE *block, int64_t n, int64_t total)
{
    for (int64_t m; n < total; n += m) {
        m = total - n < n ? total - n : n;
        memcpy(block + n, block, (size_t)m * sizeof(TYPE));
    }
}

/* `count` rows of n elements, `stride` apart, next to each other */
static void OF(copy_rows)(TYPE *restrict block, const TYPE *restrict from, int64_t stride, int64_t count, int64_t n)
{
    switch (n) {
#define COPY_ROWS(n)                                                                                                   \
    case n:                                                                                                            \
        for (int64_t i = 0; i < count; i++) memcpy(block + i * n, from + i * stride, n * sizeof(TYPE));                \
        return;
        COPY_ROWS(1)
        COPY_ROWS(2)
        COPY_ROWS(3)
        COPY_ROWS(4)
        COPY_ROWS(5)
        COPY_ROWS(6)
        COPY_ROWS(7)
        COPY_ROWS(8)
#undef COPY_ROWS
    }
    for (int64_t i = 0; i < count; i++) memcpy(block + i * n, from + i * stride, (size_t)n * sizeof(TYPE));
}

/* `count` elements, `stride` apart, each n times; writes beyond the last */
static void OF(fill_rows)(TYPE *block, const TYPE *from, int64_t stride, int64_t count, int64_t n)
{
    typedef TYPE vector __attribute__((vector_size(32), aligned(sizeof(TYPE)), may_alias));
    const int64_t lanes = 32 / (int64_t)sizeof(TYPE);
    const vector zero = {0};                                      /* -0 - 0 is -0 */
    if (n <= lanes)
        for (int64_t i = 0; i < count; i++) *(vector *)(block + i * n) = from[i * stride] - zero;
    else if (n <= 4 * lanes)
        for (int64_t i = 0; i < count; i++) {
            const vector value = from[i * stride] - zero;
            for (int64_t j = 0; j < n; j += lanes) *(vector *)(block + i * n + j) = value;
        }
    else
        for (int64_t i = 0; i < count; i++) OF(splat)(block + i * n, from[i * stride], n);
}

/* The elements of an operand over the axes from `axis` on. */
static void OF(spell)(TYPE *block, const TYPE *from, const rows *w, const ng_walk *walk, int axis, int64_t count)
{
    const int64_t stride = walk->strides[axis];
    int64_t inner = 1;
    for (int i = axis + 1; i < w->rank; i++) inner *= w->dims[i];
    if (axis == w->rank - 1) {
        if (stride) memcpy(block, from, (size_t)count * sizeof(TYPE));
        else OF(splat)(block, *from, count);
    } else if (stride == 0) {
        OF(spell)(block, from, w, walk, axis + 1, w->dims[axis + 1]);
        OF(repeat)(block, inner, count * inner);
    } else if (is_contiguous(w, walk, axis + 1))
        OF(copy_rows)(block, from, stride, count, inner);
    else if (is_constant(w, walk, axis + 1))
        OF(fill_rows)(block, from, stride, count, inner);
    else
        for (int64_t i = 0; i < count; i++) OF(spell)(block + i * inner, from + i * stride, w, walk, axis + 1, w->dims[axis + 1]);
}

/* The next n elements of operand k, as rows_take said: where they stand, or in `block` (PADDED elements). */
static const TYPE *OF(fetch)(TYPE *block, rows *w, int k, const TYPE *from, const ng_walk *walk, int64_t n)
{
    int64_t offset = 0;
    for (int axis = w->first - 1; axis >= 0; axis--) offset += w->at[axis] * walk->strides[axis];
    if (w->kind[k] == IN_PLACE) return from + offset + w->column;
    if (w->kind[k] == CONSTANT) {
        const int64_t all = w->row * w->most < BLOCK ? w->row * w->most : BLOCK;
        if (w->spelt[k] != offset) OF(splat)(block, from[offset], all);
        w->spelt[k] = offset;
        return block;
    }
    if (w->kind[k] == SPELT || w->spelt[k] != offset) {
        if (w->most == 1)
            OF(spell)(block, from + offset, w, walk, w->first, w->dims[w->first]);
        else
            OF(spell)(block, from + offset, w, walk, w->first - 1,
                      w->kind[k] == REPEATED ? w->most : (w->column + n + w->row - 1) / w->row);
        w->spelt[k] = offset;
    }
    return block + w->column;
}

#undef TYPE
#undef OF
