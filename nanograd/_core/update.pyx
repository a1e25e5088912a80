# SPDX-License-Identifier: LGPL-3.0-or-later
"""What runs once per training step over all parameters: the optimizers' updates, gradient norms, clipping, averages.

An update is one launch over all parameters of a dtype. It gathers, per parameter, what is read and where the new values
go (a Step), launches, and then hands the new values over; whatever can raise comes before the launch. New values follow
the rule of tensor.pxd: in place where the parameter, or the optimizer's state, alone holds the memory; else in a new
buffer. So tensors in a state_dict() can share the optimizer's memory and yet never change.
"""
cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport INFINITY, isinf, pow
from libc.stdint cimport int64_t

from nanograd._core.tensor cimport (
    NG, NG_F32, NG_F64, Buffer, LeafNode, Parameter, Tensor, as_tensor, check, holds_alone, leaf_gradient, new_buffer,
    ng_api, ng_itemsize, read_data, refcount, same_shape, set_value, shape_tuple, wrap_buffer)

import numpy as np

from nanograd.errors import ShapeError

include "capsule.pxi"

cdef extern from "kernels/update.h" nogil:
    ctypedef struct ng_update_item:
        int fresh
    ctypedef struct ng_update_table:
        int64_t n, count
        void *result
        double order
    ctypedef struct ng_adam_bias:
        pass
    size_t ng_update_table_size(int64_t n)
    ng_update_item *ng_update_add(ng_update_table *table, void *new_value, const void *value, const void *gradient, int64_t size)
    void ng_update_state(ng_update_item *item, int i, void *new_state, const void *state, int fresh)
    void ng_sgd_item(ng_update_item *item, double lr, double momentum, double dampening, double decay, int nesterov)
    ng_adam_bias ng_adam_correct_bias(double beta1, double beta2, double step)
    void ng_adam_item(ng_update_item *item, double lr, double beta1, double beta2, double eps, double decay,
                      int decoupled, int amsgrad, ng_adam_bias bias)
    void ng_rmsprop_item(ng_update_item *item, double lr, double alpha, double eps, double decay, double momentum, int centered)
    void ng_adagrad_item(ng_update_item *item, double lr, double lr_decay, double eps, double decay, double initial, double step)
    void ng_ema_item(ng_update_item *item, double decay)
    void ng_scale_item(ng_update_item *item, double factor)
    void ng_clamp_item(ng_update_item *item, double low, double high)
    int ng_update_sgd(int dtype, const ng_update_table *table)
    int ng_update_adam(int dtype, const ng_update_table *table)
    int ng_update_rmsprop(int dtype, const ng_update_table *table)
    int ng_update_adagrad(int dtype, const ng_update_table *table)
    int ng_update_ema(int dtype, const ng_update_table *table)
    int ng_update_scale(int dtype, const ng_update_table *table)
    int ng_update_clamp(int dtype, const ng_update_table *table)
    int ng_update_norm(int dtype, const ng_update_table *table)
    int64_t ng_update_norm_pieces(int dtype, int64_t count)

ctypedef int (*update_launcher)(int dtype, const ng_update_table *table) noexcept nogil


# ---- what an optimizer keeps for a parameter -------------------------------------------------------------------------

@cython.final
cdef class ParameterState:
    """The number of steps that a parameter has made, and up to three arrays of its shape and dtype."""
    cdef readonly Tensor parameter
    cdef public int64_t steps
    cdef Buffer first, second, third
    cdef int kind                  # dtype of the arrays

    def __cinit__(self, Tensor parameter not None):
        self.parameter = parameter
        self.kind = parameter.kind

    cdef Buffer get(self, int i):
        return self.first if i == 0 else self.second if i == 1 else self.third

    cdef PyObject *peek(self, int i) noexcept:
        """get(), without taking a reference."""
        return <PyObject *><void *>self.first if i == 0 else <PyObject *><void *>self.second if i == 1 else <PyObject *><void *>self.third

    cdef int put(self, int i, Buffer buffer) except -1:
        if i == 0:
            self.first = buffer
        elif i == 1:
            self.second = buffer
        else:
            self.third = buffer
        return 0

    cdef int follow(self) except -1:
        """Cast the arrays when the parameter's dtype has changed (Module.astype)."""
        cdef int i
        cdef Buffer buffer
        cdef list casts = []
        for i in range(3):
            buffer = self.get(i)
            casts.append(None if buffer is None else
                         as_tensor("astype", np.asarray(self.tensor(i)).astype(self.parameter.dtype), self.parameter.kind, True).buffer)
        self.kind = self.parameter.kind
        for i in range(3):
            self.put(i, casts[i])
        return 0

    def tensor(self, int i):
        """Array i as a tensor, which keeps its value when the next step gives the state a new one; None before the first."""
        cdef Buffer buffer = self.get(i)
        return None if buffer is None else wrap_buffer(buffer, self.kind, self.parameter.rank, self.parameter.dims)

    def load(self, int i, value):
        """Set array i from a tensor or array of the parameter's shape, or None."""
        cdef Tensor t
        if value is None:
            self.put(i, None)
            return
        if not isinstance(value, Tensor):
            value = np.asarray(value, dtype=self.parameter.dtype)
        elif (<Tensor>value).kind != self.parameter.kind:
            value = np.asarray(value).astype(self.parameter.dtype)
        if self.kind != self.parameter.kind:
            self.follow()
        t = as_tensor("load_state_dict", value, self.kind, True)
        if not same_shape(t, self.parameter):
            raise ShapeError(f"load_state_dict: a state of shape {t.shape} for a parameter of shape {self.parameter.shape}")
        self.put(i, t.buffer)

    def __reduce__(self):
        return rebuild_state, (self.parameter, self.steps, self.tensor(0), self.tensor(1), self.tensor(2))


def rebuild_state(parameter, steps, *arrays):
    """A ParameterState from a copy or a pickle."""
    state = ParameterState(parameter)
    state.steps = steps
    for i, array in enumerate(arrays):
        state.load(i, array)
    return state


# ---- a step: gather, launch, hand over -------------------------------------------------------------------------------

cdef struct Pending:
    PyObject *state              # ParameterState or Tensor, and
    PyObject *value              # the buffer of its new value, NULL where that stays
    PyObject *arrays[3]          # the buffers of its new arrays, NULL likewise


@cython.final
@cython.no_gc
cdef class Step:
    """Everything that a launch per dtype reads and writes, kept alive until it is over."""
    cdef ng_update_table *tables[2]
    cdef Pending *pending
    cdef PyObject **held
    cdef Py_ssize_t capacity, n, n_held

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.n_held):
            Py_DECREF(<object>self.held[i])
        PyMem_Free(self.tables[0])
        PyMem_Free(self.tables[1])
        PyMem_Free(self.pending)

    cdef PyObject *hold(self, object x) noexcept:
        Py_INCREF(x)
        self.held[self.n_held] = <PyObject *>x
        self.n_held += 1
        return <PyObject *>x

    cdef ng_update_table *table(self, int kind) except NULL:
        cdef ng_update_table *table = self.tables[kind]
        if table == NULL:
            table = <ng_update_table *>PyMem_Malloc(ng_update_table_size(self.capacity))
            if table == NULL:
                raise MemoryError()
            table.n = table.count = 0
            self.tables[kind] = table
        return table

    cdef Pending *remember(self, object owner) noexcept:
        cdef Pending *pending = &self.pending[self.n]
        self.n += 1
        pending.state = self.hold(owner)
        pending.value = pending.arrays[0] = pending.arrays[1] = pending.arrays[2] = NULL
        return pending

    cdef int add_arrays(self, ParameterState state, ng_update_item *item, Pending *pending, int arrays) except -1:
        cdef Buffer old, new
        cdef bint sole
        cdef int i
        for i in range(3):
            if not arrays >> i & 1:
                continue
            # <void *> so that no reference is taken: does the state alone hold it?
            sole = refcount(<void *>state.peek(i)) == 1
            old = state.get(i)
            if old is None or old.nbytes == 0 or not sole:
                new = new_buffer(<size_t>state.parameter.count * ng_itemsize(state.parameter.kind))
            else:
                new = old
            ng_update_state(item, i, new.data, NULL if old is None else old.data, old is None)
            self.hold(old)
            pending.arrays[i] = self.hold(new)
        return 0

    cdef ng_update_item *add(self, ParameterState state, int arrays) except? NULL:
        """A parameter with the arrays of the bit mask; NULL, without an exception, if it has no gradient."""
        cdef Tensor p = state.parameter
        cdef Buffer gradient = leaf_gradient(p)
        cdef Buffer old, new
        cdef Pending *pending
        cdef ng_update_item *item
        if gradient is None:
            return NULL
        if state.kind != p.kind:
            state.follow()
        if holds_alone(p):
            old = new = p.buffer
        else:
            old = p.buffer
            new = new_buffer(<size_t>p.count * ng_itemsize(p.kind))
        item = ng_update_add(self.table(p.kind), new.data, old.data, gradient.data, p.count)
        pending = self.remember(state)
        self.hold(gradient)
        self.hold(old)
        pending.value = self.hold(new)
        if arrays:
            self.add_arrays(state, item, pending, arrays)
        return item

    cdef int launch(self, update_launcher launcher) except -1:
        """Run, then hand over. Returns the number of parameters."""
        cdef Py_ssize_t i
        cdef int kind, k
        cdef ParameterState state
        cdef Pending *pending
        for kind in range(2):
            if self.tables[kind] != NULL:
                check("step", launcher(kind, self.tables[kind]))
        for i in range(self.n):
            pending = &self.pending[i]
            state = <ParameterState>pending.state
            state.steps += 1
            if pending.value != NULL and pending.value != <PyObject *><void *>state.parameter.buffer:
                set_value(state.parameter, <Buffer>pending.value)
            for k in range(3):
                if pending.arrays[k] != NULL and pending.arrays[k] != state.peek(k):
                    state.put(k, <Buffer>pending.arrays[k])
        return <int>self.n


cdef Step new_step(Py_ssize_t capacity):
    cdef Step step = Step.__new__(Step)
    step.capacity = capacity
    # Held per parameter: itself, gradient, old and new value, three old and three new arrays.
    step.pending = <Pending *>PyMem_Malloc(<size_t>capacity * (sizeof(Pending) + 10 * sizeof(PyObject *)) + 1)
    if step.pending == NULL:
        raise MemoryError()
    step.held = <PyObject **>(step.pending + capacity)
    return step


class GroupsChanged(Exception):
    """The parameters of a group are no longer those that `states` were made for."""


cdef Step step_over(list groups, list states):
    cdef Py_ssize_t n = 0, g, i
    cdef list params, mine
    for g in range(len(groups)):
        params, mine = <list?>(<dict?>groups[g])["params"], <list>states[g]
        if len(params) != len(mine):
            raise GroupsChanged()
        for i in range(len(mine)):
            if params[i] is not (<ParameterState>mine[i]).parameter:
                raise GroupsChanged()
        n += len(mine)
    return new_step(n)


# ---- settings of a group, read anew in every step: param_groups are live ---------------------------------------------

cdef double setting(type op, dict group, str key) except? -1.0:
    try:
        return group[key]
    except TypeError:
        raise TypeError(f"{op.__name__}: {key} must be a number, got {group[key]!r}") from None


cdef double at_least_0(type op, dict group, str key) except? -1.0:
    cdef double value = setting(op, group, key)
    if not value >= 0.0 or isinf(value):
        raise ValueError(f"{op.__name__}: {key} must be at least 0 and finite, got {value}")
    return value


cdef double below_1(type op, str key, object number) except? -1.0:
    cdef double value
    try:
        value = number
    except TypeError:
        raise TypeError(f"{op.__name__}: {key} must be a number, got {number!r}") from None
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{op.__name__}: {key} must be in [0, 1), got {value}")
    return value


cdef int read_betas(type op, dict group, double *beta1, double *beta2) except -1:
    betas = group["betas"]
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(f"{op.__name__}: betas must be a pair of numbers, got {betas!r}")
    beta1[0] = below_1(op, "betas[0]", betas[0])
    beta2[0] = below_1(op, "betas[1]", betas[1])
    return 0


def sgd_step(type op, list groups, list states, bint run=True):
    """One step of SGD, the class `op`, over all groups; `states` holds a list of ParameterState per group. Returns how many
    parameters had a gradient. run=False only checks the groups' settings."""
    cdef Step step = step_over(groups, states) if run else None
    cdef ParameterState state
    cdef ng_update_item *item
    cdef double lr, momentum, dampening, decay
    cdef bint nesterov
    cdef Py_ssize_t g
    for g in range(len(groups)):
        group = <dict?>groups[g]
        lr, decay = at_least_0(op, group, "lr"), at_least_0(op, group, "weight_decay")
        momentum, dampening = at_least_0(op, group, "momentum"), setting(op, group, "dampening")
        nesterov = group["nesterov"]
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(f"{op.__name__}: nesterov needs a momentum above 0 and no dampening, got momentum {momentum} and dampening {dampening}")
        if not run:
            continue
        for state in <list>states[g]:
            item = step.add(state, 1 if momentum != 0 else 0)
            if item != NULL:
                ng_sgd_item(item, lr, momentum, dampening, decay, nesterov)
    return step.launch(ng_update_sgd) if run else 0


def adam_step(type op, list groups, list states, bint run=True):
    """One step of Adam: as sgd_step."""
    return step_adam(op, groups, states, run, False)


def adamw_step(type op, list groups, list states, bint run=True):
    """One step of AdamW: as sgd_step."""
    return step_adam(op, groups, states, run, True)


cdef int step_adam(type op, list groups, list states, bint run, bint decoupled) except -1:
    cdef Step step = step_over(groups, states) if run else None
    cdef ParameterState state
    cdef ng_update_item *item
    cdef double lr, beta1 = 0, beta2 = 0, eps, decay
    cdef ng_adam_bias bias
    cdef int64_t steps
    cdef bint amsgrad
    cdef Py_ssize_t g
    for g in range(len(groups)):
        group = <dict?>groups[g]
        lr, eps, decay = at_least_0(op, group, "lr"), at_least_0(op, group, "eps"), at_least_0(op, group, "weight_decay")
        read_betas(op, group, &beta1, &beta2)
        amsgrad = group["amsgrad"]
        if not run:
            continue
        steps = -1
        for state in <list>states[g]:
            item = step.add(state, 7 if amsgrad else 3)
            if item == NULL:
                continue
            if state.steps != steps:          # as a rule they are all equal, and pow() costs more than a small parameter
                steps = state.steps
                bias = ng_adam_correct_bias(beta1, beta2, <double>(steps + 1))
            ng_adam_item(item, lr, beta1, beta2, eps, decay, decoupled, amsgrad, bias)
    return step.launch(ng_update_adam) if run else 0


def rmsprop_step(type op, list groups, list states, bint run=True):
    """One step of RMSprop: as sgd_step."""
    cdef Step step = step_over(groups, states) if run else None
    cdef ParameterState state
    cdef ng_update_item *item
    cdef double lr, alpha, eps, decay, momentum
    cdef bint centered
    cdef Py_ssize_t g
    for g in range(len(groups)):
        group = <dict?>groups[g]
        lr, eps, decay = at_least_0(op, group, "lr"), at_least_0(op, group, "eps"), at_least_0(op, group, "weight_decay")
        alpha, momentum = at_least_0(op, group, "alpha"), at_least_0(op, group, "momentum")
        if alpha > 1:
            raise ValueError(f"{op.__name__}: alpha must be in [0, 1], got {alpha}")
        centered = group["centered"]
        if not run:
            continue
        for state in <list>states[g]:
            item = step.add(state, 1 | (2 if momentum != 0 else 0) | (4 if centered else 0))
            if item != NULL:
                ng_rmsprop_item(item, lr, alpha, eps, decay, momentum, centered)
    return step.launch(ng_update_rmsprop) if run else 0


def adagrad_step(type op, list groups, list states, bint run=True):
    """One step of Adagrad: as sgd_step."""
    cdef Step step = step_over(groups, states) if run else None
    cdef ParameterState state
    cdef ng_update_item *item
    cdef double lr, lr_decay, eps, decay, initial
    cdef Py_ssize_t g
    for g in range(len(groups)):
        group = <dict?>groups[g]
        lr, eps, decay = at_least_0(op, group, "lr"), at_least_0(op, group, "eps"), at_least_0(op, group, "weight_decay")
        lr_decay, initial = at_least_0(op, group, "lr_decay"), at_least_0(op, group, "initial_accumulator_value")
        if not run:
            continue
        for state in <list>states[g]:
            item = step.add(state, 1)
            if item != NULL:
                ng_adagrad_item(item, lr, lr_decay, eps, decay, initial, <double>(state.steps + 1))
    return step.launch(ng_update_adagrad) if run else 0


def ema_step(list states, double decay):
    """Array 0 of each state becomes decay * itself + (1 - decay) * the parameter."""
    cdef Step step = new_step(len(states))
    cdef ParameterState state
    cdef ng_update_item *item
    cdef Pending *pending
    for state in states:
        if state.kind != state.parameter.kind:
            state.follow()
        item = ng_update_add(step.table(state.kind), NULL, read_data(state.parameter), NULL, state.parameter.count)
        pending = step.remember(state)
        step.hold(state.parameter.buffer)
        step.add_arrays(state, item, pending, 1)
        ng_ema_item(item, decay)
    step.launch(ng_update_ema)


def swap_values(list states):
    """Exchange each parameter's value with array 0 of its state."""
    cdef ParameterState state
    cdef Buffer value
    for state in states:
        if state.kind != state.parameter.kind:
            state.follow()
    for state in states:
        value = state.parameter.buffer
        set_value(state.parameter, state.first)
        state.first = value


# ---- gradients -------------------------------------------------------------------------------------------------------

def clear_gradients(list groups):
    """Set the .grad of every parameter of the groups to None."""
    cdef Tensor p
    for group in groups:
        for p in <list?>(<dict?>group)["params"]:
            if type(p.node) is LeafNode:
                (<LeafNode>p.node).grad = None


def gradient_norm(list tensors, double order):
    """(sum of |g|^order over all elements of all gradients)^(1/order); the largest |g| for order infinity; 0.0 if none."""
    cdef Step step = new_step(len(tensors))
    cdef Tensor p
    cdef Buffer gradient, partial
    cdef ng_update_table *table
    cdef double total = 0, part
    cdef int64_t i
    cdef int kind
    for p in tensors:
        gradient = leaf_gradient(p)
        if gradient is not None:
            ng_update_add(step.table(p.kind), NULL, NULL, gradient.data, p.count)
            step.hold(gradient)
    for kind in range(2):
        table = step.tables[kind]
        if table == NULL or table.count == 0:
            continue
        partial = new_buffer(<size_t>ng_update_norm_pieces(kind, table.count) * sizeof(double))
        table.result = partial.data
        table.order = order
        check("get_total_norm", ng_update_norm(kind, table))
        for i in range(ng_update_norm_pieces(kind, table.count)):
            part = (<double *>partial.data)[i]
            if not isinf(order):
                total += part
            elif part > total or part != part:
                total = part
    return total if isinf(order) else pow(total, 1.0 / order)


cdef int rewrite_gradients(str op, list tensors, update_launcher launcher, double a, double b) except -1:
    """Launch over the gradients, each written in place if the leaf alone holds it, and hand new ones over."""
    cdef Step step = new_step(len(tensors))
    cdef Tensor p
    cdef LeafNode leaf
    cdef Buffer old, new
    cdef bint sole
    cdef ng_update_item *item
    cdef Py_ssize_t i
    cdef Pending *pending
    for p in tensors:
        if leaf_gradient(p) is None:
            continue
        leaf = p.node
        sole = leaf.grad.nbytes != 0 and refcount(<void *>leaf.grad) == 1
        old = leaf.grad
        new = old if sole else new_buffer(<size_t>p.count * ng_itemsize(p.kind))
        item = ng_update_add(step.table(p.kind), new.data, NULL, old.data, p.count)
        if launcher == ng_update_scale:
            ng_scale_item(item, a)
        else:
            ng_clamp_item(item, a, b)
        pending = step.remember(leaf)
        step.hold(old)
        pending.value = step.hold(new)
    for i in range(2):
        if step.tables[i] != NULL:
            check(op, launcher(<int>i, step.tables[i]))
    for i in range(step.n):
        (<LeafNode>step.pending[i].state).grad = <Buffer>step.pending[i].value
    return 0


def scale_gradients(list tensors, double factor):
    """Multiply every gradient by a number."""
    rewrite_gradients("clip_grad_norm_", tensors, ng_update_scale, factor, 0.0)


def clamp_gradients(list tensors, double low, double high):
    """Limit every element of every gradient to [low, high]."""
    rewrite_gradients("clip_grad_value_", tensors, ng_update_clamp, low, high)


def change_dtype(Parameter parameter not None, dtype):
    """Cast a parameter, and its gradient, in place: the object stays. Graphs that hold the old value cannot reach it any more."""
    cdef object gradient = parameter.grad
    cdef Tensor value = parameter.detach().astype(dtype)
    if value.kind == parameter.kind:
        return
    if gradient is not None:
        gradient = gradient.astype(dtype)
    if parameter.node is not None:
        parameter.node.released = True       # a backward that reaches the old leaf raises
        parameter.node.weak_owner = NULL
        parameter.node = None
    parameter.kind = value.kind
    set_value(parameter, value.buffer)
    if gradient is not None:
        parameter.grad = gradient


__all__ = []
