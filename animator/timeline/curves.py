"""Curves: number, expression, Deforum key string or keyframes → one value per frame.

A number is interpolated to the next key; an expression is evaluated on every frame until the next key. Before the
first key its value holds, after the last key the last one's. `ease: smooth` is a monotone cubic through all keys,
which never overshoots them. Key strings, `0:(1.0), 30:(2*sin(t/10))`, may contain brackets and quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quote_text
from animator.timeline import easing
from animator.timeline.clock import Clock, Signals
from animator.timeline.expressions import evaluate

Floats = NDArray[np.float64]


MAX_KEYS = 10_000  # evaluating a formula at every key takes a third of a millisecond each


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A keyframe: `value` (text is an expression) holds from `frame` on; `ease` shapes the segment before it."""

    frame: int
    value: float | str
    ease: str = "linear"
    name: str | None = None  # its time as the user wrote it


def sample(curve: Any, frames: int, fps: float = 24.0, seed: int = 0) -> Floats:
    """Return the value of `curve` on every frame, float64 `(frames,)`.

    `curve` is anything a schedule file allows: a number, an expression, a Deforum key string or keyframes.
    `seed` is the value of `s` in expressions. Raises CurveError, also where a value is NaN or infinite.
    """
    if frames < 1 or not fps > 0:
        raise CurveError(f"frames={frames}, fps={fps}: a film needs at least one frame, and fps above 0")
    clock = Clock(frames, fps, seed)
    return sample_curve(curve, clock, clock.signals())


def sample_curve(curve: Any, clock: Clock, signals: Signals) -> Floats:
    """Return the value of `curve` on every frame of `clock`'s film, float64 `(frames,)`.

    Expressions may use the names in `signals`. Raises CurveError, also where a value is NaN or infinite.
    """
    values = sample_unchecked(curve, clock, signals)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise CurveError(
            f"{values[bad[0]]} at frame {bad[0]} (of {len(bad)} such frames); every value must be finite"
        )
    return values


def sample_unchecked(curve: Any, clock: Clock, signals: Signals) -> Floats:
    """Sample `curve` without checking that values are finite."""
    with np.errstate(all="ignore"):  # `sample_curve` reports values that are not finite, with their frame
        return _interpolate(parse_keyframes(curve, clock), clock.frames, signals)


def parse_keyframes(curve: Any, clock: Clock) -> list[Keyframe]:
    """Return the keyframes of `curve` in order of time. Raises CurveError."""
    found = _parse_curve(curve, clock)
    for before, key in pairwise(found):
        if isinstance(before.value, str) and key.ease != "linear":
            message = f"the formula {quote_text(before.value)} holds until this key; remove its ease"
            raise CurveError(message, key.name)
    return found


def _parse_curve(curve: Any, clock: Clock) -> list[Keyframe]:
    if isinstance(curve, dict):
        return _parse_mapping(curve, clock)
    if isinstance(curve, str) and parse_number(curve) is None:
        parts = split_key_string(curve)
        if parts is not None:
            _check_key_count(parts)
            return _parse_key_string(parts, clock)
        return [Keyframe(0, curve.strip())]
    return [Keyframe(0, _parse_value(curve))]


def _check_key_count(written: Sized) -> None:
    """Check the number of keys before any is parsed. Raises CurveError."""
    if len(written) > MAX_KEYS:
        raise CurveError(f"{len(written):,} keys; at most {MAX_KEYS:,}")


def _parse_mapping(curve: dict[Any, Any], clock: Clock) -> list[Keyframe]:
    found: dict[int, Keyframe] = {}
    _check_key_count(curve)
    if not curve:
        raise CurveError("no keyframes; write at least one, e.g. {0: 1.0}")
    for name, item in curve.items():
        try:
            value, ease = _value_and_ease(item)
            key = Keyframe(clock.frame(str(name)), _parse_value(value), ease, str(name))
            if ease != easing.SMOOTH:
                easing.find_easing(ease)
        except CurveError as error:
            raise CurveError(str(error), str(name)) from error
        if key.frame in found:
            raise CurveError(f"{name} and {found[key.frame].name} are both frame {key.frame}", str(name))
        found[key.frame] = key
    return [found[frame] for frame in sorted(found)]


def _value_and_ease(item: Any) -> tuple[Any, str]:
    """Return value and ease of a keyframe written as `1.1` or `{value: 1.1, ease: out-cubic}`."""
    if not isinstance(item, dict):
        return item, "linear"
    if "value" not in item or item.keys() - {"value", "ease"}:
        raise CurveError("write it as {value: 1.1, ease: out-cubic}")
    return item["value"], item.get("ease", "linear")


def _parse_key_string(parts: Sequence[tuple[str, str]], clock: Clock) -> list[Keyframe]:
    """Return the keys of a Deforum key string, in order of time.

    By Deforum's rules the later of two keys on one frame wins, and keys outside the film are ignored. Raises
    CurveError if no key is inside.
    """
    found = {}
    for name, text in parts:
        key = Keyframe(_key_string_frame(name, clock), _parse_value(text), name=name)
        if 0 <= key.frame < clock.frames:
            found[key.frame] = key
    if not found:
        names = quote_text(", ".join(name for name, _ in parts))
        raise CurveError(f"no key lies within the film's {clock.frames} frames; its keys are {names}")
    return [found[frame] for frame in sorted(found)]


def _key_string_frame(name: str, clock: Clock) -> int:
    """Return the frame of a key: a time, or an expression of `max_f` and `s`, truncated to a whole frame."""
    try:
        return clock.frame(name)
    except CurveError:
        if parse_number(name) is not None:
            raise
        names: Signals = {"max_f": np.array(clock.frames - 1), "s": np.array(clock.seed)}
        try:
            value = evaluate(name, names, 1)[0]
        except CurveError as error:
            allowed = "write a frame (30), seconds (2s), percent (50%), 'end' or max_f-1"
            raise CurveError(f"{quote_text(name)} is not a time; {allowed}", name) from error
    if not np.isfinite(value):
        raise CurveError(f"{quote_text(name)} is not a frame: its value is not finite", name)
    return int(value)


def _parse_value(value: Any) -> float | str:
    if isinstance(value, bool):
        raise CurveError(f"{value!r} is not a number or an expression")
    if isinstance(value, str):
        plain = parse_number(value)
        return value.strip() if plain is None else plain
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise CurveError(f"{quote_text(value)} is not a number, an expression or keyframes") from None


def _interpolate(found: Sequence[Keyframe], frames: int, signals: Signals) -> Floats:
    values = np.empty(frames)
    if found[0].frame > 0:
        values[: found[0].frame] = _value_at_key(found[0], frames, signals)
    bends = _key_slopes(found, frames, signals)
    for at, (key, following) in enumerate(zip_longest(found, found[1:])):
        stop = frames if following is None else following.frame
        first, last = max(0, key.frame), min(frames, stop)
        if first >= last:
            continue
        if isinstance(key.value, str):
            values[first:last] = _evaluate_formula(key, first, last, signals)
        elif following is None:
            values[first:last] = key.value
        else:
            goal, width = _value_at_key(following, frames, signals), stop - key.frame
            part = (np.arange(first, last) - key.frame) / width
            if following.ease == easing.SMOOTH:
                values[first:last] = hermite_cubic(part, width, (key.value, goal), (bends[at], bends[at + 1]))
            else:
                values[first:last] = key.value + (goal - key.value) * easing.find_easing(following.ease)(part)
    return values


def _key_slopes(found: Sequence[Keyframe], frames: int, signals: Signals) -> Floats:
    """Return the slope at every key for `ease: smooth`, per frame; 0 where a formula begins or ends."""
    if not any(key.ease == easing.SMOOTH for key in found):
        return np.zeros(len(found))
    at = np.array([float(key.frame) for key in found])
    bends = monotone_slopes(at, np.array([_value_at_key(key, frames, signals) for key in found]))
    return np.where([isinstance(key.value, str) for key in found], 0.0, bends)


def _value_at_key(key: Keyframe, frames: int, signals: Signals) -> float:
    """Return the value at the key's own frame; of an expression beyond the film, its value on the nearest frame."""
    if isinstance(key.value, float):
        return key.value
    frame = min(max(0, key.frame), frames - 1)
    return float(_evaluate_formula(key, frame, frame + 1, signals)[0])


def _evaluate_formula(key: Keyframe, first: int, last: int, signals: Signals) -> Floats:
    """Evaluate the key's expression on the frames first..last-1."""
    part = {name: values[first:last] if values.ndim else values for name, values in signals.items()}
    part["k"] = np.arange(first, last) - key.frame
    try:
        return evaluate(str(key.value), part, last - first)
    except CurveError as error:
        raise CurveError(str(error), key.name) from error


def monotone_slopes(at: Floats, values: Floats) -> Floats:
    """Return the slope at each key, per frame, that makes the cubic between keys monotone (Fritsch & Butland 1984).

    `at` are the keys' frames in order, `values` their values. The slope is 0 at a maximum, a minimum, and at the first
    and last key.
    """
    result = np.zeros(len(at))
    if len(at) < 3:
        return result
    width = np.diff(at)
    rise = np.diff(values) / width
    same = rise[:-1] * rise[1:] > 0
    left, right = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (left + right) / (left / rise[:-1] + right / rise[1:])
    result[1:-1] = np.where(same, mean, 0.0)
    return result


def hermite_cubic(
    part: Floats, width: float, ends: tuple[float, float], slope: tuple[float, float]
) -> Floats:
    """Return the Hermite cubic between keys `width` frames apart, at `part` (0..1), from both values and slopes."""
    square, cube = part**2, part**3
    return np.asarray(
        (2 * cube - 3 * square + 1) * ends[0]
        + (cube - 2 * square + part) * width * slope[0]
        + (3 * square - 2 * cube) * ends[1]
        + (cube - square) * width * slope[1],
        dtype=np.float64,
    )


_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

_DELIMITER = re.compile(r"[\"'()\[\]{}:,]")

_OPEN, _CLOSE = "([{", ")]}"

_MAX_NESTING = 100

_MAX_NUMBER_LENGTH = 80

_MAX_LENGTH = 500_000  # characters, the limit of a whole schedule file


def parse_number(text: str) -> float | None:
    """Return the number that `text` is, in any brackets and spaces, with at most one sign (`-(1e-3)`); else None."""
    if len(text) > _MAX_NUMBER_LENGTH:
        return None
    sign, text = 1.0, _strip_enclosure(text)
    if text[:1] in ("-", "+") and not _NUMBER.fullmatch(text):
        sign = -1.0 if text[0] == "-" else 1.0
        text = _strip_enclosure(text[1:])
        if text[:1] in ("-", "+"):
            return None  # Deforum also takes -(-1) for a formula
    return sign * float(text) if _NUMBER.fullmatch(text) else None


def split_key_string(text: str) -> list[tuple[str, str]] | None:
    """Return the (key, value) pairs of a key string, as text; None if `text` is an expression. Raises CurveError."""
    if len(text) > _MAX_LENGTH:
        raise CurveError(f"a text of {len(text):,} characters; at most {_MAX_LENGTH:,}")
    parts = [(part, list(_split_outside_brackets(part, ":"))) for part in _split_outside_brackets(text, ",")]
    if all(len(pieces) == 1 for _, pieces in parts):
        return None
    if not parts[-1][0].strip():
        parts.pop()  # a comma at the end
    pairs = []
    for part, (key, *values) in parts:
        if len(values) != 1 or not key.strip() or not _strip_enclosure(values[0]):
            raise CurveError(
                f"{quote_text(part.strip())} is not a key with a value; write 0:(1.0), 30:(1.04)"
            )
        pairs.append((_strip_enclosure(key), _strip_enclosure(values[0])))
    return pairs


def _split_outside_brackets(text: str, separator: str) -> Iterator[str]:
    """Yield the parts of `text` between separators outside brackets and quotes. Raises CurveError."""
    start, depth, quote = 0, list[str](), ""
    for match in _DELIMITER.finditer(text):
        at, char = match.start(), match[0]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _OPEN:
            depth.append(char)
        elif char in _CLOSE:
            if not depth or _OPEN.index(depth.pop()) != _CLOSE.index(char):
                raise CurveError(f"{char!r} at character {at + 1} closes nothing")
        elif char == separator and not depth:
            yield text[start:at]
            start = at + 1
        if len(depth) > _MAX_NESTING:
            raise CurveError(f"brackets nested more than {_MAX_NESTING} deep")
    if depth or quote:
        raise CurveError(f"{depth[-1] if depth else quote!r} is never closed")
    yield text[start:]


def _strip_enclosure(text: str) -> str:
    """Return `text` without the spaces, quotes and brackets that enclose all of it."""
    text = text.strip()
    while len(text) > 1 and (text[0] + text[-1] in ("()", '""', "''")) and _encloses(text):
        text = text[1:-1].strip()
    return text


def _encloses(text: str) -> bool:
    """Return True if the last character closes the first one: True for `(1)`, False for `(1)*(2)`."""
    if text[0] in "\"'":
        return text.find(text[0], 1) == len(text) - 1
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return at == len(text) - 1
    return False
