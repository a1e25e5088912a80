# SPDX-License-Identifier: LGPL-3.0-or-later
"""Small and mid-sized neural networks on CPUs: eager autograd with almost no overhead.

    import nanograd as ng
    from nanograd import nn, optim

Functions have NumPy's names (axis, keepdims, astype), layers PyTorch's. The reference is in docs/.
"""
from nanograd import _core                                  # first: it loads the BLAS

# Each of these exports its public functions, as __all__ says.
from nanograd._core.base.tensor import *
from nanograd._core.ops.creation import *
from nanograd._core.ops.custom_function import *

from nanograd._core.ops.elementwise import *
from nanograd._core.ops.activation import *
from nanograd._core.ops.shape import *
from nanograd._core.ops.index import *
from nanograd._core.ops.reduce import *
from nanograd._core.ops.statistics import *
from nanograd._core.ops.scan import *
from nanograd._core.ops.softmax import *
from nanograd._core.ops.matmul import *
from nanograd._core.ops.conv import *
from nanograd._core.ops.pool import *
from nanograd._core.ops.normalization import *
from nanograd._core.ops.class_loss import *
from nanograd._core.ops.pair_loss import *
from nanograd._core.ops.random import *

from nanograd.composed import *
from nanograd.config import *
from nanograd.errors import *
from nanograd.memory import *
from nanograd.threads import *
from nanograd import _numpy_functions                       # NumPy's functions, for np.vstack([x, y]) and the like

from nanograd import data, nn, optim, testing               # last: they are written in terms of the above
from nanograd import _names
from nanograd._names import float32 as float32, float64 as float64

__version__ = "0.1.0"
_names.install()
