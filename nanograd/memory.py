# SPDX-License-Identifier: LGPL-3.0-or-later
"""The memory that tensors take. It is kept when tensors die, and used again: a steady training loop asks the system for none."""
from nanograd._core import runtime

__all__ = ["empty_cache", "memory_stats"]


def memory_stats() -> dict[str, int]:
    """Return what the allocator of tensor memory holds, for the whole process.

    Returns
    -------
    dict
        ``in_use``: bytes in the blocks that tensors, graphs and gradients hold now (a block is up to a quarter larger than what
        was asked for). ``peak``: the most that ``in_use`` has been since the start or the last :func:`empty_cache`. ``cached``:
        bytes taken from the system that are free. ``blocks``: blocks in use. ``system_allocations``: how often the system was
        asked for memory. ``cache_limit``: when more than this is cached in blocks above 4 KB, those of the sizes not asked for
        the longest are given back.

    Notes
    -----
    Arrays that NumPy made, even those that tensors share (``from_numpy``), are not counted.

    Examples
    --------
    >>> import nanograd as ng
    >>> before = ng.memory_stats()["in_use"]
    >>> x = ng.zeros((1024, 1024))
    >>> ng.memory_stats()["in_use"] - before
    4194304
    >>> del x
    >>> ng.memory_stats()["in_use"] - before
    0
    """
    return runtime.memory()


def empty_cache() -> None:
    """Give the memory that is cached and free back to the system, and end the pool's threads until they are needed again.

    ``peak`` of :func:`memory_stats` starts anew.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.empty_cache()
    >>> stats = ng.memory_stats()
    >>> stats["peak"] == stats["in_use"]
    True
    """
    runtime.empty()
