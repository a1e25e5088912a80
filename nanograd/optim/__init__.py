# SPDX-License-Identifier: LGPL-3.0-or-later
"""Optimizers. Each step is one launch over all parameters of a dtype."""
from nanograd.optim.adagrad import Adagrad
from nanograd.optim.adam import Adam, AdamW
from nanograd.optim.ema import EMA
from nanograd.optim.optimizer import Optimizer
from nanograd.optim.rmsprop import RMSprop
from nanograd.optim.scipy import scipy_minimize
from nanograd.optim.sgd import SGD

__all__ = ["EMA", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "scipy_minimize"]
