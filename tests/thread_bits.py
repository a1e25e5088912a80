# SPDX-License-Identifier: LGPL-3.0-or-later
"""Whether a computation has the same bits for any number of threads, at a size where threads matter."""
from contextlib import contextmanager

import numpy as np

import nanograd as ng
from nanograd._core.base import tensor


@contextmanager
def all_shared():
    """Inside, whatever may be shared between threads is, also where nanograd found that it does not pay."""
    tensor._share_always(True)
    try:
        yield
    finally:
        tensor._share_always(False)


def pool_counters():
    """(launches that used the pool, pieces of work that the pool's own threads ran)"""
    from nanograd._core import runtime
    counters = runtime.pool_counters()
    return counters["launches"], counters["pieces"]


def assert_same_bits(compute, threads=(1, 2, 4)):
    """`compute()` returns arrays. With 1, 2 and 4 threads they must be the same, bit for bit; with several threads the pool's
    counters must show that it was used, and that its threads did some of the work; with one that it was not."""
    wanted = None
    for n in threads:
        with ng.num_threads(n), all_shared():
            for _ in range(1 if n == 1 else 200):      # on a busy machine the launching thread can be done before another wakes
                launches, pieces = pool_counters()
                arrays = [a.numpy() if isinstance(a, ng.Tensor) else np.asarray(a) for a in compute()]
                launches, pieces = (now - before for now, before in zip(pool_counters(), (launches, pieces), strict=True))
                if wanted is None:
                    wanted = arrays
                for i, (a, w) in enumerate(zip(arrays, wanted, strict=True)):
                    assert a.dtype == w.dtype and a.shape == w.shape
                    if a.tobytes() != w.tobytes():
                        where = np.flatnonzero(a.reshape(-1) != w.reshape(-1))
                        raise AssertionError(f"result {i} has other bits with {n} threads than with {threads[0]}: "
                                             f"{where.size} of {a.size} elements")
                assert n > 1 or launches == 0, "the pool was used with one thread"
                assert n == 1 or launches > 0, f"with {n} threads the pool took no part: the sizes are too small"
                if n == 1 or pieces > 0:
                    break
            else:
                raise AssertionError(f"with {n} threads the pool's threads never did any of the work")
