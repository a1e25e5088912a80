# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every op of nanograd, one OpSpec each (several where it has several ways to be called). tests/opspec.py explains the fields,
tests/test_ops_contract.py does the rest. Here the elementwise ops; the other families have files of their own."""
import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, public, zeros
from scipy import special
from specs_conv import CONV
from specs_index import INDEXING
from specs_linalg import LINALG
from specs_network import NETWORK
from specs_norm import NORM
from specs_pool import POOL
from specs_reduce import REDUCTIONS
from specs_shape import SHAPE
from specs_vectors import VECTORS

import nanograd as ng

INTEGERS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
MATH = {F32: 5e-7, F64: 2e-15}                    # our own exp, log, tanh ...: a few units in the last place


def broadcast_errors(name):
    op = public(name)
    return (
        Raises("ShapeError", rf"{name}: .*\(3,\).*\(4,\)", lambda: op(zeros(3), zeros(4))),
        Raises("DTypeError", rf"{name}: .*float32.*float64.*astype", lambda: op(zeros(3), zeros(3, dtype=np.float64))),
        Raises("DTypeError", rf"{name}: .*float64.*np\.asarray\(x, dtype=np\.float32\)", lambda: op(zeros(3), np.zeros(3))),
        Raises("DTypeError", rf"{name}: .*complex", lambda: op(zeros(3), np.zeros(3, complex))),
    )


def binary(name, ref, **options):
    return OpSpec(name, ref, elementwise=2, errors=broadcast_errors(name), **options)


def unary(name, ref, **options):
    return OpSpec(name, ref, elementwise=1, errors=(
        Raises("DTypeError", rf"{name}: .*object", lambda: public(name)(np.array([None]))),), **options)


ARITHMETIC = [
    binary("add", np.add),
    binary("sub", np.subtract, torch=("sub", "rsub")),
    binary("mul", np.multiply),
    binary("div", np.divide, domain=((-3, 3), (0.5, 3)), torch=("true_divide", "div/no_rounding_mode")),
    binary("pow", np.power, domain=((0.2, 3), (-2, 2)), rtol={F32: 2e-6, F64: 1e-14}),
    OpSpec("pow", lambda x: x ** 3, call=lambda x: ng.pow(x, 3), case="exponent 3", elementwise=1, rtol={F32: 2e-6, F64: 1e-14}),
    OpSpec("pow", lambda x: x ** -2.0, call=lambda x: ng.pow(x, -2), case="exponent -2", elementwise=1, domain=(0.3, 3), rtol=MATH),
    OpSpec("pow", lambda x: x ** 1.5, call=lambda x: x ** 1.5, case="exponent 1.5", elementwise=1, domain=(0.3, 3), rtol=MATH, extremes=False),   # +inf at -inf
    OpSpec("pow", lambda x: x ** 7, call=lambda x: x ** 7, case="exponent 7", elementwise=1, domain=(-2, 2), rtol=MATH),
    OpSpec("div", lambda x: 2 / x, call=lambda x: 2 / x, case="number over tensor", elementwise=1, domain=(0.5, 3)),
    OpSpec("sub", lambda x: 2 - x, call=lambda x: 2 - x, case="number minus tensor", elementwise=1),
    binary("maximum", np.maximum, distinct=True, torch=("maximum", "max/binary")),
    binary("minimum", np.minimum, distinct=True, torch=("minimum", "min/binary")),
    OpSpec("where", lambda a, b: np.where(a > b, a, b), call=lambda a, b: ng.where(a > b, a, b), elementwise=2, distinct=True,
           extremes=False,      # the reference's condition is computed in float64
           torch=("where", "masked_fill"), bench=(Bench("ng.where(mask, x, y)"),),
           errors=(
               Raises("TypeError", r"where: .*condition", lambda: ng.where(zeros(3), zeros(3), zeros(3))),
               Raises("ShapeError", r"where: .*\(2,\).*\(3,\)", lambda: ng.where(np.ones(2, bool), zeros(3), zeros(3))),
               Raises("DTypeError", r"where: .*float32.*float64",
                      lambda: ng.where(np.ones(3, bool), zeros(3), zeros(3, dtype=np.float64))),
           )),
    unary("neg", np.negative),
    unary("abs", np.abs, avoid=(0.0,)),
    unary("exp", np.exp, rtol=MATH),
    unary("log", np.log, domain=(0.1, 4), rtol=MATH, avoid=(1.0,)),
    unary("sqrt", np.sqrt, domain=(0.1, 4)),
    unary("square", np.square),
    binary("arctan2", np.arctan2, domain=((-3, 3), (0.2, 3)), rtol=MATH, torch=("atan2",), bench=(Bench("ng.arctan2(x, y)"),)),
    binary("hypot", np.hypot),
    binary("safe_div", lambda a, b: a / (b + 1e-8), domain=((-3, 3), (0.5, 3)), extremes=False,      # 1e-8 is lost beside 1e4
           no_torch="a / (b + eps): test_ops_contract.py", bench=(Bench(theirs="x / (p + 1e-8)"),)),
    unary("sign", np.sign, avoid=(0.0,), torch=("sign", "sgn")),
    unary("floor", np.floor, avoid=INTEGERS),
    unary("ceil", np.ceil, avoid=INTEGERS),
    unary("round", np.rint, avoid=tuple(i + 0.5 for i in INTEGERS), torch=("round", "round/decimals_0")),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), domain=(0.1, 4)),
    unary("reciprocal", lambda x: 1 / x, domain=(0.3, 4)),
    unary("expm1", np.expm1, rtol=MATH),
    unary("log1p", np.log1p, domain=(-0.9, 4), rtol=MATH),
    unary("log2", np.log2, domain=(0.1, 4), rtol=MATH, avoid=(1.0,)),
    unary("log10", np.log10, domain=(0.1, 4), rtol=MATH, avoid=(1.0,)),
    unary("sin", np.sin, rtol=MATH),
    unary("cos", np.cos, rtol=MATH),
    unary("tan", np.tan, domain=(-1.4, 1.4), rtol=MATH),
    unary("sinh", np.sinh, rtol=MATH),
    unary("cosh", np.cosh, rtol=MATH),
    unary("arctan", np.arctan, rtol=MATH, torch=("atan",)),
    unary("erf", special.erf, rtol=MATH),
    OpSpec("clip", lambda x: np.clip(x, -1, 0.5), call=lambda x: ng.clip(x, -1, 0.5), elementwise=1, avoid=(-1.0, 0.5),
           torch=("clamp", "clamp_min", "clamp_max"), bench=(Bench("ng.clip(x, -0.5, 0.5)"),), errors=(
        Raises("ValueError", r"clip: .*min.*max", lambda: ng.clip(zeros(3), 2, 1)),
    )),
    OpSpec("clip", lambda x: x, call=lambda x: ng.clip(x), case="no limits", elementwise=1),
    OpSpec("clip", lambda x: np.maximum(x, -1), call=lambda x: ng.clip(x, min=-1), case="min", elementwise=1, avoid=(-1.0,)),
    OpSpec("clip", lambda x: np.minimum(x, 0.5), call=lambda x: ng.clip(x, max=0.5), case="max", elementwise=1, avoid=(0.5,)),
    *[OpSpec(name, getattr(np, name), elementwise=1, grads=()) for name in ("isnan", "isinf", "isfinite")],
]

ACTIVATIONS = [
    unary("relu", lambda x: np.where(x <= 0, 0, x), avoid=(0.0,)),
    unary("leaky_relu", lambda x: np.where(x < 0, 0.01 * x, x), avoid=(0.0,)),
    OpSpec("leaky_relu", lambda x: np.where(x < 0, 0.3 * x, x), call=lambda x: ng.leaky_relu(x, 0.3), case="slope 0.3", elementwise=1, avoid=(0.0,)),
    unary("silu", lambda x: x * special.expit(x), rtol=MATH, extremes=False),      # 0 at -inf, where the reference has NaN
    unary("tanh", np.tanh, rtol=MATH),
    unary("sigmoid", special.expit, rtol=MATH),
    unary("log_sigmoid", lambda x: -np.logaddexp(0, -x), rtol=MATH, torch=("nn.functional.logsigmoid",),
          bench=(Bench(theirs="F.logsigmoid(x)"),)),
    unary("softplus", lambda x: np.logaddexp(0, x), rtol=MATH),
    OpSpec("softplus", lambda x: np.where(2 * x > 1, x, np.logaddexp(0, 2 * x) / 2), call=lambda x: ng.softplus(x, 2.0, threshold=1.0),
           case="beta 2, threshold 1", elementwise=1, rtol=MATH, avoid=(0.5,), errors=(
               Raises("ValueError", r"softplus: beta must be positive, got 0", lambda: ng.softplus(zeros(3), 0)),)),
    unary("elu", lambda x: np.where(x > 0, x, np.expm1(x)), rtol=MATH, avoid=(0.0,)),
    OpSpec("elu", lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)), call=lambda x: ng.elu(x, 0.5), case="alpha 0.5", elementwise=1,
           rtol=MATH, avoid=(0.0,)),
    unary("gelu", lambda x: x * special.ndtr(x), rtol=MATH, atol=1.0, extremes=False,      # 0 at -inf, where the reference has NaN
          bench=(Bench(), Bench("ng.gelu(x, approximate='tanh')", case="tanh"))),
    OpSpec("gelu", lambda x: x * special.expit(np.sqrt(8 / np.pi) * (x + 0.044715 * x ** 3)), call=lambda x: ng.gelu(x, "tanh"),
           case="tanh", elementwise=1, rtol={F32: 2e-6, F64: 1e-14}, extremes=False, errors=(
               Raises("ValueError", r"gelu: approximate must be 'none' or 'tanh', got 'erf'", lambda: ng.gelu(zeros(3), "erf")),)),
]

SPECS = [*ARITHMETIC, *ACTIVATIONS, *LINALG, *REDUCTIONS, *SHAPE, *CONV, *POOL, *NORM, *INDEXING, *NETWORK, *VECTORS]
