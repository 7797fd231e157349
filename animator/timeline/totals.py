"""Totals of rates: `{total: 360, ease: in-out-sine}` → the change into each frame, which adds up to the total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quote_text, suggest
from animator.scene.fields import TOTAL_OPTIONS
from animator.timeline import easing
from animator.timeline.clock import Clock
from animator.timeline.curves import parse_number

Floats = NDArray[np.float64]

MAX_TOTAL = 1e9  # far above any motion that a frame's limits allow


def sample_total(written: Mapping[str, Any], clock: Clock, by_product: bool = False) -> Floats:
    """Return the change into each frame of `clock`'s film, float64 `(frames,)`, for `{total, ease, from, to}`.

    The changes into the frames after `from` (default: the first frame) up to `to` (default: the last one, in a closed
    loop the first one again) add up to the total, or multiply to it if `by_product`; all others are 0, or 1. The
    frames in between lie on the way as `ease` says. The change into the first frame is the last of a closed loop.
    Raises CurveError.
    """
    for name in written:
        if name not in TOTAL_OPTIONS:
            raise CurveError(
                f"{quote_text(name)} is not an option of a total; {suggest(str(name), TOTAL_OPTIONS)}",
                str(name),
            )
    total = _read_total(written["total"], by_product)
    ease = _read_ease(written.get("ease", "linear"))
    start, stop = _read_span(written, clock)
    share = np.diff(ease(np.linspace(0.0, 1.0, stop - start + 1)))
    values = np.full(clock.frames, 1.0 if by_product else 0.0)
    values[np.arange(start + 1, stop + 1) % clock.frames] = total**share if by_product else total * share
    return values


def _read_total(total: Any, by_product: bool) -> float:
    number = parse_number(total) if isinstance(total, str) else total
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < MAX_TOTAL:
        raise CurveError(f"{quote_text(total)} is not a total; write a number, e.g. {{total: 360}}", "total")
    if by_product and not number > 0:
        raise CurveError(f"{number:g}: ratios multiply to a total above 0", "total")
    return float(number)


def _read_ease(name: Any) -> easing.Easing:
    try:
        return easing.find_easing(name)
    except CurveError as error:
        if name == easing.SMOOTH:
            raise CurveError("smooth needs keyframes; for a total write in-out-sine", "ease") from error
        raise CurveError(str(error), "ease") from error


def _read_span(written: Mapping[str, Any], clock: Clock) -> tuple[int, int]:
    """Return the frames at which the way begins and is complete; a closed loop's first frame is also its last + 1."""
    last = clock.frames if clock.closed else clock.frames - 1
    start, stop = _read_time(written, "from", 0, last, clock), _read_time(written, "to", last, last, clock)
    if start > stop or (start == stop and {"from", "to"} & written.keys()):
        where = "to" if "to" in written else "from"
        raise CurveError(f"no frame lies after frame {start}, where it begins, up to frame {stop}", where)
    return start, stop


def _read_time(written: Mapping[str, Any], name: str, usual: int, last: int, clock: Clock) -> int:
    if name not in written:
        return usual
    try:
        frame = clock.frame(str(written[name]))
    except CurveError as error:
        raise CurveError(str(error), name) from error
    if not 0 <= frame <= last:
        raise CurveError(f"frame {frame} is outside the film's 0..{last}", name)
    return frame
