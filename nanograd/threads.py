# SPDX-License-Identifier: LGPL-3.0-or-later
"""How many threads an operation may use.

Work is cut by the shapes alone, so results have the same bits for any number of threads; operations that take less than
about 50 microseconds stay in the thread that calls them.
"""
from nanograd._core import runtime

__all__ = ["get_num_threads", "num_threads", "set_num_threads"]


def set_num_threads(n: int) -> None:
    """Set how many threads an operation may use, for the whole process.

    Parameters
    ----------
    n : int
        From 1 to 1024; more than there are processors is allowed. At the start it is the smallest of: the processors that the
        process may run on, its control group's quota (rounded up), and ``NANOGRAD_NUM_THREADS`` or, if that is not set,
        ``OMP_NUM_THREADS``.

    Raises
    ------
    TypeError
        If n is not an int.
    ValueError
        If n is out of range.

    See Also
    --------
    num_threads : for one thread of the program, for a while.

    Examples
    --------
    >>> import nanograd as ng
    >>> before = ng.get_num_threads()
    >>> ng.set_num_threads(1)
    >>> ng.get_num_threads()
    1
    >>> ng.set_num_threads(before)
    """
    runtime.process_threads(runtime.thread_count("set_num_threads", n))


def get_num_threads() -> int:
    """Return how many threads an operation called from this thread may use.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.get_num_threads() >= 1
    True
    """
    return runtime.threads()


class num_threads:
    """Context in which operations called from this thread use up to n threads, whatever holds for the process.

    A program that runs several trainings in threads of its own gives each of them ``num_threads(1)``.

    Parameters
    ----------
    n : int
        From 1 to 1024.

    Raises
    ------
    TypeError
        If n is not an int.
    ValueError
        If n is out of range.

    Examples
    --------
    >>> import nanograd as ng
    >>> with ng.num_threads(4):
    ...     ng.get_num_threads()
    4
    """

    def __init__(self, n: int) -> None:
        self._n = runtime.thread_count("num_threads", n)
        self._before: list[int] = []      # a stack: the same object may be entered again inside of itself

    def __enter__(self) -> None:
        self._before.append(runtime.own_threads(self._n))

    def __exit__(self, *exc: object) -> None:
        runtime.own_threads(self._before.pop())

    def __repr__(self) -> str:
        return f"num_threads({self._n})"
