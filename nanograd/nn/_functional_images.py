# SPDX-License-Identifier: LGPL-3.0-or-later
"""The part of nn.functional that is about images: convolutions, pooling, and what normalises channels."""
import nanograd as ng

__all__ = ["batch_norm", "conv1d", "conv2d", "group_norm"]


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
