"""An image that stays on the device that painted it, and asynchronous copies between device and host.

The only module with code specific to CUDA: on a CPU device its functions copy synchronously or return their argument.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from animator.errors import ModelError
from animator.frame import Image


class DeviceImage:
    """Immutable RGB image on a device; `np.asarray(image)` copies it to the host and returns the `Image`."""

    def __init__(self, pixels: torch.Tensor, spoilt: torch.Tensor | None = None) -> None:
        """Wrap `from_planes`, uint8 (height, width, 3) RGB; `spoilt` is the attribute of that name."""
        # C order, as images read from disk: torch's sums of the same numbers depend on the memory layout.
        self.pixels = pixels.contiguous()
        self.nan_frame = spoilt
        """Index of the first NaN frame among those that led to this image, int32 (1,); negative if there is none.

        Reading it would block the host until the device has finished, so it travels with the image and is
        checked once the image is copied.
        """
        self._pending_copy: PendingCopy | None = None
        self._array: Image | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (height, width, 3)."""
        return tuple(self.pixels.shape)

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    def with_pixels(self, pixels: torch.Tensor) -> DeviceImage:
        """Return an image with new `from_planes`, derived from this one: it keeps the record of a NaN frame."""
        return type(self)(pixels, self.nan_frame)

    def prefetch(self) -> None:
        """Start to copy the image to the host and return at once; reading the image waits for the copy."""
        if self._pending_copy is None:
            self._pending_copy = start_copy_to_host(
                self.pixels, *(() if self.nan_frame is None else (self.nan_frame,))
            )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """Return the image on the host, the same array each time. Raises ModelError for a NaN frame."""
        if self._array is None:
            self.prefetch()
            assert self._pending_copy is not None
            pixels, *spoilt = self._pending_copy.wait()
            if spoilt and (frame := int(spoilt[0])) >= 0:
                raise nan_error(frame)
            self._array = pixels.numpy()
        return np.array(self._array, dtype) if copy or dtype not in (None, np.uint8) else self._array


def to_device(image: DeviceImage | Image, device: torch.device) -> DeviceImage:
    """Copy an `Image` to `device`; an image that is already on a device is returned as it is."""
    return image if isinstance(image, DeviceImage) else DeviceImage(send_to_device(image, device))


def to_planes(image: DeviceImage) -> torch.Tensor:
    """Return the image's channels as float32 (3, height, width), 0..255."""
    return image.pixels.permute(2, 0, 1).float()


def from_planes(values: torch.Tensor) -> torch.Tensor:
    """Convert grey levels (3, height, width) to uint8 (height, width, 3): rounded half to even as in cv2, clipped."""
    return values.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


_TORCH_DTYPES = {np.dtype(kind): getattr(torch, kind) for kind in ("uint8", "int64", "float32")}


def copy_to_pinned(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy `array` (uint8, int64 or float32) to host memory, pinned if `device` is a CUDA device."""
    memory = torch.empty(array.shape, dtype=_TORCH_DTYPES[array.dtype], pin_memory=device.type == "cuda")
    memory.numpy()[...] = array
    return memory


def send_to_device(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy `array` (uint8, int64 or float32) to `device` without waiting for the device's other work."""
    return copy_to_pinned(array, device).to(device, non_blocking=True)


class PendingCopy(NamedTuple):
    """Tensors whose copy to the host has begun."""

    tensors: tuple[torch.Tensor, ...]
    done: torch.cuda.Event | None = None  # fires when the copy is complete; None: it is complete

    def wait(self) -> tuple[torch.Tensor, ...]:
        """Wait for the copy and return the tensors on the host; may be called from any thread."""
        if self.done is not None:
            self.done.synchronize()
        return self.tensors


def start_copy_to_host(*tensors: torch.Tensor) -> PendingCopy:
    """Start to copy `tensors` to the host while the device computes on; all on one device, and not modified later."""
    device = tensors[0].device
    if device.type != "cuda":
        return PendingCopy(tuple(tensor.cpu() for tensor in tensors))
    side = _copy_stream(device)
    side.wait_stream(torch.cuda.current_stream(device))  # the copy begins when the tensors are computed
    with torch.inference_mode(), torch.cuda.stream(side):  # pipelines create their tensors in inference mode
        copies = tuple(torch.empty(t.shape, dtype=t.dtype, pin_memory=True) for t in tensors)
        for copy, tensor in zip(copies, tensors, strict=True):
            copy.copy_(tensor, non_blocking=True)
            tensor.record_stream(side)  # its memory is not reused before the copy is complete
        # blocking: a waiting thread sleeps instead of occupying a core.
        done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        done.record(side)
    return PendingCopy(copies, done)


@lru_cache(maxsize=8)
def _copy_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the CUDA stream that copies images from `device` to the host."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def nan_error(index: int) -> ModelError:
    """Return the error for a frame whose pixels are NaN."""
    return ModelError(
        f"frame {index}: the model produced NaN instead of an image; SDXL's own VAE does so in float16:"
        " set model.dtype to bfloat16 or float32"
    )
