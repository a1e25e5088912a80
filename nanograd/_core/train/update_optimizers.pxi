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
    try:
        return as_real(op.__name__, key, value)
    except TypeError:
        raise TypeError(f"{op.__name__}: {key} must be a number, got {shown(value)}") from None


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


def sgd_step(type op, groups, list states, bint run=True):
    """One step of SGD, the class `op`, over all groups; `states` holds a list of ParameterState per group. Returns how many
    parameters had a gradient. run=False only checks the groups' settings."""
    cdef Step step = step_over(groups, states) if run else None
    cdef ParameterState state
    cdef ng_update_item *item
    cdef double lr, momentum, dampening, decay
    cdef bint nesterov
    cdef Py_ssize_t g
    for g in range(len(groups)):
        group = <dict?>(<list?>groups)[g]
        lr, decay = at_least_0(op, group, "lr"), at_least_0(op, group, "weight_decay")
        momentum, dampening = at_least_0(op, group, "momentum"), setting(op, group, "dampening")
        nesterov = chosen(op, group, "nesterov")
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(f"{op.__name__}: nesterov needs a momentum above 0 and no dampening, got momentum {momentum} and "
                             f"dampening {dampening}")
        if not run:
            continue
        for state in <list>states[g]:
            item = step.add(state, 1 if momentum != 0 else 0)
            if item != NULL:
                ng_sgd_item(item, lr, momentum, dampening, decay, nesterov)
    return step.launch(ng_update_sgd) if run else 0


def adam_step(type op, groups, list states, bint run=True):
    """One step of Adam: as sgd_step."""
    return step_adam(op, groups, states, run, False)


def adamw_step(type op, groups, list states, bint run=True):
    """One step of AdamW: as sgd_step."""
    return step_adam(op, groups, states, run, True)


cdef int step_adam(type op, groups, list states, bint run, bint decoupled) except -1:
    cdef Step step = step_over(groups, states) if run else None
    cdef ParameterState state
    cdef ng_update_item *item
    cdef double lr, beta1 = 0, beta2 = 0, eps, decay
    cdef ng_adam_bias bias
    cdef int64_t steps
    cdef bint amsgrad
    cdef Py_ssize_t g
    for g in range(len(groups)):
        group = <dict?>(<list?>groups)[g]
        lr, eps, decay = at_least_0(op, group, "lr"), at_least_0(op, group, "eps"), at_least_0(op, group, "weight_decay")
        read_betas(op, group, &beta1, &beta2)
        amsgrad = chosen(op, group, "amsgrad")
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


def rmsprop_step(type op, groups, list states, bint run=True):
    """One step of RMSprop: as sgd_step."""
    cdef Step step = step_over(groups, states) if run else None
    cdef ParameterState state
    cdef ng_update_item *item
    cdef double lr, alpha, eps, decay, momentum
    cdef bint centered
    cdef Py_ssize_t g
    for g in range(len(groups)):
        group = <dict?>(<list?>groups)[g]
        lr, eps, decay = at_least_0(op, group, "lr"), at_least_0(op, group, "eps"), at_least_0(op, group, "weight_decay")
        alpha, momentum = at_least_0(op, group, "alpha"), at_least_0(op, group, "momentum")
        if alpha > 1:
            raise ValueError(f"{op.__name__}: alpha must be in [0, 1], got {alpha}")
        centered = chosen(op, group, "centered")
        if not run:
            continue
        for state in <list>states[g]:
            item = step.add(state, 1 | (2 if momentum != 0 else 0) | (4 if centered else 0))
            if item != NULL:
                ng_rmsprop_item(item, lr, alpha, eps, decay, momentum, centered)
    return step.launch(ng_update_rmsprop) if run else 0


def adagrad_step(type op, groups, list states, bint run=True):
    """One step of Adagrad: as sgd_step."""
    cdef Step step = step_over(groups, states) if run else None
    cdef ParameterState state
    cdef ng_update_item *item
    cdef double lr, lr_decay, eps, decay, initial
    cdef Py_ssize_t g
    for g in range(len(groups)):
        group = <dict?>(<list?>groups)[g]
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
    cdef Buffer value
    for state in states:
        if state.kind != state.parameter.kind:
            state.follow()
        value = read_data(state.parameter)
        item = ng_update_add(step.table(state.kind), NULL, value.data, NULL, state.parameter.count)
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
        value = read_data(state.parameter)
        set_value(state.parameter, read_data(state.first))
        set_value(state.first, value)
