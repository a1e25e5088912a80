# SPDX-License-Identifier: LGPL-3.0-or-later
"""Mini-batches of arrays in memory or memory-mapped, gathered in C: no Python per sample."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nanograd import _calls
from nanograd._core.base.tensor import Tensor, flag, index_number, need_value
from nanograd._core.ops import creation as _creation
from nanograd._core.ops import random as _random
from nanograd._core.ops.random import Generator
from nanograd._core.train.minibatch import RowSource, take_rows
from nanograd.errors import DTypeError, ShapeError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from numpy.typing import DTypeLike

    from nanograd._typing import TensorLike

__all__ = ["ArrayLoader"]


class ArrayLoader(_calls.Refusing):
    """Iterates over mini-batches of the rows of one or several arrays.

    Parameters
    ----------
    *arrays : array_like, shape (n, ...)
        Tensors, NumPy arrays, memory maps, lists. All have the same n. Float arrays come as tensors of ``dtype``, integer and
        boolean arrays (labels, indices, masks) as NumPy arrays of their own type.
    batch_size : int, default 32
    shuffle : bool, default False
        Take the rows in a new random order in each epoch (each ``iter(loader)``).
    drop_last : bool, default False
        Leave out a last batch that is smaller than the others.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    generator : Generator, optional
        Where the orders are drawn from. None: a generator of the loader's own, seeded by the default one at the first epoch.

    Yields
    ------
    tuple
        One tensor or array of shape (batch, ...) per array, fresh in every batch; a tuple even for a single array.

    Raises
    ------
    TypeError, DTypeError
        For no arrays, a masked array, or one that is not real.
    ShapeError, ValueError
        For arrays without rows or of different lengths, a batch size below 1, and ``drop_last=True`` where there are fewer rows
        than a batch has.

    Notes
    -----
    ``state_dict()`` and ``load_state_dict()`` resume in the middle of an epoch, with the batches that would have come; a state
    saved after an epoch's last batch starts the next epoch, whole.

    Examples
    --------
    >>> import numpy as np
    >>> import nanograd as ng
    >>> x, y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 0, 1, 1])
    >>> loader = ng.data.ArrayLoader(x, y, batch_size=2)
    >>> loader
    ArrayLoader(5 rows of (2,) float32, () int64, batch_size=2)
    >>> for xb, yb in loader:
    ...     print(xb.tolist(), yb)
    [[0.0, 1.0], [2.0, 3.0]] [0 1]
    [[4.0, 5.0], [6.0, 7.0]] [0 1]
    [[8.0, 9.0]] [1]
    """

    def __init__(self, *arrays: TensorLike, batch_size: int = 32, shuffle: bool = False, drop_last: bool = False,
                 dtype: DTypeLike | None = None, generator: Generator | None = None) -> None:
        if not arrays:
            raise TypeError("ArrayLoader: give at least one array")
        try:
            self.dtype = _creation.zeros(0, dtype=dtype).dtype
        except DTypeError:
            raise DTypeError(f"ArrayLoader: dtype must be float32 or float64, got {_name(dtype)}") from None
        if generator is not None and not isinstance(generator, Generator):
            raise TypeError(f"ArrayLoader: generator must be a Generator, got {type(generator).__name__}")
        self.batch_size = index_number("ArrayLoader", "batch_size", batch_size)
        if self.batch_size < 1:
            raise ValueError(f"ArrayLoader: batch_size must be at least 1, got {self.batch_size}")
        self.shuffle, self.drop_last = flag("ArrayLoader", "shuffle", shuffle), flag("ArrayLoader", "drop_last", drop_last)
        self.generator = generator
        self._arrays = [_rows(i, array) for i, array in enumerate(arrays)]
        lengths = [len(array) for array in self._arrays]
        if len(set(lengths)) > 1:
            raise ShapeError(f"ArrayLoader: the arrays must have the same number of rows, got {', '.join(map(str, lengths))}")
        self._rows = lengths[0]
        if self.drop_last and self._rows < self.batch_size:
            there = "is 1 row" if self._rows == 1 else f"are {self._rows} rows"
            raise ValueError(f"ArrayLoader: with drop_last=True it would never yield a batch: batch_size is {self.batch_size}, and "
                             f"there {there}; write drop_last=False or a smaller batch_size")
        self._make_sources()
        self._seed: int | None = None              # of the present epoch's order; None before the first
        self._batch = 0                # batches handed out in the present epoch
        self._resuming = False         # the next iter() goes on with the present epoch

    def _make_sources(self):
        kind = 0 if self.dtype == np.float32 else 1
        self._sources = tuple(RowSource(array, kind if array.dtype.kind == "f" else -1) for array in self._arrays)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return self._rows // self.batch_size if self.drop_last else -(-self._rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        if self._resuming:
            self._resuming = False
        else:
            self._batch = 0
            self._seed = self._draw_seed() if self.shuffle else 0
        return self._batches(self._order(), self._batch)

    def _batches(self, order, batch):
        size, rows, batches, sources = self.batch_size, self._rows, len(self), self._sources
        while batch < batches:
            start = batch * size
            taken = take_rows(sources, order, start, min(start + size, rows))
            batch += 1
            self._batch = batch
            yield taken

    def _draw_seed(self):
        if self.generator is None:
            self.generator = Generator(int(_random.randint(0, 2**63 - 1, ())))
        return int(_random.randint(0, 2**63 - 1, (), generator=self.generator))

    def _order(self):
        if not self.shuffle:
            return np.arange(self._rows)
        order = _random.randperm(self._rows, generator=Generator(self._seed))
        return np.ascontiguousarray(order, dtype=np.int64)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: the present epoch's order, the batches handed out, and the generator's state."""
        return {"rows": self._rows, "batch_size": self.batch_size, "shuffle": self.shuffle, "drop_last": self.drop_last,
                "seed": self._seed, "batch": self._batch,
                "generator": None if self.generator is None else self.generator.get_state()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where the loader was when ``state_dict()`` was called: the next iteration yields the batches that were left of
        that epoch, or the next epoch where none was left, and the epochs after it are those that would have come.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        ValueError
            If the state is that of a loader with another number of rows or other settings.
        """
        needed = {"rows", "batch_size", "shuffle", "drop_last", "seed", "batch", "generator"}
        if not isinstance(state_dict, dict) or not needed <= state_dict.keys():
            raise TypeError("ArrayLoader.load_state_dict: expected a dict as returned by state_dict()")
        settings = {"rows": self._rows, "batch_size": self.batch_size, "shuffle": self.shuffle, "drop_last": self.drop_last}
        for name, mine in settings.items():
            if state_dict[name] != mine:
                raise ValueError(f"ArrayLoader.load_state_dict: the loader has {name}={mine}, the state {state_dict[name]}")
        seed, batch = state_dict["seed"], state_dict["batch"]
        for name, value, most in (("seed", seed, 2**63), ("batch", batch, len(self))):
            if isinstance(value, bool) or not (isinstance(value, (int, np.integer)) or (name == "seed" and value is None)):
                raise TypeError(f"ArrayLoader.load_state_dict: {name} must be an int, got {type(value).__name__} {shown(value)}")
            if value is not None and not 0 <= value <= most:
                raise ValueError(f"ArrayLoader.load_state_dict: {name} must be from 0 to {most}, got {shown(value)}")
        if state_dict["generator"] is not None:
            if self.generator is None:
                self.generator = Generator(0)
            self.generator.set_state(state_dict["generator"])
        self._seed, self._batch = seed, int(batch)
        self._resuming = self._seed is not None and self._batch < len(self)      # after its last batch an epoch is over

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_sources"}

    def __setstate__(self, values: dict[str, Any]) -> None:
        vars(self).update(values)
        self._make_sources()

    def __repr__(self) -> str:
        rows = ", ".join(f"{array.shape[1:]} {self.dtype if array.dtype.kind == 'f' else array.dtype}" for array in self._arrays)
        settings = "".join(f", {name}=True" for name in ("shuffle", "drop_last") if getattr(self, name))
        return f"ArrayLoader({self._rows} rows of {rows}, batch_size={self.batch_size}{settings})"


def _name(dtype):
    try:
        return np.dtype(dtype).name
    except Exception:
        return shown(dtype)


def _rows(i, data):
    if isinstance(data, (int, np.integer)) and i > 0:
        given = ", ".join(["x", "y", *(f"array{k}" for k in range(2, i))][:i])
        raise TypeError(f"ArrayLoader: what has no name is an array, and {shown(data)} is none: write "
                        f"ng.data.ArrayLoader({given}, batch_size={shown(data)})")
    if isinstance(data, (list, tuple)) and _are_arrays(data):
        raise TypeError(f"ArrayLoader: array {i} is a {type(data).__name__} of arrays: write ng.data.ArrayLoader(*arrays) for batches of "
                        "all of them, or np.stack(arrays) for one array")
    if isinstance(data, Tensor):
        need_value(f"ArrayLoader: array {i}", data, "x[rows] for a batch that keeps it")
        data = data.numpy()
    if issubclass(type(data), np.ma.MaskedArray):
        raise TypeError(f"ArrayLoader: array {i} is masked, and a batch would lose the mask; write a.filled(value)")
    array = np.asarray(data).view()       # whose shape and strides nobody else can set
    if array.ndim == 0:
        raise ShapeError(f"ArrayLoader: array {i} has no rows: its shape is ()")
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"ArrayLoader: array {i} must hold floats, integers or booleans, got dtype {array.dtype}")
    return array


def _are_arrays(items):
    """Whether a list or tuple is more likely several arrays than the rows of one: they hold tensors, or differ in shape or dtype."""
    if any(isinstance(item, Tensor) for item in items):
        return True
    arrays = [item for item in items if isinstance(item, np.ndarray) and item.ndim]
    return bool(arrays) and (isinstance(items, tuple) or len({(array.shape, array.dtype) for array in arrays}) > 1)
