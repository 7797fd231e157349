r"""Formulas and LoRA tags in a prompt → a text whose numbers change over time, and LoRA scales per frame.

A formula is written between backticks, "(red:`0.5 + t/100`) mug"; as a weight it needs none: "(red:0.5+t/100) mug".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from animator.errors import CurveError, quote_text
from animator.models.prompt_syntax import (
    BLEND_PATTERN,
    MAX_PARTS,
    MAX_WEIGHT,
    parse_blend_weights,
    parse_prompt,
)
from animator.timeline.clock import Signals
from animator.timeline.expressions import compile_expression, evaluate

LORA_TAG = re.compile(r"\s*<lora:([^:<>`]+)(?::((?:`[^`]*`|[^<>`])*))?>")
NUMBER_PATTERN = re.compile(r"\s*[-+]?[.\d]+\s*")
# Text that is certainly meant as a formula: a digit or bracket beside an operator, or a function call.
FORMULA_PATTERN = re.compile(r"[\w)]\s*[-+*/%<>]\s*[\d(]|[\d)]\s*[-+*/%<>]|\w\(")


@dataclass(frozen=True, eq=False)
class FormulaText:
    """A prompt text whose numbers may change from frame to frame, and the scales of the LoRAs it names."""

    plain: str
    changing: tuple[tuple[Any, str], ...] = ()  # (number per frame, text after it), in order, after `plain`
    loras: dict[str, Any] = field(default_factory=dict)  # name → one scale per frame

    def at(self, frame: int) -> str:
        """Return the text of a frame; numbers are rounded to three decimals."""
        return self.plain + "".join(_format_number(values[frame]) + after for values, after in self.changing)

    def __add__(self, other: FormulaText) -> FormulaText:
        """Return `self` followed by `other`, with the LoRAs of both."""
        loras = {**self.loras, **other.loras}
        if not self.changing:
            return FormulaText(self.plain + other.plain, other.changing, loras)
        *most, (values, last) = self.changing
        return FormulaText(self.plain, (*most, (values, last + other.plain), *other.changing), loras)

    @property
    def is_empty(self) -> bool:
        """True if the text is blank on every frame."""
        return not self.changing and not self.plain.strip(" ,")


def parse_formula_text(written: str, signals: Signals, frames: int) -> FormulaText:
    """Parse the prompt `written`. Raises CurveError for a bad formula, tag, weight or blend."""
    text, loras = _extract_tags(written, signals, frames)
    plain, *rest = _mark_formulas(text, signals).split("`")
    if len(rest) % 2:
        raise CurveError(f"a ` without its partner in {quote_text(written)}; write a formula between two")
    changing = tuple(
        (_evaluate_finite(formula, signals, frames), after)
        for formula, after in zip(rest[::2], rest[1::2], strict=True)
    )
    found = FormulaText(plain, changing, loras)
    _check_weights(found.at(0))
    return found


def _extract_tags(written: str, signals: Signals, frames: int) -> tuple[str, dict[str, Any]]:
    """Return `written` without its LoRA tags, and {LoRA: scale per frame}. Raises CurveError."""
    loras: dict[str, Any] = {}

    def take(match: re.Match[str]) -> str:
        name, scale = match[1].strip(), (match[2] or "1").strip("` ")
        try:
            loras[name] = _evaluate_finite(scale or "1", signals, frames)
        except CurveError as error:
            raise CurveError(f"{quote_text(match[0].strip())}: {error}") from error
        return "\0"

    text = LORA_TAG.sub(take, written.replace("\0", ""))
    # A removed tag may leave a comma on both sides: keep one.
    return re.sub(r",?\s*\0+(?=\s*(,|$))|\0+", "", text), loras


def _mark_formulas(text: str, signals: Signals) -> str:
    """Return `text` with backticks around the weights that are formulas. Raises CurveError."""
    known, result, done = frozenset(signals), [], 0
    for start, end in weight_spans(text):
        tail = text[start:end]
        # (size: s) is text, (red:bass) a formula: a single name is one only if no space follows the colon.
        said = tail[:1].isspace() and tail.strip().isidentifier()
        if "`" in tail or NUMBER_PATTERN.fullmatch(tail) or not tail.strip() or said:
            continue
        try:
            compile_expression(tail, known)
        except CurveError as error:
            if FORMULA_PATTERN.search(tail):
                raise CurveError(rf"{error}; write \: for a colon that begins no weight") from error
            continue  # (a cup: white) is text
        result += [text[done:start], "`", tail.strip(), "`"]
        done = end
    return "".join([*result, text[done:]])


def weight_spans(text: str) -> Iterator[tuple[int, int]]:
    """Return the spans (start, end) of weights, in order: from after the last colon in round brackets to their end."""
    found: list[tuple[int, int]] = []
    stack: list[int | None] = []  # position of the last colon in each open bracket
    skip = quote = False
    for at, char in enumerate(text):
        if skip or quote:
            quote, skip = quote != (char == "`" and not skip), False
        elif char == "\\":
            skip = True
        elif char == "`":
            quote = True
        elif char == "(":
            stack.append(None)
        elif char == ":" and stack:
            stack[-1] = at
        elif char == ")" and stack and (colon := stack.pop()) is not None:
            # Brackets inside a weight belong to its formula.
            found = [(start, end) for start, end in found if start < colon]
            found.append((colon + 1, at))
    return iter(sorted(found))


def _evaluate_finite(formula: str, signals: Signals, frames: int) -> Any:
    """Return the value of `formula` on every frame. Raises CurveError, also where a value is not finite."""
    values = evaluate(formula, signals, frames)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise CurveError(f"{values[bad[0]]} at frame {bad[0]} in `{formula}`; every value must be finite")
    return values


def _format_number(value: float) -> str:
    return f"{round(value, 3) + 0.0:.12g}"  # + 0.0 turns -0 into 0


def _check_weights(text: str) -> None:
    """Check weights, number of parts and blends of the first frame's text. Raises CurveError."""
    for start, end in weight_spans(text):
        tail = text[start:end]
        if NUMBER_PATTERN.fullmatch(tail) and tail.strip(" .+-") and tail.count(".") < 2:  # noqa: SIM102
            if float(tail) > MAX_WEIGHT:
                says = f"a weight of {float(tail):g} in {quote_text(text)}; allowed 0..{MAX_WEIGHT:g}"
                raise CurveError(rf"{says}; write \: for a colon that begins no weight")
    if (count := parse_prompt(text).part_count) > MAX_PARTS:
        raise CurveError(f"{count} parts of different weights; at most {MAX_PARTS}")
    for match in BLEND_PATTERN.finditer(text):
        count = len(re.findall(r'"(?:[^"\\]|\\.)*"', match[1]))
        if parse_blend_weights(match[2], count) is None:
            example = ", ".join(["1"] * count)
            raise CurveError(
                f"{quote_text(match[0])} blends {count} texts; write a weight for each: .blend({example})"
            )
