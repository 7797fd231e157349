"""Settings → columns, problems collected.

Settings as written → numbers and names per frame. Problems are collected, and reading continues.

Flags per frame, from a list of times or an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, fields, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, Problem, SettingPath, quoted
from animator.models import samplers
from animator.scene.scene import Scene
from animator.scene.settings_images import EVERYWHERE
from animator.timeline import curves as curve
from animator.timeline.audio import Heard, listen, silence
from animator.timeline.clock import RESERVED, Clock, Signals
from animator.timeline.expressions import FUNCTIONS
from animator.timeline.mask_expressions import parse

Row = TypeVar("Row")

Result = TypeVar("Result")


class Reader:
    """Reader of one scene's values, which collects problems in `problems` instead of raising them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        video, painting = scene.settings.video, scene.settings.painting
        self.problems: list[Problem] = []
        silent: Heard | None = silence(scene.frames)
        heard = self.attempt(("audio", "file"), lambda: listen(scene), silent)
        times = () if heard is None else tuple(heard.beats.tolist())
        plain = Clock(scene.frames, video.fps, painting.seed.start, scene.settings.bpm, beats=times)
        self.clock = replace(plain, events=self.events(plain))
        self.signals: Signals = self.clock.signals() | (heard.signals if heard is not None else {})

    def attempt(self, path: SettingPath, work: Callable[[], Result], otherwise: Result) -> Result:
        """Return the result of `work`; if it raises CurveError, collect a problem at `path` and return `otherwise`."""
        try:
            return work()
        except CurveError as error:
            path = path if error.key is None else (*path, error.key)
            self.problems.append(self.scene.problem(path, str(error)))
            return otherwise

    def section(self, cls: type[Row], written: Any, *path: str) -> list[Row]:
        """Return one `cls` per frame: each field written in the schedule is sampled, the others keep their default."""
        given = written.written()
        columns = {
            field.name: self.column(field, given[field.name], (*path, field.name))
            for field in fields(cls)  # type: ignore[arg-type]  # a dataclass, which TypeVar cannot express
            if field.name in given
        }
        if not columns:
            return [cls()] * self.clock.frames
        return [cls(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]

    def column(self, field: Field[Any], written: Any, path: SettingPath) -> list[Any]:
        """Return the value of one dataclass field on each frame: text, number or whole number, by its default."""
        if isinstance(field.default, str):
            read = {"sampler": _sampler, "schedule": samplers.find_schedule, "mask": self.mask}[field.name]
            return self.attempt(path, lambda: self.words(written, read), [field.default] * self.clock.frames)
        values = self.numbers(written, path, (field.metadata["low"], field.metadata["high"]))
        return [round(value) for value in values] if isinstance(field.default, int) else values

    def numbers(self, written: Any, path: SettingPath, limits: tuple[float, float]) -> list[float]:
        """Return the value of a curve on each frame; a value outside `limits` (low, high) is a problem."""
        low, high = limits

        def work() -> list[float]:
            values = curve.column(written, self.clock, self.signals)
            bad = np.flatnonzero((values < low) | (values > high))
            if len(bad):
                raise CurveError(f"{values[bad[0]]:g} at frame {bad[0]}; allowed {low:g}..{high:g}")
            return [float(value) for value in values]

        return self.attempt(path, work, [min(1.0, high)] * self.clock.frames)

    def words(self, written: Any, read: Callable[[str], str]) -> list[str]:
        """Return `read(text)` for each frame, of a text or keyframes of texts. Raises CurveError."""
        if written == {}:
            example = {_sampler: "Euler", samplers.find_schedule: "karras"}.get(read, EVERYWHERE)
            raise CurveError(f"no keyframes; write at least one, e.g. {{0: {example}}}")
        found = texts(written if isinstance(written, dict) else str(written), self.clock)
        return held({frame: read(str(text)) for frame, text in found.items()}, self.clock.frames)

    def mask(self, text: str) -> str:
        """Return the mask expression `text`, stripped; it may be empty. Raises CurveError if it is not valid."""
        # From the document: settings lack masks that have a problem of their own.
        written = self.scene.document.data.get("masks", {})
        if text.strip():
            parse(text, [*written, EVERYWHERE])
        return text.strip()

    def events(self, clock: Clock) -> dict[str, int]:
        """Return the frame of each named event; with `audio.snap`, the beat nearest to it."""

        def moment(name: str, written: Any) -> int:
            if not name.isidentifier() or not name.isascii() or name in RESERVED or name in FUNCTIONS:
                raise CurveError(
                    f"{name!r} cannot name an event; use letters, digits and _, and no built-in name"
                )
            try:
                frame = clock.frame(str(written))
            except CurveError as error:
                raise CurveError(str(error)) from error  # without the key: it is not part of the path
            return min(beats, key=lambda beat: abs(beat - frame)) if beats else frame

        audio = self.scene.settings.audio
        beats = clock.beat_frames() if audio is not None and audio.snap else []
        return {
            name: self.attempt(("events", name), partial(moment, name, written), 0)
            for name, written in self.scene.settings.events.items()
        }

    def length(self, written: int | str) -> int:
        """Return a duration (`12`, `0.5s`, `2b`) in frames. Raises CurveError if it is negative or not a time."""
        try:
            frames = self.clock.frame(str(written))
        except CurveError as error:
            raise CurveError(str(error)) from error  # without the key: it is not part of the path
        if frames < 0:
            raise CurveError(f"{quoted(written)} is not a duration; write frames (12) or seconds (0.5s)")
        return frames

    def moments(self, written: Any, path: SettingPath) -> NDArray[np.bool_] | None:
        """Return the flags of a list of times or an expression; None if it is not set or has a problem."""
        if written is None:
            return None
        return self.attempt(path, lambda: moments(written, self.clock, self.signals), None)


def _sampler(text: str) -> str:
    """Return the canonical name of a sampler. Raises CurveError."""
    return samplers.find(text).name


Flags = NDArray[np.bool_]


def moments(written: Sequence[str] | str, clock: Clock, signals: Signals) -> Flags:
    """Mark the frames of a list of times (`[0, 2s, 4b, 50%, end]`), or those where an expression is not 0.

    Times outside the film are ignored. Raises CurveError, whose key is the index in the list.
    """
    if isinstance(written, str):
        return np.asarray(curve.column(written, clock, signals) != 0)
    frames = np.array([_frame(written[at], str(at), clock) for at in range(len(written))])
    flags = np.zeros(clock.frames, np.bool_)
    flags[frames[(frames >= 0) & (frames < clock.frames)]] = True
    return flags


def _frame(time: str, place: str, clock: Clock) -> int:
    try:
        return clock.frame(time)
    except CurveError as error:
        raise CurveError(str(error), place) from error


def first_painted(flags: Flags, diffuse: Flags) -> Flags:
    """Mark the first painted frame at or after each frame that `flags` marks."""
    painted = np.flatnonzero(diffuse)
    following = np.searchsorted(painted, np.flatnonzero(flags))
    result: Flags = np.zeros(len(diffuse), np.bool_)
    result[painted[following[following < len(painted)]]] = True
    return result


MAX_KEYS = 10_000


def texts(written: Any, clock: Clock) -> dict[int, str]:
    """Return keyframes of text as {frame: text}, in order of time; the first one holds from frame 0.

    Raises CurveError for a key that is not a time, outside the film or on the frame of another key.
    """
    return {frame: text for frame, (_, text) in timed(written, clock).items()}


def timed(written: Any, clock: Clock) -> dict[int, tuple[str | None, str]]:
    """Return keyframes of text as {frame: (key as written, text)}; the key is None for a single text.

    Frames are ordered and errors raised as in `texts`.
    """
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


def held(keyframes: dict[int, Any], frames: int) -> list[Any]:
    """Return one value per frame: the value of the last key at or before it."""
    starts = np.array(list(keyframes))
    ordered = list(keyframes.values())
    return [ordered[i] for i in np.searchsorted(starts, np.arange(frames), side="right") - 1]
