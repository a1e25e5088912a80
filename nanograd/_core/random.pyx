# SPDX-License-Identifier: LGPL-3.0-or-later
"""Random numbers: a counter-based generator (Philox), so the same bits on every machine and for any number of threads.
Layouts and sources: csrc/kernels/random.h."""
include "capsule.pxi"

cimport cython
cimport numpy as cnp
from libc.math cimport isfinite
from libc.stdint cimport INT64_MIN, int64_t, uint32_t, uint64_t
from nanograd._core.shape cimport transpose_axes
from nanograd._core.tensor cimport (
    NG_INDEX_RANGE, Buffer, Node, Run, Tensor, SAVED_MAP, add_methods, as_flag, as_real, as_tensor, buffer_over, check, dtype_kind, give, link,
    needs_grad, new_buffer, new_tensor, ng_itemsize, normalize_axis, parse_shape, save, saved, set_input, set_inputs, shape_size, shape_tuple)

import operator

import numpy as np

from nanograd.errors import DTypeError, ShapeError, shown

cnp.import_array()

cdef extern from "kernels/random.h":
    ctypedef struct ng_stream:
        uint64_t seed, counter
    uint64_t ng_random_blocks(int64_t n, int64_t per_group)
    int64_t ng_random_per_group(int dtype)
    int64_t ng_integers_per_group(uint64_t range)
    int ng_random_uniform(int dtype, void *out, ng_stream stream, double offset, double scale, int64_t n)
    int ng_random_normal(int dtype, void *out, ng_stream stream, double offset, double scale, int64_t n)
    int ng_random_integers(int64_t *out, ng_stream stream, int64_t low, uint64_t range, int64_t n)
    int ng_random_permutation(int64_t *out, ng_stream stream, int64_t n)
    int ng_random_categorical(int dtype, int64_t *out, const void *x, ng_stream stream, int64_t rows, int64_t n)
    int ng_dropout_forward(int dtype, void *y, uint64_t *bits, const void *x, ng_stream stream, uint32_t threshold, double scale, int64_t n)
    int ng_dropout_backward(int dtype, void *dx, const uint64_t *bits, const void *dy, double scale, int64_t n)
cdef extern from "kernels/transpose.h":
    int ng_strided_copy(int dtype, void *out, const void *x, int rank, const int64_t *dims, const int64_t *out_strides,
                        const int64_t *in_strides)


include "random_generator.pxi"      # Generator, manual_seed
include "random_draws.pxi"          # rand ... categorical
include "random_dropout.pxi"

__all__ = ["Generator", "manual_seed", "rand", "randn", "uniform", "normal", "rand_like", "randn_like", "randint", "randperm",
           "categorical", "dropout"]
