"""Named functions 0..1 → 0..1 that shape the way to a keyframe. Formulas: easings.net."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, nearest

Floats = NDArray[np.float64]
Easing = Callable[[Floats], Floats]


def linear(x: Floats) -> Floats:
    return x


def step(x: Floats) -> Floats:
    """Stay at the key before until the very end."""
    return np.where(x < 1.0, 0.0, 1.0)


def _sine(x: Floats) -> Floats:
    return 1.0 - np.cos(x * np.pi / 2.0)


def _power(exponent: int, x: Floats) -> Floats:
    return x**exponent


def _out(ease_in: Easing, x: Floats) -> Floats:
    return 1.0 - ease_in(1.0 - x)


def _in_out(ease_in: Easing, x: Floats) -> Floats:
    return np.where(x < 0.5, ease_in(2.0 * x) / 2.0, 1.0 - ease_in(2.0 - 2.0 * x) / 2.0)


_SHAPES: dict[str, Easing] = {"sine": _sine, "quad": partial(_power, 2), "cubic": partial(_power, 3)}

EASINGS: dict[str, Easing] = {"linear": linear, "step": step}
for _name, _shape in _SHAPES.items():
    EASINGS[f"in-{_name}"] = _shape
    EASINGS[f"out-{_name}"] = partial(_out, _shape)
    EASINGS[f"in-out-{_name}"] = partial(_in_out, _shape)


def find(name: str) -> Easing:
    """The easing of that name. Raises CurveError with the nearest one."""
    try:
        return EASINGS[name]
    except (KeyError, TypeError):
        raise CurveError(f"unknown easing {name!r}; {nearest(str(name), EASINGS)}") from None
