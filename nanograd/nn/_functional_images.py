# SPDX-License-Identifier: LGPL-3.0-or-later
"""The part of nn.functional that is about images: convolutions, pooling, and what normalises channels."""
import nanograd as ng
from nanograd.errors import shown
from nanograd.nn import _check

__all__ = ["adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "batch_norm", "conv1d", "conv2d", "group_norm", "max_pool1d", "max_pool2d"]


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """:func:`nanograd.conv1d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.conv1d(ng.tensor([[1.0, 3.0, 6.0]]), ng.tensor([[[-1.0, 1.0]]]))
    tensor([[2., 3.]], dtype=float32)
    """
    return ng.conv1d(input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """:func:`nanograd.conv2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.conv2d(ng.ones((1, 3, 3)), ng.ones((1, 1, 2, 2)), stride=2, padding=1)
    tensor([[[1., 2.],
             [2., 4.]]], dtype=float32)
    """
    return ng.conv2d(input, weight, bias, stride, padding, dilation, groups)


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """:func:`nanograd.batch_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.batch_norm(ng.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]], dtype=float32)
    """
    return ng.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """:func:`nanograd.group_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.group_norm(ng.tensor([[1.0, 3.0, 5.0, 5.0]]), 2, eps=1e-12)
    tensor([[-1.,  1.,  0.,  0.]], dtype=float32)
    """
    return ng.group_norm(input, num_groups, weight, bias, eps)


def _without_indices(op, return_indices):
    if _check.flag(op, "return_indices", return_indices):
        raise TypeError(f"{op}: return_indices is not supported: the gradient does not need them")


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """:func:`nanograd.max_pool1d`. Without ``return_indices``, which raises a `TypeError`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.max_pool1d(ng.tensor([[1.0, 3.0, 2.0]]), 2, stride=1)
    tensor([[3., 3.]], dtype=float32)
    """
    _without_indices("max_pool1d", return_indices)
    return ng.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """:func:`nanograd.max_pool2d`. Without ``return_indices``, which raises a `TypeError`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.max_pool2d(ng.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2)
    tensor([[[3.]]], dtype=float32)
    """
    _without_indices("max_pool2d", return_indices)
    return ng.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """:func:`nanograd.avg_pool1d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.avg_pool1d(ng.tensor([[1.0, 3.0, 2.0]]), 2, stride=1)
    tensor([[2. , 2.5]], dtype=float32)
    """
    return ng.avg_pool1d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """:func:`nanograd.avg_pool2d`. Without ``divisor_override``, which raises a `TypeError`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.avg_pool2d(ng.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2)
    tensor([[[1.5]]], dtype=float32)
    """
    if divisor_override is not None:
        raise TypeError(f"avg_pool2d: divisor_override is not supported, got {shown(divisor_override)}: scale the result")
    return ng.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def adaptive_avg_pool2d(input, output_size):
    """:func:`nanograd.adaptive_avg_pool2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.adaptive_avg_pool2d(ng.tensor([[[1.0, 3.0], [2.0, 0.0]]]), (2, 1))
    tensor([[[2.],
             [1.]]], dtype=float32)
    """
    return ng.adaptive_avg_pool2d(input, output_size)
