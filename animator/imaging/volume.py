"""Guess an image's depth without a model: a rounded product in front of a backdrop."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Floats = NDArray[np.float32]
Mask = NDArray[np.uint8]

WORK = 256  # pixels of the longer side at which the guess is made
RIM = 0.02  # of the image's sides: width of the rim whose colours count as the backdrop's
APART = 14.0  # CIELAB units from the backdrop at which a pixel counts as foreground
SMALL, LARGE = 0.004, 0.85  # parts of the image's area: a smaller or larger foreground is not a product
OUTLINE = 0.5  # nearness of the product's outline, which lies in the plane of the orbit's pivot
ROUND = 1.45  # nearness per part of the width: as thick as wide, at the default depth_scale and fov
SHADOW = 6.0  # CIELAB units of a and b: a darker pixel that differs less from the backdrop is shadow
NOTCH = 0.2  # of the image's longer side: gaps up to this, closed on three sides, belong to the product


def volume(image: Image) -> Floats:
    """Return the nearness of each pixel, 0..1, float32 (height, width).

    It is 0.5 at the product's outline and grows towards its middle; the floor comes nearer towards the lower edge.
    """
    height, width = image.shape[:2]
    scale = WORK / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    mask = product(np.asarray(small, np.uint8))
    large = cv2.resize(backdrop(mask), (width, height), interpolation=cv2.INTER_LINEAR)
    if not mask.any():
        return np.asarray(large, np.float32)
    rounded = cv2.resize(thickness(mask) / size[0], (width, height), interpolation=cv2.INTER_CUBIC)
    soft = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    inside = soft > 0.3
    return np.where(inside, np.clip(OUTLINE + ROUND * rounded, OUTLINE, 1), large).astype(np.float32)


def product(image: Image) -> Mask:
    """Return the product's mask, 1 inside and 0 outside: pixels that differ from the colours along the image's edge.

    Shadows, specks and pinholes are removed. The mask is empty if it is too small or too large for a product.
    """
    lab = np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    off = lab - _surroundings(lab)
    apart = np.linalg.norm(off, axis=-1) > APART
    shade = (
        apart & (np.linalg.norm(off[..., 1:], axis=-1) < SHADOW) & (off[..., 0] < 0) & _smooth(lab[..., 0])
    )
    if shade.sum() < 0.5 * apart.sum():  # otherwise a grey product would count as its own shadow
        apart &= ~shade
    mask = apart.astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = _solid(_unnotched(np.asarray(mask, np.uint8)))
    return mask if SMALL < mask.mean() < LARGE else np.zeros_like(mask)


def _surroundings(lab: Floats) -> Floats:
    """Return the backdrop's colour at each pixel, fitted to the colours along the image's edge without outliers.

    The fit is linear in x and quadratic in y.
    """
    height, width = lab.shape[:2]
    rim = max(2, round(RIM * max(height, width)))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    edge = np.ones((height, width), bool)
    edge[rim:-rim, rim:-rim] = False
    design = np.stack([np.ones_like(x), x / width - 0.5, y / height - 0.5, (y / height - 0.5) ** 2], -1)
    rows, colors = design[edge], lab[edge]
    keep = np.ones(len(rows), bool)
    for _ in range(3):
        plane = np.linalg.lstsq(rows[keep], colors[keep], rcond=None)[0]
        off = np.linalg.norm(colors - rows @ plane, axis=-1)
        keep = off <= max(2.0 * float(np.median(off)), 2.0)
    return np.asarray(design @ plane, np.float32)


def _smooth(lightness: Floats) -> NDArray[np.bool_]:
    """Return True for pixels without a hard edge near them, as in shadows, which are soft."""
    kernel = np.ones((5, 5), np.uint8)
    return np.asarray(cv2.dilate(lightness, kernel) - cv2.erode(lightness, kernel) < APART)


def _unnotched(mask: Mask) -> Mask:
    """Return `mask` plus the areas it encloses on three sides, such as a label in the backdrop's colour."""
    reach = max(3, round(NOTCH * max(mask.shape)))
    sides = []
    for kernel, flip in (((1, reach), 1), ((reach, 1), 0)):
        # A dilation whose anchor is at an end of its kernel spreads in one direction only.
        ones = np.ones(kernel, np.uint8)
        first = cv2.dilate(mask, ones, anchor=(0, 0))
        second = np.flip(cv2.dilate(np.flip(mask, flip).copy(), ones, anchor=(0, 0)), flip)
        sides += [first, second]
    closed = np.asarray(np.sum(sides, axis=0) >= 3, np.uint8)
    return np.maximum(mask, np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((5, 5))), np.uint8))


def _solid(mask: Mask) -> Mask:
    """Return the larger pieces of `mask` with small holes filled; a large one, such as in a handle, stays open."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    if count < 2:
        return mask
    keep = [i for i in range(1, count) if areas[i] > 0.1 * areas[1:].max()]
    solid = np.isin(labels, keep).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - solid, connectivity=4)
    for i in range(1, count):
        if stats[i, cv2.CC_STAT_AREA] < 0.1 * solid.sum():
            solid[labels == i] = 1
    return solid


def thickness(mask: Mask) -> Floats:
    """Return half the product's thickness in pixels: a round profile over the distance from the outline."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    rounded = np.sqrt(distance * (2 * max(float(distance.max()), 1.0) - distance))
    return np.asarray(cv2.GaussianBlur(rounded.astype(np.float32), (0, 0), WORK / 100), np.float32)


def backdrop(mask: Mask) -> Floats:
    """Return the nearness of a wall, 0, and of a floor that comes nearer towards the lower edge.

    The floor reaches 0.5 at the foot of the product, whose mask is `mask`.
    """
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(1))
    foot, head = (float(rows[-1]), float(rows[0])) if len(rows) else (height * 0.8, height * 0.3)
    horizon = min(max(head + 0.35 * (foot - head), 0.0), foot - 1)
    ramp = np.clip((np.arange(height) - horizon) / (foot - horizon), 0, 2) * OUTLINE
    return np.repeat(ramp.astype(np.float32)[:, None], width, axis=1).clip(0, 1)
