# SPDX-License-Identifier: LGPL-3.0-or-later
"""Layers, activations, losses, and what networks are built of. Argument names and orders are PyTorch's."""
from nanograd.nn import functional, init, utils
from nanograd.nn.activation import *
from nanograd.nn.batch_norm import *
from nanograd.nn.containers import *
from nanograd.nn.conv import *
from nanograd.nn.dropout import *
from nanograd.nn.embedding import *
from nanograd.nn.linear import *
from nanograd.nn.loss import *
from nanograd.nn.module import *
from nanograd.nn.normalization import *
from nanograd.nn.pool import *
from nanograd.nn.shape import *
