"""One resampling of a picture by a matrix, on its device, with the cubic filter of pixels/warp.py."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from animator.diffusion.gpu.image import Picture, pixels, planes
from animator.frame import Matrix
from animator.imaging.warp import FOLDED, HORIZON, STILL, backwards, kept

# torch's names; "wrap" it does not know.
_PADDING = {"replicate": "border", "reflect": "reflection", "wrap": "border", "black": "zeros"}
_REACH = 2  # pixels on either side of a place that its cubic looks at


def warp(picture: Picture, matrix: Matrix, border: str = "replicate") -> Picture:
    """`picture` with every pixel moved by `matrix` (3, 3), resampled once with a cubic filter.

    Returns the same picture when the matrix is the identity.
    """
    if np.abs(matrix - np.eye(3)).max() < STILL:
        return picture
    height, width = picture.shape[:2]
    fold = FOLDED.get(border, kept)
    across, down = _places(matrix, height, width, picture.device)
    x, y = fold(across, width), fold(down, height)
    values = planes(picture)[None]
    if border == "wrap":
        x, y = x + _REACH, y + _REACH
        height, width = height + 2 * _REACH, width + 2 * _REACH
        values = functional.pad(values, (_REACH,) * 4, mode="circular")
    # From -1 at the outer edge of the first pixel to 1 at that of the last.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)[None].float()
    moved = functional.grid_sample(
        values, grid, mode="bicubic", padding_mode=_PADDING[border], align_corners=False
    )
    return picture.become(pixels(moved[0]))


def _places(
    matrix: Matrix, height: int, width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each pixel comes from, in pixels, float64 (height, width): across and down."""
    u = torch.arange(width, dtype=torch.float64, device=device)[None, :]
    v = torch.arange(height, dtype=torch.float64, device=device)[:, None]
    flat = np.abs(matrix[2, :2]).max() * max(width, height) < STILL
    back = np.linalg.inv(matrix / matrix[2, 2]) if flat else backwards(matrix)
    # Numbers of the host go along with the kernels: the device is not waited for.
    across, down, scale = (u * float(a) + (v * float(b) + float(c)) for a, b, c in back)
    if flat:
        return across, down
    scale = scale.clamp(min=float(HORIZON * np.abs(back).max()))
    return across / scale, down / scale
