"""Detail pass.

The detail pass: a painter that paints parts of another's painted frames once more, larger, and pastes them back.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from animator.frame import Frame, Image, Mask, Prompt
from animator.imaging.masks import Box, paste, regions
from animator.imaging.resize import resized
from animator.render.loop import Paint
from animator.render.masks import Masks
from animator.render.painter import Masking
from animator.scene.scene import Scene
from animator.timeline.compile import timeline

GRAIN = 8  # pixels per latent: sides of an enlarged part are multiples of it


class Detailed:
    """Painter whose frames come from `paint`, and whose parts in `detail.mask` are then painted again by `again`.

    Each part is painted `detail.scale` times larger, but not beyond `most` pixels, and never smaller than it is.
    """

    def __init__(
        self, paint: Paint, again: Paint, masks: Masks, most: int, prompt: str | None, padding: float
    ) -> None:
        self.paint, self.again, self.masks = paint, again, masks
        self.most, self.prompt, self.padding = most, prompt, padding

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        painting, text = self.paint(frame, start), frame.detail.mask
        if not text or not frame.detail.strength:
            return painting
        mask = self.masks(text, frame)
        closer = self._closer(frame)
        for box in regions(mask, self.padding):
            painting = self._laid(painting, mask, box, closer)
        return painting

    def _closer(self, frame: Frame) -> Frame:
        """Return `frame` with the prompt and the strength of the detail pass, unmasked."""
        words = frame.prompt
        if self.prompt is not None:
            words = Prompt(self.prompt, words.negative, self.prompt)
        return replace(
            frame, prompt=words, painting=replace(frame.painting, strength=frame.detail.strength, mask="")
        )

    def _laid(self, painting: Image, mask: Mask, box: Box, frame: Frame) -> Image:
        """Return `painting` with the part in `box` painted again at a larger size, where the mask is."""
        part, where = painting[box], mask[box]
        width, height = enlarged(part.shape[1], part.shape[0], frame.detail.scale, self.most)
        larger_mask = np.asarray(cv2.resize(where, (width, height)), np.uint8)
        large = self._painted(frame, resized(part, width, height), larger_mask)
        small = resized(large, *part.shape[1::-1])
        whole = painting.copy()
        whole[box] = paste(part, small, where)
        return whole

    def _painted(self, frame: Frame, start: Image, mask: Mask) -> Image:
        """Return the enlarged part `start` painted over where the mask is."""
        start = np.ascontiguousarray(start)
        if isinstance(self.again, Masking):
            return self.again.within(frame, start, mask)
        return paste(start, self.again(frame, start), mask)


def enlarged(width: int, height: int, scale: float, most: int) -> tuple[int, int]:
    """Return width and height of a part enlarged by `scale`, in multiples of 8 pixels.

    The part is not enlarged beyond `most` pixels in all, and never made smaller.
    """
    scale = max(1.0, min(scale, (most / (width * height)) ** 0.5))
    wide, high = (max(GRAIN, round(side * scale / GRAIN) * GRAIN) for side in (width, height))
    return wide, high


MOST_DETAIL = 4  # times the pixels a model was trained on: the largest size of a part in the detail pass


def detailed(scene: Scene, paint: Paint, again: Paint, masks: Masks) -> Paint:
    """Return `paint` followed by the scene's detail pass, which `again` paints; `paint` itself without one."""
    detail = scene.settings.detail
    if not detail.mask:
        return paint
    most = MOST_DETAIL * scene.native**2
    return Detailed(paint, again, masks, most, detail.prompt, detail.padding)


def closest(scene: Scene) -> int:
    """Return the most pixels that the detail pass may paint at once, for a mask that covers all; 0 without it."""
    details = [frame.detail for frame in timeline(scene) if frame.diffuse and frame.detail.mask]
    scales = [detail.scale for detail in details if detail.strength]
    if not scales:
        return 0
    width, height = enlarged(*scene.size, max(scales), MOST_DETAIL * scene.native**2)
    return width * height
