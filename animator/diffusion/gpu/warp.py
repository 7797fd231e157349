"""Warp of an image by a matrix on its device, resampled once with the cubic filter of the CPU version."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from animator.diffusion.gpu.image import Picture, pixels, planes
from animator.frame import Matrix
from animator.imaging.warp import FOLDED, HORIZON, STILL, backwards, kept

# Border mode → torch's padding mode; torch has no "wrap", which is padded by hand below.
_PADDING = {"replicate": "border", "reflect": "reflection", "wrap": "border", "black": "zeros"}
_REACH = 2  # pixels that the cubic filter reads on either side of a position


def warp(picture: Picture, matrix: Matrix, border: str = "replicate") -> Picture:
    """Warp the image by `matrix` (3, 3, source to target pixels), resampled once with a cubic filter.

    `border` fills the uncovered edge: "replicate", "reflect", "wrap" or "black". Returns the identical image
    if the matrix is the identity.
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
    # grid_sample's coordinates: -1 at the outer edge of the first pixel, 1 at that of the last.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)[None].float()
    moved = functional.grid_sample(
        values, grid, mode="bicubic", padding_mode=_PADDING[border], align_corners=False
    )
    return picture.become(pixels(moved[0]))


def _places(
    matrix: Matrix, height: int, width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the source coordinates of each pixel, float64 (height, width) in pixels: across and down."""
    u = torch.arange(width, dtype=torch.float64, device=device)[None, :]
    v = torch.arange(height, dtype=torch.float64, device=device)[:, None]
    flat = np.abs(matrix[2, :2]).max() * max(width, height) < STILL
    back = np.linalg.inv(matrix / matrix[2, 2]) if flat else backwards(matrix)
    # The matrix entries are passed as scalars, so that nothing is copied and the device is not waited for.
    across, down, scale = (u * float(a) + (v * float(b) + float(c)) for a, b, c in back)
    if flat:
        return across, down
    scale = scale.clamp(min=float(HORIZON * np.abs(back).max()))
    return across / scale, down / scale
