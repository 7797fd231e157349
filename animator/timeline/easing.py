"""Easings: functions 0..1 → 0..1 that shape the way to a keyframe. Formulas: easings.net; CSS for `bezier`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quote_text, suggest

Floats = NDArray[np.float64]
Easing = Callable[[Floats], Floats]

SMOOTH = "smooth"  # depends on the keys around the segment, so it is no function in EASINGS
_NUMBER = r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*"
_BEZIER = re.compile(rf"(?:cubic-)?bezier\({_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\)")


def linear(x: Floats) -> Floats:
    """Return x: constant speed."""
    return x


def step(x: Floats) -> Floats:
    """Return 0 below x = 1, then 1: the value of the previous key until the next one."""
    return np.where(x < 1.0, 0.0, 1.0)


def _sine(x: Floats) -> Floats:
    return 1.0 - np.cos(x * np.pi / 2.0)


def _power(exponent: int, x: Floats) -> Floats:
    return x**exponent


def _expo(x: Floats) -> Floats:
    return np.where(x <= 0.0, 0.0, 2.0 ** (10.0 * x - 10.0))


def _circ(x: Floats) -> Floats:
    return 1.0 - np.sqrt(np.maximum(0.0, 1.0 - x**2))


def _back(x: Floats, overshoot: float = 1.70158) -> Floats:
    return (overshoot + 1.0) * x**3 - overshoot * x**2


def _elastic(x: Floats, period: float = 0.3) -> Floats:
    swing = -(2.0 ** (10.0 * x - 10.0)) * np.sin((x - 1.0 - period / 4.0) * 2.0 * np.pi / period)
    return np.where(x <= 0.0, 0.0, np.where(x >= 1.0, 1.0, swing))


def _bounce_out(x: Floats) -> Floats:
    """Return four parabolas, each bounce lower than the one before."""
    parts = [(1.0, 0.0, 0.0), (2.0, 1.5, 0.75), (2.5, 2.25, 0.9375), (np.inf, 2.625, 0.984375)]
    result = np.zeros_like(x)
    done = np.zeros(x.shape, bool)
    for end, shift, height in parts:
        here = ~done & (x < end / 2.75)
        result = np.where(here, 7.5625 * (x - shift / 2.75) ** 2 + height, result)
        done |= here
    return result


def _ease_out(ease_in: Easing, x: Floats) -> Floats:
    return 1.0 - ease_in(1.0 - x)


def _ease_in_out(ease_in: Easing, x: Floats) -> Floats:
    return np.where(x < 0.5, ease_in(2.0 * x) / 2.0, 1.0 - ease_in(2.0 - 2.0 * x) / 2.0)


def _in_out_back(x: Floats) -> Floats:
    """Overshoot more in each half than `_back`, so that the whole overshoots as far."""
    return _ease_in_out(partial(_back, overshoot=1.70158 * 1.525), x)


def _in_out_elastic(x: Floats) -> Floats:
    """Swing more slowly in each half than `_elastic`, so that the whole swings as often."""
    return _ease_in_out(partial(_elastic, period=0.45), x)


_SHAPES: dict[str, Easing] = {
    "sine": _sine,
    "quad": partial(_power, 2),
    "cubic": partial(_power, 3),
    "quart": partial(_power, 4),
    "quint": partial(_power, 5),
    "expo": _expo,
    "circ": _circ,
    "back": _back,
    "elastic": _elastic,
    "bounce": partial(_ease_out, _bounce_out),
}

EASINGS: dict[str, Easing] = {"linear": linear, "step": step}
for _name, _shape in _SHAPES.items():
    EASINGS[f"in-{_name}"] = _shape
    EASINGS[f"out-{_name}"] = partial(_ease_out, _shape)
    EASINGS[f"in-out-{_name}"] = partial(_ease_in_out, _shape)
EASINGS |= {"in-out-back": _in_out_back, "in-out-elastic": _in_out_elastic}

EASING_NAMES = (*EASINGS, SMOOTH, "bezier(x1,y1,x2,y2)")


def find_easing(name: str) -> Easing:
    """Return the easing called `name`, which may be `bezier(x1,y1,x2,y2)`. Raises CurveError with a suggestion."""
    if isinstance(name, str) and name in EASINGS:
        return EASINGS[name]
    match = _BEZIER.fullmatch(str(name).strip())
    if match is None:
        raise CurveError(f"unknown easing {quote_text(name)}; {suggest(str(name), EASING_NAMES)}")
    x1, y1, x2, y2 = map(float, match.groups())
    if not (0 <= x1 <= 1 and 0 <= x2 <= 1):
        raise CurveError(f"{quote_text(name)}: x1 and x2 must lie in 0..1, or time would run backwards")
    return partial(_bezier, x1, y1, x2, y2)


def _bezier(x1: float, y1: float, x2: float, y2: float, x: Floats) -> Floats:
    """Return CSS's cubic-bezier: the y of the curve from (0, 0) to (1, 1) at each x."""
    along, way = _bezier_table(x1, x2)
    s = np.interp(x, along, way)
    return _bezier_coordinate(y1, y2, s)


@lru_cache(maxsize=64)
def _bezier_table(x1: float, x2: float) -> tuple[Floats, Floats]:
    """Return x over the curve's parameter, and the parameter; interpolation between entries is exact to 1e-7."""
    way = np.linspace(0.0, 1.0, 4001)
    return np.maximum.accumulate(_bezier_coordinate(x1, x2, way)), way


def _bezier_coordinate(first: float, second: float, s: Floats) -> Floats:
    """Return one coordinate of a cubic Bézier curve from 0 to 1 with the control values `first` and `last`."""
    return 3 * (1 - s) ** 2 * s * first + 3 * (1 - s) * s**2 * second + s**3
