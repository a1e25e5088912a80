/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * One reduction: the kernel KERNEL. reduce.inc includes this once per reduction, with
 *
 *   KERNEL          its name                       VALUE              the type that it accumulates in
 *   START           the value of nothing           STEP(a, x, c)      a with element x
 *   MERGE(a, b)     two partial results, in order  FINISH(a, p, c)    the result; p: the parameter
 *   RUN(a, x, n, c, beyond)  a with n contiguous elements, where there is something better than the loop here
 *   IDEMPOTENT      an element may be taken twice: the last block of a run overlaps the one before it
 *   CENTER          the type of the centers: c is the output's own. Without it, c is 0
 *   KIND            what reduce_range.h calls it, if its sums may leave the range
 *
 * out[k, w] = FINISH(STEP(... STEP(START, x[k, f0, w]) ..., x[k, fn, w])), see reduce.h; `=`, no memory shared.
 */
#ifdef CENTER
#  define CENTER_AT(centers, j) ((centers) ? (centers)[j] : 0)
#else
#  define CENTER REAL
#  define CENTER_AT(centers, j) 0
#endif
#define THIS_(part, kernel) kernel##_##part
#define THIS__(part, kernel) THIS_(part, kernel)
#define THIS(part) THIS__(part, KERNEL)

#ifndef RUN
#  define RUN(value, x, n, c, beyond) THIS(run)(value, x, n, c, beyond)
/* n contiguous elements: ABREAST independent accumulators, which the compiler keeps in registers (but in a copy for the
 * last, short block, which all lanes take and only its own keep). */
static NG_NOINLINE VALUE THIS(run)(VALUE value, const REAL *restrict x, int64_t n, CENTER c, int64_t beyond)
{
    VALUE lane[ABREAST], copy[ABREAST];
    REAL last[ABREAST];
    int64_t i = 0;
    UNROLLED for (int j = 0; j < ABREAST; j++) lane[j] = START;      /* or gcc makes a slow `rep stos` of it */
    for (; i + ABREAST <= n && i + ABREAST + AHEAD <= n + beyond; i += ABREAST) {
        for (int j = 0; j < ABREAST; j += TAIL) __builtin_prefetch(x + i + AHEAD + j);
        for (int j = 0; j < ABREAST; j++) lane[j] = STEP(lane[j], x[i + j], c);
    }
    for (; i + ABREAST <= n; i += ABREAST)
        for (int j = 0; j < ABREAST; j++) lane[j] = STEP(lane[j], x[i + j], c);
#ifdef IDEMPOTENT
    if (i < n && n >= ABREAST) {
        for (int j = 0; j < ABREAST; j++) lane[j] = STEP(lane[j], x[n - ABREAST + j], c);
        i = n;
    }
#endif
    FOR_ABREAST(j) copy[j] = lane[j];
    if (i < n) {
        const int rest = (int)(n - i);
        for (int j = 0; j < ABREAST; j += TAIL)
            load_tail(last + j, x + i + j, rest - j < 0 ? 0 : rest - j < TAIL ? rest - j : TAIL, 0);
        FOR_ABREAST(j) {
            const VALUE with = STEP(copy[j], last[j], c);
            copy[j] = j < rest ? with : copy[j];
        }
    }
    KEEP_LOOP for (int j = 0; j < 16; j++) copy[j] = MERGE(copy[j], copy[j + 16]);
    KEEP_LOOP for (int j = 0; j < 8; j++) copy[j] = MERGE(copy[j], copy[j + 8]);
    KEEP_LOOP for (int j = 0; j < 4; j++) copy[j] = MERGE(copy[j], copy[j + 4]);
    copy[0] = MERGE(copy[0], copy[2]);
    copy[1] = MERGE(copy[1], copy[3]);
    (void)c;
    return MERGE(value, MERGE(copy[0], copy[1]));
}
#endif

/* rows of `width` elements, `stride` apart, into values[width]; four rows at a time, to load and store values less often */
static NG_NOINLINE void THIS(rows)(VALUE *restrict values, const REAL *restrict x, int64_t rows, int64_t stride, int64_t width,
                       const CENTER *restrict center)
{
    int64_t r = 0;
    (void)center;
    for (; r + 4 <= rows; r += 4, x += 4 * stride) {
        const REAL *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;
        for (int64_t j = 0; j < width; j++) {
            const CENTER c = CENTER_AT(center, j);
            VALUE value = STEP(values[j], x[j], c);
            value = STEP(value, x1[j], c);
            value = STEP(value, x2[j], c);
            values[j] = STEP(value, x3[j], c);
            (void)c;
        }
    }
    for (; r < rows; r++, x += stride)
        for (int64_t j = 0; j < width; j++) values[j] = STEP(values[j], x[j], CENTER_AT(center, j));
}

/* The same for adjacent narrow rows (stride == width < NARROW): as many side by side as make a long one. */
static NG_NOINLINE void THIS(narrow_rows)(VALUE *restrict values, const REAL *restrict x, int64_t rows, int64_t width,
                              const CENTER *restrict center)
{
    const int64_t together = NARROW / width;
    if (rows >= 2 * together) {
        VALUE wide[NARROW];
        CENTER wide_center[NARROW];
        const int64_t wide_width = together * width, wide_rows = rows / together;
        for (int64_t j = 0; j < wide_width; j++) {
            wide[j] = START;
            wide_center[j] = CENTER_AT(center, j % width);
        }
        THIS(rows)(wide, x, wide_rows, wide_width, wide_width, wide_center);
        for (int64_t k = 0; k < together; k++)
            for (int64_t j = 0; j < width; j++) values[j] = MERGE(values[j], wide[k * width + j]);
        x += wide_rows * wide_width;
        rows -= wide_rows * together;
    }
    THIS(rows)(values, x, rows, width, width, center);
}

/* TOGETHER rows of `run` contiguous elements, one lane each: what is slow about short rows is their ends. */
static NG_NOINLINE void THIS(short_runs)(VALUE *restrict values, const REAL *restrict x, int64_t run,
                                         const CENTER *restrict center)
{
    REAL column[TOGETHER];
    (void)center;
    for (int64_t i = 0; i < run; i++) {
        for (int j = 0; j < TOGETHER; j++) column[j] = x[j * run + i];
#pragma GCC unroll 1          /* or it is unrolled before it could be vectorised, and branches */
        for (int j = 0; j < TOGETHER; j++) values[j] = STEP(values[j], column[j], CENTER_AT(center, j));
    }
}

static NG_NOINLINE void THIS(store)(const ng_fold_args *args, int64_t at, const VALUE *values, int64_t width, int is_partial)
{
    const CENTER *center = args->center ? (const CENTER *)args->center + at : NULL;
    const ACC p = args->parameter;
    (void)center;
    (void)p;
    if (is_partial)
        for (int64_t j = 0; j < width; j++) ((ACC *)args->out)[at + j] = (ACC)values[j];
    else if (args->out_is_acc)
        for (int64_t j = 0; j < width; j++) ((ACC *)args->out)[at + j] = (ACC)(FINISH(values[j], p, CENTER_AT(center, j)));
    else
        for (int64_t j = 0; j < width; j++) ((REAL *)args->out)[at + j] = (REAL)(FINISH(values[j], p, CENTER_AT(center, j)));
#ifdef KIND
    if (!is_partial) SET_RIGHT(KIND);
#endif
}

/* Items: (kept row, tile of it, chunk of the reduced positions); when merging: outputs. Pieces write disjoint outputs. */
void FN(KERNEL)(const void *arguments, int64_t begin, int64_t end, ng_ctx *ctx)
{
    const ng_fold_args *args = arguments;
    const ng_axes *a = &args->axes;
    const int64_t outputs = a->kept * a->width;
    VALUE values[NG_FOLD_TILE];
    (void)ctx;
    if (args->is_merge) {
        for (int64_t o = begin; o < end; o++) {
            VALUE value = START;
            for (int64_t chunk = 0; chunk < args->chunks; chunk++)
                value = MERGE(value, (VALUE)((const ACC *)args->x)[chunk * outputs + o]);
            THIS(store)(args, o, &value, 1, 0);
        }
        return;
    }
    const REAL *const x_end = (const REAL *)args->x + outputs * a->folded * a->run;
    if (a->width == 1 && a->n_folded == 0 && a->n_kept <= 1 && args->chunks == 1 && a->run >= ABREAST) {
        /* Rows that follow each other: without the walk. */
        const REAL *x = (const REAL *)args->x + begin * a->run;
        for (int64_t item = begin; item < end; item += NG_FOLD_TILE) {
            const int64_t rows = end - item < NG_FOLD_TILE ? end - item : NG_FOLD_TILE;
            const CENTER *center = args->center ? (const CENTER *)args->center + item : NULL;
            (void)center;
            for (int64_t j = 0; j < rows; j++, x += a->run)
                values[j] = RUN(START, x, a->run, CENTER_AT(center, j), x_end - (x + a->run));
            THIS(store)(args, item, values, rows, 0);
        }
        return;
    }
    const int is_short = a->width == 1 && a->run < ABREAST && a->n_folded == 0 && a->n_kept == 1 && args->chunks == 1;
    for (int64_t item = begin; item < end; item++) {
        int64_t kept = item, chunk = 0, tile = 0;
        if (args->chunks > 1) chunk = kept % args->chunks, kept /= args->chunks;
        if (args->tiles > 1) tile = kept % args->tiles, kept /= args->tiles;
        const int64_t column = tile * NG_FOLD_TILE, at = kept * a->width + column;
        const int64_t width = a->width - column < NG_FOLD_TILE ? a->width - column : NG_FOLD_TILE;
        const REAL *x = (const REAL *)args->x + offset_of(kept, a->n_kept, a->kept_dims, a->kept_strides) + column;
        const CENTER *center = args->center ? (const CENTER *)args->center + at : NULL;
        if (is_short && end - item >= TOGETHER) {
            for (int64_t j = 0; j < TOGETHER; j++) values[j] = START;
            THIS(short_runs)(values, x, a->run, center);
            THIS(store)(args, at, values, TOGETHER, 0);
            item += TOGETHER - 1;
            continue;
        }
        for (int64_t j = 0; j < width; j++) values[j] = START;

        int64_t position = chunk * args->chunk, last = position + args->chunk;
        if (last > a->folded * a->run) last = a->folded * a->run;
        while (position < last) {
            int64_t run = 0, from = position;
            if (a->n_folded > 0) run = position / a->run, from = position % a->run;
            const int64_t length = a->run - from < last - position ? a->run - from : last - position;
            const REAL *part = x + offset_of(run, a->n_folded, a->folded_dims, a->folded_strides) + from * a->stride;
            if (a->width == 1) values[0] = RUN(values[0], part, length, CENTER_AT(center, 0), x_end - (part + length));
            else if (a->width < NARROW) THIS(narrow_rows)(values, part, length, a->width, center);
            else THIS(rows)(values, part, length, a->stride, width, center);
            position += length;
        }
        THIS(store)(args, args->is_partial ? chunk * outputs + at : at, values, width, args->is_partial);
    }
}

#undef THIS
#undef THIS_
#undef THIS__
#undef KERNEL
#undef RUN
#undef IDEMPOTENT
#undef VALUE
#undef START
#undef STEP
#undef MERGE
#undef FINISH
#undef KIND
#undef CENTER
#undef CENTER_AT
