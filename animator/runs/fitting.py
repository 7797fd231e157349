"""A file under a size: pictures become fewer and smaller until it fits."""

from __future__ import annotations

from collections.abc import Callable

from animator.errors import RunError
from animator.runs.reel import Reel

# Every how many pictures, and at which scale: what is seen least goes first.
STEPS = (
    (1, 1.0), (1, 0.8), (2, 0.8), (2, 0.65), (2, 0.5), (3, 0.5), (3, 0.4), (3, 0.32), (4, 0.25), (4, 0.2), (4, 0.15)
)  # fmt: skip
SLOWEST = 7.5  # pictures a second below which a film is a row of stills
TRIAL = 8  # pictures that tell how large the rest will be


def fitted(
    reel: Reel, most: int | None, encode: Callable[[Reel], bytes], fastest: float
) -> tuple[bytes, Reel]:
    """`encode` of as much of `reel` as fits into `most` bytes, and what that is.

    `fastest`: pictures a second that the format can show. Raises RunError where nothing fits.
    """
    reel = reel.every(-int(-reel.fps // fastest))
    if most is None:
        return encode(reel), reel
    each, encoded = 0.0, b""  # bytes of a pixel, as far as they are known
    if len(reel) > 2 * TRIAL:
        middle = (len(reel) - TRIAL) // 2
        trial = reel.only(reel.order[middle : middle + TRIAL])
        each = len(encode(trial)) / trial.pixels
    slowest = max(1, int(reel.fps / SLOWEST))
    for every, scale in STEPS:
        tried = reel.every(min(every, slowest)).smaller(scale)
        # What is smaller has no less detail in a pixel: it would not fit.
        if tried.pixels * each > most and (every, scale) != STEPS[-1]:
            continue
        encoded = encode(tried)
        if len(encoded) <= most:
            return encoded, tried
        each = len(encoded) / tried.pixels
    raise RunError(f"{tried} are still {told(len(encoded))}; allow more by max_size")


def told(size: int) -> str:
    """A size for people: 7.6 MB."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"
