"""Changes to the UNet and VAE: tileable images, FreeU (Si et al. 2023), compilation.

For tileable images every convolution pads with the pixels of the opposite edge: only convolutions depend on the
position of edges; attention and normalisation in SDXL do not.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import torch
from diffusers.models.downsampling import Downsample2D
from torch import nn
from torch.nn import functional

from animator.errors import ModelError

AXES = {"none": (), "x": ("x",), "y": ("y",), "both": ("x", "y")}


def make_tileable(network: nn.Module, tiling: str) -> None:
    """Make the convolutions of `network` wrap around along "x", "y" or "both"; "none" changes nothing.

    The change is permanent: call it once per network. LoRAs already attached to the network wrap around as
    well.
    """
    axes = AXES[tiling]
    if not axes:
        return
    for module in network.modules():
        if isinstance(module, Downsample2D) and module.padding == 0:
            # The VAE's downsampling layer pads its own row and column of zeros at the bottom and the right.
            convolution = getattr(module.conv, "base_layer", module.conv)
            convolution.register_forward_pre_hook(_WrapTrailingEdge("x" in axes, "y" in axes))
        elif isinstance(module, nn.Conv2d) and any(_padding(module)):
            down, right = _padding(module)
            around = (right if "x" in axes else 0, down if "y" in axes else 0)
            module.register_forward_pre_hook(_CircularPadding(*around))
            module.padding = (down - around[1], right - around[0])


def _padding(convolution: nn.Conv2d) -> tuple[int, int]:
    """Return the rows and columns that a convolution pads on each side. Raises ValueError for padding by name."""
    padding = convolution.padding
    if isinstance(padding, str):
        raise ValueError(f"a convolution with padding {padding!r} cannot be wrapped")
    return int(padding[0]), int(padding[1])


class _CircularPadding:
    """Forward pre-hook that pads each side with the pixels of the opposite one."""

    def __init__(self, right: int, down: int) -> None:
        self.right, self.down = right, down

    def __call__(self, _: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        pixels: torch.Tensor = given[0]
        # One axis at a time: the corners are copied from pixels that are already padded.
        if self.right:
            pixels = functional.pad(pixels, (self.right, self.right, 0, 0), mode="circular")
        if self.down:
            pixels = functional.pad(pixels, (0, 0, self.down, self.down), mode="circular")
        return (pixels, *given[1:])


class _WrapTrailingEdge:
    """Forward pre-hook that replaces the padded last column or row of zeros by the first column or row."""

    def __init__(self, right: bool, down: bool) -> None:
        self.right, self.down = right, down

    def __call__(self, _: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        pixels: torch.Tensor = given[0]
        if self.right:
            pixels = torch.cat([pixels[..., :-1], pixels[..., :1]], dim=-1)
        if self.down:
            pixels = torch.cat([pixels[..., :-1, :], pixels[..., :1, :]], dim=-2)
        return (pixels, *given[1:])


# Factors for SDXL in diffusers' documentation: s1 and s2 weaken skip connections, b1 and b2 strengthen the
# backbone.
SDXL_FACTORS = {"s1": 0.6, "s2": 0.4, "b1": 1.1, "b2": 1.2}


def set_freeu(unet: Any, amount: float) -> None:
    """Set FreeU in `unet` to a part `amount` of the factors recommended for SDXL: 0 switches it off, 1 is all."""
    on = getattr(unet.up_blocks[0], "b1", None) is not None
    if amount:
        unet.enable_freeu(**{name: 1 + (value - 1) * amount for name, value in SDXL_FACTORS.items()})
    elif on:
        unet.disable_freeu()


logger = logging.getLogger(__name__)


MIN_CALLS_TO_COMPILE = (
    5_000  # UNet calls from which "auto" compiles: about where a minute or two of compiling pays off
)


def should_compile(setting: str, device: torch.device, calls: int, memory_mode: str) -> bool:
    """Return True if the UNet is to be compiled for a film of `calls` UNet calls.

    `setting` is model.compile ("auto", "on", "off"); `memory_mode` is the memory mode. Offloaded networks cannot be
    compiled, only those that stay on their device. Raises ModelError if "on" is impossible.
    """
    if setting == "off" or (
        setting == "auto" and (device.type != "cuda" or calls < MIN_CALLS_TO_COMPILE or memory_mode != "fast")
    ):
        return False
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        if setting == "auto":
            return False
        raise ModelError("model.compile: on needs triton, which comes with torch for CUDA on Linux")
    if memory_mode != "fast":
        raise ModelError(
            f"model.compile: on cannot be combined with model.memory: {memory_mode}; remove one of them"
        )
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
