# SPDX-License-Identifier: LGPL-3.0-or-later
# `ng.sum(x, dim=1)`: a TypeError that says axis=1. A call that succeeds pays for one jump.
#
# The signatures stay what they are, so the words of other libraries reach nothing but the error that Cython raises for them. It is
# raised inside the function object's vectorcall; we wrap that, and look at the error on its way out.

cdef extern from *:
    """
    static PyObject *ng_own_words(PyObject *function, PyObject *text, PyObject **args, Py_ssize_t n, PyObject *names);

    /* Another TypeError in place of the one that is set, if there is more to say. */
    static void ng_explain_words(PyObject *function, PyObject *const *args, Py_ssize_t n, PyObject *names)
    {
        PyObject *type, *error, *traceback, *text, *better;
        PyErr_Fetch(&type, &error, &traceback);
        text = error ? PyObject_Str(error) : NULL;
        better = text ? ng_own_words(function, text, (PyObject **)args, n, names) : NULL;
        if (better && better != Py_None) {
            PyErr_SetObject(PyExc_TypeError, better);
            Py_XDECREF(type), Py_XDECREF(error), Py_XDECREF(traceback);
        } else {
            PyErr_Clear();
            PyErr_Restore(type, error, traceback);
        }
        Py_XDECREF(text), Py_XDECREF(better);
    }

    /* The functions of one module share one vectorcall: one slot for each that there is. */
    static vectorcallfunc ng_original[32];

    static PyObject *ng_call_original(const int i, PyObject *f, PyObject *const *args, size_t nargsf, PyObject *names)
    {
        PyObject *result = ng_original[i](f, args, nargsf, names);
        if (result == NULL && names != NULL && PyErr_ExceptionMatches(PyExc_TypeError))
            ng_explain_words(f, args, PyVectorcall_NARGS(nargsf), names);
        return result;
    }

    /* Without keywords there is nothing to explain: then this is a jump. */
    #define NG_IN_FRONT(i) static PyObject *ng_in_front_##i(PyObject *f, PyObject *const *a, size_t n, PyObject *k) \\
        { return k == NULL ? ng_original[i](f, a, n, k) : ng_call_original(i, f, a, n, k); }
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

    /* Of one module. Here a call without keywords may have something to explain too: x.permute(0, 2, 1). */
    static vectorcallfunc ng_several_original = NULL;

    static PyObject *ng_several(PyObject *f, PyObject *const *args, size_t nargsf, PyObject *names)
    {
        PyObject *result = ng_several_original(f, args, nargsf, names);
        if (result == NULL && PyErr_ExceptionMatches(PyExc_TypeError))
            ng_explain_words(f, args, PyVectorcall_NARGS(nargsf), names);
        return result;
    }

    static void ng_stand_before_several(PyObject *f)
    {
        if (!ng_stand_in_front(f)) return;
        vectorcallfunc *place = (vectorcallfunc *)((char *)f + Py_TYPE(f)->tp_vectorcall_offset), original = NULL;
        for (int i = 0; i < 24; i++)
            if (*place == ng_in_front[i]) original = ng_original[i];
        if (original == NULL || (ng_several_original != NULL && ng_several_original != original)) return;
        ng_several_original = original;
        *place = ng_several;
    }
    """
    int ng_stand_in_front(PyObject *function)
    void ng_stand_before_several(PyObject *function)


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


def explain_words(functions):
    """Let a call of one of these functions with a word of WORDS say what the argument is called here."""
    ours = {name for names in WORDS.values() for name in names}
    for function in functions:
        if not ours.isdisjoint(arguments_of(function)):
            ng_stand_in_front(<PyObject *>function)


def explain_several(functions):
    """Let a call of one of these functions with several numbers in place of one tuple say so; all are of one module."""
    for function in functions:
        ng_stand_before_several(<PyObject *>function)


cdef str own_word(str word, object value, tuple known):
    """`axis=1` for dim=1; None for what has no name here."""
    for name in WORDS.get(word, ()):
        if name in known:
            if word == "unbiased":
                return f"ddof={int(bool(value))}"
            return f"{name}={shown(value)}"
    return None


def better_message(function, text, keywords, arguments=()):
    """The message for a call with these keywords; None where `text` is to stand."""
    name = function.__name__
    if not text.startswith(f"{name}() "):
        return None                                    # raised by something inside
    known = arguments_of(function)
    if not keywords and " positional argument" in text and len(arguments) > len(known):
        return f"{name}: several {SEVERAL.get(known[1], known[1])} are one tuple: write {name}(x, {shown(tuple(arguments[1:]))})"
    ours = {word: own_word(word, value, known) for word, value in keywords.items() if word not in known}
    ours = {word: text for word, text in ours.items() if text is not None}
    return f"{name}: takes no {', '.join(word + '=' for word in ours)}: write {', '.join(ours.values())}" if ours else None


cdef object own_words "ng_own_words"(object function, object text, PyObject **args, Py_ssize_t n, PyObject *names):
    cdef Py_ssize_t i
    if names == NULL:
        return better_message(function, text, {}, [<object>args[i] for i in range(n)])
    return better_message(function, text, {(<tuple>names)[i]: <object>args[n + i] for i in range(len(<tuple>names))})
