"""Reader of settings as columns: values, names and flags per frame; problems are collected, and reading continues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, Problem, SettingPath, quote_text
from animator.frame import setting_fields
from animator.models import samplers
from animator.scene.fields import is_total
from animator.scene.scene import Scene
from animator.scene.settings_images import EVERYWHERE
from animator.timeline import curves
from animator.timeline.audio import AudioSignals, scene_signals, silent_signals
from animator.timeline.clock import RESERVED_NAMES, Clock, Signals
from animator.timeline.expression_functions import FUNCTIONS
from animator.timeline.mask_expressions import parse_mask_expression
from animator.timeline.totals import sample_total

Row = TypeVar("Row")

Result = TypeVar("Result")


class Reader:
    """Reader of one scene's values, which collects problems in `problems` instead of raising them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        video, painting = scene.settings.video, scene.settings.painting
        self.problems: list[Problem] = []
        silent: AudioSignals | None = silent_signals(scene.frames)
        heard = self.collect(("audio", "file"), lambda: scene_signals(scene), silent)
        times = () if heard is None else tuple(heard.beats.tolist())
        plain = Clock(
            scene.frames,
            video.fps,
            painting.seed.start,
            scene.settings.bpm,
            beats=times,
            closed=video.loop == "closed",
        )
        self.clock = replace(plain, events=self.event_frames(plain))
        self.signals: Signals = self.clock.signals() | (heard.signals if heard is not None else {})

    def collect(self, path: SettingPath, work: Callable[[], Result], otherwise: Result) -> Result:
        """Return the result of `work`; if it raises CurveError, collect a problem at `path` and return `otherwise`."""
        try:
            return work()
        except CurveError as error:
            path = path if error.key is None else (*path, error.key)
            self.problems.append(self.scene.problem(path, str(error)))
            return otherwise

    def section(self, cls: type[Row], written: Any, *path: str) -> list[Row]:
        """Return one `cls` per frame: each field written in the schedule is sampled, the others keep their default."""
        given = written.given()
        columns = {
            field.name: self.field_column(field, given[field.name], (*path, field.name))
            for field in setting_fields(cls)
            if field.name in given
        }
        if not columns:
            return [cls()] * self.clock.frames
        return [cls(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]

    def field_column(self, field: Field[Any], written: Any, path: SettingPath) -> list[Any]:
        """Return the value of one dataclass field on each frame: text, number or whole number, by its default."""
        if isinstance(field.default, str):
            read = {"sampler": _sampler_name, "schedule": samplers.find_schedule, "mask": self.check_mask}[
                field.name
            ]
            return self.collect(
                path, lambda: self.text_column(written, read), [field.default] * self.clock.frames
            )
        limits = field.metadata["low"], field.metadata["high"]
        values = self.number_column(written, path, limits, field.metadata.get("total", ""))
        return [round(value) for value in values] if isinstance(field.default, int) else values

    def number_column(
        self, written: Any, path: SettingPath, limits: tuple[float, float], total: str = ""
    ) -> list[float]:
        """Return the value of a curve on each frame; a value outside `limits` (low, high) is a problem.

        `total` says what values are joined to if a total may be given instead: their "sum" or their "product".
        """
        low, high = limits

        def work() -> list[float]:
            if is_total(written) and "total" not in self.clock.events:
                values = self.total_column(written, total)
            else:
                values = curves.sample_curve(written, self.clock, self.signals)
            bad = np.flatnonzero((values < low) | (values > high))
            if len(bad):
                raise CurveError(f"{values[bad[0]]:g} at frame {bad[0]}; allowed {low:g}..{high:g}")
            return [float(value) for value in values]

        return self.collect(path, work, [min(1.0, high)] * self.clock.frames)

    def total_column(self, written: Any, total: str) -> NDArray[np.float64]:
        """Return the values of `{total: …}` on each frame. Raises CurveError for values that do not add up."""
        if not total:
            message = "these values do not add up to a total; write keyframes, e.g. {0: 0.3, end: 0.6}"
            raise CurveError(message, "total")
        return sample_total(written, self.clock, total == "product")

    def text_column(self, written: Any, read: Callable[[str], str]) -> list[str]:
        """Return `read(text)` for each frame, of a text or keyframes of texts. Raises CurveError."""
        if written == {}:
            example = {_sampler_name: "Euler", samplers.find_schedule: "karras"}.get(read, EVERYWHERE)
            raise CurveError(f"no keyframes; write at least one, e.g. {{0: {example}}}")
        found = text_keyframes(written if isinstance(written, dict) else str(written), self.clock)
        return hold_values({frame: read(str(text)) for frame, text in found.items()}, self.clock.frames)

    def check_mask(self, text: str) -> str:
        """Return the mask expression `text`, stripped; it may be empty. Raises CurveError if it is not valid."""
        # From the document: settings lack masks that have a problem of their own.
        written = self.scene.document.data.get("masks", {})
        if text.strip():
            parse_mask_expression(text, [*written, EVERYWHERE])
        return text.strip()

    def event_frames(self, clock: Clock) -> dict[str, int]:
        """Return the frame of each named event; with `audio.snap`, the beat nearest to it."""

        def moment(name: str, written: Any) -> int:
            if not name.isidentifier() or not name.isascii() or name in RESERVED_NAMES or name in FUNCTIONS:
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
            name: self.collect(("events", name), partial(moment, name, written), 0)
            for name, written in self.scene.settings.events.items()
        }

    def duration_frames(self, written: int | str) -> int:
        """Return a duration (`12`, `0.5s`, `2b`) in frames. Raises CurveError if it is negative or not a time."""
        try:
            frames = self.clock.frame(str(written))
        except CurveError as error:
            raise CurveError(str(error)) from error  # without the key: it is not part of the path
        if frames < 0:
            raise CurveError(f"{quote_text(written)} is not a duration; write frames (12) or seconds (0.5s)")
        return frames

    def flag_column(self, written: Any, path: SettingPath) -> NDArray[np.bool_] | None:
        """Return the flags of a list of times or an expression; None if it is not set or has a problem."""
        if written is None:
            return None
        return self.collect(path, lambda: frame_flags(written, self.clock, self.signals), None)


def _sampler_name(text: str) -> str:
    """Return the canonical name of a sampler. Raises CurveError."""
    return samplers.find_sampler(text).name


Flags = NDArray[np.bool_]


def frame_flags(written: Sequence[str] | str, clock: Clock, signals: Signals) -> Flags:
    """Mark the frames of a list of times (`[0, 2s, 4b, 50%, end]`), or those where an expression is not 0.

    Times outside the film are ignored. Raises CurveError, whose key is the index in the list.
    """
    if isinstance(written, str):
        return np.asarray(curves.sample_curve(written, clock, signals) != 0)
    frames = np.array([_listed_frame(written[at], str(at), clock) for at in range(len(written))])
    flags = np.zeros(clock.frames, np.bool_)
    flags[frames[(frames >= 0) & (frames < clock.frames)]] = True
    return flags


def _listed_frame(time: str, place: str, clock: Clock) -> int:
    try:
        return clock.frame(time)
    except CurveError as error:
        raise CurveError(str(error), place) from error


def first_painted_after(flags: Flags, diffuse: Flags) -> Flags:
    """Mark the first painted frame at or after each frame that `flags` marks."""
    painted = np.flatnonzero(diffuse)
    following = np.searchsorted(painted, np.flatnonzero(flags))
    result: Flags = np.zeros(len(diffuse), np.bool_)
    result[painted[following[following < len(painted)]]] = True
    return result


MAX_KEYS = 10_000


def text_keyframes(written: Any, clock: Clock) -> dict[int, str]:
    """Return keyframes of text as {frame: text}, in order of time; the first one holds from frame 0.

    Raises CurveError for a key that is not a time, outside the film or on the frame of another key.
    """
    return {frame: text for frame, (_, text) in keyed_texts(written, clock).items()}


def keyed_texts(written: Any, clock: Clock) -> dict[int, tuple[str | None, str]]:
    """Return keyframes of text as {frame: (key as written, text)}; the key is None for a single text.

    Frames are ordered and errors raised as in `text_keyframes`.
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


def hold_values(keyframes: dict[int, Any], frames: int) -> list[Any]:
    """Return one value per frame: the value of the last key at or before it."""
    starts = np.array(list(keyframes))
    ordered = list(keyframes.values())
    return [ordered[i] for i in np.searchsorted(starts, np.arange(frames), side="right") - 1]
