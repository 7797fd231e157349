"""Asynchronous copies between the host and a device; the only module with code specific to CUDA.

On a CPU device the same functions copy synchronously or return their argument.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

_TYPES = {np.dtype(kind): getattr(torch, kind) for kind in ("uint8", "int64", "float32")}


def pinned(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy `array` (uint8, int64 or float32) to host memory, pinned if `device` is a CUDA device."""
    memory = torch.empty(array.shape, dtype=_TYPES[array.dtype], pin_memory=device.type == "cuda")
    memory.numpy()[...] = array
    return memory


def sent(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy `array` (uint8, int64 or float32) to `device` without waiting for the device's other work."""
    return pinned(array, device).to(device, non_blocking=True)


class Arrival(NamedTuple):
    """Tensors whose copy to the host has begun."""

    tensors: tuple[torch.Tensor, ...]
    done: torch.cuda.Event | None = None  # fires when the copy is complete; None: it is complete

    def wait(self) -> tuple[torch.Tensor, ...]:
        """Wait for the copy and return the tensors on the host; may be called from any thread."""
        if self.done is not None:
            self.done.synchronize()
        return self.tensors


def fetch(*tensors: torch.Tensor) -> Arrival:
    """Start to copy `tensors` to the host while the device computes on; all on one device, and not modified later."""
    device = tensors[0].device
    if device.type != "cuda":
        return Arrival(tuple(tensor.cpu() for tensor in tensors))
    side = _side(device)
    side.wait_stream(torch.cuda.current_stream(device))  # the copy begins when the tensors are computed
    with torch.inference_mode(), torch.cuda.stream(side):  # pipelines create their tensors in inference mode
        copies = tuple(torch.empty(t.shape, dtype=t.dtype, pin_memory=True) for t in tensors)
        for copy, tensor in zip(copies, tensors, strict=True):
            copy.copy_(tensor, non_blocking=True)
            tensor.record_stream(side)  # its memory is not reused before the copy is complete
        # blocking: a waiting thread sleeps instead of occupying a core.
        done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        done.record(side)
    return Arrival(copies, done)


@lru_cache(maxsize=8)
def _side(device: torch.device) -> torch.cuda.Stream:
    """Return the CUDA stream that copies images from `device` to the host."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
