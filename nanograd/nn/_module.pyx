# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every step of a training loop asks of a module, compiled: the call, the walk over what is inside, and the check on
attributes that are set. Nothing is remembered between calls, so what is put into a list is found by the next walk.
"""
import inspect
from functools import partialmethod, wraps

import numpy as np

from nanograd.errors import DTypeError, shown

cimport cython
from cpython.object cimport PyObject

from nanograd._core.base.tensor cimport Parameter, Tensor

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        void *tp_descr_set
    PyTypeObject *Py_TYPE(object x)
    PyTypeObject *type_of "Py_TYPE"(PyObject *x)
    PyObject *_PyType_Lookup(PyTypeObject *cls, object name)                    # borrowed; sets no error
    PyObject *PyDict_GetItemWithError(object d, object key) except? NULL        # borrowed
    int PyDict_SetItem(object d, object key, object value) except -1
    int PyDict_Next(object d, Py_ssize_t *position, PyObject **key, PyObject **value)
    object PyObject_GenericGetDict(object x, void *context)
    int PyObject_GenericSetAttr(object x, object name, PyObject *value) except -1
    object PyObject_VectorcallMethod(object name, PyObject **args, size_t n, PyObject *names)
    object PyObject_Vectorcall(object function, PyObject **args, size_t n, PyObject *names)
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    bint PyAnySet_Check(object x)
    void Py_LeaveRecursiveCall()
cdef extern from *:
    """
    /* Python's own says "not 0". */
    static inline int ng_enter(const char *where) { return Py_EnterRecursiveCall(where) ? -1 : 0; }
    """
    int enter "ng_enter" (const char *where) except -1

cdef object ndarray = np.ndarray, scalar = np.generic
cdef str BUFFERS = "_buffers", FORWARD = "forward", INLINE = "_inline", ITEMS = "_items", NAMES = "_names", TRAIN = "train"


# ---- what is inside ------------------------------------------------------------------------------------------------------

# The containers that a value was found in, innermost first.
cdef struct Chain:
    PyObject *container
    Chain *outer


cdef inline bint is_member(object x):
    return isinstance(x, Parameter) or isinstance(x, ModuleBase)


cdef int look(object name, object value, list found, bint named, Chain *outer) except -1:
    """Append to `found` the parameter or module that value is, or those inside, if it is a list, tuple or dict. `name` is
    value's own; where names are wanted each follows what it names."""
    cdef Chain chain
    cdef Py_ssize_t i, first
    cdef Chain *link = outer
    if is_member(value):
        found.append(value)
        if named:
            found.append(name if type(name) is str else str(name))
    elif isinstance(value, (list, tuple, dict)):
        while link != NULL:
            if link.container == <PyObject *>value:         # it contains itself
                return 0
            link = link.outer
        chain.container, chain.outer = <PyObject *>value, outer
        first = len(found)
        enter(" while looking for parameters and modules")
        try:
            for key, item in (value.items() if isinstance(value, dict) else enumerate(value)):
                look(key, item, found, named, &chain)
        finally:
            Py_LeaveRecursiveCall()
        if named:
            for i in range(first + 1, len(found), 2):
                found[i] = f"{name}.{found[i]}"
    elif PyAnySet_Check(value):
        for item in value:
            if is_member(item):
                raise TypeError(f"{name} is a set of parameters or modules, which has no order: write a list")
    return 0


cdef list members(object module, bint named):
    """The parameters and modules among a module's attributes, also inside lists, tuples and dicts, each followed by its name
    if `named`. What a container of ours holds (the attribute that its class names as `_inline`) stands there without that
    attribute's name, under its position, its key, or its name in the list `_names`."""
    cdef list found = []
    cdef object inside = PyObject_GenericGetDict(module, NULL)
    cdef PyObject *inline_name = _PyType_Lookup(Py_TYPE(module), INLINE)
    cdef object inline = None if inline_name == NULL else <object>inline_name
    cdef object names = None, held, value
    cdef Py_ssize_t i = 0, position = 0
    cdef PyObject *key
    cdef PyObject *item
    if inline is not None:
        held = inside.get(inline, ())
        names = inside.get(NAMES)
        if isinstance(held, dict):
            for name, value in held.items():
                look(name, value, found, named, NULL)
        else:
            for i in range(len(held)):
                look(i if names is None else names[i], held[i], found, named, NULL)
    while PyDict_Next(inside, &position, &key, &item):
        value = <object>item
        if isinstance(value, (float, int, str, Tensor)) and not isinstance(value, Parameter):
            continue
        name = <object>key
        if inline is None or name != inline:
            look(name, value, found, named, NULL)
    return found


cdef inline object identity(object x):
    return <size_t><PyObject *>x


cdef int gather(object module, list out, set parameters, set modules) except -1:
    cdef list found = members(module, False)
    cdef Py_ssize_t nested = 0
    modules.add(identity(module))
    for value in found:
        if not isinstance(value, Parameter):
            nested += 1
        elif identity(value) not in parameters:
            parameters.add(identity(value))
            out.append(value)
    if nested:
        enter(" while looking for parameters")
        try:
            for value in found:
                if isinstance(value, ModuleBase) and identity(value) not in modules:
                    gather(value, out, parameters, modules)
        finally:
            Py_LeaveRecursiveCall()
    return 0


def find_parameters(module):
    """All parameters inside, each once: the module's own, then its children's."""
    cdef list out = []
    gather(module, out, set(), set())
    return out


cdef int gather_places(object module, str prefix, list out, set seen, bint again) except -1:
    cdef list found = members(module, True)
    cdef Py_ssize_t i
    cdef object inside, key = identity(module)
    seen.add(key)
    for i in range(0, len(found), 2):
        if isinstance(found[i], Parameter):
            out.append((prefix + <str>found[i + 1], module, None, found[i]))
    inside = PyObject_GenericGetDict(module, NULL)
    for name in inside.get(BUFFERS, ()):
        value = inside.get(name)
        if value is not None:
            out.append((prefix + <str>name, module, name, value))
    enter(" while looking for parameters and buffers")
    try:
        for i in range(0, len(found), 2):
            if isinstance(found[i], ModuleBase) and identity(found[i]) not in seen:
                gather_places(found[i], f"{prefix}{found[i + 1]}.", out, seen, again)
    finally:
        Py_LeaveRecursiveCall()
    if again:
        seen.discard(key)
    return 0


def find_places(module, str prefix="", bint again=False):
    """(name, owner, attribute, value) of all parameters (attribute None) and buffers inside, a module's own first. A module
    is entered once, or, with `again`, once by every name."""
    cdef list out = []
    gather_places(module, prefix, out, set(), again)
    return out


def find_children(module, bint again=False):
    """(name, module) of the modules directly inside: each once, or, with `again`, by every name."""
    cdef list found = members(module, True)
    cdef set seen = set()
    cdef list out = []
    cdef Py_ssize_t i
    for i in range(0, len(found), 2):
        if isinstance(found[i], ModuleBase) and (again or identity(found[i]) not in seen):
            seen.add(identity(found[i]))
            out.append((found[i + 1], found[i]))
    return out


cdef int gather_modules(object module, str prefix, list out, set seen) except -1:
    cdef list found = members(module, True)
    cdef Py_ssize_t i
    seen.add(identity(module))
    out.append((prefix, module))
    if prefix and not prefix.endswith("."):
        prefix = prefix + "."
    enter(" while looking for modules")
    try:
        for i in range(0, len(found), 2):
            if isinstance(found[i], ModuleBase) and identity(found[i]) not in seen:
                gather_modules(found[i], prefix + <str>found[i + 1], out, seen)
    finally:
        Py_LeaveRecursiveCall()
    return 0


def find_modules(module, str prefix=""):
    """(name, module) of the module and everything inside, each once."""
    cdef list out = []
    gather_modules(module, prefix, out, set())
    return out


cdef int set_mode(object module, object mode, PyObject *plain_train, set seen) except -1:
    seen.add(identity(module))
    module.training = mode
    enter(" while setting the mode")
    try:
        for child in members(module, False):
            if not isinstance(child, ModuleBase) or identity(child) in seen:
                continue
            if _PyType_Lookup(Py_TYPE(child), TRAIN) == plain_train and TRAIN not in PyObject_GenericGetDict(child, NULL):
                set_mode(child, mode, plain_train, seen)
            else:                   # a frozen layer, say: it knows better, as in PyTorch
                seen.add(identity(child))
                child.train(mode)
    finally:
        Py_LeaveRecursiveCall()
    return 0


def set_training(module, mode, plain_train):
    """Set ``training`` in the module and everything inside; a child with a `train` other than `plain_train` is asked to."""
    set_mode(module, mode, <PyObject *>plain_train, set())


def drop_gradients(parameters):
    """Set the gradients of parameters to None."""
    for parameter in parameters:
        parameter.grad = None


# ---- attributes ----------------------------------------------------------------------------------------------------------

cdef bint is_function(object x):
    return inspect.isroutine(x) and (callable(x) or isinstance(x, classmethod) or isinstance(x, staticmethod) or isinstance(x, partialmethod))


cdef int check_name(object module, object name, object value) except -1:
    """Refuse a parameter or module under the name of what the module's class defines, or with a dot in its name."""
    cdef PyObject *mine = _PyType_Lookup(Py_TYPE(module), name)
    cdef bint is_path = not name or "." in <str>name
    if mine == NULL and not is_path:
        return 0
    kind, what = type(module).__name__, "parameter" if isinstance(value, Parameter) else "module"
    if is_path:
        place = "".join([f"[{part}]" if part.isdecimal() else f".{part}" for part in name.split(".")]) if name else ".name"
        raise ValueError(f"{kind}: {shown(name)} is not a name of a {what} but a path to one inside: write module{place} = value")
    if name == "training" or is_function(<object>mine):
        own = "the mode of every module" if name == "training" else f"a function of {kind}"
        raise TypeError(f"{kind}.{name} is {own}, which a {what} of this name would hide: write self.{name}_ = ..., or another name")
    if inspect.ismemberdescriptor(<object>mine):
        raise TypeError(f"{kind}.{name} is in __slots__, where no {what} is found: remove it from __slots__")
    return 0


cdef int check_replaced(object module, object name, object old, object value) except -1:
    """Refuse what would silently take a parameter or module out of its module."""
    if value is None:
        return 0
    where, got = f"{type(module).__name__}.{name}", type(value).__name__
    if isinstance(old, Parameter) and not isinstance(value, Parameter):
        raise TypeError(f"{where} is a parameter, and {got} in its place would not be trained: write module.{name}.assign(value) for a new "
                        f"value, module.{name} = nn.Parameter(value) for a new parameter, or take another name")
    if isinstance(old, ModuleBase) and not isinstance(value, ModuleBase) and name not in module._any_callable:
        raise TypeError(f"{where} is a module, and {got} in its place would leave its parameters out: write module.{name} = nn.Identity() or "
                        f"another Module, or first del module.{name}")
    return 0


def check_buffer(str where, name, value):
    """Refuse what no buffer can be."""
    if isinstance(value, ndarray) or isinstance(value, scalar):
        if value.dtype.kind not in "biufc":
            raise DTypeError(f"{where}: {shown(name)} must hold numbers or bools, got dtype {value.dtype}")
    elif value is not None and not isinstance(value, Tensor):
        raise TypeError(f"{where}: {shown(name)} must be a Tensor or a NumPy array, got {type(value).__name__}")


cdef int check_buffers(object module, object inside, PyObject *names, object name, object value) except -1:
    if name not in <object>names:
        return 0
    if isinstance(value, Parameter):                # from now on it is learnt
        PyDict_SetItem(inside, BUFFERS, [other for other in <object>names if other != name])
        return 0
    if value is None or isinstance(value, Tensor):
        return 0
    if isinstance(value, ndarray) or isinstance(value, scalar):
        check_buffer(type(module).__name__, name, value)
        return 0
    raise TypeError(f"{type(module).__name__}.{name} is a buffer, which takes a Tensor, a NumPy array or None, got {type(value).__name__}: "
                    f"write module.register_buffer({name!r}, np.array(value)), or take another name")


cdef inline bint is_container(object module, object name):
    """Whether it is a container of ours, whose items are attributes too; not for the attribute that holds them."""
    cdef PyObject *inline = _PyType_Lookup(Py_TYPE(module), INLINE)
    return inline != NULL and <object>inline is not None and name != <object>inline


@cython.auto_pickle(False)
cdef class ModuleBase:
    """The compiled part of :class:`nanograd.nn.Module`. No fields: copies, pickles and classes with several bases stay those of
    a class written in Python."""

    def __setattr__(self, name, value):
        if not isinstance(name, str):
            raise TypeError(f"attribute name must be string, not {type(name).__name__!r}")
        cdef object inside = PyObject_GenericGetDict(self, NULL)
        cdef PyObject *old = PyDict_GetItemWithError(inside, name)
        cdef PyObject *found
        if old != NULL:
            if is_member(<object>old):
                check_replaced(self, name, <object>old, value)
            found = PyDict_GetItemWithError(inside, BUFFERS)
            if found != NULL:
                check_buffers(self, inside, found, name, value)
        if is_member(value):
            check_name(self, name, value)
        found = _PyType_Lookup(Py_TYPE(self), name)
        if found == NULL or type_of(found).tp_descr_set == NULL:
            if (old == NULL or isinstance(value, ModuleBase)) and is_container(self, name) and self._set_inside(name, value):
                return
            PyDict_SetItem(inside, name, value)
        else:                                       # a property
            PyObject_GenericSetAttr(self, name, <PyObject *>value)

    def __delattr__(self, name):
        inside = PyObject_GenericGetDict(self, NULL)
        if name not in inside and is_container(self, name) and self._delete_inside(name):
            return
        PyObject_GenericSetAttr(self, name, NULL)
        names = inside.get(BUFFERS, ())
        if name in names:
            PyDict_SetItem(inside, BUFFERS, [other for other in names if other != name])

    def __call__(self, *args, **kwargs):
        # Of this Python sees the name and the docstring; what runs is call_module, which makes no dict of no keywords.
        return call_slowly(self, args, kwargs)


include "_module_call.pxi"
