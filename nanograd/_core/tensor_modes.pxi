# SPDX-License-Identifier: LGPL-3.0-or-later
# Grad mode: a flag per thread, in csrc's one thread-local struct.

cdef bint grad_mode() noexcept:
    return ng_grad_enabled()[0] != 0


cdef bint set_grad_mode(bint enabled) noexcept:
    cdef bint before = ng_grad_enabled()[0] != 0
    ng_grad_enabled()[0] = enabled
    return before


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


cdef class _GradMode:
    # Context and decorator. The modes to return to are a stack, so that one object may be entered again.
    cdef list before
    cdef bint flag

    def __cinit__(self):
        self.before = []

    def __enter__(self):
        self.before.append(ng_grad_enabled()[0])
        ng_grad_enabled()[0] = self.flag

    def __exit__(self, *exc):
        ng_grad_enabled()[0] = self.before.pop()

    def __call__(self, function):
        if not callable(function):
            raise TypeError(f"{type(self).__name__}: expected a function to decorate, got {type(function).__name__}")
        return _decorated(function, type(self), bool(self.flag))


def _decorated(function, mode, flag):
    import functools
    import inspect

    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise TypeError(f"{mode.__name__}: {function.__qualname__} is a generator or coroutine, whose body would run outside "
                        f"of the mode; write `with ng.{mode.__name__}():` inside of it")

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        cdef int before = ng_grad_enabled()[0]
        ng_grad_enabled()[0] = flag
        try:
            return function(*args, **kwargs)
        finally:
            ng_grad_enabled()[0] = before
    return wrapper


cdef class no_grad(_GradMode):
    """no_grad()
--

    Context and decorator in which operations record no graph, in this thread.

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


cdef class set_grad_enabled(_GradMode):
    """set_grad_enabled(flag)
--

    Switch recording on or off in this thread: at once, and as a context until its end.

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
    def __init__(self, flag):
        if not isinstance(flag, (bool, np.bool_)):
            raise TypeError(f"set_grad_enabled: flag must be a bool, got {type(flag).__name__} {shown(flag)}")
        self.flag = flag
        self.before.append(ng_grad_enabled()[0])
        ng_grad_enabled()[0] = self.flag

    def __enter__(self):
        # The constructor has switched already: the mode before that is on the stack.
        if len(self.before) != 1 or ng_grad_enabled()[0] != self.flag:
            self.before.append(ng_grad_enabled()[0])
            ng_grad_enabled()[0] = self.flag

    def __call__(self, function):
        if self.before:
            ng_grad_enabled()[0] = self.before.pop()  # a decorator changes nothing outside of the function
        return _GradMode.__call__(self, function)
