"""Colours of parts by words: a prompt's "teal speaker" colours the body, its "black rims" the parts of that name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from animator.imaging.color import srgb_to_linear
from animator.product.triangles import Geometry
from animator.product.view import Floats

# sRGB of the colour names of product briefs, close to the CSS colours of these names but less saturated.
COLORS: Mapping[str, tuple[int, int, int]] = {
    "black": (28, 28, 30), "white": (236, 236, 234), "grey": (128, 130, 133), "gray": (128, 130, 133),
    "silver": (190, 193, 197), "anthracite": (54, 57, 62), "charcoal": (54, 57, 62), "cream": (238, 228, 205),
    "beige": (214, 196, 166), "brown": (112, 72, 44), "tan": (190, 150, 105), "red": (196, 40, 38),
    "crimson": (170, 24, 48), "burgundy": (108, 22, 42), "orange": (232, 118, 32), "coral": (240, 118, 96),
    "yellow": (240, 198, 44), "gold": (204, 164, 72), "lime": (160, 206, 48), "green": (52, 140, 74),
    "olive": (112, 116, 56), "mint": (150, 214, 186), "teal": (24, 132, 132), "turquoise": (48, 184, 180),
    "cyan": (40, 180, 210), "blue": (36, 92, 188), "navy": (26, 42, 88), "indigo": (66, 58, 150),
    "purple": (118, 62, 150), "violet": (130, 84, 180), "magenta": (190, 44, 130), "pink": (232, 142, 170),
    "rose": (222, 120, 140), "bronze": (150, 110, 66), "copper": (184, 106, 66),
}  # fmt: skip
SAME_COLOR = 0.02  # of linear light
GREY_WEIGHT, DARK = 0.3, 0.02  # weight of grey parts against vivid ones; linear light below which all is grey
# Surfaces by name: metallic and roughness as in glTF, and the colour of linear light that the name implies, if any.
SURFACES: Mapping[str, tuple[float, float, tuple[float, float, float] | None]] = {
    "chrome": (1.0, 0.06, (0.55, 0.56, 0.57)), "steel": (1.0, 0.3, (0.46, 0.47, 0.48)),
    "metal": (1.0, 0.3, (0.46, 0.47, 0.48)), "aluminium": (1.0, 0.34, (0.5, 0.51, 0.53)),
    "aluminum": (1.0, 0.34, (0.5, 0.51, 0.53)), "titanium": (1.0, 0.38, (0.3, 0.29, 0.28)),
    "gold": (1.0, 0.22, (0.62, 0.4, 0.13)), "brass": (1.0, 0.28, (0.55, 0.38, 0.14)),
    "copper": (1.0, 0.26, (0.55, 0.24, 0.13)), "bronze": (1.0, 0.34, (0.34, 0.2, 0.09)),
    "silver": (1.0, 0.16, (0.58, 0.58, 0.57)), "oak": (0.0, 0.55, (0.36, 0.2, 0.09)),
    "wood": (0.0, 0.55, (0.3, 0.16, 0.07)), "wooden": (0.0, 0.55, (0.3, 0.16, 0.07)),
    "walnut": (0.0, 0.5, (0.1, 0.05, 0.025)), "rubber": (0.0, 0.8, None), "leather": (0.0, 0.65, None),
    "porcelain": (0.0, 0.14, (0.82, 0.81, 0.78)), "ceramic": (0.0, 0.2, None), "matte": (0.0, 0.85, None),
    "matt": (0.0, 0.85, None), "satin": (0.0, 0.4, None), "glossy": (0.0, 0.12, None), "plastic": (0.0, 0.35, None),
}  # fmt: skip
AHEAD = 3  # words after a colour that it may describe
STOPS = frozenset(("and", "or", "on", "in", "with", "of", "at", "by", "a", "the"))
BACKGROUNDS = frozenset(
    ["background", "backdrop", "wall", "floor", "light", "lights", "sky", "paper", "room", "street", "city"]
)


def color_of(name: str) -> Floats:
    """Return the linear light (3,) of a colour's name. Raises KeyError."""
    return np.asarray(srgb_to_linear(np.array(COLORS[name], np.float32) / 255), np.float32)


def part_colors(text: str, names: Sequence[str], geometry: Geometry) -> Floats:
    """Return the colours of the parts, linear light (parts, 3), as the prompt `text` names them.

    A colour followed by a part's name colours that part. Any other colour is the product's: it goes to the part with
    the largest vivid surface and to those that share its colour in the model. Of several such colours, the first
    counts.
    """
    colors = geometry.colors.copy()
    own: list[str] = []
    for color, described in color_phrases(text):
        named = _named_parts(described, names)
        if named:
            colors[named] = color_of(color)
        elif not BACKGROUNDS & set(described):
            own.append(color)
    surface = surface_of(text)
    if own and not (surface and own[0] in SURFACES):
        colors[main_parts(geometry)] = color_of(own[0])
    elif surface and surface[2] is not None:
        colors[main_parts(geometry)] = surface[2]
    return colors


def surface_of(text: str) -> tuple[float, float, tuple[float, float, float] | None] | None:
    """Return metallic, roughness and implied colour of the product's surface by `text`; None if it names none.

    Of several names the first counts; `brushed` and `polished` before one change its roughness.
    """
    words = re.findall(r"[a-z]+", text.lower())
    for place, word in enumerate(words):
        if word in SURFACES and not BACKGROUNDS & set(_described(words, place)):
            metallic, roughness, color = SURFACES[word]
            finish = words[place - 1] if place else ""
            return metallic, {"brushed": 0.4, "polished": 0.1}.get(finish, roughness), color
    return None


def color_phrases(text: str) -> list[tuple[str, list[str]]]:
    """Return each colour that `text` names, with the words after it that it may describe."""
    words = re.findall(r"[a-z]+", text.lower())
    return [(word, _described(words, place)) for place, word in enumerate(words) if word in COLORS]


def _described(words: Sequence[str], place: int) -> list[str]:
    """Return the words that the word at `place` may describe: a few, up to the next colour or small word."""
    found = []
    for other in words[place + 1 : place + 1 + AHEAD]:
        if other in COLORS or other in STOPS:
            break
        found.append(other)
    return found


def main_parts(geometry: Geometry) -> list[int]:
    """Return the parts that carry the product's colour: those of the colour that covers most, vivid ones first.

    A scooter's frame counts before its black tyres, and a lamp's shade before its metal arms.
    """
    a, b, c = np.moveaxis(geometry.vertices[geometry.faces], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=-1)
    areas = np.bincount(geometry.part, area, minlength=len(geometry.colors))
    colors = geometry.colors
    vivid = GREY_WEIGHT + (colors.max(1) - colors.min(1)) / (colors.max(1) + DARK)
    alike = np.abs(colors[:, None] - colors[None]).max(-1) < SAME_COLOR
    best = int(np.argmax(alike @ areas * vivid))
    return np.flatnonzero(alike[best]).tolist()


def _named_parts(words: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the parts whose name has the first word among `words` that any part's name has, whatever its number."""
    for word in words:
        stem = word.removesuffix("s")
        found = [
            number
            for number, name in enumerate(names)
            if stem in {part.removesuffix("s") for part in re.findall(r"[a-z]+", name.lower())}
        ]
        if found:
            return found
    return []
