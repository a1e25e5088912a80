# SPDX-License-Identifier: LGPL-3.0-or-later
"""Vectors for integers."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nanograd._core.ops import creation as _creation
from nanograd._core.ops import index as _index
from nanograd._core.ops import random as _random
from nanograd.nn import _check
from nanograd.nn import activation as _activation
from nanograd.nn.module import Module, Parameter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from nanograd._core.base.tensor import Tensor
    from nanograd._core.ops.random import Generator
    from nanograd._typing import TensorLike

__all__ = ["Embedding"]


class Embedding(Module):
    """A learnt vector for each of the integers 0 to num_embeddings - 1.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    padding_idx : int, optional
        The index whose vector starts as zeros and gets no gradient; a negative one counts from the end.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    name : str, optional
        Shown in ``repr``.

    Attributes
    ----------
    weight : Parameter, shape (num_embeddings, embedding_dim)
        Starts normal with mean 0 and standard deviation 1, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not ints of at least 0, or padding_idx out of range.
    IndexError
        When called: for an index out of range; negative ones are.

    Examples
    --------
    >>> import nanograd as ng
    >>> layer = ng.nn.Embedding(10, 3, padding_idx=0)
    >>> layer
    Embedding(10, 3, padding_idx=0)
    >>> y = layer([[1, 2, 0]])
    >>> y.shape, y.numpy()[0, 2].tolist()
    ((1, 3, 3), [0.0, 0.0, 0.0])
    >>> y.sum().backward()
    >>> layer.weight.grad.tolist()[:3]
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    weight: Parameter

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dtype: DTypeLike | None = None,
                 name: str | None = None) -> None:
        self.num_embeddings = _check.size("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = _check.size("Embedding", "embedding_dim", embedding_dim)
        self.padding_idx = padding_idx
        if padding_idx is not None:
            i = _check.size("Embedding", "padding_idx", padding_idx, -self.num_embeddings)
            if i >= self.num_embeddings:
                raise ValueError(f"Embedding: padding_idx must be below num_embeddings {self.num_embeddings}, got {i}")
            self.padding_idx = i % self.num_embeddings
        self.name = _check.label("Embedding", name)
        self.weight = Parameter(_creation.empty((self.num_embeddings, self.embedding_dim), dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw a new initial value for weight."""
        draw: TensorLike = _random.normal(0.0, 1.0, self.weight.shape, dtype=self.weight.dtype, generator=generator)
        if self.padding_idx is not None:
            values = np.array(draw)
            values[self.padding_idx] = 0
            draw = values
        self.weight.assign(draw)

    def forward(self, input: ArrayLike) -> Tensor:
        return _index.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        return _check.arguments(self.num_embeddings, self.embedding_dim, padding_idx=(self.padding_idx, None),
                                dtype=_activation.shown_dtype(self.weight), name=(self.name, None))
