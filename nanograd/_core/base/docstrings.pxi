# SPDX-License-Identifier: LGPL-3.0-or-later
# What the docstrings of many operations say in the same words. A line {unary} of a docstring stands for SECTIONS["{unary}"], and a
# section may have such lines too; any other brace stays as it is. Filled in by @public, in 0.1 ms for all.

cdef dict SECTIONS = {
    # ---- elementwise operations ----
    "{unary}": """\
Parameters
----------
{x}

{like x}""",
    "{x}": """\
x : Tensor, array_like or number
    Tensors and arrays of float32 and float64 keep their dtype; everything else that is real takes the default dtype.""",
    "{like x}": """\
Returns
-------
Tensor
    Of x's shape and dtype.""",
    "{binary}": """\
Parameters
----------
{a, b}

{broadcast}""",
    "{a, b}": """\
a, b : Tensor, array_like or number
    float32 or float64, but not both. Numbers, lists and integer arrays take the dtype of the other operand.""",
    "{broadcast}": """\
Returns
-------
Tensor
    Of the shape that the operands broadcast to.

Raises
------
ShapeError
    If the shapes do not broadcast.
DTypeError
    If float32 and float64 mix.""",
    "{question}": """\
Parameters
----------
x : Tensor, array_like or number

Returns
-------
numpy.ndarray of bool
    Of x's shape. It has no gradient.""",

    # ---- reductions ----
    "{reduction}": """\
Parameters
----------
{axes}

{reduced}""",
    "{axes}": """\
x : Tensor or array_like
axis : int or tuple of int, optional
    The axes to reduce; negative ones count from the end. None: all axes.
keepdims : bool, default False
    Whether the reduced axes stay, with size 1.""",
    "{reduced}": """\
Returns
-------
Tensor
    Of x's dtype, and of its shape without the reduced axes.

Raises
------
{AxisError}
ValueError
    If an axis is given twice.""",
    "{AxisError}": """\
numpy.exceptions.AxisError
    If there is no such axis (an IndexError and a ValueError).""",
    "{position}": """\
Parameters
----------
x : Tensor or array_like
axis : int, optional
    Negative ones count from the end. None: all elements, in C order.

Returns
-------
numpy.ndarray of int64
    Of x's shape without the axis; an ``numpy.int64`` where that leaves no axes. It has no gradient.

Raises
------
{AxisError}
ValueError
    If there are no elements to choose from.""",
    "{one axis}": """\
Parameters
----------
x : Tensor or array_like
    With at least one axis.
axis : int, default -1

{like x}

Raises
------
{AxisError}""",

    # ---- indices ----
    "{x[index]}": """\
Parameters
----------
x : Tensor or array_like
index : int, slice, ``...``, None, integer or boolean array, or a tuple of these
    As in ``x[index]``.
values : Tensor, array_like or number
    Broadcast to the shape of ``x[index]``.

{like x}

Raises
------
ShapeError
    If `values` do not broadcast to the shape of ``x[index]``.
DTypeError
    If float32 and float64 mix.
IndexError
    If the index is out of bounds or not an index.""",

    # ---- new tensors ----
    "{dtype}": """\
dtype : numpy.dtype, optional
    float32 or float64; None: ``get_default_dtype()``.""",
    "{dtype of x}": """\
dtype : numpy.dtype, optional
    float32 or float64; None: that of x.""",
    "{requires_grad}": """\
requires_grad : bool, default False
    Whether backward computes a gradient for the new tensor.""",
    "{filled}": """\
Parameters
----------
shape : int or tuple of int
{dtype}
{requires_grad}

Returns
-------
Tensor
    Of that shape.

Raises
------
{ShapeError}
{DTypeError}""",
    "{ShapeError}": """\
ShapeError
    If the shape has a negative size, more than 8 axes, or too many elements.""",
    "{DTypeError}": """\
DTypeError
    If dtype is not float32 or float64: integers and booleans stay NumPy arrays.""",
    "{filled like}": """\
Parameters
----------
x : Tensor or array_like
{dtype of x}
{requires_grad}

Returns
-------
Tensor
    Of x's shape.

Raises
------
{DTypeError}""",
    "{from data}": """\
Parameters
----------
data : array_like
shape : int or tuple of int, optional
    The shape to give to the elements, of which there must be as many. None: data's own.
requires_grad : bool, default True

Returns
-------
Tensor

Raises
------
ShapeError
    If data does not have as many elements as the shape.""",
    "{generator}": """\
generator : Generator, optional
    None: the one that :func:`manual_seed` seeds.""",

    # ---- losses ----
    "{loss}": """\
reduction : {'mean', 'sum', 'none'}
    Whether the losses' mean is returned, their sum, or all of them.

Returns
-------
Tensor
    0-d; for ``'none'`` of the operands' shape. The mean of no elements is NaN, with a RuntimeWarning.

Raises
------
ShapeError
    If the two shapes differ: nothing is broadcast.
DTypeError
    If float32 and float64 mix.
ValueError
    For any other reduction.""",
    "{class weight}": """\
weight : Tensor or array_like, shape (C,), optional
    A weight per class; it gets no gradient.
ignore_index : int, default -100
    Samples with this label are ignored.""",

    # ---- layers ----
    "{window}": """\
kernel_size : int or pair of int
stride : int or pair of int, optional
    None: the kernel's size, so that windows lie side by side.
padding : int or pair of int, default 0
    How far windows reach beyond each side, at most half the kernel.""",
    "{activation}": """\
activation : {None, %s}
    Applied in the same node, as the function of that name with its default arguments.""" % ", ".join(
        [repr(NG.unary_info[i].name.decode()) for i in range(NG_UNARY_COUNT) if NG.unary_info[i].is_activation]),
}


cdef dict _indented = {}       # a line that names a section, with the newline before it -> what it stands for


cdef str filled_docstring(str text):
    """A docstring with sections in place of their names; text itself if it names none, also where it is None (python -OO)."""
    cdef Py_ssize_t at, start, end
    if text is None:
        return None
    at = text.find("{")
    while at >= 0:
        end = text.find("\n", at)
        section = SECTIONS.get(text[at:end])
        if section is not None:
            start = text.rfind("\n", 0, at)
            line = text[start:end]
            filled = _indented.get(line)
            if filled is None:
                indent = text[start:at]
                filled = filled_docstring(indent + section.replace("\n", indent) + "\n")
                filled = filled[:len(filled) - 1]
                _indented[line] = filled
            text = text[:start] + filled + text[end:]
            at = start + len(filled)
        else:
            at += 1
        at = text.find("{", at)
    return text
