"""Caption frames of a preview with their time, prompt, settings and position in the film.

Draw text into images in OpenCV's bundled sans serif font: Latin, Greek, Cyrillic, arrows and dots.

Prompt bands: the runs of frames that share a prompt, with a colour for each prompt.
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

SHADE = 0.72  # opacity of the bars behind the text: enough for white letters on a white image

TINT = 0.28  # opacity of a prompt's colour over a test card

Row = Mapping[str, Any]  # of the frame table


class Overlay:
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
        self.stretches = stretches([(row["prompt"]["text"], row["prompt"]["weight"]) for row in rows])
        self.bar = self._bar(rows)

    def __call__(self, image: Image, row: Row) -> Image:
        """Return a copy of `image`, that of the frame `row`, with its caption."""
        drawn = self.colored(image, row)
        at = row["index"] - self.first
        self._head(drawn, row)
        self._foot(drawn, row, at)
        return drawn

    def colored(self, image: Image, row: Row) -> Image:
        """Return a copy of `image`, tinted with the colour of its prompt if the overlay is `tinted`."""
        if not self.tinted:
            return image.copy()
        tint = np.full_like(image, self._color(row["index"] - self.first))
        return np.asarray(cv2.addWeighted(image, 1 - TINT, tint, TINT, 0), np.uint8)

    def _color(self, at: int) -> Color:
        """Return the colour of the prompt at that position, saturated so that prompts can be told apart."""
        found = next(stretch for stretch in self.stretches if at < stretch.stop)
        # The colours of the bands are pale: their difference from grey is multiplied by four.
        pale = np.array(color(found.color), np.float64)
        red, green, blue = np.clip(pale.mean() + 4 * (pale - pale.mean()), 0, 255).astype(int).tolist()
        return red, green, blue

    def _head(self, image: Image, row: Row) -> None:
        """Draw the frame's number and time, and a dot if the model paints it, or a ring if not."""
        base = self.edge + self.letter
        _shade(image[: base + self.edge])
        when = f"frame {row['index']} / {self.first + self.count} · {row['index'] / self.fps:.2f} s"
        end = put(image, when, (self.edge, base), self.letter, WHITE)
        kind = "painted" if row["steps_run"] else "in-between" if row["tween"] else "moves only"
        size = self.letter
        left = self.width - self.edge - width(kind, size)
        if left - 2 * size > end:
            color, radius = (ORANGE if row["steps_run"] else GREY), max(2, size // 3)
            put(image, kind, (left, base), size, color)
            middle = (left - size + radius // 2, base - radius)
            cv2.circle(image, middle, radius, color, -1 if row["steps_run"] else 1, cv2.LINE_AA)

    def _foot(self, image: Image, row: Row, at: int) -> None:
        """Draw the prompt text, the settings, and the film's bar."""
        prompt, room = row["prompt"], self.width - 2 * self.edge
        lines = [(line, WHITE) for line in wrapped(prompt["text"], self.letter, room, 2)]
        if prompt["weight"] and prompt["next"] != prompt["text"]:
            coming = f"→ {prompt['weight']:.0%} {prompt['next']}"
            lines += [(line, ORANGE) for line in wrapped(coming, self.letter, room, 1)]
        told = f"{numbers(row)} · {self.spent[at]}"
        lines += [(line, GREY) for line in wrapped(told, self.letter, room, 2)]
        top = self.height - len(self.bar) - self.edge - len(lines) * self.line
        _shade(image[max(0, top - self.edge) :])
        for number, (line, color) in enumerate(lines):
            base = top + number * self.line + self.letter
            put(image, line, (self.edge, base), self.letter, color)
        image[self.height - len(self.bar) :] = self.bar
        x = round((at + 0.5) * self.width / self.count)
        cv2.line(image, (x, self.height - len(self.bar) - self.edge // 2), (x, self.height), ORANGE, 2)

    def _bar(self, rows: Sequence[Row]) -> Image:
        """Return the whole film as a strip: prompts as bands, strength as a line, a tick for every painted frame."""
        height = max(8, self.line)
        bar = np.full((height, self.width, 3), 60, np.uint8)
        for stretch in self.stretches:
            first, stop = self._across(stretch.first), self._across(stretch.stop)
            bar[:, first:stop] = color(stretch.color)
            bar[:, max(first, stop - 1) : stop] = DARK
        strength = [height - 2 - row["painting"]["strength"] * (height - 4) for row in rows]
        line = [(self._across(at + 0.5), round(y)) for at, y in enumerate(strength)]
        cv2.polylines(bar, [np.array(line, np.int32)], False, DARK, 1, cv2.LINE_AA)
        for at, row in enumerate(rows):
            if row["steps_run"]:
                bar[-max(2, height // 5) :, self._across(at + 0.5)] = (180, 70, 10)
        return bar

    def _across(self, at: float) -> int:
        """Return the x in pixels of the frame position `at`."""
        return min(self.width - 1, int(at * self.width / self.count)) if at < self.count else self.width


def numbers(row: Row) -> str:
    """Return the settings of a frame's painting pass as one line of text; steps only if the model paints the frame."""
    painting, loras = row["painting"], row["loras"]
    told = [f"strength {painting['strength']:.2f}"]
    if row["steps_run"]:
        told.append(f"{row['steps_run']} of {painting['steps']} steps")
    told += [f"guidance {painting['guidance_scale']:g}", f"seed {row['seed']}"]
    return " · ".join([*told, *(f"{name} {scale:.2f}" for name, scale in loras.items())])


def _shade(part: Image) -> None:
    """Darken a part of an image in place."""
    part[:] = cv2.addWeighted(part, 1 - SHADE, np.full_like(part, DARK), SHADE, 0)


Color = tuple[int, int, int]

WEIGHT = 400  # of the font: regular

_FACE = cv2.FontFace("sans")

_WIDE = (0, 1 << 20)  # so wide that cv2 never wraps a line


def put(image: Image, text: str, at: tuple[int, int], size: int, color: Color) -> int:
    """Draw one line of text into `image` in place from `at` (left, baseline); return the x at which it ends.

    Letters are `size` pixels high.
    """
    end, _ = cv2.putText(image, text, at, color, _FACE, size, WEIGHT, wrap=_WIDE)
    return int(end[0])


def width(text: str, size: int) -> int:
    """Return the width of a line of text in pixels."""
    return put(np.zeros((1, 1, 3), np.uint8), text, (0, 0), size, (0, 0, 0))


def wrapped(text: str, size: int, room: int, most: int) -> list[str]:
    """Return `text` as at most `most` lines of `room` pixels, broken between words; `…` marks omitted text."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most:
        count = len(words)
        while count > 1 and width(" ".join(words[:count]), size) > room:
            count -= 1
        lines.append(" ".join(words[:count]))
        words = words[count:]
    if not lines:
        return []
    if words:
        lines[-1] += " …"
    return [_cut(line, size, room) for line in lines]


def _cut(line: str, size: int, room: int) -> str:
    """Return `line`, shortened and ended by `…` if it is wider than `room` pixels."""
    if width(line, size) <= room:
        return line
    line = line.removesuffix(" …")
    while len(line) > 1 and width(f"{line}…", size) > room:
        line = line[:-1]
    return f"{line.rstrip()}…"


def color(written: str) -> Color:
    """Return the colour "#rrggbb" as RGB, 0..255."""
    red, green, blue = np.frombuffer(bytes.fromhex(written.removeprefix("#")), np.uint8).tolist()
    return red, green, blue


BANDS = ("#cfe3f5", "#f6dcc2", "#d5ecd0", "#ead6ee", "#f4edc0", "#f3d0d3")  # light, for dark text on them


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of frames with one prompt: positions first..stop-1 in the film, and a colour `#rrggbb`."""

    first: int
    stop: int
    text: str
    color: str
    blends: int  # position where the blend into the next prompt starts; `stop` without one


def stretches(prompts: Sequence[tuple[str, float]]) -> list[Stretch]:
    """Return a film's bands, from (prompt text, weight of the next prompt) per frame; equal texts share a colour."""
    colors: dict[str, str] = {}
    found = []
    for text, group in groupby(range(len(prompts)), key=lambda at: prompts[at][0]):
        at = list(group)
        color = colors.setdefault(text, BANDS[len(colors) % len(BANDS)])
        blends = next((i for i in at if prompts[i][1]), at[-1] + 1)
        found.append(Stretch(at[0], at[-1] + 1, text, color, blends))
    return found
