"""Fit an animation under a maximum file size, with fewer and smaller images."""

from __future__ import annotations

from collections.abc import Callable

from animator.errors import RunError
from animator.runs.reel import Reel

# (keep every n-th image, scale), from the least visible loss to the most visible one.
STEPS = (
    (1, 1.0), (1, 0.8), (2, 0.8), (2, 0.65), (2, 0.5), (3, 0.5), (3, 0.4), (3, 0.32), (4, 0.25), (4, 0.2), (4, 0.15)
)  # fmt: skip
SLOWEST = 7.5  # images per second; below this a film looks like a slide show
TRIAL = 8  # images encoded first, to estimate the size of the rest


def fitted(
    reel: Reel, most: int | None, encode: Callable[[Reel], bytes], fastest: float
) -> tuple[bytes, Reel]:
    """Encode as much of `reel` as fits into `most` bytes; return the data and the reel that was encoded.

    `most`: None for no limit. `fastest`: the most images per second that the format can show. Raises RunError
    where even the smallest version is too large.
    """
    reel = reel.every(-int(-reel.fps // fastest))
    if most is None:
        return encode(reel), reel
    each, encoded = 0.0, b""  # bytes per pixel; 0 until measured
    if len(reel) > 2 * TRIAL:
        middle = (len(reel) - TRIAL) // 2
        trial = reel.only(reel.order[middle : middle + TRIAL])
        each = len(encode(trial)) / trial.pixels
    slowest = max(1, int(reel.fps / SLOWEST))
    for every, scale in STEPS:
        tried = reel.every(min(every, slowest)).smaller(scale)
        # A smaller image has no less detail per pixel, so this version would not fit.
        if tried.pixels * each > most and (every, scale) != STEPS[-1]:
            continue
        encoded = encode(tried)
        if len(encoded) <= most:
            return encoded, tried
        each = len(encoded) / tried.pixels
    raise RunError(f"{tried} still take {told(len(encoded))}; raise output.max_size")


def told(size: int) -> str:
    """Return `size`, in bytes, as text for people: 7.6 MB."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"
