"""An image that stays on the device that painted it until the host reads its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from animator.diffusion.gpu.transfer import Arrival, fetch, sent
from animator.diffusion.images import broken
from animator.frame import Image


class Picture:
    """Immutable RGB image on a device; `np.asarray(image)` copies it to the host and returns the `Image`."""

    def __init__(self, pixels: torch.Tensor, spoilt: torch.Tensor | None = None) -> None:
        """Wrap `pixels`, uint8 (height, width, 3) RGB; `spoilt` is the attribute of that name."""
        # C order, as images read from disk: torch's sums of the same numbers depend on the memory layout.
        self.pixels = pixels.contiguous()
        self.spoilt = spoilt
        """Index of the first NaN frame among those that led to this image, int32 (1,); negative if there is none.

        Reading it would block the host until the device has finished, so it travels with the image and is
        checked once the image is copied.
        """
        self._arrival: Arrival | None = None
        self._array: Image | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (height, width, 3)."""
        return tuple(self.pixels.shape)

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    def become(self, pixels: torch.Tensor) -> Picture:
        """Return an image with new `pixels`, derived from this one: it keeps the record of a NaN frame."""
        return type(self)(pixels, self.spoilt)

    def leave(self) -> None:
        """Start to copy the image to the host and return at once; reading the image waits for the copy."""
        if self._arrival is None:
            self._arrival = fetch(self.pixels, *(() if self.spoilt is None else (self.spoilt,)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """Return the image on the host, the same array each time. Raises ModelError for a NaN frame."""
        if self._array is None:
            self.leave()
            assert self._arrival is not None
            pixels, *spoilt = self._arrival.wait()
            if spoilt and (frame := int(spoilt[0])) >= 0:
                raise broken(frame)
            self._array = pixels.numpy()
        return np.array(self._array, dtype) if copy or dtype not in (None, np.uint8) else self._array


def on(image: Picture | Image, device: torch.device) -> Picture:
    """Copy an `Image` to `device`; an image that is already on a device is returned as it is."""
    return image if isinstance(image, Picture) else Picture(sent(image, device))


def planes(picture: Picture) -> torch.Tensor:
    """Return the image's channels as float32 (3, height, width), 0..255."""
    return picture.pixels.permute(2, 0, 1).float()


def pixels(values: torch.Tensor) -> torch.Tensor:
    """Convert grey levels (3, height, width) to uint8 (height, width, 3): rounded half to even as in cv2, clipped."""
    return values.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
