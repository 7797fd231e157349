"""The detail pass: a painter that paints parts of another's painted frames once more, larger, and pastes them back."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from animator.frame import Frame, Image, Mask, Prompt
from animator.imaging.masks import Box, mask_boxes, paste
from animator.imaging.resize import resize
from animator.models.families import round_to_latents
from animator.models.painter import NO_HINTS, Hints, Painter, PainterWrapper
from animator.render.loop import ShotParts
from animator.render.masks import Masks, paint_in_mask
from animator.scene.scene import Scene
from animator.timeline.compile import timeline


class DetailPainter(PainterWrapper):
    """Painter whose frames come from `inner`, and whose parts in `detail.mask` are then painted again by `again`.

    Each part is painted `detail.scale` times larger, but not beyond `most` pixels, and never smaller than it is.
    """

    def __init__(
        self, inner: Painter, again: Painter, masks: Masks, most: int, prompt: str | None, padding: float
    ) -> None:
        super().__init__(inner)
        self.detail_painter, self.masks = again, masks
        self.max_pixels, self.prompt, self.padding = most, prompt, padding

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        painting, text = self.inner.paint(frame, start, mask=mask, hints=hints), frame.detail.mask
        if not text or not frame.detail.strength:
            return painting
        repainted = self.masks(text, frame)
        closer = self._detail_frame(frame)
        for box in mask_boxes(repainted, self.padding):
            painting = self._repaint_box(painting, repainted, box, closer)
        return painting

    def _detail_frame(self, frame: Frame) -> Frame:
        """Return `frame` with the prompt and the strength of the detail pass, unmasked."""
        words = frame.prompt
        if self.prompt is not None:
            words = Prompt(self.prompt, words.negative, self.prompt)
        return replace(
            frame, prompt=words, painting=replace(frame.painting, strength=frame.detail.strength, mask="")
        )

    def _repaint_box(self, painting: Image, mask: Mask, box: Box, frame: Frame) -> Image:
        """Return `painting` with the part in `box` painted again at a larger size, where the mask is."""
        part, where = painting[box], mask[box]
        width, height = enlarged_size(part.shape[1], part.shape[0], frame.detail.scale, self.max_pixels)
        larger_mask = np.asarray(cv2.resize(where, (width, height)), np.uint8)
        larger = np.ascontiguousarray(resize(part, width, height))
        painted = paint_in_mask(self.detail_painter, frame, larger, larger_mask)
        small = resize(painted, *part.shape[1::-1])
        whole = painting.copy()
        whole[box] = paste(part, small, where)
        return whole


def enlarged_size(width: int, height: int, scale: float, most: int) -> tuple[int, int]:
    """Return width and height of a part enlarged by `scale`, in multiples of 8 pixels.

    The part is not enlarged beyond `most` pixels in all, and never made smaller.
    """
    scale = max(1.0, min(scale, (most / (width * height)) ** 0.5))
    wide, high = (round_to_latents(side * scale) for side in (width, height))
    return wide, high


DETAIL_LIMIT = 4  # times the pixels a model was trained on: the largest size of a part in the detail pass


def add_detail(parts: ShotParts, scene: Scene, again: Painter, masks: Masks) -> ShotParts:
    """Return `parts` with the scene's detail pass, painted by `again`; `parts` themselves without one."""
    detail = scene.settings.detail
    if not detail.mask:
        return parts
    most = DETAIL_LIMIT * scene.native_size**2
    painter = DetailPainter(parts.painter, again, masks, most, detail.prompt, detail.padding)
    return replace(parts, painter=painter)


def detail_pixels(scene: Scene) -> int:
    """Return the most pixels that the detail pass may paint at once, for a mask that covers all; 0 without it."""
    details = [frame.detail for frame in timeline(scene) if frame.diffuse and frame.detail.mask]
    scales = [detail.scale for detail in details if detail.strength]
    if not scales:
        return 0
    width, height = enlarged_size(*scene.size, max(scales), DETAIL_LIMIT * scene.native_size**2)
    return width * height
