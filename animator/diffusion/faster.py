"""Compilation of the UNet: costs minutes before the first frame and saves time in every later one."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import torch

from animator.errors import ModelError

logger = logging.getLogger(__name__)

WORTH = 5_000  # UNet calls from which "auto" compiles: about where a minute or two of compiling pays off


def compiles(wanted: str, device: torch.device, calls: int, way: str) -> bool:
    """Return True if the UNet is to be compiled for a film of `calls` UNet calls.

    `wanted` is model.compile ("auto", "on", "off"); `way` is the memory mode. Offloaded networks cannot be
    compiled, only those that stay on their device. Raises ModelError if "on" is impossible.
    """
    if wanted == "off" or (wanted == "auto" and (device.type != "cuda" or calls < WORTH or way != "fast")):
        return False
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        if wanted == "auto":
            return False
        raise ModelError("model.compile: on needs triton, which comes with torch for CUDA on Linux")
    if way != "fast":
        raise ModelError(f"model.compile: on cannot be combined with model.memory: {way}; remove one of them")
    return True


def compile_unet(unet: Any, device: torch.device) -> None:
    """Compile `unet` in place for images of one size; the compilation runs at the first call.

    On CUDA, the kernels become one CUDA graph that is replayed, which removes Python's overhead.
    """
    logger.info("compiling the UNet: the first painted frame takes minutes")
    if device.type == "cuda":
        unet.compile(mode="reduce-overhead", dynamic=False)
    else:
        unet.compile(dynamic=False)
