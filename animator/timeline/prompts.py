"""Prompt keyframes → text, next text, weight and negative per frame."""

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
NEGATIVE = "--neg"  # Deforum's: what follows is to be kept out


Texts = dict[int, Text]  # by the frame from which it counts, in order of time


def texts(written: Any, clock: Clock) -> dict[int, str]:
    """Keyframes of text by frame, in order of time; the first one counts from frame 0. Raises CurveError."""
    return {frame: text for frame, (_, text) in timed(written, clock).items()}


def timed(written: Any, clock: Clock) -> dict[int, tuple[str | None, str]]:
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


def spoken(written: Any, clock: Clock, signals: Signals, loras: Collection[str] = ()) -> tuple[Texts, Texts]:
    """Keyframes of prompts: what is wanted, and what stands behind `--neg`. Raises CurveError.

    In formulas `k` counts the frames since the key. Tags may name `loras`.
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
    """Keyframes of negative prompts. Raises CurveError."""
    found = spoken(written, clock, signals, _ANY)[0]
    for text in found.values():
        _against(text)
    return found


class _Any(frozenset[str]):
    """Every name there can be."""

    def __contains__(self, _: object) -> bool:
        return True


_ANY = _Any()


def _known(text: Text, loras: Collection[str]) -> Text:
    """`text`, if there are the LoRAs that its tags name."""
    for name in text.loras:
        if name not in loras:
            hint = nearest(name, loras) if loras else "none are declared there"
            raise CurveError(f"{quoted(f'<lora:{name}>')}: no LoRA of that name in model.loras; {hint}")
    return text


def _against(text: Text) -> Text:
    """`text`, if it has no tags: a LoRA cannot be kept out."""
    for name in text.loras:
        tag = quoted(f"<lora:{name}>")
        raise CurveError(
            f"{tag} does nothing in a negative prompt; write it into the prompt, below 0 perhaps"
        )
    return text


def held(keyframes: dict[int, Any], frames: int) -> list[Any]:
    """Each frame's value: that of the last key before it."""
    starts = np.array(list(keyframes))
    ordered = list(keyframes.values())
    return [ordered[i] for i in np.searchsorted(starts, np.arange(frames), side="right") - 1]


class Way(NamedTuple):
    """One text on its way to the next: `before` counts up to `first`, `after` is reached at frame `key`."""

    before: int  # the key of either text
    after: int
    first: int
    key: int

    def weights(self) -> Iterator[tuple[int, float]]:
        """The frames on the way, and how much there is of the second text in each."""
        for frame in range(self.first + 1, self.key):
            yield frame, (frame - self.first) / (self.key - self.first)


def ways(keys: Sequence[int], travel: int, shot: NDArray[np.int64], back: int = 0) -> list[Way]:
    """How keys blend into each other. A key's text is reached at its own frame, after blending over `travel` frames.

    The blend never starts before the key in front of it: every key owns at least its own frame. Nor does it start
    before its shot; `shot` is, for every frame, the one with which its shot began. In a closed loop the last text
    blends `back` into the first one, which follows it.
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
    """One prompt per frame; between keys `on_way` two texts and the weight of the second."""

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
    """The scale of every LoRA that a tag names, on every frame: 0 where a text has none, blended as texts are."""
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
