# SPDX-License-Identifier: LGPL-3.0-or-later
# ---- settings of a group, read anew in every step: param_groups are live ---------------------------------------------

cdef PyObject *asked(type op, dict group, str key) except NULL:
    """group[key], borrowed."""
    cdef PyObject *value = PyDict_GetItemWithError(group, key)
    if value == NULL:
        raise ValueError(f"{op.__name__}: a group has no {key!r}: write param_groups entries with all settings, or use add_param_group")
    return value


cdef double number_of(type op, str key, object value) except? -1.0:
    if type(value) is float:
        return <double>value
    return as_real(op.__name__, key, value)


cdef double setting(type op, dict group, str key) except? -1.0:
    return number_of(op, key, <object>asked(op, group, key))


cdef bint chosen(type op, dict group, str key) except -1:
    cdef PyObject *value = asked(op, group, key)
    return value == <PyObject *>True or (value != <PyObject *>False and as_flag(op.__name__, key, <object>value))


cdef double at_least_0(type op, dict group, str key) except? -1.0:
    cdef double value = setting(op, group, key)
    if not value >= 0.0 or isinf(value):
        raise ValueError(f"{op.__name__}: {key} must be at least 0 and finite, got {value}")
    return value


cdef double below_1(type op, str key, object number) except? -1.0:
    cdef double value = number_of(op, key, number)
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{op.__name__}: {key} must be in [0, 1), got {value}")
    return value


cdef int read_betas(type op, dict group, double *beta1, double *beta2) except -1:
    cdef object betas = <object>asked(op, group, "betas")
    betas = tuple(betas) if isinstance(betas, list) else betas
    if not isinstance(betas, tuple) or len(betas) != 2:
        raise TypeError(f"{op.__name__}: betas must be a pair of numbers, got {shown(betas)}")
    beta1[0] = below_1(op, "betas[0]", betas[0])
    beta2[0] = below_1(op, "betas[1]", betas[1])
    return 0


# Of each optimizer: its settings, how they are read from a group and checked, and a step over all groups. The class `op` stands in
# errors; `states` holds a list of ParameterState per group; a step returns how many parameters had a gradient.

cdef struct SGDSettings:
    double lr, momentum, dampening, decay
    bint nesterov


cdef int read_sgd(type op, dict group, SGDSettings *s) except -1:
    s.lr, s.decay = at_least_0(op, group, "lr"), at_least_0(op, group, "weight_decay")
    s.momentum, s.dampening = at_least_0(op, group, "momentum"), setting(op, group, "dampening")
    s.nesterov = chosen(op, group, "nesterov")
    if s.nesterov and (s.momentum == 0 or s.dampening != 0):
        raise ValueError(f"{op.__name__}: nesterov needs a momentum above 0 and no dampening, got momentum {s.momentum} and "
                         f"dampening {s.dampening}")
    return 0


def sgd_check(type op, dict group):
    """Raise TypeError or ValueError for settings that a step does not take."""
    cdef SGDSettings s
    read_sgd(op, group, &s)


def sgd_step(type op, groups, list states):
    """One step of SGD."""
    cdef Step step = step_over(groups, states)
    cdef ParameterState state
    cdef ng_update_item *item
    cdef SGDSettings s
    cdef Py_ssize_t g
    for g in range(len(groups)):
        read_sgd(op, <dict?>(<list?>groups)[g], &s)
        for state in <list>states[g]:
            item = step.add(state, 1 if s.momentum != 0 else 0)
            if item != NULL:
                ng_sgd_item(item, s.lr, s.momentum, s.dampening, s.decay, s.nesterov)
    return step.launch(ng_update_sgd)


cdef struct AdamSettings:
    double lr, beta1, beta2, eps, decay
    bint amsgrad


cdef int read_adam(type op, dict group, AdamSettings *s) except -1:
    s.lr, s.eps, s.decay = at_least_0(op, group, "lr"), at_least_0(op, group, "eps"), at_least_0(op, group, "weight_decay")
    read_betas(op, group, &s.beta1, &s.beta2)
    s.amsgrad = chosen(op, group, "amsgrad")
    return 0


def adam_check(type op, dict group):
    """As sgd_check, of Adam and AdamW."""
    cdef AdamSettings s
    read_adam(op, group, &s)


def adam_step(type op, groups, list states):
    """One step of Adam."""
    return step_adam(op, groups, states, False)


def adamw_step(type op, groups, list states):
    """One step of AdamW."""
    return step_adam(op, groups, states, True)


cdef int step_adam(type op, groups, list states, bint decoupled) except -1:
    cdef Step step = step_over(groups, states)
    cdef ParameterState state
    cdef ng_update_item *item
    cdef AdamSettings s
    cdef Py_ssize_t g
    for g in range(len(groups)):
        read_adam(op, <dict?>(<list?>groups)[g], &s)
        for state in <list>states[g]:
            item = step.add(state, 7 if s.amsgrad else 3)
            if item == NULL:
                continue
            ng_adam_item(item, s.lr, s.beta1, s.beta2, s.eps, s.decay, decoupled, s.amsgrad)
    return step.launch(ng_update_adam)


cdef struct RMSpropSettings:
    double lr, alpha, eps, decay, momentum
    bint centered


cdef int read_rmsprop(type op, dict group, RMSpropSettings *s) except -1:
    s.lr, s.eps, s.decay = at_least_0(op, group, "lr"), at_least_0(op, group, "eps"), at_least_0(op, group, "weight_decay")
    s.alpha, s.momentum = at_least_0(op, group, "alpha"), at_least_0(op, group, "momentum")
    if s.alpha > 1:
        raise ValueError(f"{op.__name__}: alpha must be in [0, 1], got {s.alpha}")
    s.centered = chosen(op, group, "centered")
    return 0


def rmsprop_check(type op, dict group):
    """As sgd_check."""
    cdef RMSpropSettings s
    read_rmsprop(op, group, &s)


def rmsprop_step(type op, groups, list states):
    """One step of RMSprop."""
    cdef Step step = step_over(groups, states)
    cdef ParameterState state
    cdef ng_update_item *item
    cdef RMSpropSettings s
    cdef Py_ssize_t g
    for g in range(len(groups)):
        read_rmsprop(op, <dict?>(<list?>groups)[g], &s)
        for state in <list>states[g]:
            item = step.add(state, 1 | (2 if s.momentum != 0 else 0) | (4 if s.centered else 0))
            if item != NULL:
                ng_rmsprop_item(item, s.lr, s.alpha, s.eps, s.decay, s.momentum, s.centered)
    return step.launch(ng_update_rmsprop)


cdef struct AdagradSettings:
    double lr, lr_decay, eps, decay, initial


cdef int read_adagrad(type op, dict group, AdagradSettings *s) except -1:
    s.lr, s.eps, s.decay = at_least_0(op, group, "lr"), at_least_0(op, group, "eps"), at_least_0(op, group, "weight_decay")
    s.lr_decay, s.initial = at_least_0(op, group, "lr_decay"), at_least_0(op, group, "initial_accumulator_value")
    return 0


def adagrad_check(type op, dict group):
    """As sgd_check."""
    cdef AdagradSettings s
    read_adagrad(op, group, &s)


def adagrad_step(type op, groups, list states):
    """One step of Adagrad."""
    cdef Step step = step_over(groups, states)
    cdef ParameterState state
    cdef ng_update_item *item
    cdef AdagradSettings s
    cdef Py_ssize_t g
    for g in range(len(groups)):
        read_adagrad(op, <dict?>(<list?>groups)[g], &s)
        for state in <list>states[g]:
            item = step.add(state, 1)
            if item != NULL:
                ng_adagrad_item(item, s.lr, s.lr_decay, s.eps, s.decay, s.initial)
    return step.launch(ng_update_adagrad)


def ema_step(list states, double decay):
    """Array 0 of each state becomes decay * itself + (1 - decay) * the parameter."""
    cdef Step step = new_step(len(states))
    cdef ParameterState state
    cdef ng_update_item *item
    cdef Pending *pending
    cdef Buffer value
    for state in states:
        if state.kind != state.parameter.kind:
            state.follow()
        value = read_data(state.parameter)
        item = ng_update_add(step.table(state.kind), NULL, value.data, NULL, state.parameter.count)
        ng_update_steps(item, &state.steps)
        pending = step.remember(<PyObject *>state)
        step.hold(<PyObject *>value)
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
        if state.kind != state.parameter.kind:
            raise RuntimeError("swap: a parameter was cast to another dtype by another thread")
    for state in states:
        value = read_data(state.parameter)
        set_value(state.parameter, read_data(state.first))
        set_value(state.first, value)
