# SPDX-License-Identifier: LGPL-3.0-or-later
"""Random numbers: a counter-based generator (Philox), so the same bits on every machine and for any number of threads.
Layouts and sources: csrc/kernels/random.h."""
include "capsule.pxi"

cimport cython
cimport numpy as cnp
from libc.float cimport FLT_MAX
from libc.math cimport fabs, isfinite
from libc.stdint cimport INT64_MIN, int64_t, uint32_t, uint64_t
from nanograd._core.ops.shape cimport transpose_axes
from nanograd._core.base.tensor cimport (
    NG_F32, NG_INDEX_RANGE, Buffer, Node, Run, Tensor, SAVED_MAP, as_flag, as_real, as_tensor, buffer_over, check, dtype_kind, give,
    link, needs_grad, new_buffer, new_data, new_tensor, ng_itemsize, normalize_axis, parse_shape, read_data, save, saved,
    set_input, set_inputs, shape_size, shape_tuple, to_int)


import numpy as np

from nanograd._core.base.tensor import public
from nanograd.errors import DTypeError, ShapeError, shown

cnp.import_array()

from kernels.random cimport (ng_dropout_backward, ng_dropout_forward, ng_integers_per_group, ng_random_blocks, ng_random_categorical,
                             ng_random_integers, ng_random_normal, ng_random_per_group, ng_random_permutation, ng_random_take,
                             ng_random_uniform, ng_stream)
from kernels.transpose cimport ng_strided_copy


include "random_generator.pxi"      # Generator, manual_seed
include "random_draws.pxi"          # rand ... categorical
include "random_dropout.pxi"

public(Generator)
