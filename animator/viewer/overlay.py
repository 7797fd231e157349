"""Captions drawn into a preview's frames: time, prompt, settings, position in the film, and bands of prompts.

The font is OpenCV's bundled sans serif: Latin, Greek, Cyrillic, arrows and dots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import cv2
import numpy as np

from animator.frame import Image

WHITE, GREY, ORANGE, DARK = (255, 255, 255), (205, 209, 214), (255, 150, 60), (24, 26, 30)

BAR_OPACITY = 0.72  # opacity of the bars behind the text: enough for white letters on a white image

TINT_OPACITY = 0.28  # opacity of a prompt's colour over a test card

Row = Mapping[str, Any]  # of the frame table


class CaptionOverlay:
    """Draws captions over images of a film with the frame table `rows`, of width x height pixels.

    `tinted`: each image is tinted with the colour of its prompt, so that changes of prompt are visible on a test card.
    """

    def __init__(
        self, rows: Sequence[Row], spent: Sequence[str], fps: float, width: int, height: int, tinted: bool
    ) -> None:
        """`spent`: for each frame, the text on the film's cost up to it."""
        self.spent = spent
        self.count, self.fps, self.tinted, self.first = len(rows), fps, tinted, rows[0]["index"]
        self.width, self.height = width, height
        self.letter = max(9, round(min(width, 1.4 * height) / 30))
        self.line, self.edge = round(1.4 * self.letter), max(3, self.letter // 2)
        self.bands = prompt_bands([(row["prompt"]["text"], row["prompt"]["weight"]) for row in rows])
        self.bar = self._draw_bar(rows)

    def __call__(self, image: Image, row: Row) -> Image:
        """Return a copy of `image`, that of the frame `row`, with its caption."""
        drawn = self.tinted_copy(image, row)
        at = row["index"] - self.first
        self._draw_head(drawn, row)
        self._draw_foot(drawn, row, at)
        return drawn

    def tinted_copy(self, image: Image, row: Row) -> Image:
        """Return a copy of `image`, tinted with the colour of its prompt if the overlay is `tinted`."""
        if not self.tinted:
            return image.copy()
        tint = np.full_like(image, self._prompt_color(row["index"] - self.first))
        return np.asarray(cv2.addWeighted(image, 1 - TINT_OPACITY, tint, TINT_OPACITY, 0), np.uint8)

    def _prompt_color(self, at: int) -> Color:
        """Return the colour of the prompt at that position, saturated so that prompts can be told apart."""
        found = next(stretch for stretch in self.bands if at < stretch.stop)
        # The colours of the bands are pale: their difference from grey is multiplied by four.
        pale = np.array(parse_hex_color(found.color), np.float64)
        red, green, blue = np.clip(pale.mean() + 4 * (pale - pale.mean()), 0, 255).astype(int).tolist()
        return red, green, blue

    def _draw_head(self, image: Image, row: Row) -> None:
        """Draw the frame's number and time, and a dot if the model paints it, or a ring if not."""
        base = self.edge + self.letter
        _darken(image[: base + self.edge])
        when = f"frame {row['index']} / {self.first + self.count} · {row['index'] / self.fps:.2f} s"
        end = draw_text(image, when, (self.edge, base), self.letter, WHITE)
        kind = "painted" if row["steps_run"] else "in-between" if row["tween"] else "moves only"
        kind = "3D model" if row.get("product") else kind
        size = self.letter
        left = self.width - self.edge - text_width(kind, size)
        if left - 2 * size > end:
            color, radius = (ORANGE if row["steps_run"] else GREY), max(2, size // 3)
            draw_text(image, kind, (left, base), size, color)
            middle = (left - size + radius // 2, base - radius)
            cv2.circle(image, middle, radius, color, -1 if row["steps_run"] else 1, cv2.LINE_AA)

    def _draw_foot(self, image: Image, row: Row, at: int) -> None:
        """Draw the prompt text, the settings, and the film's bar."""
        prompt, room = row["prompt"], self.width - 2 * self.edge
        lines = [(line, WHITE) for line in wrap_text(prompt["text"], self.letter, room, 2)]
        if prompt["weight"] and prompt["next"] != prompt["text"]:
            coming = f"→ {prompt['weight']:.0%} {prompt['next']}"
            lines += [(line, ORANGE) for line in wrap_text(coming, self.letter, room, 1)]
        words = f"{settings_line(row)} · {self.spent[at]}"
        lines += [(line, GREY) for line in wrap_text(words, self.letter, room, 2)]
        top = self.height - len(self.bar) - self.edge - len(lines) * self.line
        _darken(image[max(0, top - self.edge) :])
        for number, (line, color) in enumerate(lines):
            base = top + number * self.line + self.letter
            draw_text(image, line, (self.edge, base), self.letter, color)
        image[self.height - len(self.bar) :] = self.bar
        x = round((at + 0.5) * self.width / self.count)
        cv2.line(image, (x, self.height - len(self.bar) - self.edge // 2), (x, self.height), ORANGE, 2)

    def _draw_bar(self, rows: Sequence[Row]) -> Image:
        """Return the whole film as a strip: prompts as bands, strength as a line, a tick for every painted frame."""
        height = max(8, self.line)
        bar = np.full((height, self.width, 3), 60, np.uint8)
        for stretch in self.bands:
            first, stop = self._x_of(stretch.first), self._x_of(stretch.stop)
            bar[:, first:stop] = parse_hex_color(stretch.color)
            bar[:, max(first, stop - 1) : stop] = DARK
        strength = [height - 2 - row["painting"]["strength"] * (height - 4) for row in rows]
        line = [(self._x_of(at + 0.5), round(y)) for at, y in enumerate(strength)]
        cv2.polylines(bar, [np.array(line, np.int32)], False, DARK, 1, cv2.LINE_AA)
        for at, row in enumerate(rows):
            if row["steps_run"]:
                bar[-max(2, height // 5) :, self._x_of(at + 0.5)] = (180, 70, 10)
        return bar

    def _x_of(self, at: float) -> int:
        """Return the x in pixels of the frame position `at`."""
        return min(self.width - 1, int(at * self.width / self.count)) if at < self.count else self.width


def settings_line(row: Row) -> str:
    """Return the settings of a frame's painting pass as one line of text; steps only if the model paints the frame."""
    painting, loras = row["painting"], row["loras"]
    words = [f"strength {painting['strength']:.2f}"]
    if row["steps_run"]:
        words.append(f"{row['steps_run']} of {painting['steps']} steps")
    words += [f"guidance {painting['guidance_scale']:g}", f"seed {row['seed']}"]
    return " · ".join([*words, *(f"{name} {scale:.2f}" for name, scale in loras.items())])


def _darken(part: Image) -> None:
    """Darken a part of an image in place."""
    part[:] = cv2.addWeighted(part, 1 - BAR_OPACITY, np.full_like(part, DARK), BAR_OPACITY, 0)


Color = tuple[int, int, int]

FONT_WEIGHT = 400  # of the font: regular

_FONT = cv2.FontFace("sans")

_NO_WRAP = (0, 1 << 20)  # so wide that cv2 never wraps a line


def draw_text(image: Image, text: str, at: tuple[int, int], size: int, color: Color) -> int:
    """Draw one line of text into `image` in place from `at` (left, baseline); return the x at which it ends.

    Letters are `size` pixels high.
    """
    end, _ = cv2.putText(image, text, at, color, _FONT, size, FONT_WEIGHT, wrap=_NO_WRAP)
    return int(end[0])


def text_width(text: str, size: int) -> int:
    """Return the width of a line of text in pixels."""
    return draw_text(np.zeros((1, 1, 3), np.uint8), text, (0, 0), size, (0, 0, 0))


def wrap_text(text: str, size: int, room: int, most: int) -> list[str]:
    """Return `text` as at most `most` lines of `room` pixels, broken between words; `…` marks omitted text."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most:
        count = len(words)
        while count > 1 and text_width(" ".join(words[:count]), size) > room:
            count -= 1
        lines.append(" ".join(words[:count]))
        words = words[count:]
    if not lines:
        return []
    if words:
        lines[-1] += " …"
    return [_truncate_line(line, size, room) for line in lines]


def _truncate_line(line: str, size: int, room: int) -> str:
    """Return `line`, shortened and ended by `…` if it is wider than `room` pixels."""
    if text_width(line, size) <= room:
        return line
    line = line.removesuffix(" …")
    while len(line) > 1 and text_width(f"{line}…", size) > room:
        line = line[:-1]
    return f"{line.rstrip()}…"


def parse_hex_color(written: str) -> Color:
    """Return the colour "#rrggbb" as RGB, 0..255."""
    red, green, blue = np.frombuffer(bytes.fromhex(written.removeprefix("#")), np.uint8).tolist()
    return red, green, blue


BAND_COLORS = (
    "#cfe3f5",
    "#f6dcc2",
    "#d5ecd0",
    "#ead6ee",
    "#f4edc0",
    "#f3d0d3",
)  # light, for dark text on them


@dataclass(frozen=True, slots=True)
class PromptBand:
    """A run of frames with one prompt: positions first..stop-1 in the film, and a colour `#rrggbb`."""

    first: int
    stop: int
    text: str
    color: str
    blend_start: int  # position where the blend into the next prompt starts; `stop` without one


def prompt_bands(prompts: Sequence[tuple[str, float]]) -> list[PromptBand]:
    """Return a film's bands, from (prompt text, weight of the next prompt) per frame; equal texts share a colour."""
    colors: dict[str, str] = {}
    found = []
    for text, group in groupby(range(len(prompts)), key=lambda at: prompts[at][0]):
        at = list(group)
        color = colors.setdefault(text, BAND_COLORS[len(colors) % len(BAND_COLORS)])
        blends = next((i for i in at if prompts[i][1]), at[-1] + 1)
        found.append(PromptBand(at[0], at[-1] + 1, text, color, blends))
    return found
