"""Paintings whose edges meet: every convolution sees, past an edge, what lies at the opposite one.

Attention and normalisation look at a picture as a whole, so nothing else in SDXL knows where its edges are.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.downsampling import Downsample2D
from torch import nn
from torch.nn import functional

AXES = {"none": (), "x": ("x",), "y": ("y",), "both": ("x", "y")}


def wrap(network: nn.Module, tiling: str) -> None:
    """Let the convolutions of `network` reach round the picture along x, y or both. Once; for good.

    LoRAs that stand in the network by now are wrapped with it.
    """
    axes = AXES[tiling]
    if not axes:
        return
    for module in network.modules():
        if isinstance(module, Downsample2D) and module.padding == 0:
            # A VAE's: it adds a row and a column of zeros itself, at the right and below.
            convolution = getattr(module.conv, "base_layer", module.conv)
            convolution.register_forward_pre_hook(_Asymmetric("x" in axes, "y" in axes))
        elif isinstance(module, nn.Conv2d) and any(_padding(module)):
            down, right = _padding(module)
            around = (right if "x" in axes else 0, down if "y" in axes else 0)
            module.register_forward_pre_hook(_Around(*around))
            module.padding = (down - around[1], right - around[0])


def _padding(convolution: nn.Conv2d) -> tuple[int, int]:
    """Rows and columns that a convolution adds on each side."""
    padding = convolution.padding
    if isinstance(padding, str):
        raise ValueError(f"a convolution with padding {padding!r} cannot be wrapped")
    return int(padding[0]), int(padding[1])


class _Around:
    """Adds to a picture's sides what lies at the opposite ones."""

    def __init__(self, right: int, down: int) -> None:
        self.right, self.down = right, down

    def __call__(self, _: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        pixels: torch.Tensor = given[0]
        # One side at a time: circular padding must not be longer than what it copies from, 1 in a corner.
        if self.right:
            pixels = functional.pad(pixels, (self.right, self.right, 0, 0), mode="circular")
        if self.down:
            pixels = functional.pad(pixels, (0, 0, self.down, self.down), mode="circular")
        return (pixels, *given[1:])


class _Asymmetric:
    """Replaces the column or the row of zeros at the end by the first one."""

    def __init__(self, right: bool, down: bool) -> None:
        self.right, self.down = right, down

    def __call__(self, _: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        pixels: torch.Tensor = given[0]
        if self.right:
            pixels = torch.cat([pixels[..., :-1], pixels[..., :1]], dim=-1)
        if self.down:
            pixels = torch.cat([pixels[..., :-1, :], pixels[..., :1, :]], dim=-2)
        return (pixels, *given[1:])
