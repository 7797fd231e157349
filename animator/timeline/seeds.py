"""Seed behaviors (fixed, iter, ladder, alternate, random): one seed per frame, advancing at painted frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Seeds = NDArray[np.uint32]

MAX_SEED = 2**32 - 1


def _iterate(start: int, count: int, every: int) -> NDArray[np.int64]:
    return start + np.arange(count) // every


def _ladder(start: int, count: int, _: int) -> NDArray[np.int64]:
    """Return seeds that go two up, one down, as Deforum's: 100, 102, 101, 103, 102, 104 and so on."""
    n = np.arange(count)
    return start + (n + 1) // 2 + (n % 2)


def _alternate(start: int, count: int, _: int) -> NDArray[np.int64]:
    return start + np.arange(count) % 2


def _random(start: int, count: int, _: int) -> NDArray[np.int64]:
    """Return random seeds, drawn with `start` as the seed, so that a file always gives the same film."""
    return np.random.Generator(np.random.PCG64(start)).integers(0, MAX_SEED, count, endpoint=True)


_BEHAVIORS: dict[str, Callable[[int, int, int], NDArray[np.int64]]] = {
    "fixed": lambda start, count, _: np.full(count, start),
    "iter": _iterate,
    "ladder": _ladder,
    "alternate": _alternate,
    "random": _random,
}


def seeds(behavior: str, start: int, diffuse: NDArray[np.bool_], every: int = 1) -> Seeds:
    """Return one seed per frame, uint32 (frames,), advancing at each frame painted by `diffuse`; wraps at 2**32."""
    nth = np.maximum(np.cumsum(diffuse) - 1, 0)
    values = _BEHAVIORS[behavior](start, int(nth[-1]) + 1, every)
    result: Seeds = (values[nth] % (MAX_SEED + 1)).astype(np.uint32)
    return result
