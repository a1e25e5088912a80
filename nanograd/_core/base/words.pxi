# SPDX-License-Identifier: LGPL-3.0-or-later
# `ng.sum(x, dim=1)`: a TypeError that says axis=1. A call that succeeds pays for a jump and a compare.
#
# Also `x.permute(0, 2, 1)`, `ng.min(a, b)`, `ng.concatenate(a, b)`, `ng.grad(f)(x)`: arguments in places that are not theirs.
#
# The signatures stay what they are, so such calls reach nothing but the error that Cython, or the function, raises for them. It is
# raised inside the function object's vectorcall; we wrap that, and look at the error on its way out.

cdef extern from *:
    """
    static PyObject *ng_own_words(PyObject *function, PyObject *text, PyObject **args, Py_ssize_t n, PyObject *names);

    /* Another text for the TypeError that is set, if there is more to say. */
    static void ng_explain_words(PyObject *function, PyObject *const *args, Py_ssize_t n, PyObject *names)
    {
        PyObject *type, *error, *traceback, *text, *better;
        PyErr_Fetch(&type, &error, &traceback);
        text = error ? PyObject_Str(error) : NULL;
        better = text ? ng_own_words(function, text, (PyObject **)args, n, names) : NULL;
        if (better && better != Py_None) {
            PyErr_SetObject(type, better);
            Py_XDECREF(type), Py_XDECREF(error), Py_XDECREF(traceback);
        } else {
            /* What says that the program is to stop or short of memory, and came up in the repr of a value, passes. */
            if (!better && PyErr_Occurred() && (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))) {
                Py_XDECREF(type), Py_XDECREF(error), Py_XDECREF(traceback);
            } else {
                PyErr_Clear();
                PyErr_Restore(type, error, traceback);
            }
        }
        Py_XDECREF(text), Py_XDECREF(better);
    }

    /* The functions of one module share one vectorcall: one slot for each that there is. */
    static vectorcallfunc ng_original[32];

    static PyObject *ng_failed(PyObject *f, PyObject *const *args, size_t nargsf, PyObject *names)
    {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            ng_explain_words(f, args, PyVectorcall_NARGS(nargsf), names);
        return NULL;
    }

    #define NG_IN_FRONT(i) static PyObject *ng_in_front_##i(PyObject *f, PyObject *const *a, size_t n, PyObject *k) \\
        { PyObject *y = ng_original[i](f, a, n, k); return y != NULL ? y : ng_failed(f, a, n, k); }
    NG_IN_FRONT(0) NG_IN_FRONT(1) NG_IN_FRONT(2) NG_IN_FRONT(3) NG_IN_FRONT(4) NG_IN_FRONT(5) NG_IN_FRONT(6) NG_IN_FRONT(7)
    NG_IN_FRONT(8) NG_IN_FRONT(9) NG_IN_FRONT(10) NG_IN_FRONT(11) NG_IN_FRONT(12) NG_IN_FRONT(13) NG_IN_FRONT(14) NG_IN_FRONT(15)
    NG_IN_FRONT(16) NG_IN_FRONT(17) NG_IN_FRONT(18) NG_IN_FRONT(19) NG_IN_FRONT(20) NG_IN_FRONT(21) NG_IN_FRONT(22) NG_IN_FRONT(23)
    NG_IN_FRONT(24) NG_IN_FRONT(25) NG_IN_FRONT(26) NG_IN_FRONT(27) NG_IN_FRONT(28) NG_IN_FRONT(29) NG_IN_FRONT(30) NG_IN_FRONT(31)
    static const vectorcallfunc ng_in_front[32] = {
        ng_in_front_0, ng_in_front_1, ng_in_front_2, ng_in_front_3, ng_in_front_4, ng_in_front_5, ng_in_front_6, ng_in_front_7,
        ng_in_front_8, ng_in_front_9, ng_in_front_10, ng_in_front_11, ng_in_front_12, ng_in_front_13, ng_in_front_14,
        ng_in_front_15, ng_in_front_16, ng_in_front_17, ng_in_front_18, ng_in_front_19, ng_in_front_20, ng_in_front_21,
        ng_in_front_22, ng_in_front_23, ng_in_front_24, ng_in_front_25, ng_in_front_26, ng_in_front_27, ng_in_front_28,
        ng_in_front_29, ng_in_front_30, ng_in_front_31};

    /* 1: done, or done before; 0: the object is not called by vectorcall, or there are no slots left */
    static int ng_stand_in_front(PyObject *f)
    {
        PyTypeObject *type = Py_TYPE(f);
        if (!PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL) || type->tp_vectorcall_offset <= 0) return 0;
        vectorcallfunc *place = (vectorcallfunc *)((char *)f + type->tp_vectorcall_offset);
        if (*place == NULL) return 0;
        for (int i = 0; i < 32; i++) {
            if (*place == ng_in_front[i]) return 1;
            if (ng_original[i] == NULL) ng_original[i] = *place;
            if (ng_original[i] == *place) { *place = ng_in_front[i]; return 1; }
        }
        return 0;
    }
    """
    int ng_stand_in_front(PyObject *function)


# Words of PyTorch's and NumPy's, and what an argument of that meaning may be called here.
cdef dict WORDS = {
    "dim": ("axis", "axes"), "dims": ("axis", "axes"), "axes": ("axis",), "axis": ("axes",), "keepdim": ("keepdims",),
    "start_dim": ("start_axis",), "end_dim": ("end_axis",), "dim0": ("a",), "dim1": ("b",), "axis1": ("a",), "axis2": ("b",),
    "shifts": ("shift",), "index": ("indices",), "repeats": ("n", "reps"), "p": ("ord",), "unbiased": ("ddof",),
    "correction": ("ddof",), "chunks": ("n",), "split_size_or_sections": ("sizes",), "diagonal": ("k",), "offset": ("k",),
}


cdef dict SEVERAL = {"axis": "axes"}


def arguments_of(function):
    """The names of a function's arguments, without the cost of inspect."""
    code = function.__code__
    return code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]


# Functions of an argument that is one tuple, which others take apart.
cdef set TUPLES = {"broadcast_to", "flip", "permute", "squeeze", "tile"}
cdef set SHAPES = {"empty", "ones", "zeros"}


# Words that have no meaning here, and why.
cdef dict NOTHING = {"device": "every tensor is on the CPU", "pin_memory": "every tensor is on the CPU", "out": "a tensor's value never changes",
                     "layout": "a tensor is dense", "memory_format": "a tensor is dense", "order": "a tensor's elements lie in C's order"}


def explain_words(functions):
    """Let a failing call of one of these functions say what was meant, where `better_message` knows it."""
    ours = {name for names in WORDS.values() for name in names}
    for function in functions:
        if not ours.isdisjoint(arguments_of(function)) or function.__name__ in (*TUPLES, "grad", "where") or (
                "dtype" in arguments_of(function)):
            ng_stand_in_front(<PyObject *>function)


cdef str as_written(object x):
    return "x" if isinstance(x, (Tensor, cnp.ndarray)) else shown(x)


cdef bint is_array(object x):
    return (isinstance(x, Tensor) and (<Tensor>x).rank > 0) or (isinstance(x, cnp.ndarray) and cnp.PyArray_NDIM(x) > 0)


cdef str by_place(str name, tuple known, tuple given, dict keywords, str text):
    """The message for arguments in places that are not theirs; None for what is no mistake of these."""
    cdef object first = given[0] if given else None
    if name == "grad" and callable(first) and not isinstance(first, Tensor):
        return "grad: takes a result and its inputs, not a function: write dx, = ng.grad(f(x), x)"
    if name in ("concatenate", "stack") and len(given) > 1 and is_array(first) and is_array(given[1]):
        names = ", ".join("abcdefgh"[:len(given)])
        axis = f", axis={shown(keywords['axis'])}" if "axis" in keywords else ""
        return f"{name}: the tensors are one list: write ng.{name}([{names}]{axis})"
    if not text.startswith(f"{name}() ") and name not in SHAPES:
        return None
    if name in TUPLES and len(given) > 2 and all([plain_int(item) is not None for item in given[1:]]):
        return f"{name}: several {SEVERAL.get(known[1], known[1])} are one tuple: write ng.{name}(x, {shown(given[1:])})"
    if name in SHAPES and len(given) > 1 and all([plain_int(item) is not None for item in given]):
        return f"{name}: a shape is one argument, a tuple: write ng.{name}({shown(given)})"
    if name == "grad" and len(given) == 1 and "inputs" not in keywords:
        return "grad: inputs is missing: write ng.grad(outputs, inputs), where inputs may be list(model.parameters())"
    if name == "where" and len(given) == 1:
        return "where: takes a condition and two operands; for the places where it holds write np.nonzero(condition)"
    return None


cdef str own_word(str word, object value, tuple known):
    """`axis=1` for dim=1; None for what has no name here."""
    for name in WORDS.get(word, ()):
        if name in known:
            if word == "unbiased":
                return f"ddof={int(bool(value))}"
            return f"{name}={shown(value)}"
    return None


def better_message(function, text, given, keywords):
    """The message for a call with these arguments, by place and by name; None where `text` is to stand."""
    name, known = function.__name__, arguments_of(function)
    message = by_place(name, known, given, keywords, text)
    if message is not None:
        return message
    if not text.startswith(f"{name}() "):
        return None                                    # raised by something inside
    ours = {word: own_word(word, value, known) for word, value in keywords.items() if word not in known}
    ours = {word: text for word, text in ours.items() if text is not None}
    if ours:
        return f"{name}: takes no {', '.join(word + '=' for word in ours)}: write {', '.join(ours.values())}"
    nothing = [word for word in keywords if word in NOTHING and word not in known]
    if not nothing:
        return None
    kept = [*map(as_written, given), *(f"{word}={as_written(value)}" for word, value in keywords.items() if word not in nothing)]
    return f"{name}: takes no {', '.join(word + '=' for word in nothing)} ({NOTHING[nothing[0]]}): write ng.{name}({', '.join(kept)})"


cdef object own_words "ng_own_words"(object function, object text, PyObject **args, Py_ssize_t n, PyObject *names):
    cdef Py_ssize_t i
    words = () if names == NULL else <tuple>names
    return better_message(function, text, tuple([<object>args[i] for i in range(n)]),
                          {words[i]: <object>args[n + i] for i in range(len(words))})
