r"""Parser of A1111's prompt syntax: text → plain parts with weights.

`(word)` has the weight 1.1, `((word))` 1.21, `[word]` 1/1.1, `(word:1.3)` the number given; `\(` `\[` `\:`
are the characters themselves. `BREAK` begins a new chunk of tokens, `AND` a new prompt; `:0.7` before `AND` is
the weight of the prompt before it. `("red mug", "blue mug").blend(1, 2)` is compel's syntax: a weighted mean of
both embeddings. Everything else is text, so parsing never fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from math import isfinite

BRACKET_FACTOR = 1.1  # A1111's factor per bracket
MAX_WEIGHT = 10.0  # far above useful weights: SDXL's images oversaturate from 1.6 on
MAX_DEPTH = 50  # nested brackets; deeper ones are text
MAX_PARTS = 100  # of one prompt: each weight below 1 costs one more run of the text encoders
MAX_BLENDS = 16  # texts that the blends of one prompt may expand to

_TOKEN = re.compile(r"\\[()\[\]:\\\"]|[()\[\]]|\bBREAK\b|\bAND\b|[^\\()\[\]AB]+|.", re.S)
_WEIGHT = re.compile(r":\s*([-+]?[.\d]+)\s*$")
_QUOTED_TEXT = r'"(?:[^"\\]|\\.)*"'
BLEND_PATTERN = re.compile(rf"\(\s*({_QUOTED_TEXT}(?:\s*,\s*{_QUOTED_TEXT})+)\s*\)\s*\.blend\(([^()]*)\)")
# A1111's prompt editing by step, [from:to:when] and [a|b], which is not supported: it stays text.
_PROMPT_EDIT = re.compile(r"[|]|:\s*[.\d]+\s*$")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text and its weight: 1 is neutral, 0 is no effect."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Parts that are encoded together, and the weight of the whole chunk."""

    parts: tuple[Part, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ParsedPrompt:
    """A parsed prompt: texts to blend, each with its weight and its chunks; the weights add up to 1."""

    blends: tuple[tuple[float, tuple[Chunk, ...]], ...]

    @property
    def part_count(self) -> int:
        """Number of parts, of the blended text that has the most."""
        return max(sum(len(chunk.parts) for chunk in chunks) for _, chunks in self.blends)

    @property
    def plain_text(self) -> str | None:
        """The text of a prompt without blends, chunks or weights; None for other prompts."""
        [(_, chunks), *more] = self.blends
        if more or len(chunks) > 1 or chunks[0].weight != 1 or len(chunks[0].parts) > 1:
            return None
        part = chunks[0].parts[0]
        return part.text if part.weight == 1 else None


def parse_prompt(text: str) -> ParsedPrompt:
    """Parse a prompt. Text that does not follow the syntax stays text; no error is raised."""
    texts = _expand_blends(text)
    total = sum(weight for weight, _ in texts)
    return ParsedPrompt(tuple((weight / total, _parse_chunks(text)) for weight, text in texts))


def _expand_blends(text: str) -> list[tuple[float, str]]:
    """Return the texts that the blends in `text` expand to, each with its weight."""
    texts = [(1.0, text)]
    while match := BLEND_PATTERN.search(texts[0][1]):
        choices = re.findall(_QUOTED_TEXT, match[1])
        weights = parse_blend_weights(match[2], len(choices))
        if weights is None or len(texts) * len(choices) > MAX_BLENDS:
            break
        texts = [
            (outer * inner, f"{text[: found.start()]}{choice[1:-1]}{text[found.end() :]}")
            for outer, text in texts
            if (found := BLEND_PATTERN.search(text))
            for inner, choice in zip(weights, choices, strict=True)
            if inner > 0
        ]
    return texts


def parse_blend_weights(written: str, count: int) -> list[float] | None:
    """Return the `count` weights written in a blend, 1 each if `written` is blank; None if they are invalid."""
    values = [_parse_float(item) for item in written.split(",")] if written.strip() else [1.0] * count
    found = [value for value in values if value is not None and 0 <= value <= 1000]
    return found if len(found) == len(values) == count and sum(found) > 0 else None


def _parse_float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _parse_chunks(text: str) -> tuple[Chunk, ...]:
    found = []
    for segment, weight in _split_at_and(_PromptReader(text).pieces()):
        chunks = [list(group) for broken, group in groupby(segment, lambda p: p[0] == "BREAK") if not broken]
        for chunk in chunks or [[]]:
            parts = tuple(_merge_parts((text, weight) for _, text, weight in chunk))
            found.append(Chunk(parts or (Part(""),), weight))
    kept = [chunk for chunk in found if chunk.parts != (Part(""),)]
    return tuple(kept) or (Chunk((Part(""),)),)


Piece = tuple[str, str, float]  # kind ("text", "AND" or "BREAK"), text, weight


def _split_at_and(pieces: list[Piece]) -> Iterator[tuple[list[Piece], float]]:
    """Yield the prompts between ANDs with their weights; without any AND, `:0.7` is text."""
    groups = [list(group) for split, group in groupby(pieces, lambda piece: piece[0] == "AND") if not split]
    for group in groups:
        weight, (kind, text, own) = 1.0, group[-1]
        match = _WEIGHT.search(text) if len(groups) > 1 and kind == "text" else None
        if match and (value := _parse_float(match[1])) is not None:
            weight = min(max(value, 0.0), MAX_WEIGHT)
            group[-1] = (kind, text[: match.start()], own)
        yield group, weight


def _merge_parts(parts: Iterator[tuple[str, float]]) -> Iterator[Part]:
    """Yield the parts with neighbours of equal weight joined, spaces collapsed, and empty parts dropped."""
    for weight, group in groupby(parts, lambda part: round(min(max(part[1], 0.0), MAX_WEIGHT), 6)):
        text = " ".join("".join(text for text, _ in group).split())
        if text:
            yield Part(text, weight)


class _PromptReader:
    """Reader of one text, from left to right. A bracket without its partner is text."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        self.found: list[Piece] = []
        self.open: list[int] = []  # indices in `found` of brackets that are not closed yet

    def pieces(self) -> list[Piece]:
        for token in self.tokens:
            if token in ("(", "[") and len(self.open) < MAX_DEPTH:
                self.open.append(len(self.found))
                self.found.append(("text", token, 1.0))
            elif token in (")", "]"):
                self.close_bracket(token)
            elif token == "BREAK" or (token == "AND" and not self.open):
                self.found.append((token, token, 1.0))
            else:
                self.add_text(token[1:] if len(token) == 2 and token[0] == "\\" else token)
        return self.found

    def add_text(self, text: str) -> None:
        self.found.append(("text", text, 1.0))

    def close_bracket(self, token: str) -> None:
        """Apply the weight of the bracket that `token` closes to the pieces inside it."""
        partner = "(" if token == ")" else "["
        at = next((at for at in reversed(self.open) if self.found[at][1] == partner), None)
        if at is None:
            return self.add_text(token)
        del self.open[self.open.index(at) :]  # brackets opened in between stay text
        inside = self.found[at + 1 :]
        written = "".join(text for _, text, _ in inside)
        if token == "]" and _PROMPT_EDIT.search(written):
            return self.add_text(token)
        factor = BRACKET_FACTOR if token == ")" else 1 / BRACKET_FACTOR
        match = _WEIGHT.search(inside[-1][1]) if token == ")" and inside and inside[-1][0] == "text" else None
        if match and (value := _parse_float(match[1])) is not None:
            factor = max(value, 0.0)
            inside[-1] = ("text", inside[-1][1][: match.start()], inside[-1][2])
        self.found[at:] = [("text", "", 1.0), *((kind, text, own * factor) for kind, text, own in inside)]
        return None
