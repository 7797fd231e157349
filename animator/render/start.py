"""Start a film from an image instead of noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from animator.frame import Frame, Image, Mask


class FromPicture:
    """A painter that paints over `picture` where it would otherwise start from noise."""

    def __init__(self, paint: Any, picture: Image) -> None:
        """`paint`: the SDXL painter, or one with the same methods."""
        self.paint, self.picture = paint, picture
        self.home: str = paint.home

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        painted: Image = self.paint(frame, self._over(start))
        return painted

    def kept(self, frame: Frame, start: Any) -> Any:
        return self.paint.kept(frame, self._over(start))

    def within(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        painted: Image = self.paint.within(frame, self._over(start), mask)
        return painted

    def hinted(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image:
        painted: Image = self.paint.hinted(frame, self._over(start), hints, mask)
        return painted

    def batch(self, wanted: Sequence[tuple[Frame, Image | None]]) -> list[Image]:
        painted: list[Image] = self.paint.batch([(frame, self._over(start)) for frame, start in wanted])
        return painted

    def _over(self, start: Any) -> Any:
        return self.picture if start is None else start
