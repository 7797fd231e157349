"""Size of a film: pixels, or a ratio that snaps to one of the sizes SDXL was trained on."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema

from animator.errors import shown

# The sizes SDXL was trained on with about 1024x1024 pixels and a side ratio a film may have
# (Podell et al. 2023, "SDXL", appendix I).
BUCKETS = [
    (640, 1536), (704, 1408), (704, 1344), (768, 1344), (768, 1280), (832, 1216), (832, 1152), (896, 1152),
    (896, 1088), (960, 1088), (960, 1024), (1024, 1024), (1024, 960), (1088, 960), (1088, 896), (1152, 896),
    (1152, 832), (1216, 832), (1280, 768), (1344, 768), (1344, 704), (1408, 704), (1536, 640),
]  # fmt: skip


BEYOND = 1.5  # multiple of the native pixel count above which a model repeats or loses its subject


class Pixels(NamedTuple):
    """Width and height in pixels; both even, as h264's yuv420p needs."""

    width: int
    height: int

    def beyond(self, native: int) -> bool:
        """Return whether it is too large for one pass of a model with a native size of `native` pixels."""
        return self.width * self.height > BEYOND * native**2

    def within(self, native: int) -> Pixels:
        """Return a size of this shape with about `native`² pixels; both sides are multiples of 8."""
        share = native / (self.width * self.height) ** 0.5
        return Pixels(*(max(8, round(side * share / 8) * 8) for side in self))


class Ratio(NamedTuple):
    """Ratio of width to height, such as 16:9."""

    width: float
    height: float

    def pixels(self, native: int) -> Pixels:
        """Return the nearest trained size, scaled to a native size of `native` pixels; sides are multiples of 8."""
        width, height = min(BUCKETS, key=lambda size: abs(size[0] / size[1] - self.width / self.height))
        return Pixels(*(max(8, round(side * native / 1024 / 8) * 8) for side in (width, height)))


def _size(value: Any) -> Pixels | Ratio:
    if isinstance(value, Pixels | Ratio):
        return value
    text = str(value).strip()
    if match := re.fullmatch(r"(\d{1,5})\s*[xX×]\s*(\d{1,5})", text):
        size = Pixels(int(match[1]), int(match[2]))
        if min(size) < 16 or max(size) > 8192 or size.width % 2 or size.height % 2:
            raise ValueError(f"{text!r}: width and height must be even, 16..8192")
        return size
    if match := re.fullmatch(r"(\d{1,4}(?:\.\d{1,4})?):(\d{1,4}(?:\.\d{1,4})?)", text):
        ratio = Ratio(float(match[1]), float(match[2]))
        if min(ratio) > 0 and 1 / 4 <= ratio.width / ratio.height <= 4:
            return ratio
    raise ValueError(
        f'{shown(value)} is not a size; write pixels as 1024x1024 or a ratio from 1:4 to 4:1 as "16:9"'
    )


Size = Annotated[
    Any, BeforeValidator(_size), WithJsonSchema({"type": "string", "examples": ["1024x1024", "16:9"]})
]
