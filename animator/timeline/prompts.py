"""Prompt keyframes → one Prompt per frame: text, next text, weight of the next, negative."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, nearest, quoted
from animator.frame import Prompt
from animator.timeline.clock import Clock, Signals
from animator.timeline.prompt_formulas import Text, wording

MAX_KEYS = 10_000
NEGATIVE = "--neg"  # Deforum's mark: the text after it is a negative prompt


Texts = dict[int, Text]  # keyed by the frame from which the text holds, in order of time


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


def spoken(written: Any, clock: Clock, signals: Signals, loras: Collection[str] = ()) -> tuple[Texts, Texts]:
    """Parse keyframes of prompts; return the prompts and the negative prompts written after `--neg`.

    In formulas `k` is the number of frames since the key. Tags may name `loras`. Raises CurveError.
    """
    wanted, unwanted = {}, {}
    for start, (key, text) in timed(written, clock).items():
        known = {**signals, "k": signals["t"] - start}
        positive, _, negative = text.partition(NEGATIVE)
        try:
            wanted[start] = _known(wording(positive.strip(), known, clock.frames), loras)
            unwanted[start] = _against(wording(negative.strip(), known, clock.frames))
        except CurveError as error:
            raise CurveError(str(error), key) from error
    return wanted, unwanted


def kept_out(written: Any, clock: Clock, signals: Signals) -> Texts:
    """Parse keyframes of negative prompts. Raises CurveError, also for a LoRA tag."""
    found = spoken(written, clock, signals, _ANY)[0]
    for text in found.values():
        _against(text)
    return found


class _Any(frozenset[str]):
    """Set that contains every name."""

    def __contains__(self, _: object) -> bool:
        return True


_ANY = _Any()


def _known(text: Text, loras: Collection[str]) -> Text:
    """Return `text`. Raises CurveError if a tag names a LoRA that is not in `loras`."""
    for name in text.loras:
        if name not in loras:
            hint = nearest(name, loras) if loras else "none are declared there"
            raise CurveError(f"{quoted(f'<lora:{name}>')}: no LoRA of that name in model.loras; {hint}")
    return text


def _against(text: Text) -> Text:
    """Return `text`. Raises CurveError if it has a LoRA tag, which has no effect in a negative prompt."""
    for name in text.loras:
        tag = quoted(f"<lora:{name}>")
        raise CurveError(
            f"{tag} does nothing in a negative prompt; move it to the prompt, perhaps with a scale below 0"
        )
    return text


def held(keyframes: dict[int, Any], frames: int) -> list[Any]:
    """Return one value per frame: the value of the last key at or before it."""
    starts = np.array(list(keyframes))
    ordered = list(keyframes.values())
    return [ordered[i] for i in np.searchsorted(starts, np.arange(frames), side="right") - 1]


class Way(NamedTuple):
    """A blend of two texts: `before` holds alone up to frame `first`, `after` alone from frame `key` on."""

    before: int  # key (frame) of the first text
    after: int  # key (frame) of the second text
    first: int
    key: int

    def weights(self) -> Iterator[tuple[int, float]]:
        """Yield each frame between `first` and `key`, and the weight of the second text in it."""
        for frame in range(self.first + 1, self.key):
            yield frame, (frame - self.first) / (self.key - self.first)


def ways(keys: Sequence[int], travel: int, shot: NDArray[np.int64], back: int = 0) -> list[Way]:
    """Return the blends between successive keys. A blend takes `travel` frames and ends at the frame of its key.

    It never starts before the previous key, so every text holds alone on at least one frame, nor before its shot:
    `shot` is the first frame of each frame's shot. With `back` above 0, for a closed loop, the last text blends into
    the first one over the last `back` frames.
    """
    found = [
        Way(before, key, max(before, key - travel, int(shot[key])), key) for before, key in pairwise(keys)
    ]
    if back and len(keys) > 1:
        frames = len(shot)
        found.append(Way(keys[-1], keys[0], max(keys[-1], frames - back), frames))
    return found


def prompts(
    at: tuple[Texts, Texts], negative: Texts, common: tuple[Texts, Texts], on_way: Iterable[Way],
    frames: int, blend: str = "linear",
) -> list[Prompt]:  # fmt: skip
    """Return one prompt per frame; within the blends `on_way`, two texts and the weight of the second.

    `at` and `common` are prompts and negative prompts, as of `spoken`; `common` is appended to every prompt.
    """

    def full(frame: int, text: Text) -> str:
        return joined(frame, text, common[0][0])

    joined = _Joined()
    nots = zip(held(at[1], frames), held(negative, frames), strict=True)
    result = [
        Prompt(full(i, text), joined(i, *no, common[1][0]), full(i, text), blend=blend)
        for i, (text, no) in enumerate(zip(held(at[0], frames), nots, strict=True))
    ]
    for way in on_way:
        for frame, weight in way.weights():
            text, coming = full(frame, at[0][way.before]), full(frame, at[0][way.after])
            result[frame] = Prompt(text, result[frame].negative, coming, weight, blend)
    return result


def tags(at: Texts, common: Texts, on_way: Sequence[Way], frames: int) -> dict[str, list[float]]:
    """Return {LoRA: scale per frame} of all tags: 0 on texts without the tag, blended as the texts are."""
    found: dict[str, list[float]] = {}
    everywhere = common[0].loras
    for name in dict.fromkeys(name for text in [*at.values(), common[0]] for name in text.loras):

        def scale(text: Text, frame: int, name: str = name) -> float:
            return float(text.loras[name][frame]) if name in text.loras else 0.0

        if name in everywhere:
            found[name] = [float(value) for value in everywhere[name]]
            continue
        column = [scale(text, i) for i, text in enumerate(held(at, frames))]
        for way in on_way:
            for frame, weight in way.weights():
                before, after = scale(at[way.before], frame), scale(at[way.after], frame)
                column[frame] = before + weight * (after - before)
        found[name] = column
    return found


class _Joined:
    """Joiner of texts with commas, which caches every result that does not change over time."""

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
