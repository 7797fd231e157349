"""Prompt keyframes → text, next text, weight and negative per frame."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quoted
from animator.frame import Prompt
from animator.timeline.clock import Clock, Signals
from animator.timeline.expression import evaluate

MAX_KEYS = 10_000
NEGATIVE = "--neg"  # Deforum's: what follows is to be kept out


class Text:
    """A text in which numbers may change from frame to frame: "(red:`0.5 + t/100`) mug"."""

    def __init__(self, written: str, signals: Signals, frames: int) -> None:
        """Raises CurveError where what stands between backticks cannot be computed."""
        plain, *rest = written.strip().split("`")
        if len(rest) % 2:
            raise CurveError(f"a ` without its partner in {quoted(written)}; formulas stand between two")
        self.plain = plain
        self.changing = [
            (_numbers(formula, signals, frames), after)
            for formula, after in zip(rest[::2], rest[1::2], strict=True)
        ]

    def at(self, frame: int) -> str:
        """The text on a frame; a number has at most three decimals."""
        return self.plain + "".join(_short(values[frame]) + after for values, after in self.changing)


def _numbers(formula: str, signals: Signals, frames: int) -> Any:
    values = evaluate(formula, signals, frames)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise CurveError(f"{values[bad[0]]} at frame {bad[0]} in `{formula}`; every value must be finite")
    return values


def _short(value: float) -> str:
    return f"{round(value, 3) + 0.0:.12g}"  # and no minus before nought


Texts = dict[int, Text]  # by the frame from which it counts, in order of time


def texts(written: Any, clock: Clock) -> dict[int, str]:
    """Keyframes of text by frame, in order of time; the first one counts from frame 0. Raises CurveError."""
    return {frame: text for frame, (_, text) in _timed(written, clock).items()}


def _timed(written: Any, clock: Clock) -> dict[int, tuple[str | None, str]]:
    """Key and text by frame."""
    if isinstance(written, str):
        return {0: (None, written)}
    if len(written) > MAX_KEYS:
        raise CurveError(f"{len(written):,} keys; at most {MAX_KEYS:,}")
    found: dict[int, tuple[str | None, str]] = {}
    for key, text in written.items():
        frame = clock.frame(str(key))
        if frame in found:
            raise CurveError(f"{key} and {found[frame][0]} are both frame {frame}", str(key))
        if not 0 <= frame < clock.frames:
            raise CurveError(
                f"frame {frame} is outside the film; its frames are 0..{clock.frames - 1}", str(key)
            )
        found[frame] = (str(key), text)
    ordered = [found[frame] for frame in sorted(found)]
    return dict(zip([0, *sorted(found)[1:]], ordered, strict=True))


def spoken(written: Any, clock: Clock, signals: Signals) -> tuple[Texts, Texts]:
    """Keyframes of prompts: what is wanted, and what stands behind `--neg`. Raises CurveError.

    In formulas `k` counts the frames since the key.
    """
    wanted, unwanted = {}, {}
    for start, (key, text) in _timed(written, clock).items():
        known = {**signals, "k": signals["t"] - start}
        positive, _, negative = text.partition(NEGATIVE)
        try:
            wanted[start] = Text(positive, known, clock.frames)
            unwanted[start] = Text(negative, known, clock.frames)
        except CurveError as error:
            raise CurveError(str(error), key) from error
    return wanted, unwanted


def held(keyframes: dict[int, Any], frames: int) -> list[Any]:
    """Each frame's value: that of the last key before it."""
    starts = np.array(list(keyframes))
    ordered = list(keyframes.values())
    return [ordered[i] for i in np.searchsorted(starts, np.arange(frames), side="right") - 1]


def prompts(
    at: tuple[Texts, Texts],
    negative: Texts,
    common: tuple[Texts, Texts],
    travel: int,
    shot: NDArray[np.int64],
    back: int = 0,
) -> list[Prompt]:
    """One prompt per frame. A key's text is reached at its own frame, after blending over `travel` frames.

    The blend never starts before the key in front of it: every key owns at least its own frame. Nor does it start
    before its shot; `shot` is, for every frame, the one with which its shot began. In a closed loop the last text
    blends `back` into the first one, which follows it.
    """

    def full(frame: int, text: Text) -> str:
        return joined(frame, text, common[0][0])

    frames, joined = len(shot), _Joined()
    nots = zip(held(at[1], frames), held(negative, frames), strict=True)
    result = [
        Prompt(full(i, text), joined(i, *no, common[1][0]), full(i, text))
        for i, (text, no) in enumerate(zip(held(at[0], frames), nots, strict=True))
    ]
    keys = list(at[0])
    blends = [(before, key, max(before, key - travel, int(shot[key])), key) for before, key in pairwise(keys)]
    if back and len(keys) > 1:
        blends.append((keys[-1], keys[0], max(keys[-1], frames - back), frames))
    for before, after, first, key in blends:
        for frame in range(first + 1, key):
            weight = (frame - first) / (key - first)
            text, coming = full(frame, at[0][before]), full(frame, at[0][after])
            result[frame] = Prompt(text, result[frame].negative, coming, weight)
    return result


class _Joined:
    """Texts with commas between; what does not change is put together once for all frames."""

    def __init__(self) -> None:
        self.known: dict[tuple[Text, ...], str] = {}

    def __call__(self, frame: int, *parts: Text) -> str:
        if parts in self.known:
            return self.known[parts]
        said = (part.at(frame).strip(", ") for part in parts)
        text = ", ".join(part for part in said if part)
        if not any(part.changing for part in parts):
            self.known[parts] = text
        return text
