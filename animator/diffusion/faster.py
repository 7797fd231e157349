"""Compile the UNet: minutes before the first frame, fewer milliseconds in every one after it."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import torch

from animator.errors import ModelError

logger = logging.getLogger(__name__)

WORTH = 5_000  # UNet calls of a film from which "auto" compiles: about where a minute or two come back


def compiles(wanted: str, device: torch.device, calls: int, way: str) -> bool:
    """Whether to compile for a film of `calls` UNet calls, held in memory in `way`. Raises ModelError for a vain "on".

    Only what stays on its device can be compiled: networks that come and go are other ones each time.
    """
    if wanted == "off" or (wanted == "auto" and (device.type != "cuda" or calls < WORTH or way != "fast")):
        return False
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        if wanted == "auto":
            return False
        raise ModelError("model.compile: on needs triton, which comes with torch for CUDA on Linux")
    if way != "fast":
        raise ModelError(f"model.compile: on does not go with model.memory: {way}; leave one of them out")
    return True


def compile_unet(unet: Any, device: torch.device) -> None:
    """Compile `unet` in place for pictures of one size, at its first call.

    On CUDA the whole of it becomes a graph that is replayed, so that Python is out of the way of the GPU.
    """
    logger.info("compiling the UNet: the first painting takes minutes")
    if device.type == "cuda":
        unet.compile(mode="reduce-overhead", dynamic=False)
    else:
        unet.compile(dynamic=False)
