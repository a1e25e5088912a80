# SPDX-License-Identifier: LGPL-3.0-or-later
# How a module is called: what runs in place of ModuleBase.__call__, and layers that only call a function.

# ---- the call ------------------------------------------------------------------------------------------------------------

cdef object call_slowly "ng_call_slowly" (object module, object args, object kwargs):
    if kwargs is None:
        kwargs = {}
    if module._hooks is None:
        return module.forward(*args, **kwargs)
    return module._call_with_hooks(args, kwargs)


cdef object call_known "ng_call_known" (object options, object module, PyObject **args):
    """forward(*args), where the class's forward calls a function with these options."""
    if PyDict_GetItemWithError(PyObject_GenericGetDict(module, NULL), FORWARD) != NULL:       # but the object has its own
        return module.forward(*[<object>args[i] for i in range((<Options>options).n_inputs)])
    return (<Options>options).call(module, args)


cdef object call_failed "ng_call_failed" (object module):
    try:
        raise_again()
    except Exception as error:
        module._note_place(error)
        raise


cdef object run_items(object module, object input):
    """What a Sequential computes: each item of the output of the one before."""
    cdef object layer = module
    enter(" while calling modules in turn")
    try:
        for layer in <list?>PyObject_GenericGetDict(module, NULL).get(ITEMS, []):
            input = call_one(layer, input)
    except Exception as error:
        layer._note_place(error)
        raise
    finally:
        Py_LeaveRecursiveCall()
    return input


cdef object run_chain "ng_run_chain" (object module, object input):
    if PyDict_GetItemWithError(PyObject_GenericGetDict(module, NULL), FORWARD) != NULL:       # the object has its own
        return module.forward(input)
    return run_items(module, input)


def run_in_turn(module, input):
    """The forward of Sequential."""
    return run_items(module, input)


cdef extern from *:
    """
    #include <structmember.h>
    static PyObject *ng_call_slowly(PyObject *, PyObject *, PyObject *);
    static PyObject *ng_call_failed(PyObject *);
    static PyObject *ng_forward;
    static Py_ssize_t ng_direct;            /* where Module's __slots__ keep _direct: neither hooks nor a __call__ of its class */

    /* The forwards of `calling` and `comparing`, by which options->call is found without a call of them. */
    typedef struct { PyObject *forward, *options; Py_ssize_t n; } ng_shortcut;
    static ng_shortcut ng_table[64];
    static int ng_shortcuts;
    static PyTypeObject *ng_compiled;
    static PyObject *ng_call_known(PyObject *, PyObject *, PyObject **);
    static PyObject *ng_run_chain(PyObject *, PyObject *);
    static PyObject *ng_chain;              /* the forward of Sequential, which is run without a frame of its own */
    static inline size_t ng_hash(PyObject *x) { return ((size_t)x >> 5) % 64; }
    static inline ng_shortcut *ng_find(PyObject *forward)
    {
        for (size_t i = ng_hash(forward); ng_table[i].forward; i = (i + 1) % 64)
            if (ng_table[i].forward == forward) return &ng_table[i];
        return NULL;
    }

    static PyObject *ng_call(PyObject *module, PyObject *args, PyObject *kwargs)
    {
        enum { MOST = 4 };
        Py_ssize_t n = PyTuple_GET_SIZE(args);
        PyObject *stack[MOST + 2], *answer;
        int direct = ng_direct < Py_TYPE(module)->tp_basicsize && *(PyObject **)((char *)module + ng_direct) == Py_True;
        if (!kwargs && n <= MOST && direct) {
            PyObject *forward = _PyType_Lookup(Py_TYPE(module), ng_forward);
            const ng_shortcut *known = forward && Py_IS_TYPE(forward, ng_compiled) ? ng_find(forward) : NULL;
            if (known && known->n == n) {
                answer = ng_call_known(known->options, module, &PyTuple_GET_ITEM(args, 0));
            } else if (n == 1 && forward && forward == ng_chain) {
                answer = ng_run_chain(module, PyTuple_GET_ITEM(args, 0));
            } else {
                stack[1] = module;
                for (Py_ssize_t i = 0; i < n; i++) stack[i + 2] = PyTuple_GET_ITEM(args, i);
                answer = PyObject_VectorcallMethod(ng_forward, stack + 1, (size_t)(n + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
            }
        } else {
            answer = ng_call_slowly(module, args, kwargs ? kwargs : Py_None);
        }
        return answer ? answer : ng_call_failed(module);
    }
    /* module(x), without a tuple, and without a note on an error of the module itself. */
    static PyObject *ng_call_one(PyObject *module, PyObject *x)
    {
        PyObject *stack[3] = {NULL, module, x}, *forward;
        const ng_shortcut *known;
        if (Py_TYPE(module)->tp_call != ng_call || *(PyObject **)((char *)module + ng_direct) != Py_True)
            return PyObject_CallOneArg(module, x);
        forward = _PyType_Lookup(Py_TYPE(module), ng_forward);
        known = forward && Py_IS_TYPE(forward, ng_compiled) ? ng_find(forward) : NULL;
        if (known && known->n == 1) return ng_call_known(known->options, module, &x);
        if (forward && forward == ng_chain) return ng_run_chain(module, x);
        return PyObject_VectorcallMethod(ng_forward, stack + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    static void ng_install_chain(PyObject *forward) { Py_XINCREF(forward); ng_chain = forward; }
    static int ng_add_shortcut(PyObject *forward, PyObject *options, Py_ssize_t n)
    {
        ng_shortcut *place = ng_find(forward);
        if (place || ng_shortcuts == 64 - 1) return 0;
        for (size_t i = ng_hash(forward);; i = (i + 1) % 64)
            if (!ng_table[i].forward) { place = &ng_table[i]; break; }
        Py_INCREF(forward), Py_INCREF(options);
        place->forward = forward, place->options = options, place->n = n;
        ng_compiled = Py_TYPE(forward);
        ng_shortcuts++;
        return 0;
    }
    static int ng_raise_again(void) { return -1; }

    static int ng_install_call(PyTypeObject *base, PyObject *call, PyObject *direct, PyObject *forward)
    {
        if (!Py_IS_TYPE(call, &PyWrapperDescr_Type) || !Py_IS_TYPE(direct, &PyMemberDescr_Type)) return 0;
        ng_direct = ((PyMemberDescrObject *)direct)->d_member->offset;
        ng_forward = forward;
        base->tp_call = ng_call;                                            /* of its own objects, of which there are none, */
        ((PyWrapperDescrObject *)call)->d_wrapped = (void *)ng_call;        /* and of every class that is derived from it */
        return 1;
    }
    """
    int raise_again "ng_raise_again" () except -1
    int add_shortcut "ng_add_shortcut" (object forward, object options, Py_ssize_t n) except -1
    bint ng_install_call(PyTypeObject *base, object call, object direct, object forward)
    object call_one "ng_call_one" (object module, object x)
    void ng_install_chain(PyObject *forward)


def install_chain(forward):
    """Let a call of a Sequential, whose forward this is, do what `run_in_turn` does."""
    ng_install_chain(<PyObject *>forward)


def install_call(direct):
    """Make calls of modules as quick as calls of functions; `direct` is the member descriptor of Module's ``_direct``."""
    if not ng_install_call(<PyTypeObject *>ModuleBase, ModuleBase.__dict__["__call__"], direct, FORWARD):
        raise ImportError("nanograd.nn: this Python stores calls or slots differently")


# ---- layers that only call a function ------------------------------------------------------------------------------------

cdef inline bint is_default(object value, object default):
    return value is default or (type(value) is type(default) and isinstance(default, (float, int)) and value == default)


@cython.final
cdef class Options:
    """The keywords of a function whose values are a module's attributes."""
    cdef object function
    cdef tuple keywords, attributes, defaults
    cdef Py_ssize_t n, n_inputs

    def __init__(self, function, n_inputs, options):
        self.function = function
        self.n_inputs = n_inputs
        self.keywords = tuple([keyword for keyword, _, _ in options])
        self.attributes = tuple([attribute for _, attribute, _ in options])
        self.defaults = tuple([default for _, _, default in options])
        self.n = len(options)
        if self.n > 4:
            raise ValueError("at most four options")

    cdef object call(self, object module, PyObject **inputs):
        cdef PyObject *stack[7]
        cdef PyObject *value
        cdef Py_ssize_t i, n = self.n_inputs
        cdef bint plain = True
        stack[1] = inputs[0]
        if n > 1:
            stack[2] = inputs[1]
        if self.n:
            inside = PyObject_GenericGetDict(module, NULL)
            for i in range(self.n):
                value = PyDict_GetItemWithError(inside, self.attributes[i])
                if value == NULL:                               # of the class, or a property, which may replace the others
                    return self.call_held(module, inputs)
                plain = plain and is_default(<object>value, self.defaults[i])
                stack[1 + n + i] = value
        return PyObject_Vectorcall(self.function, stack + 1, n | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                   NULL if plain else <PyObject *>self.keywords)

    cdef object call_held(self, object module, PyObject **inputs):
        cdef list arguments = [<object>inputs[i] for i in range(self.n_inputs)]
        return self.function(*arguments, **{self.keywords[i]: getattr(module, self.attributes[i]) for i in range(self.n)})


def calling(function, *options):
    """Decorates the ``forward(input)`` of a layer that does nothing but call a function. Each option is (keyword, attribute that
    has its value, default); where all are at their defaults none is passed. What is decorated says how it looks."""
    cdef Options held = Options(function, 1, options)

    def decorate(plain):
        def forward(self, input):
            cdef PyObject *inputs = <PyObject *>input
            return held.call(self, &inputs)
        add_shortcut(forward, held, 1)
        return wraps(plain)(forward)
    return decorate


def comparing(function, *options):
    """Decorates the ``forward(input, target)`` of a loss that does nothing but call a function; options as for `calling`."""
    cdef Options held = Options(function, 2, options)

    def decorate(plain):
        def forward(self, input, target):
            cdef PyObject *inputs[2]
            inputs[0], inputs[1] = <PyObject *>input, <PyObject *>target
            return held.call(self, inputs)
        add_shortcut(forward, held, 2)
        return wraps(plain)(forward)
    return decorate
