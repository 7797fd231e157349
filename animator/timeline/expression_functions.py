"""Functions of expressions: what each is called, its number of arguments, and its numexpr text or its computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.timeline import easing

Floats = NDArray[np.float64]


_UNARY = (
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "cos", "cosh", "exp", "expm1",
    "floor", "log", "log10", "log1p", "log2", "round", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip

_BINARY = ("arctan2", "copysign", "fmod", "hypot", "maximum", "minimum")


ONE_NAME = "_one"  # name of a numexpr variable that is 1.0


class Function(NamedTuple):
    """A function of expressions: its number of arguments, and either `write` or `compute`."""

    low: int  # fewest arguments
    high: int  # most arguments
    write: Callable[[list[str]], str] | None = None  # arguments as numexpr text → numexpr text
    compute: Callable[..., Floats] | None = None  # or: arguments as arrays → array
    repeats: bool = False  # `write` uses an argument more than once


def _call_writer(name: str) -> Callable[[list[str]], str]:
    """Return a writer of a call of numexpr's function `name`."""
    return lambda args: f"{name}({', '.join(args)})"


def _fold_writer(name: str) -> Callable[[list[str]], str]:
    """Return a writer of nested calls of numexpr's function `name` of two arguments, for any number of them."""

    def write(args: list[str]) -> str:
        text = args[0]
        for arg in args[1:]:
            text = f"{name}({text}, {arg})"
        return text

    return write


def power_text(base: str, exponent: str) -> str:
    """Return a power as numexpr text, computed in floating point.

    An integer base would be computed in integers: wrong beyond 2**63, and endless for 9**9**9**9. The factor is a
    variable, since numexpr leaves the power of two constants to Python, which makes (-1)**0.5 complex.
    """
    return f"(({ONE_NAME} * {base}) ** {exponent})"


def _smoothstep(low: str, high: str, x: str) -> str:
    """Return the Hermite smoothstep of x between two edges as numexpr text: 3u² - 2u³, u clamped to 0..1."""
    u = f"minimum(maximum(({x} - {low}) / (1.0 * ({high} - {low})), 0.0), 1.0)"
    return f"({u} * {u} * (3.0 - 2.0 * {u}))"


def _phase(x: Floats, period: Floats) -> Floats:
    """Return the position of x within its period, 0..1."""
    turns = x / period
    return np.asarray(turns - np.floor(turns))


def _tri(x: Floats, period: Floats) -> Floats:
    """Return a triangle wave: 0 at the start of the period, 1 after a quarter, -1 after three quarters."""
    return np.asarray(1.0 - np.abs(4.0 * _phase(x + period / 4.0, period) - 2.0))


def _saw(x: Floats, period: Floats) -> Floats:
    """Return a sawtooth wave: from -1 up to 1 over the period, then down at once."""
    return 2.0 * _phase(x, period) - 1.0


def _square(x: Floats, period: Floats) -> Floats:
    """Return a square wave: 1 in the first half of the period, -1 in the second."""
    return np.where(_phase(x, period) < 0.5, 1.0, -1.0)


def _pulse(x: Floats, period: Floats, part: Floats | float = 0.1) -> Floats:
    """Return 1 in the first `part` (0..1) of the period, else 0."""
    return np.where(_phase(x, period) < part, 1.0, 0.0)


def _noise(x: Floats, seed: Floats | float = 0.0) -> Floats:
    """Return smooth, deterministic noise in -1..1: random values at integer x, joined by 6u⁵ - 15u⁴ + 10u³."""
    x, seed = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(seed, np.float64))
    whole = np.floor(x)
    u = x - whole
    fade = u * u * u * (u * (u * 6.0 - 15.0) + 10.0)
    before, after = _lattice_noise(whole, seed), _lattice_noise(whole + 1.0, seed)
    return np.asarray(before + (after - before) * fade)


def _lattice_noise(whole: Floats, seed: Floats) -> Floats:
    """Return a random number in -1..1 for each pair of integers, by splitmix64's mixing (Steele et al. 2014)."""
    with np.errstate(over="ignore", invalid="ignore"):
        bits = whole.astype(np.int64).astype(np.uint64) + seed.astype(np.int64).astype(np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    return np.asarray((bits >> np.uint64(11)).astype(np.float64) / 2**52 - 1.0)


def floor_divide(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """Return Python's a // b, as floats."""
    return np.floor(np.asarray(a, np.float64) / np.asarray(b, np.float64))


def remainder(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """Return Deforum's a % b, with the sign of b: exact for integers, by numexpr's own formula for floats."""
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    whole = a.dtype.kind in "iu" and b.dtype.kind in "iu"
    return np.asarray(np.mod(x, y) if whole else x - np.floor(x / y) * y)


def _easing_function(name: str) -> Callable[[Floats], Floats]:
    """Return the easing `name` as a function of any x: x is clipped to 0..1."""
    return lambda x: easing.EASINGS[name](np.clip(np.asarray(x, np.float64), 0.0, 1.0))


FUNCTIONS: dict[str, Function] = {
    **{name: Function(1, 1, _call_writer(name)) for name in _UNARY},
    **{name: Function(2, 2, _call_writer(name)) for name in _BINARY},
    "min": Function(2, 100, _fold_writer("minimum")),
    "max": Function(2, 100, _fold_writer("maximum")),
    "clamp": Function(3, 3, lambda a: f"minimum(maximum({a[0]}, {a[1]}), {a[2]})"),
    "lerp": Function(3, 3, lambda a: f"({a[0]} + ({a[1]} - {a[0]}) * {a[2]})", repeats=True),
    "smoothstep": Function(3, 3, lambda a: _smoothstep(*a), repeats=True),
    "pow": Function(2, 2, lambda a: power_text(*a)),
    "tri": Function(2, 2, compute=_tri),
    "saw": Function(2, 2, compute=_saw),
    "square": Function(2, 2, compute=_square),
    "pulse": Function(2, 3, compute=_pulse),
    "noise": Function(1, 2, compute=_noise),
    # An expression has no hyphens in its names: in-out-sine is in_out_sine(x).
    **{name.replace("-", "_"): Function(1, 1, compute=_easing_function(name)) for name in easing.EASINGS},
}

WHERE = "where"  # not in FUNCTIONS: its first argument is a condition
