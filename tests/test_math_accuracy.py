# SPDX-License-Identifier: LGPL-3.0-or-later
"""How exact the functions of csrc/ng_math*.h are: within 2 units in the last place in float32 and 4 in float64, over the
whole range, against mpmath; inf, nan and signed zeros as in NumPy; the same bits wherever an element stands.

`pytest -s` shows the largest error of each. `-m slow` adds a pass over 70 million float32 per function."""
import math

import mpmath
import numpy as np
import pytest
from scipy import special

import nanograd as ng

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
LIMIT = {F32: 2.0, F64: 4.0}
both = pytest.mark.parametrize("dtype", [F32, F64], ids=str)

# name: (mpmath's function, float64's, intervals that deserve more points)
FUNCTIONS = {
    "exp": (mpmath.exp, np.exp, [(-2, 2), (-110, 90), (-750, 712)]),
    "expm1": (mpmath.expm1, np.expm1, [(-2, 2), (-40, 90)]),
    "log": (mpmath.log, np.log, [(0, 3), (0.9, 1.1)]),
    "log1p": (mpmath.log1p, np.log1p, [(-1, 3), (-0.1, 0.1)]),
    "log2": (lambda x: mpmath.log(x) / mpmath.ln2, np.log2, [(0, 3), (0.9, 1.1)]),
    "log10": (mpmath.log10, np.log10, [(0, 3), (0.9, 1.1)]),
    "tanh": (mpmath.tanh, np.tanh, [(-1, 1), (-22, 22)]),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), special.expit, [(-2, 2), (-110, 40), (-750, 40)]),
    "erf": (mpmath.erf, special.erf, [(-1.5, 1.5), (-6.5, 6.5)]),
    "sinh": (mpmath.sinh, np.sinh, [(-2, 2), (-90, 90), (-711, 711)]),
    "cosh": (mpmath.cosh, np.cosh, [(-2, 2), (-90, 90), (-711, 711)]),
    "sin": (mpmath.sin, np.sin, [(-7, 7), (-1e5, 1e5)]),
    "cos": (mpmath.cos, np.cos, [(-7, 7), (-1e5, 1e5)]),
    "tan": (mpmath.tan, np.tan, [(-7, 7), (-1e5, 1e5)]),
    "arctan": (mpmath.atan, np.arctan, [(-3, 3)]),
    "sqrt": (mpmath.sqrt, np.sqrt, [(0, 4)]),
    "rsqrt": (lambda x: 1 / mpmath.sqrt(x), lambda x: 1 / np.sqrt(x), [(0, 4)]),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), lambda x: np.logaddexp(0, x), [(-2, 2), (-110, 25), (-750, 25)]),
    "log_sigmoid": (lambda x: -mpmath.log1p(mpmath.exp(-x)), lambda x: -np.logaddexp(0, -x), [(-2, 2), (-25, 110)]),
}
ONLY_POSITIVE = {"log", "log2", "log10", "sqrt", "rsqrt"}


def op(name):
    if name == "softplus":
        return lambda x: ng.softplus(x, 1.0, 1e30)      # without its linear part
    return getattr(ng, name)


def evaluate(name, *arrays):
    return op(name)(*(ng.asarray(a) for a in arrays)).numpy()


def every_exponent(dtype, rng, each):
    """`each` random numbers of either sign with each exponent, subnormals included."""
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    values = np.ldexp(rng.uniform(1, 2, (each, 2, len(exponents))), exponents) * np.array([[[1.0], [-1.0]]])
    with np.errstate(over="ignore"):
        values = values.astype(dtype).ravel()
    return values[np.isfinite(values)]


def points(name, dtype):
    rng = np.random.default_rng([len(name), ord(name[0])])
    spread = every_exponent(dtype, rng, 2 if dtype == F32 else 1)
    near = [rng.uniform(low, high, 700).astype(dtype) for low, high in FUNCTIONS[name][2]]
    x = np.concatenate([spread[:: 1 if dtype == F32 else 3], *near, thresholds(name, dtype)])
    if name == "log1p":
        return x[x > -1]
    return np.abs(x[x != 0]) if name in ONLY_POSITIVE else x


def thresholds(name, dtype):
    """Both sides of where the function overflows, and of where it leaves the normal numbers."""
    info = np.finfo(dtype)
    edges = {
        "exp": [math.log(float(info.max)), math.log(float(info.tiny)), math.log(float(info.smallest_subnormal)) - math.log(2)],
        "expm1": [math.log(float(info.max))], "sigmoid": [math.log(float(info.tiny))],
        "sinh": [math.log(float(info.max)) + math.log(2)], "cosh": [math.log(float(info.max)) + math.log(2)],
    }.get(name, [1.0])
    edges = np.array(edges, dtype)
    return np.concatenate([edges, np.nextafter(edges, dtype.type(np.inf)), np.nextafter(edges, dtype.type(-np.inf))])


def ulps(value, exact, dtype):
    """The distance of a floating-point number from an exact one, in units in the last place of the exact one."""
    info = np.finfo(dtype)
    value = float(value)
    if math.isinf(value):       # right where rounding overflows; else count as the first number that is out of range
        value = math.copysign(2.0, value) if abs(exact) >= mpmath.mpf(float(info.max)) else math.copysign(math.inf, value)
        return 0.0 if abs(value) == 2 else float((mpmath.ldexp(1, info.maxexp) - abs(exact)) / mpmath.ldexp(1, info.maxexp - info.nmant - 1))
    if math.isnan(value):
        return math.inf
    exponent = int(mpmath.frexp(exact)[1]) - 1 if exact else info.minexp
    unit = mpmath.ldexp(1, max(exponent, info.minexp) - info.nmant)
    return float(abs(mpmath.mpf(value) - exact) / unit)


def worst(values, exact, dtype):
    errors = [ulps(v, e, dtype) for v, e in zip(values, exact, strict=True)]
    i = int(np.argmax(errors))
    return errors[i], i


@both
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_in_units_in_the_last_place(name, dtype):
    x = points(name, dtype)
    with mpmath.workprec(140):
        exact = [FUNCTIONS[name][0](mpmath.mpf(float(v))) for v in x]
        error, i = worst(evaluate(name, x), exact, dtype)
    print(f"{name:12s} {dtype} {error:.3f} ULP at {x[i]!r}, of {len(x)} points")
    assert error <= LIMIT[dtype]


@both
def test_error_of_pow(dtype):
    rng = np.random.default_rng(1)
    base = np.abs(every_exponent(dtype, rng, 1))[:: 1 if dtype == F32 else 3]
    base = np.concatenate([base, rng.uniform(0.999, 1.001, 500), rng.uniform(0, 5, 500)]).astype(dtype)
    with np.errstate(divide="ignore"):
        limit = np.minimum(np.log(float(np.finfo(dtype).max)) / np.abs(np.log(base.astype(F64))), 1e6)
    power = (rng.uniform(-1.1, 1, len(base)) * limit).astype(dtype)
    with mpmath.workprec(200):
        exact = [mpmath.power(float(a), float(b)) for a, b in zip(base, power, strict=True)]
        error, i = worst(evaluate("pow", base, power), exact, dtype)
    print(f"pow          {dtype} {error:.3f} ULP at {base[i]!r}, {power[i]!r}")
    assert error <= LIMIT[dtype]


@both
def test_error_of_arctan2(dtype):
    rng = np.random.default_rng(2)
    a, b = every_exponent(dtype, rng, 1), rng.permutation(every_exponent(dtype, rng, 1))
    a, b = np.concatenate([a[::2], rng.uniform(-2, 2, 1000)]).astype(dtype), np.concatenate([b[::2], rng.uniform(-2, 2, 1000)]).astype(dtype)
    with mpmath.workprec(140):
        exact = [mpmath.atan2(float(p), float(q)) for p, q in zip(a, b, strict=True)]
        error, i = worst(evaluate("arctan2", a, b), exact, dtype)
    print(f"arctan2      {dtype} {error:.3f} ULP at {a[i]!r}, {b[i]!r}")
    assert error <= LIMIT[dtype]


def same(actual, expected):
    """Equal values, NaN in the same places, zeros of the same sign."""
    np.testing.assert_array_equal(actual, expected)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan]


@both
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("softplus", "log_sigmoid")])
def test_special_values(name, dtype):
    x = np.array([*SPECIAL, 1e30, -1e30], dtype) if name not in ("sin", "cos", "tan") else np.array(SPECIAL, dtype)
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[name][1](x.astype(F64)).astype(dtype)
    if name in ("log", "log2", "log10", "sqrt", "rsqrt"):
        expected[6] = np.nan
        x, expected = x[[0, 1, 2, 3, 4, 6]], expected[[0, 1, 2, 3, 4, 6]]
    same(evaluate(name, x), expected)


@both
def test_special_values_of_pow_and_arctan2(dtype):
    """pow as C99 Annex F has it, which NumPy's float64 follows."""
    values = np.array([*SPECIAL, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 2.5, -2.5, 1e30, -1e30, 2.0 ** 23 + 1, -(2.0 ** 24) + 1], dtype)
    a, b = (m.ravel() for m in np.meshgrid(values, values))
    for name, function in (("arctan2", np.arctan2), ("pow", np.power)):
        with np.errstate(all="ignore"):
            exact = function(a.astype(F64), b.astype(F64)).astype(dtype)
        actual = evaluate(name, a, b)
        np.testing.assert_allclose(actual, exact, rtol=3e-7 if dtype == F32 else 1e-15)
        np.testing.assert_array_equal(np.signbit(actual[~np.isnan(exact)]), np.signbit(exact[~np.isnan(exact)]))


@both
@pytest.mark.parametrize("name", [*FUNCTIONS, "silu", "gelu", "elu"])
def test_the_same_bits_wherever_an_element_stands(name, dtype):
    x = np.random.default_rng(3).uniform(0.01, 5, 80).astype(dtype)
    whole = evaluate(name, x)
    for start, stop in ((0, 1), (1, 8), (3, 20), (17, 80), (79, 80), (5, 38)):
        assert evaluate(name, x[start:stop].copy()).tobytes() == whole[start:stop].tobytes()
    y = ng.tensor(x, requires_grad=True)
    op(name)(y).backward()
    part = ng.tensor(x[3:20], requires_grad=True)
    op(name)(part).backward()
    assert part.grad.numpy().tobytes() == y.grad.numpy()[3:20].tobytes()


@both
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_a_large_angle_changes_no_bits_of_its_neighbours(name, dtype):
    x = np.random.default_rng(4).uniform(-1e6, 1e6, 100_000).astype(dtype)
    alone = evaluate(name, x)
    x[::50] = 1e30
    kept = np.arange(len(x)) % 50 != 0
    assert evaluate(name, x)[kept].tobytes() == alone[kept].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_against_float64(name):
    """Every 61st float32. float64's function is exact enough to tell the error to a millionth of a unit."""
    largest, at = 0.0, 0.0
    for start in range(0, 2 ** 32, 2 ** 28):
        x = np.arange(start, start + 2 ** 28, 61, dtype=np.uint32).view(F32)
        x = x[np.isfinite(x)]
        x = x[x > -1] if name == "log1p" else x[x > 0] if name in ONLY_POSITIVE else x
        if not len(x):
            continue
        with np.errstate(all="ignore"):
            exact = FUNCTIONS[name][1](x.astype(F64))
            value = evaluate(name, x).astype(F64)
            unit = np.ldexp(1.0, np.maximum(np.frexp(exact)[1] - 1, -126) - 23)
            error = np.where(value == exact.astype(F32), np.minimum(np.abs(value - exact) / unit, 0.5), np.abs(value - exact) / unit)
        error = np.where(np.isinf(value) & np.isinf(exact), 0, error)
        i = int(np.argmax(np.nan_to_num(error, nan=np.inf)))
        if not error[i] <= largest:
            largest, at = error[i], x[i]
    print(f"{name:12s} {largest:.3f} ULP at {at!r}")
    assert largest <= LIMIT[F32]
