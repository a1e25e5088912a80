# SPDX-License-Identifier: LGPL-3.0-or-later
# How an operation becomes known: `@public` on its `def` is all that it takes.

def public(thing=None, *, method=False, numpy=None, scipy=None):
    """Let users call a function, or a class, of the core. As a decorator; returns what it is given.

    It comes into its module's ``__all__``, and so into ``nanograd``, and the sections that its docstring names (docstrings.pxi) are
    filled in. ``method``: into Tensor too ("only": there alone). ``numpy``: NumPy's names of it, separated by spaces, so that NumPy's
    function runs it when it is given a tensor; by default its own name if it is a method, and "" for none. ``scipy``: the name of the
    ufunc in scipy.special.
    """
    if thing is None:
        return lambda function: public(function, method=method, numpy=numpy, scipy=scipy)
    cdef str name = thing.__name__
    doc = thing.__doc__
    filled = filled_docstring(doc)
    if filled is not doc:
        thing.__doc__ = filled
    if method != "only":
        vars(sys.modules[thing.__module__]).setdefault("__all__", []).append(name)
    if method:
        add_attributes({name: thing})
    register_numpy(numpy if numpy is not None else name if method else "", thing)
    if scipy is not None:
        SCIPY_UFUNCS[scipy] = thing
    return thing


def register_numpy(names, function):
    """Let NumPy's functions of these names run ours when they are given a tensor; it takes their arguments, or says which it lacks."""
    for name in names.split():
        theirs = getattr(np, name, None)
        if isinstance(theirs, np.ufunc):
            UFUNCS[theirs] = function
        elif callable(theirs):
            ARRAY_FUNCTIONS[theirs] = function


def add_attributes(attributes):
    """Put them into Tensor, which as a C type takes none from Python."""
    cdef PyTypeObject *type_ = <PyTypeObject *>Tensor
    (<dict>type_.tp_dict).update(attributes)
    PyType_Modified(type_)


def show_as(module, objects):
    """Let compiled functions and classes say that they are of that module: in help(), error messages, pickles."""
    cdef bytes name
    for thing in objects:
        if isinstance(thing, type) and not (<PyTypeObject *>thing).tp_flags & Py_TPFLAGS_HEAPTYPE:
            name = f"{module}.{thing.__name__}".encode()
            Py_INCREF(name)                    # the type has only its characters, and outlives this module
            (<PyTypeObject *>thing).tp_name = name
        else:
            thing.__module__ = module
