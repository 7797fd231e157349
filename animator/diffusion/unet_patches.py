"""Tileable images: every convolution pads with the pixels of the opposite edge.

Convolutions are the only layers that depend on the position of edges; attention and normalisation in SDXL do
not.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.downsampling import Downsample2D
from torch import nn
from torch.nn import functional

AXES = {"none": (), "x": ("x",), "y": ("y",), "both": ("x", "y")}


def wrap(network: nn.Module, tiling: str) -> None:
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
            convolution.register_forward_pre_hook(_Asymmetric("x" in axes, "y" in axes))
        elif isinstance(module, nn.Conv2d) and any(_padding(module)):
            down, right = _padding(module)
            around = (right if "x" in axes else 0, down if "y" in axes else 0)
            module.register_forward_pre_hook(_Around(*around))
            module.padding = (down - around[1], right - around[0])


def _padding(convolution: nn.Conv2d) -> tuple[int, int]:
    """Return the rows and columns that a convolution pads on each side. Raises ValueError for padding by name."""
    padding = convolution.padding
    if isinstance(padding, str):
        raise ValueError(f"a convolution with padding {padding!r} cannot be wrapped")
    return int(padding[0]), int(padding[1])


class _Around:
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


class _Asymmetric:
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
