# SPDX-License-Identifier: LGPL-3.0-or-later
# Where random numbers come from.

@cython.binding(False)
@cython.embedsignature(True)
cdef class Generator:
    """Generator(seed=None)
--

    A source of random numbers: a seed, and a counter that every draw advances.

    A draw advances the counter by an amount that depends only on the shape and dtype of the result, and its numbers do not
    depend on the machine, its instruction set or the number of threads.

    Parameters
    ----------
    seed : int, optional
        In [0, 2**64). By default it is taken from the system's entropy.

    Raises
    ------
    ValueError
        For a seed out of range.

    Examples
    --------
    >>> import nanograd as ng
    >>> generator = ng.Generator(0)
    >>> first = ng.rand(3, generator=generator)
    >>> generator.manual_seed(0)
    Generator(seed=0, counter=0)
    >>> first.tolist() == ng.rand(3, generator=generator).tolist()
    True
    """
    cdef ng_stream stream        # kernels read it, and move it on

    def __init__(self, seed=None):
        if seed is None:
            seed = int.from_bytes(_system_entropy(8), "little")
        self.manual_seed(seed)

    def manual_seed(self, n):
        """Start again, from seed `n` in [0, 2**64). Returns the generator."""
        n = to_int("manual_seed", "the seed", n)
        if not 0 <= n < 1 << 64:
            raise ValueError(f"manual_seed: the seed must be in [0, 2**64), got {shown(n)}")
        self.stream.seed = n
        self.stream.counter = 0
        return self

    def get_state(self):
        """The state as a NumPy uint64 array, for `set_state`."""
        return np.array([self.stream.seed, self.stream.counter], dtype=np.uint64)

    def set_state(self, s):
        """Go back to a state that `get_state` gave."""
        state = np.asarray(s)
        if state.dtype != np.uint64 or state.shape != (2,):
            raise ValueError(f"set_state: expected the uint64 array of get_state(), got dtype {state.dtype}, shape {state.shape}")
        self.stream.seed = int(state[0])
        self.stream.counter = int(state[1])

    def __reduce__(self):
        return _restore_generator, (self.get_state(),)

    def __repr__(self):
        return f"Generator(seed={self.stream.seed}, counter={self.stream.counter})"


def _system_entropy(n):
    import os
    return os.urandom(n)


def _restore_generator(state):
    generator = Generator(0)
    generator.set_state(state)
    return generator


cdef Generator _default = None       # made at the first draw without one


cdef int take_blocks(str op, object generator, uint64_t blocks, void *own) except -1:
    """The numbers of one draw, which are the caller's alone, as an ng_stream at `own`, in a buffer: a kernel writes it, others read it."""
    global _default
    cdef Generator source
    if generator is None:
        if _default is None:
            _default = Generator()
        source = _default
    elif isinstance(generator, Generator):
        source = <Generator>generator
    else:
        raise TypeError(f"{op}: generator must be an ng.Generator or None, got {type(generator).__name__}")
    return check(op, ng_random_take(<ng_stream *>own, &source.stream, blocks))


cdef Buffer take_stream(str op, object generator, uint64_t blocks):
    """The same in a buffer of its own."""
    cdef Buffer own = new_buffer(sizeof(ng_stream))
    take_blocks(op, generator, blocks, own.data)
    return own


@public
def manual_seed(n):
    """Seed the default generator, used where none is given.

    Parameters
    ----------
    n : int
        In [0, 2**64).

    Returns
    -------
    Generator
        That default generator.

    Raises
    ------
    ValueError
        For a seed out of range.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.manual_seed(0)
    Generator(seed=0, counter=0)
    >>> a = ng.randn(2, 2)
    >>> _ = ng.manual_seed(0)
    >>> a.tolist() == ng.randn(2, 2).tolist()
    True
    """
    global _default
    if _default is None:
        _default = Generator(n)
    else:
        _default.manual_seed(n)
    return _default
