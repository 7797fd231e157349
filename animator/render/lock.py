"""The product lock: a region that keeps the pixels of the first image, moved with the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from animator.frame import Frame, Image, State
from animator.imaging import masks
from animator.render.loop import ShotParts, Stage
from animator.render.masks import Masks


class ProductLock:
    """The product lock: a stage that pastes the first image, warped to the current frame, over the locked mask.

    After a painting pass it is pasted with a feathered edge. Frames that are not painted have that edge already, and
    it must not be applied twice: for them, `whole` pastes only fully locked pixels, at their original sharpness.
    """

    def __init__(self, masks: Masks, whole: bool = False) -> None:
        self.masks, self.fully_locked_only = masks, whole

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        lock, shot = frame.lock, self.masks.shot
        seen = shot.first_image_in(frame)
        if not lock.mask or not lock.strength or seen is None:
            return image
        # Pixels that the first image no longer covers are not locked: only its stretched border is left there.
        mask = np.minimum(self.masks(lock.mask, frame), shot.visible_mask(frame))
        seen, mask = masks.grow_mask(seen, mask, masks.feather_pixels(lock.feather, image.shape[1]))
        mask = masks.scale_mask(mask, lock.strength)
        if self.fully_locked_only:
            mask = np.where(mask == 255, mask, np.uint8(0))
        return masks.paste(image, seen, mask)


def add_lock(parts: ShotParts, masks: Masks) -> ShotParts:
    """Return `parts` with the lock, last after a painting pass and over frames that are not painted."""
    after: list[Stage] = [*parts.after, ProductLock(masks)]
    finish: list[Stage] = [*parts.finish, ProductLock(masks, whole=True)]
    return replace(parts, after=after, finish=finish)
