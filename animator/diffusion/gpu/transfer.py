"""Between the host and a device, without either waiting for the other: all that is particular to CUDA.

On the CPU, where nothing has to be brought anywhere, the same functions copy or hand on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

_TYPES = {np.dtype(kind): getattr(torch, kind) for kind in ("uint8", "int64", "float32")}


def pinned(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """A copy of `array` (uint8, int64 or float32) on the host, in memory that `device` reads by itself."""
    memory = torch.empty(array.shape, dtype=_TYPES[array.dtype], pin_memory=device.type == "cuda")
    memory.numpy()[...] = array
    return memory


def sent(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """`array` on `device`; what else the device has to do is not waited for."""
    return pinned(array, device).to(device, non_blocking=True)


class Arrival(NamedTuple):
    """Tensors on their way to the host."""

    tensors: tuple[torch.Tensor, ...]
    done: torch.cuda.Event | None = None  # once they have arrived; None: they have

    def wait(self) -> tuple[torch.Tensor, ...]:
        """The tensors, once they are there; may be called in any thread."""
        if self.done is not None:
            self.done.synchronize()
        return self.tensors


def fetch(*tensors: torch.Tensor) -> Arrival:
    """Send for `tensors`, which are of one device, and change no more: what is computed next goes on meanwhile."""
    device = tensors[0].device
    if device.type != "cuda":
        return Arrival(tuple(tensor.cpu() for tensor in tensors))
    side = _side(device)
    side.wait_stream(torch.cuda.current_stream(device))  # the copy begins when they have been computed
    with torch.inference_mode(), torch.cuda.stream(side):  # a painting's tensors are of that mode
        copies = tuple(torch.empty(t.shape, dtype=t.dtype, pin_memory=True) for t in tensors)
        for copy, tensor in zip(copies, tensors, strict=True):
            copy.copy_(tensor, non_blocking=True)
            tensor.record_stream(side)  # its memory is not given away before it has been copied
        # Whoever waits sleeps, and leaves the core to others.
        done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        done.record(side)
    return Arrival(copies, done)


@lru_cache(maxsize=8)
def _side(device: torch.device) -> torch.cuda.Stream:
    """The stream on which pictures leave `device`."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
