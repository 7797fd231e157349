"""A picture that stays on the device that painted it, until somebody asks for it here."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from animator.diffusion.gpu.transfer import Arrival, fetch, sent
from animator.diffusion.images import broken
from animator.frame import Image


class Picture:
    """A picture on a device, which nobody changes: `np.asarray` of it is the `Image`, once it has come to the host."""

    def __init__(self, pixels: torch.Tensor, spoilt: torch.Tensor | None = None) -> None:
        """`pixels`: uint8 (height, width, 3), RGB. `spoilt`: see there."""
        # In the order that a picture read from disk has: in another, torch adds the same numbers up differently.
        self.pixels = pixels.contiguous()
        self.spoilt = spoilt
        """The frame whose painting was NaN, of those that led to this picture, int32 (1,); below 0: none was.

        Only the host can raise an error, and asking the device for it would mean to wait: so it goes along.
        """
        self._arrival: Arrival | None = None
        self._array: Image | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.pixels.shape)

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    def become(self, pixels: torch.Tensor) -> Picture:
        """What has been made of this picture."""
        return type(self)(pixels, self.spoilt)

    def leave(self) -> None:
        """Send the picture to the host; nobody waits for it before it is asked for."""
        if self._arrival is None:
            self._arrival = fetch(self.pixels, *(() if self.spoilt is None else (self.spoilt,)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """The picture on the host, the same array each time. Raises ModelError where a painting was NaN."""
        if self._array is None:
            self.leave()
            assert self._arrival is not None
            pixels, *spoilt = self._arrival.wait()
            if spoilt and (frame := int(spoilt[0])) >= 0:
                raise broken(frame)
            self._array = pixels.numpy()
        return np.array(self._array, dtype) if copy or dtype not in (None, np.uint8) else self._array


def on(image: Picture | Image, device: torch.device) -> Picture:
    """`image` on `device`; the identical picture where it is one."""
    return image if isinstance(image, Picture) else Picture(sent(image, device))


def planes(picture: Picture) -> torch.Tensor:
    """The three colours of a picture as float32 (3, height, width), 0..255."""
    return picture.pixels.permute(2, 0, 1).float()


def pixels(values: torch.Tensor) -> torch.Tensor:
    """Grey levels (3, height, width) as uint8 (height, width, 3): rounded, halves to even as cv2 does, and clipped."""
    return values.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
