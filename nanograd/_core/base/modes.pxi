# SPDX-License-Identifier: LGPL-3.0-or-later
# Grad mode: a flag per thread, in csrc's one thread-local struct, which is all that operations look at.
#
# Blocks (`with no_grad():`) may overlap: two asyncio tasks of one thread, a generator that is closed late or by another thread.
# So a block does not put back what it found. It is open or left, and refers to the one that was youngest when it was opened; the
# youngest that is open has the mode, and what held before the first holds after the last. From Python 3.14 on each context has
# its own youngest block (a task has a context, a copy of its creator's), and a watcher sets the flag where the context changes.

cdef extern from *:
    """
    #include "ng_port.h"
    static NG_THREAD_LOCAL PyObject *ng_modes_of_thread = NULL;
    static inline PyObject **ng_thread_modes(void) { return &ng_modes_of_thread; }

    #if PY_VERSION_HEX >= 0x030E0000
    #define NG_MODE_PER_CONTEXT 1
    static void (*ng_on_context)(void) = NULL;
    static int ng_context_event(PyContextEvent event, PyObject *context)
    {
        (void)context;
        if (event == Py_CONTEXT_SWITCHED) {
            PyObject *raised = PyErr_GetRaisedException();
            ng_on_context();
            if (raised) PyErr_SetRaisedException(raised);
        }
        return 0;
    }
    static int ng_watch_contexts(void (*on_context)(void))
    {
        ng_on_context = on_context;
        return PyContext_AddWatcher(ng_context_event);
    }
    #else
    #define NG_MODE_PER_CONTEXT 0
    static int ng_watch_contexts(void (*on_context)(void)) { (void)on_context; return 0; }
    #endif
    """
    PyObject **ng_thread_modes() noexcept
    bint NG_MODE_PER_CONTEXT
    int ng_watch_contexts(void (*on_context)() noexcept) except -1
    PyObject *PyThreadState_GetDict() noexcept
    object PyContextVar_New(const char *name, PyObject *default_value)
    object PyContextVar_Set(object var, object value)
    int PyContextVar_Get(object var, PyObject *default_value, PyObject **value) noexcept
    void PyErr_WriteUnraisable(PyObject *where) noexcept

cdef PyObject *_threads = NULL            # the ThreadModes of all threads
cdef int64_t _threads_made = 0
cdef object _youngest = PyContextVar_New("nanograd_grad_mode", NULL) if NG_MODE_PER_CONTEXT else None


@cython.final
@cython.no_gc
cdef class ModeBlock:
    pass


@cython.final
@cython.no_gc
cdef class ThreadModes:
    """What blocks need to know of a thread. The thread's state owns it, so a block of a thread that has ended changes nothing."""
    cdef int *flag
    cdef PyObject **place     # where the thread finds this
    cdef ModeBlock youngest   # that is open: it has the mode
    cdef bint base            # the mode without a block
    cdef int64_t number
    cdef PyObject *previous
    cdef PyObject *next

    def __dealloc__(self):
        global _threads
        if self.place == ng_thread_modes():
            self.place[0] = NULL
        if self.previous != NULL:
            (<ThreadModes>self.previous).next = self.next
        elif _threads == <PyObject *>self:
            _threads = self.next
        if self.next != NULL:
            (<ThreadModes>self.next).previous = self.previous


cdef ThreadModes thread_modes():
    global _threads, _threads_made
    cdef PyObject **place = ng_thread_modes()
    cdef PyObject *state
    cdef ThreadModes modes
    if place[0] != NULL:
        return <ThreadModes>place[0]
    state = PyThreadState_GetDict()
    if state == NULL:
        raise MemoryError()
    modes = ThreadModes.__new__(ThreadModes)
    modes.flag = ng_grad_enabled()
    modes.base = modes.flag[0]
    _threads_made += 1
    modes.number = _threads_made
    (<dict>state)["nanograd grad modes"] = modes
    modes.place = place
    modes.next = _threads
    if _threads != NULL:
        (<ThreadModes>_threads).previous = <PyObject *>modes
    _threads = <PyObject *>modes
    place[0] = <PyObject *>modes
    return modes


cdef inline ModeBlock youngest_open(ModeBlock block):
    while block is not None and not block.is_open:
        block = block.below
    return block


cdef inline void keep_flag(ThreadModes modes) noexcept:
    """A bare set_grad_enabled() may have changed the mode since the youngest block was opened."""
    if modes.youngest is not None:
        modes.youngest.mode = modes.flag[0]
    else:
        modes.base = modes.flag[0]


cdef inline void apply_flag(ThreadModes modes) noexcept:
    modes.flag[0] = modes.youngest.mode if modes.youngest is not None else modes.base


cdef ModeBlock open_mode(bint mode):
    cdef ThreadModes modes = thread_modes()
    cdef ModeBlock block = ModeBlock.__new__(ModeBlock)
    block.mode = mode
    block.is_open = True
    block.below = modes.youngest
    if block.below is not None and block.below.below is not None:
        block.below.below = youngest_open(block.below.below)       # so that blocks that overlap for ever make no chain
    if NG_MODE_PER_CONTEXT:
        PyContextVar_Set(_youngest, block)
    keep_flag(modes)
    modes.youngest = block
    modes.flag[0] = mode
    return block


cdef int close_mode(ModeBlock block) except -1:
    cdef PyObject *thread = _threads
    block.is_open = False
    while thread != NULL:
        if (<ThreadModes>thread).youngest is block:
            (<ThreadModes>thread).youngest = youngest_open(block.below)
            apply_flag(<ThreadModes>thread)
        thread = (<ThreadModes>thread).next
    return 0


cdef void on_context() noexcept:
    """The calling thread runs in another context now, or in none."""
    cdef ThreadModes modes
    cdef PyObject *block = NULL
    if PyContextVar_Get(_youngest, NULL, &block) < 0:
        PyErr_WriteUnraisable(NULL)
        return
    if block == NULL and ng_thread_modes()[0] == NULL:
        return                   # no block was ever opened here
    try:
        modes = thread_modes()
    except MemoryError:
        Py_XDECREF(block)
        return
    keep_flag(modes)
    modes.youngest = None if block == NULL else youngest_open(<ModeBlock>block)
    apply_flag(modes)
    Py_XDECREF(block)


ng_watch_contexts(on_context)


cdef bint grad_mode() noexcept:
    return ng_grad_enabled()[0] != 0


cdef bint needs_grad(Tensor t) noexcept:
    return t.wants_grad and ng_grad_enabled()[0] != 0


def is_grad_enabled():
    """Whether operations record a graph in this thread.

    Returns
    -------
    bool

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.is_grad_enabled()
    True
    """
    return bool(ng_grad_enabled()[0])


@cython.binding(False)
@cython.embedsignature(True)
cdef class _GradMode:
    # Context and decorator. The blocks that it has opened, since one object may be entered again, and by several threads.
    cdef list blocks
    cdef bint flag

    def __cinit__(self):
        self.blocks = []

    def __enter__(self):
        self.blocks.append(open_mode(self.flag))

    def __exit__(self, *exc):
        cdef ModeBlock block
        if not self.blocks:
            raise RuntimeError(f"{type(self).__name__}: exited without having been entered")
        # The youngest that this thread (from 3.14 on: this context) has open; else it was opened by another one.
        block = thread_modes().youngest
        while block is not None and block not in self.blocks:
            block = youngest_open(block.below)
        if block is None:
            block = self.blocks[len(self.blocks) - 1]
        self.blocks.remove(block)
        close_mode(block)

    def __call__(self, function):
        if not callable(function):
            raise TypeError(f"{type(self).__name__}: expected a function to decorate, got {type(function).__name__}")
        return _decorated(function, type(self), bool(self.flag))


def _decorated(function, mode, flag):
    import functools
    import inspect

    if inspect.isclass(function):
        raise TypeError(f"{mode.__name__}: {function.__qualname__} is a class, whose methods would run outside of the mode; write "
                        f"@ng.{mode.__name__}() above a method, or `with ng.{mode.__name__}():` inside of it")
    body = getattr(function, "__func__", function)          # of a static method
    if not inspect.isroutine(body) and not isinstance(body, functools.partial):
        body = getattr(type(body), "__call__", body)        # of an object that is called
    if inspect.isgeneratorfunction(body) or inspect.iscoroutinefunction(body) or inspect.isasyncgenfunction(body):
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise TypeError(f"{mode.__name__}: {name} is a generator or coroutine, whose body would run outside "
                        f"of the mode; write `with ng.{mode.__name__}():` inside of it")

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        cdef ModeBlock block = open_mode(flag)
        try:
            return function(*args, **kwargs)
        finally:
            close_mode(block)
    return wrapper


cdef class no_grad(_GradMode):
    """no_grad()
--

    Context and decorator in which operations record no graph, in this thread.

    Notes
    -----
    Blocks may overlap: those of asyncio tasks in one thread, or of generators that are closed late or by another thread. While they
    do, the most recently opened one decides; when the last is left, the mode is what it was before the first. From Python 3.14 on
    this applies to each task separately; a task started inside a block stays in that block, too, until it is left.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> with ng.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    def __init__(self, *function):
        if function:
            raise TypeError("no_grad takes no arguments: write @ng.no_grad() above a function")
        self.flag = False


cdef class enable_grad(_GradMode):
    """enable_grad()
--

    Context and decorator in which operations record a graph, also inside of ``no_grad``.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> with ng.no_grad(), ng.enable_grad():
    ...     y = w * 2
    >>> y.requires_grad
    True
    """
    def __init__(self, *function):
        if function:
            raise TypeError("enable_grad takes no arguments: write @ng.enable_grad() above a function")
        self.flag = True


@cython.binding(False)
@cython.embedsignature(True)
cdef class set_grad_enabled(_GradMode):
    """set_grad_enabled(flag)
--

    Switch recording on or off in this thread: at once, and as a context until its end.

    As a plain call it lasts until the next one, or, inside a block (:class:`no_grad`), until that is left.

    Parameters
    ----------
    flag : bool
        Whether operations record a graph.

    Examples
    --------
    >>> import nanograd as ng
    >>> with ng.set_grad_enabled(False):
    ...     ng.is_grad_enabled()
    False
    >>> ng.is_grad_enabled()
    True
    """
    cdef int before              # the mode that the constructor found,
    cdef int64_t where           # in the thread of this number (0: that is used up),
    cdef ModeBlock above         # inside of this block

    def __init__(self, flag):
        flag = as_flag("set_grad_enabled", "flag", flag)
        self.undo()              # of a second __init__
        self.flag = flag
        self.before = ng_grad_enabled()[0]
        self.where = thread_modes().number
        self.above = thread_modes().youngest
        ng_grad_enabled()[0] = self.flag

    cdef int undo(self) except -1:
        """Take back the switch that the constructor made, unless other switches or blocks came after it."""
        cdef ThreadModes modes = thread_modes()
        if self.where == modes.number and modes.youngest is self.above and ng_grad_enabled()[0] == self.flag:
            ng_grad_enabled()[0] = self.before
        self.where = 0
        self.above = None
        return 0

    def __enter__(self):
        self.undo()              # the block switches, and its end goes back behind the constructor
        _GradMode.__enter__(self)

    def __call__(self, function):
        self.undo()              # a decorator changes nothing outside of the function
        return _GradMode.__call__(self, function)
