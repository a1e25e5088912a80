# SPDX-License-Identifier: LGPL-3.0-or-later
# ---- what an optimizer keeps for a parameter -------------------------------------------------------------------------

@cython.final
@cython.binding(False)
@cython.embedsignature(True)
cdef class ParameterState:
    """The number of steps that a parameter has made, and up to three arrays of its shape and dtype."""
    cdef readonly Tensor parameter
    cdef public int64_t steps
    cdef Tensor first, second, third
    cdef int kind                  # dtype of the arrays

    def __cinit__(self, Tensor parameter not None):
        self.parameter = parameter
        self.kind = parameter.kind

    cdef Tensor get(self, int i):
        return self.first if i == 0 else self.second if i == 1 else self.third

    cdef int put(self, int i, Tensor t) except -1:
        if i == 0:
            self.first = t
        elif i == 1:
            self.second = t
        else:
            self.third = t
        return 0

    cdef int follow(self) except -1:
        """Cast the arrays when the parameter's dtype has changed (Module.astype)."""
        cdef int i, kind
        cdef Tensor t
        cdef list casts
        while self.kind != self.parameter.kind:          # (another thread may cast it while this one converts)
            kind = self.parameter.kind
            casts = []
            for i in range(3):
                t = self.get(i)
                casts.append(None if t is None else as_tensor("astype", np.asarray(t).astype(numpy_dtype(kind)), kind, True))
            self.kind = kind
            for i in range(3):
                self.put(i, casts[i])
        return 0

    def tensor(self, int i):
        """Array i as a tensor, which keeps its value when the next step gives the state a new one; None before the first."""
        cdef Tensor t = self.get(i)
        return None if t is None else t.detach()

    def load(self, int i, value):
        """Set array i from a tensor or array of the parameter's shape, or None."""
        cdef Tensor t
        if value is None:
            self.put(i, None)
            return
        if not isinstance(value, Tensor):
            value = np.asarray(value)
            if value.dtype.kind not in "biuf":
                raise TypeError(f"a parameter's state must hold real numbers, got an array of dtype {value.dtype}")
            value = value.astype(self.parameter.dtype)
        elif (<Tensor>value).kind != self.parameter.kind:
            value = value.numpy().astype(self.parameter.dtype)
        if self.kind != self.parameter.kind:
            self.follow()
        t = as_tensor("load_state_dict", value, self.kind, True)
        if not same_shape(t, self.parameter):
            raise ShapeError(f"load_state_dict: a state of shape {t.shape} for a parameter of shape {self.parameter.shape}")
        self.put(i, t.detach())

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
    PyObject *arrays[3]          # its new arrays, tensors, NULL likewise


@cython.final
@cython.no_gc
cdef class Step:
    """Everything that a launch per dtype reads and writes, kept alive until it is over; an owner of the buffers."""
    cdef ng_update_table *tables[2]
    cdef Pending *pending
    cdef PyObject **held
    cdef Py_ssize_t capacity, n, n_held

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.n_held):
            if type(<object>self.held[i]) is Buffer:
                disown(&(<Buffer>self.held[i]).owners)
            Py_DECREF(<object>self.held[i])
        PyMem_Free(self.tables[0])
        PyMem_Free(self.tables[1])
        PyMem_Free(self.pending)

    cdef PyObject *hold(self, PyObject *x) noexcept:
        Py_INCREF(<object>x)
        if type(<object>x) is Buffer:
            own(&(<Buffer>x).owners)
        self.held[self.n_held] = x
        self.n_held += 1
        return x

    cdef ng_update_table *table(self, int kind) except NULL:
        cdef ng_update_table *table = self.tables[kind]
        if table == NULL:
            table = <ng_update_table *>PyMem_Malloc(ng_update_table_size(self.capacity))
            if table == NULL:
                raise MemoryError()
            table.n = table.count = 0
            self.tables[kind] = table
        return table

    cdef Pending *remember(self, PyObject *owner) noexcept:
        cdef Pending *pending = &self.pending[self.n]
        self.n += 1
        pending.state = self.hold(owner)
        pending.value = pending.arrays[0] = pending.arrays[1] = pending.arrays[2] = NULL
        return pending

    cdef int add_arrays(self, ParameterState state, ng_update_item *item, Pending *pending, int arrays) except -1:
        cdef Tensor old, new
        cdef Tensor p = state.parameter
        cdef Buffer values
        cdef bint alone
        cdef int i
        for i in range(3):
            if not arrays >> i & 1:
                continue
            old = state.get(i)
            if old is not None and not same_shape(old, p):        # a parameter that was given its value after its state
                raise ValueError(f"step: the parameter has shape {p.shape}, and its state {old.shape}: make a new optimizer")
            if old is not None:
                alone = holds_alone(old)
                values = read_data(old)
                self.hold(<PyObject *>values)
                if alone:
                    ng_update_state(item, i, values.data, values.data, 0)
                    continue
            new = new_tensor(p.kind, p.rank, p.dims)
            ng_update_state(item, i, new_data(new), NULL if old is None else values.data, old is None)
            pending.arrays[i] = self.hold(<PyObject *>new)
        return 0

    cdef ng_update_item *add(self, ParameterState state, int arrays) except? NULL:
        """A parameter with the arrays of the bit mask; NULL, without an exception, if it has no gradient or is frozen."""
        cdef Tensor p = state.parameter
        cdef PyObject *gradient
        cdef Buffer value, new
        cdef Pending *pending
        cdef ng_update_item *item
        cdef bint alone
        if state.kind != p.kind and leaf_gradient(p) is not None:
            state.follow()               # first: other threads run meanwhile
        if not p.wants_grad or type(p.node) is not LeafNode:
            return NULL
        gradient = <PyObject *><void *>(<LeafNode>p.node).grad
        if gradient == <PyObject *>None:
            return NULL
        self.hold(gradient)
        alone = holds_alone(p)
        value = read_data(p)
        new = value if alone else new_buffer(<size_t>p.count * ng_itemsize(p.kind))
        item = ng_update_add(self.table(p.kind), new.data, value.data, (<Buffer>gradient).data, p.count)
        ng_update_steps(item, &state.steps)
        pending = self.remember(<PyObject *>state)
        pending.value = self.hold(<PyObject *>new)
        if not alone:
            self.hold(<PyObject *>value)
        if arrays:
            self.add_arrays(state, item, pending, arrays)
        return item

    cdef int launch(self, update_launcher launcher) except -1:
        """Run, then hand over. Returns the number of parameters."""
        cdef Py_ssize_t i
        cdef int kind, k
        cdef ParameterState state
        cdef Pending *pending
        cdef bint was_cast = False
        for i in range(self.n):
            state = <ParameterState>self.pending[i].state
            if state.kind != state.parameter.kind:
                raise RuntimeError("step: a parameter was cast to another dtype while the step read the settings")
        for kind in range(2):
            if self.tables[kind] != NULL:
                check("step", launcher(kind, self.tables[kind]))
        for kind in range(2):
            if self.tables[kind] != NULL:
                check("step", ng_update_count(kind, self.tables[kind]))
        for i in range(self.n):
            pending = &self.pending[i]
            state = <ParameterState>pending.state
            if pending.value != NULL:
                if state.kind != state.parameter.kind:       # by another thread, since the launch
                    was_cast = True
                    continue
                set_value(state.parameter, <Buffer>pending.value)
            for k in range(3):
                if pending.arrays[k] != NULL:
                    state.put(k, <Tensor>pending.arrays[k])
        if was_cast:
            raise RuntimeError("step: a parameter was cast to another dtype while the step ran: its new value is lost")
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


cdef Step step_over(object groups, list states):
    cdef Py_ssize_t n = 0, g, i
    cdef list params, mine
    if not isinstance(groups, list) or len(<list>groups) != len(states):
        raise GroupsChanged()
    for g in range(len(states)):
        params, mine = params_of((<list>groups)[g]), <list?>states[g]
        if len(params) != len(mine):
            raise GroupsChanged()
        for i in range(len(mine)):
            if params[i] is not (<ParameterState>mine[i]).parameter:
                raise GroupsChanged()
        n += len(mine)
    return new_step(n)


cdef list params_of(object group):
    """group["params"]; GroupsChanged if the user has put something else there, of which Optimizer._matched() says more."""
    if isinstance(group, dict):
        params = (<dict>group).get("params")
        if isinstance(params, list):
            return params
    raise GroupsChanged()
