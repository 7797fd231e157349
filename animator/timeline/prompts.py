"""Prompt keyframes, styles and LoRA tags → one Prompt and one set of LoRA scales per frame.

A Prompt is a text, the next text, the weight of the next, and a negative prompt.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, SettingPath, quote_text, suggest
from animator.frame import Prompt
from animator.scene.settings_models import declared_loras, split_scale
from animator.scene.styles import Style, available_styles
from animator.timeline.clock import Clock, Signals
from animator.timeline.column_reader import Reader, hold_values, keyed_texts
from animator.timeline.prompt_formulas import FormulaText, parse_formula_text

NEGATIVE_MARK = "--neg"  # Deforum's mark: the text after it is a negative prompt


Texts = dict[int, FormulaText]  # keyed by the frame from which the text holds, in order of time


def parse_prompts(
    written: Any, clock: Clock, signals: Signals, loras: Collection[str] = ()
) -> tuple[Texts, Texts]:
    """Parse keyframes of prompts; return the prompts and the negative prompts written after `--neg`.

    In formulas `k` is the number of frames since the key. Tags may name `loras`. Raises CurveError.
    """
    wanted, unwanted = {}, {}
    for start, (key, text) in keyed_texts(written, clock).items():
        known = {**signals, "k": signals["t"] - start}
        positive, _, negative = text.partition(NEGATIVE_MARK)
        try:
            wanted[start] = _check_loras(parse_formula_text(positive.strip(), known, clock.frames), loras)
            unwanted[start] = _check_no_tags(parse_formula_text(negative.strip(), known, clock.frames))
        except CurveError as error:
            raise CurveError(str(error), key) from error
    return wanted, unwanted


def parse_negatives(written: Any, clock: Clock, signals: Signals) -> Texts:
    """Parse keyframes of negative prompts. Raises CurveError, also for a LoRA tag."""
    found = parse_prompts(written, clock, signals, _ANY_NAME)[0]
    for text in found.values():
        _check_no_tags(text)
    return found


class _AnyName(frozenset[str]):
    """Set that contains every name."""

    def __contains__(self, _: object) -> bool:
        return True


_ANY_NAME = _AnyName()


def _check_loras(text: FormulaText, loras: Collection[str]) -> FormulaText:
    """Return `text`. Raises CurveError if a tag names a LoRA that is not in `loras`."""
    for name in text.loras:
        if name not in loras:
            hint = suggest(name, loras) if loras else "none are declared there"
            raise CurveError(f"{quote_text(f'<lora:{name}>')}: no LoRA of that name in model.loras; {hint}")
    return text


def _check_no_tags(text: FormulaText) -> FormulaText:
    """Return `text`. Raises CurveError if it has a LoRA tag, which has no effect in a negative prompt."""
    for name in text.loras:
        tag = quote_text(f"<lora:{name}>")
        raise CurveError(
            f"{tag} does nothing in a negative prompt; move it to the prompt, perhaps with a scale below 0"
        )
    return text


class Blend(NamedTuple):
    """A blend of two texts: `before` holds alone up to frame `first`, `after` alone from frame `key` on."""

    before: int  # key (frame) of the first text
    after: int  # key (frame) of the second text
    first: int
    key: int

    def weights(self) -> Iterator[tuple[int, float]]:
        """Yield each frame between `first` and `key`, and the weight of the second text in it."""
        for frame in range(self.first + 1, self.key):
            yield frame, (frame - self.first) / (self.key - self.first)


def blends(keys: Sequence[int], travel: int, shot: NDArray[np.int64], back: int = 0) -> list[Blend]:
    """Return the blends between successive keys. A blend takes `travel` frames and ends at the frame of its key.

    It never starts before the previous key, so every text holds alone on at least one frame, nor before its shot:
    `shot` is the first frame of each frame's shot. With `back` above 0, for a closed loop, the last text blends into
    the first one over the last `back` frames.
    """
    found = [
        Blend(before, key, max(before, key - travel, int(shot[key])), key) for before, key in pairwise(keys)
    ]
    if back and len(keys) > 1:
        frames = len(shot)
        found.append(Blend(keys[-1], keys[0], max(keys[-1], frames - back), frames))
    return found


def build_prompts(
    at: tuple[Texts, Texts], negative: Texts, common: tuple[Texts, Texts], active_blends: Iterable[Blend],
    frames: int, blend: str = "linear",
) -> list[Prompt]:  # fmt: skip
    """Return one prompt per frame; within the blends `active_blends`, two texts and the weight of the second.

    `at` and `common` are prompts and negative prompts, as of `parse_prompts`; `common` is appended to every prompt.
    """

    def full(frame: int, text: FormulaText) -> str:
        return joined(frame, text, common[0][0])

    joined = _Joiner()
    nots = zip(hold_values(at[1], frames), hold_values(negative, frames), strict=True)
    result = [
        Prompt(full(i, text), joined(i, *no, common[1][0]), full(i, text), blend=blend)
        for i, (text, no) in enumerate(zip(hold_values(at[0], frames), nots, strict=True))
    ]
    for way in active_blends:
        for frame, weight in way.weights():
            text, coming = full(frame, at[0][way.before]), full(frame, at[0][way.after])
            result[frame] = Prompt(text, result[frame].negative, coming, weight, blend)
    return result


def tag_scales(
    at: Texts, common: Texts, active_blends: Sequence[Blend], frames: int
) -> dict[str, list[float]]:
    """Return {LoRA: scale per frame} of all tags: 0 on texts without the tag, blended as the texts are."""
    found: dict[str, list[float]] = {}
    everywhere = common[0].loras
    for name in dict.fromkeys(name for text in [*at.values(), common[0]] for name in text.loras):

        def scale(text: FormulaText, frame: int, name: str = name) -> float:
            return float(text.loras[name][frame]) if name in text.loras else 0.0

        if name in everywhere:
            found[name] = [float(value) for value in everywhere[name]]
            continue
        column = [scale(text, i) for i, text in enumerate(hold_values(at, frames))]
        for way in active_blends:
            for frame, weight in way.weights():
                before, after = scale(at[way.before], frame), scale(at[way.after], frame)
                column[frame] = before + weight * (after - before)
        found[name] = column
    return found


class _Joiner:
    """Joiner of texts with commas, which caches every result that does not change over time."""

    def __init__(self) -> None:
        self.known: dict[tuple[FormulaText, ...], str] = {}

    def __call__(self, frame: int, *parts: FormulaText) -> str:
        if parts in self.known:
            return self.known[parts]
        said = (part.at(frame).strip(", ") for part in parts)
        text = ", ".join(part for part in said if part)
        if not any(part.changing for part in parts):
            self.known[parts] = text
        return text


def prompt_columns(
    reader: Reader, shot: NDArray[np.int64], closed: bool
) -> tuple[list[Prompt], dict[str, list[float]]]:
    """Return the prompt of each frame, and {LoRA: scale per frame} of all tags; `reader` collects the problems.

    `shot` is the first frame of each frame's shot; `closed` is True for a closed loop.
    """
    scene, clock, signals = reader.scene, reader.clock, reader.signals
    written, loras = scene.settings.prompts, declared_loras(scene.document.data)
    nothing = parse_prompts("", clock, signals)

    def read(name: str) -> tuple[Texts, Texts]:
        text = getattr(written, name)
        return reader.collect(("prompts", name), lambda: parse_prompts(text, clock, signals, loras), nothing)

    plain, common = read("at"), read("common")
    negative = reader.collect(
        ("prompts", "negative"), lambda: parse_negatives(written.negative, clock, signals), nothing[0]
    )
    styles = available_styles(scene)
    at = reader.collect(
        ("prompts", "style"), lambda: apply_styles(plain, written.style, styles, clock, signals), plain
    )
    travel = reader.collect(("prompts", "travel"), lambda: reader.duration_frames(written.travel), 0)
    back = max(travel, round(clock.fps)) if closed else 0
    on_way = blends(list(at[0]), travel, shot, back)
    found = build_prompts(at, negative, common, on_way, len(shot), written.blend)
    return found, tag_scales(at[0], common[0], on_way, len(shot))


_TRAILING_PREPOSITION = re.compile(
    r"\s+(of|with|in|on|as)\s*$"
)  # dropped from `before` if no prompt follows it


def apply_styles(
    plain: tuple[Texts, Texts], written: Any, library: Mapping[str, Style], clock: Clock, signals: Signals
) -> tuple[Texts, Texts]:
    """Return prompts and negative prompts, `parse_prompts`, wrapped in the styles of the keyframes `written`.

    `library` has the styles by name. A key of the prompts or of the styles begins a new text, so that `travel` blends
    from style to style as from prompt to prompt. Raises CurveError for an unknown style.
    """
    styles: dict[int, tuple[FormulaText, FormulaText, FormulaText] | None] = {}
    for frame, (key, text) in keyed_texts(written, clock).items():
        name = text.strip()
        if name and name not in library:
            raise CurveError(f"no style {quote_text(name)}; {suggest(name, library)}", key)
        try:
            styles[frame] = _parse_style(library[name], signals, clock.frames) if name else None
        except CurveError as error:
            raise CurveError(f"style {name!r}: {error}", key) from error
    wanted, unwanted = plain
    words: Texts = {}
    against: Texts = {}
    for frame in sorted({*wanted, *styles}):
        said, no, style = _value_at(wanted, frame), _value_at(unwanted, frame), _value_at(styles, frame)
        if style is not None:
            before, after, negative = style
            if said.is_empty:
                before = FormulaText(
                    _TRAILING_PREPOSITION.sub("", before.plain), before.changing, before.loras
                )
            said = before + said + after
            no = no + FormulaText("" if no.is_empty or negative.is_empty else ", ") + negative
        words[frame], against[frame] = said, no
    return words, against


def _parse_style(style: Style, signals: Signals, frames: int) -> tuple[FormulaText, FormulaText, FormulaText]:
    before, after, negative = (
        parse_formula_text(text, signals, frames) for text in (style.before, style.after, style.negative)
    )
    for name in negative.loras:
        raise CurveError(f"<lora:{name}> does nothing in a negative prompt")
    return before, after, negative


def _value_at(keyframes: Mapping[int, Any], frame: int) -> Any:
    """Return the value of the last key at or before `frame`."""
    starts = list(keyframes)
    return keyframes[starts[int(np.searchsorted(starts, frame, side="right")) - 1]]


LORA_SCALE_RANGE = (-10.0, 10.0)  # negative scales invert a LoRA's effect; beyond this range images are noise


Column = list[float]

BlockFactors = list[Mapping[str, Mapping[str, float]]]


def lora_columns(reader: Reader, tagged: Mapping[str, Column]) -> tuple[list[dict[str, float]], BlockFactors]:
    """Return the scale of every LoRA on each frame, by name, and its block factors, by name and block.

    A scale is 1 unless a curve of `loras` or a tag sets it; `tagged` has the scales set by tags. `reader` collects the
    problems.
    """
    settings, frames = reader.scene.settings, reader.clock.frames
    found: dict[str, Column] = {}
    columns: dict[str, dict[str, Column]] = {}
    for name in [
        *settings.model.loras,
        *(name for name in settings.loras if name not in settings.model.loras),
    ]:
        written = settings.loras.get(name, 1.0)
        scale, blocks = split_scale(written)
        path: SettingPath = ("loras", name)
        scaled = written is scale or "scale" in written
        if name in tagged and name in settings.loras and scaled:
            message = f"its scale is also set by a <lora:{name}:…> tag in the prompts; keep one of them"
            reader.problems.append(reader.scene.problem(path, message))
        found[name] = (
            check_tag_scale(reader, tagged[name], name) if name in tagged
            else reader.number_column(scale, path if written is scale else (*path, "scale"), LORA_SCALE_RANGE)
        )  # fmt: skip
        if blocks:
            columns[name] = {
                block: reader.number_column(item, (*path, "blocks", block), LORA_SCALE_RANGE)
                for block, item in blocks.items()
            }
    whole = [{name: column[i] for name, column in found.items()} for i in range(frames)]
    return whole, [_blocks_at(columns, i) for i in range(frames)] if columns else [{}] * frames


def check_tag_scale(reader: Reader, column: Column, name: str) -> Column:
    """Return `column`, the scales of a tag; `reader` collects the first one out of range as a problem."""
    low, high = LORA_SCALE_RANGE
    bad = next((i for i, value in enumerate(column) if not low <= value <= high), None)
    if bad is not None:
        message = f"<lora:{name}> is {column[bad]:g} at frame {bad}; allowed {low:g}..{high:g}"
        reader.problems.append(reader.scene.problem(("prompts", "at"), message))
    return column


def _blocks_at(columns: Mapping[str, Mapping[str, Column]], frame: int) -> dict[str, Any]:
    """Return {LoRA: {block: factor}} of one frame."""
    return {
        name: {block: column[frame] for block, column in blocks.items()} for name, blocks in columns.items()
    }
