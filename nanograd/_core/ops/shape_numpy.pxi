# SPDX-License-Identifier: LGPL-3.0-or-later
# NumPy's functions that run ours where their defaults or arguments differ: then they must do what NumPy says.

def numpy_flip(m, axis=None):
    return flip(m, tuple(range(m.ndim)) if axis is None else axis)


def numpy_roll(a, shift, axis=None):
    if axis is None:
        return reshape(roll(reshape(a, -1), sum(shift) if isinstance(shift, (tuple, list)) else shift), a.shape)
    if not isinstance(axis, (tuple, list)) and isinstance(shift, (tuple, list)):
        axis = (axis,) * len(shift)
    return roll(a, shift, axis)


def numpy_pad(array, pad_width, mode='constant', constant_values=0):
    return pad(array, pad_width, mode, constant_values)


def numpy_split(ary, indices_or_sections, axis=0):
    cdef Tensor t = ary
    cdef int along = normalize_axis("split", axis, t.rank)
    total = t.dims[along]
    if hasattr(indices_or_sections, "__index__"):
        sections = operator.index(indices_or_sections)
        if sections <= 0 or total % sections:
            raise ValueError(f"split: axis {along} of size {total} cannot be split into {sections} equal sections {named_shape(t)}")
        return pieces_of("split", t, along, [total // sections] * sections)
    cuts = [min(max(cut + total if cut < 0 else cut, 0), total) for cut in indices_or_sections]
    if cuts != sorted(cuts):
        raise ValueError(f"split: positions must be ascending, got {list(indices_or_sections)}")
    return pieces_of("split", t, along, [end - first for first, end in zip([0, *cuts], [*cuts, total])])


def numpy_transpose(a, axes=None):
    return transpose(a) if axes is None else transpose(a, tuple(axes))


def numpy_reshape(a, shape):
    return reshape(a, tuple(shape) if isinstance(shape, list) else shape)


register_numpy("flip", numpy_flip)
register_numpy("roll", numpy_roll)
register_numpy("pad", numpy_pad)
register_numpy("split", numpy_split)
register_numpy("reshape", numpy_reshape)
register_numpy("transpose", numpy_transpose)
