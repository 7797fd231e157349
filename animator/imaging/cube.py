"""3D lookup tables: a function of colour is computed for 36,000 colours and interpolated for an image's million."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Floats = NDArray[np.float32]

SIDE = 33  # colours along each axis of the table: every 8th of 256 grey levels
_LEVELS = np.linspace(0, 256, SIDE) / 255
_BLUE, _GREEN, _RED = np.meshgrid(_LEVELS, _LEVELS, _LEVELS, indexing="ij")
COLORS: Floats = np.stack([_RED, _GREEN, _BLUE], axis=-1).astype(np.float32)
"""The colours to compute a function for: (blue 33, green 33, red 33, RGB 3), sRGB, 0..256/255."""


def _between() -> Floats:
    """Return the weights (256, 33) that interpolate each grey level of blue between two levels of the table."""
    level = np.arange(256) / 8
    below = level.astype(int)
    weights = np.zeros((256, SIDE), np.float32)
    weights[np.arange(256), below] = 1 - (level - below)
    weights[np.arange(256), below + 1] += level - below
    return weights


_BETWEEN = _between()
_PLACE = (np.arange(256) / 8).astype(np.float32)  # position of a grey level along an axis
STRIP = 64  # rows at a time, so that intermediate results stay in the processor's cache
_SLICE = (np.arange(256) * SIDE).astype(np.float32)  # first row of the sheet for a level of blue


def apply(image: Image, found: Floats) -> Image:
    """Return `image` through the function that turns `COLORS` into `found`, interpolated trilinearly.

    cv2.remap interpolates in two dimensions, so the table is first interpolated to a sheet of red by green for each
    of the 256 levels of blue; each pixel is then looked up on its sheet. `found`, float32 (33, 33, 33, 3), may lie
    outside 0..1: only the result is clipped, which keeps the edges of the gamut straight. Colours that the function
    does not change are kept exactly.
    """
    padded = np.zeros((*found.shape[:3], 4), np.float32)  # cv2 looks up four channels twice as fast as three
    np.multiply(found, np.float32(255), out=padded[..., :3])
    sheets = (_BETWEEN @ padded.reshape(SIDE, -1)).reshape(256 * SIDE, SIDE, 4)
    result = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), STRIP):
        red, green, blue = cv2.split(image[top : top + STRIP])
        down = cv2.add(cv2.LUT(blue, _SLICE), cv2.LUT(green, _PLACE))
        colors = cv2.remap(sheets, cv2.LUT(red, _PLACE), down, cv2.INTER_LINEAR)
        whole = cv2.addWeighted(colors, 1.0, colors, 0.0, 0.0, dtype=cv2.CV_8U)
        cv2.cvtColor(whole, cv2.COLOR_RGBA2RGB, dst=result[top : top + STRIP])
    return result
