"""The detail pass: parts of a painting are painted once more, larger, and laid back: a painter around a painter."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from animator.frame import Frame, Image, Mask, Prompt
from animator.imaging.enlarge import resized
from animator.imaging.masks import paste
from animator.imaging.regions import Box, regions
from animator.render.loop import Paint
from animator.render.masks import Masking, Masks

GRAIN = 8  # pixels to a latent: what is painted larger is made of whole ones


class Detailed:
    """Paints the parts of `paint`'s paintings that `detail.mask` shows once more, by `again`, `detail.scale` larger.

    No part is enlarged beyond `most` pixels, and none is made smaller.
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
        """`frame` as its parts are painted."""
        words = frame.prompt
        if self.prompt is not None:
            words = Prompt(self.prompt, words.negative, self.prompt)
        return replace(
            frame, prompt=words, painting=replace(frame.painting, strength=frame.detail.strength, mask="")
        )

    def _laid(self, painting: Image, mask: Mask, box: Box, frame: Frame) -> Image:
        """`painting` with the part in `box` painted larger, where the mask is."""
        part, where = painting[box], mask[box]
        width, height = enlarged(part.shape[1], part.shape[0], frame.detail.scale, self.most)
        larger_mask = np.asarray(cv2.resize(where, (width, height)), np.uint8)
        large = self._painted(frame, resized(part, width, height), larger_mask)
        small = resized(large, *part.shape[1::-1])
        whole = painting.copy()
        whole[box] = paste(part, small, where)
        return whole

    def _painted(self, frame: Frame, start: Image, mask: Mask) -> Image:
        start = np.ascontiguousarray(start)
        if isinstance(self.again, Masking):
            return self.again.within(frame, start, mask)
        return paste(start, self.again(frame, start), mask)


def enlarged(width: int, height: int, scale: float, most: int) -> tuple[int, int]:
    """Width and height of a part made `scale` larger, but not beyond `most` pixels, and never smaller."""
    scale = max(1.0, min(scale, (most / (width * height)) ** 0.5))
    wide, high = (max(GRAIN, round(side * scale / GRAIN) * GRAIN) for side in (width, height))
    return wide, high
