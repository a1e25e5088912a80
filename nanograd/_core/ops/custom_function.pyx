# SPDX-License-Identifier: LGPL-3.0-or-later
"""Function: an operation whose forward and backward the user writes.

The node holds the context, and the context the tensors that the user saved: tensors without history, of the buffers that
forward saw. So they hold no node, and an optimizer step in between changes nothing. Whatever else the user hangs on the
context may hold the result, and so the node: the context is a Carrier (cycles.pxi).
"""
cimport cython

from nanograd._core.base.tensor cimport *
from kernels.elementwise cimport ng_fill

include "capsule.pxi"

cdef extern from *:
    object PyObject_GenericGetDict(object o, void *context)

import numpy as np

from nanograd._core.base.tensor import public
from nanograd.errors import GraphError, ShapeError


cdef Buffer TOKEN = new_buffer(0)      # fills the slot of a node that has several outputs: the gradients are elsewhere


@cython.binding(False)
@cython.embedsignature(True)
cdef class FunctionContext(Carrier):
    """What ``forward`` and ``backward`` of a :class:`Function` get as ``ctx``; any attribute may be set on it.

    ``saved_tensors``, ``needs_input_grad``, ``save_for_backward()`` and ``mark_non_differentiable()`` are described there.
    """
    cdef dict __dict__                 # free attributes
    cdef object __weakref__
    cdef str name
    cdef tuple saved, needs
    cdef list unmarked                 # outputs marked non-differentiable
    cdef object function               # the Function subclass
    cdef bint in_forward, freed

    def __init__(self):
        raise TypeError("FunctionContext: only Function.apply makes one")

    cdef int forget(self) except -1:
        self.freed = True
        self.saved = None
        self.function = None
        (<dict>PyObject_GenericGetDict(self, NULL)).clear()
        return 0

    def __repr__(self):
        return f"<context of {self.name}>"

    @property
    def needs_input_grad(self):
        """For each argument of ``forward`` whether backward will be asked for its gradient; in ``backward``, whether it is."""
        return self.needs

    @property
    def saved_tensors(self):
        """The tensors given to ``save_for_backward``, with the values that they had then.

        Raises
        ------
        GraphError
            If the graph, and with it the tensors, is freed.
        """
        if self.freed:
            raise GraphError(f"{self.name}: saved_tensors were freed with the graph, by the first backward pass without "
                             f"retain_graph=True")
        return self.saved

    def save_for_backward(self, *tensors):
        """Keep tensors (inputs, outputs or others) for ``backward``; None is kept too. A second call replaces the first.

        Raises
        ------
        TypeError
            For anything that is neither a tensor nor a float array.
        GraphError
            Outside of ``forward``.
        """
        if not self.in_forward:
            raise GraphError(f"{self.name}: save_for_backward must be called in forward")
        self.saved = tuple([self.kept(x) for x in tensors])

    cdef object kept(self, object x):
        if x is None:
            return None
        if not isinstance(x, Tensor) and not (isinstance(x, np.ndarray) and x.dtype.kind == "f"):
            kind = f"an array of dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(f"{self.name}: save_for_backward takes tensors, got {kind}; write ctx.name = value for anything else")
        return bare(as_tensor("save_for_backward", x, -1, True))

    def mark_non_differentiable(self, *outputs):
        """Say that these outputs of ``forward`` have no gradient: they will not require one.

        ``backward`` still gets a gradient for each, of zeros.

        Raises
        ------
        GraphError
            Outside of ``forward``.
        """
        if not self.in_forward:
            raise GraphError(f"{self.name}: mark_non_differentiable must be called in forward")
        self.unmarked.extend(outputs)


cdef Tensor bare(Tensor t):
    """The same value without history."""
    return wrap_buffer(read_data(t), t.kind, t.rank, t.dims)


cdef Tensor zeros_of(int kind, tuple shape):
    cdef int64_t dims[8]
    cdef int rank = parse_shape("zeros", (shape,), dims)
    cdef Tensor t = new_tensor(kind, rank, dims)
    check("zeros", ng_fill(kind, new_data(t), 0.0, t.count))
    return t


# ---- nodes --------------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class FunctionNode(Node):
    """The call. With one output that wants a gradient it is that output's node. With several, each output has an OutputNode,
    made after this one, that leaves its gradient here."""
    cdef FunctionContext ctx
    cdef str name                      # of the Function subclass
    cdef tuple outputs                 # (kind, shape) of each output of forward, None for what is not a tensor
    cdef int position                  # of the output whose node this is; -1: there are OutputNodes

    cdef str title(self):
        return self.name

    cdef PyObject *carrier(self) noexcept:
        return <PyObject *>self.ctx

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef list gradients = [None] * len(self.outputs)
        cdef FunctionContext ctx = self.ctx
        cdef object function = ctx.function
        cdef ModeBlock block
        if ctx.freed:
            raise GraphError(f"backward: the graph at node {self.name} was garbage-collected: compute it again")
        if self.position >= 0:
            gradients[self.position] = wrap_buffer(dy, self.kind, self.rank, self.dims)
        else:
            gradients = run.parts.pop(self)       # what the OutputNodes have left
        dy = None
        for i, output in enumerate(self.outputs):
            if gradients[i] is None and output is not None:
                gradients[i] = zeros_of(output[0], output[1])
        self.ctx.needs = tuple([bool(wants(run, self, i)) for i in range(self.n_inputs)])
        block = open_mode(False)
        try:
            answer = function.backward(ctx, *gradients)
        finally:
            close_mode(block)
        answer = tuple(answer) if isinstance(answer, (tuple, list)) else (answer,)
        if len(answer) != self.n_inputs:
            raise ValueError(f"{self.title()}.backward must return one gradient for each argument of forward (None where there is "
                             f"none): {self.n_inputs}, got {len(answer)}")
        for i in range(self.n_inputs):
            if answer[i] is not None and wants(run, self, i):
                give(run, self, i, self.input_gradient(i, answer[i]))
        return 0

    cdef Buffer input_gradient(self, int i, object gradient):
        cdef Node node = <Node>self.inputs[i]
        return gradient_buffer(f"{self.title()}.backward, gradient of argument {i}", gradient, node.kind, node.rank, node.dims)

    cdef int release(self) except -1:
        if self.ctx is not None:
            delist(self.ctx)
            self.ctx.saved = None
            self.ctx.freed = True
        self.ctx = None
        return 0


@cython.final
@cython.no_gc
cdef class OutputNode(Node):
    """One of several outputs of a Function."""
    cdef int position
    cdef str name

    cdef str title(self):
        return f"{self.name}[{self.position}]"

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef FunctionNode call = <FunctionNode>self.inputs[0]
        give(run, self, 0, TOKEN)
        if run.parts is None:
            run.parts = {}
        run.parts.setdefault(call, [None] * len(call.outputs))[self.position] = wrap_buffer(dy, self.kind, self.rank, self.dims)
        return 0


# ---- apply --------------------------------------------------------------------------------------

cdef bint hides_tensor(object x, dict seen=None, int depth=0):
    """Whether a list, tuple or dict has a tensor that requires a gradient in it, down to a depth. Each is looked into once: one
    may hold itself, and more than once."""
    if depth == 64 or not isinstance(x, (list, tuple, dict)):
        return False
    if seen is None:
        seen = {}
    key = <size_t><void *>x
    if key in seen:
        return False
    seen[key] = x                # (which keeps the address taken)
    for item in list(x.values()) if isinstance(x, dict) else x:
        if (isinstance(item, Tensor) and (<Tensor>item).wants_grad) or hides_tensor(item, seen, depth + 1):
            return True
    return False


cdef object as_output(str name, object value, int kind):
    """An output of forward: a fresh tensor without history, or what is not a tensor (None, integers, integer arrays) as it is."""
    if isinstance(value, Tensor):
        return bare(<Tensor>value)
    if isinstance(value, np.ndarray) or isinstance(value, np.generic):
        if value.dtype.kind in "biu":
            return value
        return as_tensor(name, value, kind if value.ndim == 0 else -1, True)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return as_tensor(name, value, kind)
    raise TypeError(f"{name}.forward must return a tensor or an array, or a tuple of these, got {type(value).__name__}")


cdef object apply(object cls, tuple args):
    cdef FunctionContext ctx = FunctionContext.__new__(FunctionContext)
    cdef Tensor t
    cdef FunctionNode call
    cdef OutputNode node
    cdef int i, kind = -1, n_args = len(args)
    cdef bint any_needs = False
    cdef ModeBlock block
    cdef list given = list(args), needs = [False] * n_args, outputs = [], wanted = []
    cdef str name = cls.__name__
    if n_args > 2000000000:
        raise ValueError(f"{name}.apply: too many arguments")
    for i in range(n_args):
        x = given[i]
        if isinstance(x, Tensor):
            if kind < 0:
                kind = (<Tensor>x).kind
            # A tensor of its own: the graph leads around forward, and whatever ctx keeps of it holds no graph alive.
            t = bare(<Tensor>x)
            t.wants_grad = (<Tensor>x).wants_grad
            given[i] = t
            needs[i] = needs_grad(<Tensor>x)
            any_needs = any_needs or needs_grad(<Tensor>x)
        elif grad_mode() and hides_tensor(x):
            raise TypeError(f"{name}.apply: argument {i} is a {type(x).__name__} that holds tensors that require a gradient, and they "
                            f"would get none: pass them one by one, {name}.apply(*tensors)")
    ctx.name = name
    ctx.saved = ()
    ctx.needs = tuple(needs)
    ctx.unmarked = []
    ctx.in_forward = True
    block = open_mode(False)
    try:
        answer = cls.forward(ctx, *given)
    finally:
        ctx.in_forward = False
        close_mode(block)
    given = None

    values = answer if isinstance(answer, tuple) else (answer,)
    for i, value in enumerate(values):
        output = as_output(name, value, kind)
        outputs.append(output)
        if isinstance(output, Tensor) and not any([value is marked for marked in ctx.unmarked]):
            wanted.append(i)
    for marked in ctx.unmarked:
        if not any([value is marked for value in values]):
            raise ValueError(f"{name}.forward: mark_non_differentiable got {type(marked).__name__} that forward does not return")
    ctx.unmarked = None

    if any_needs and wanted:
        call = FunctionNode.__new__(FunctionNode)
        ctx.function = cls
        enlist(ctx)
        call.ctx = ctx
        call.name = name
        call.outputs = tuple([((<Tensor>y).kind, y.shape) if isinstance(y, Tensor) else None for y in outputs])
        set_inputs(call, n_args)
        for i in range(n_args):
            if needs[i]:
                set_input(call, i, <Tensor>args[i])
        if len(wanted) == 1:
            call.position = wanted[0]
            link(<Tensor>outputs[wanted[0]], call)
        else:
            call.position = -1
            t = zeros_of(NG_F32, (0,))     # the call's own node has no output: its slot holds a token
            link(t, call)
            for i in wanted:
                node = OutputNode.__new__(OutputNode)
                node.position = i
                node.name = name
                set_inputs(node, 1)
                set_input(node, 0, t)
                link(<Tensor>outputs[i], node)
    return tuple(outputs) if isinstance(answer, tuple) else outputs[0]


@public
class Function:
    """A custom operation: write ``forward`` and ``backward``, call ``apply``.

    ``forward(ctx, *args)`` gets the arguments of ``apply``: tensors (without history) and whatever else was passed. It runs
    without recording, may use nanograd or NumPy, and returns a tensor, an array or a float, or a tuple of these; integers,
    integer arrays and None may be among them, and are returned as they are. ``backward(ctx, *grads)`` gets one gradient for each
    output, as a tensor, and returns one for each argument of ``forward``, as tensor or array: None for an argument that
    is not a tensor or has no gradient. Both are static methods.

    ``ctx`` carries what ``backward`` needs from ``forward``:

    ``ctx.save_for_backward(*tensors)``
        keeps tensors. In ``backward``, ``ctx.saved_tensors`` is the tuple of them, with the values that they had.
    ``ctx.needs_input_grad``
        a tuple of bools, one for each argument: whether its gradient will be used.
    ``ctx.mark_non_differentiable(*outputs)``
        says which outputs have no gradient.
    ``ctx.name = value``
        keeps anything else.

    Raises
    ------
    NotImplementedError
        If ``forward`` is not defined, or ``backward`` is not when it is needed.
    TypeError
        If ``forward`` returns something that cannot be an output, or an argument is a list of tensors that require a gradient.
    ValueError
        If ``backward`` returns a different number of gradients than ``forward`` has arguments.
    ShapeError, DTypeError
        If a gradient does not have the shape or dtype of its argument.

    Notes
    -----
    The gradient of an output that nothing used is zeros, that of an output that is not a tensor is None. What ``forward`` returns
    may be one of its arguments: the output is still a separate tensor, and ``backward`` runs for it.
    :func:`nanograd.testing.gradcheck` checks ``backward`` against ``forward``.

    Examples
    --------
    >>> import nanograd as ng, numpy as np
    >>> class Cube(ng.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, dy):
    ...         x, = ctx.saved_tensors
    ...         return dy * 3 * x * x
    >>> x = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> y = Cube.apply(x)
    >>> y
    tensor([1., 8.], dtype=float32, grad_fn=<Cube>)
    >>> y.backward()
    >>> x.grad
    tensor([ 3., 12.], dtype=float32)

    In NumPy, with a second argument that is not a tensor, and two outputs:

    >>> class SinCos(ng.Function):
    ...     @staticmethod
    ...     def forward(ctx, x, omega):
    ...         ctx.phase, ctx.omega = omega * x.numpy(), omega
    ...         return np.sin(ctx.phase), np.cos(ctx.phase)
    ...     @staticmethod
    ...     def backward(ctx, dsin, dcos):
    ...         dx = ctx.omega * (dsin.numpy() * np.cos(ctx.phase) - dcos.numpy() * np.sin(ctx.phase))
    ...         return dx, None
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> sine, cosine = SinCos.apply(x, 2.0)
    >>> (sine * sine + cosine * cosine).sum().backward()
    >>> np.abs(x.grad.numpy()).max() < 1e-6
    np.True_
    """

    def __init__(self, *args, **kwargs):
        raise TypeError(f"a Function cannot be instantiated: write {type(self).__name__}.apply(...)")

    @staticmethod
    def forward(ctx, *args):
        """Compute the outputs; to be overridden."""
        raise NotImplementedError(f"{(<FunctionContext?>ctx).name}: define forward(ctx, *args) as a static method")

    @staticmethod
    def backward(ctx, *grads):
        """Compute the gradient of each argument from those of the outputs; to be overridden."""
        raise NotImplementedError(f"{(<FunctionContext?>ctx).name}: define backward(ctx, *grads) as a static method")

    @classmethod
    def apply(cls, *args):
        """Call the operation.

        Parameters
        ----------
        *args
            What ``forward`` takes after ``ctx``.

        Returns
        -------
        Tensor or tuple
            What ``forward`` returns, as tensors.
        """
        return apply(cls, args)
