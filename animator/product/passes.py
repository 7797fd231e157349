"""Passes of one view, per pixel: masks, depth, normals, points and motion, from the samples that hit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from animator.frame import Image, Mask
from animator.product.hits import Hits
from animator.product.triangles import CHUNK, Geometry
from animator.product.view import Floats, View


def mask(hits: Hits) -> Mask:
    """Return the product's coverage of each pixel, 0..255, uint8 (h, w)."""
    return to_levels(hits.coverage)


def part_masks(hits: Hits, parts: Sequence[int] | None = None) -> NDArray[np.uint8]:
    """Return the coverage of each pixel by each of `parts` (default: all), 0..255, uint8 (parts, h, w)."""
    chosen = range(len(hits.geometry.colors)) if parts is None else parts
    masks = np.zeros((len(chosen), hits.view.height, hits.view.width), np.uint8)
    seen = set(np.unique(hits.parts).tolist())
    for place, number in enumerate(chosen):
        if number in seen:
            alone = (hits.parts == number).astype(np.float32)
            masks[place] = to_levels(hits.mean(alone[:, None])[..., 0])
    return masks


def to_levels(share: Floats) -> Mask:
    """Return shares 0..1 as levels 0..255, rounded, uint8."""
    return np.asarray(share * 255 + 0.5, np.uint8)


def depth(hits: Hits) -> Floats:
    """Return the depth z in camera space of the nearest sample of each pixel, float32 (h, w); infinite outside."""
    near = hits.nearest
    return np.where(near >= 0, hits.depth.ravel()[near], np.float32(np.inf))


def depth_range(geometry: Geometry, view: View) -> tuple[float, float]:
    """Return the nearest and the farthest depth of the ball round the product, at least 1e-3.

    Both stay as they are while the camera orbits the middle of the product, so that levels of depth do not flicker.
    """
    middle = float(view.to_camera(geometry.bounds.mean(0))[2])
    radius = geometry.extent / 2 * float(np.linalg.norm(view.pose[2, :3]))
    near = max(middle - radius, 1e-3)
    return near, max(middle + radius, near + 1e-3)


def depth_levels(depths: Floats, near: float, far: float) -> NDArray[np.uint16]:
    """Return depths as levels, uint16 (h, w): 65535 at `near`, 1 at `far`, linear between; 0 outside."""
    share = np.clip((far - depths) / (far - near), 0, 1)
    return np.where(np.isfinite(depths), share * 65534 + 1.5, 0).astype(np.uint16)


def normals(hits: Hits) -> Floats:
    """Return unit normals in camera space, float32 (h, w, 3): right, up, towards the camera; zeros outside.

    A pixel's normal is the average of its samples. It is smooth by the corner normals, always on the side that is
    seen, and turned by the orthogonal part of the pose.
    """
    mean = hits.mean(hits.normals) @ hits.view.axes.T.astype(np.float32)
    length = np.sqrt(np.einsum("hwi,hwi->hw", mean, mean))
    return np.asarray(mean / np.where(length > 1e-6, length, 1)[..., None], np.float32)


def normals_to_rgb(directions: Floats, coverage: Floats | None = None) -> Image:
    """Return normals (h, w, 3) of -1..1 as RGB 0..255, uint8, darkened by `coverage` 0..1; black outside."""
    cover = directions.any(-1).astype(np.float32) if coverage is None else coverage
    shown = (directions + 1) * np.asarray(127.5 * cover, np.float32)[..., None]
    return np.asarray(shown + 0.5, np.uint8)


def points(hits: Hits) -> Floats:
    """Return a point of the surface for each pixel, in the world, float32 (h, w, 3); NaN outside.

    It is the average over the pixel's samples on its nearest surface: at the pixel's centre where the surface covers
    the pixel, else in the middle of what it covers.
    """
    middle = hits.geometry.bounds.mean(0).astype(np.float32)  # near the points, for exact sums
    values = np.empty((len(hits.found), 4), np.float32)
    for first in range(0, len(values), CHUNK):
        part = slice(first, first + CHUNK)
        kept = hits.foremost[part, None]
        values[part, :3] = (hits.points_of(hits.found[part]) - middle) * kept
        values[part, 3:] = kept
    summed = hits.mean(values)
    share = summed[..., 3:]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(share > 0, summed[..., :3] / share + middle, np.nan), np.float32)


def motion(hits: Hits, to: View) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the motion of each pixel's surface from the hits' view to the view `to`, and where it is known.

    The motion is in pixels of the hits' view's size, x right and y down, float32 (h, w, 2), 0 where it is not known:
    outside the product, and for points that get behind the camera. Both views have one size. A surface that is hidden
    in `to` moves all the same.
    """
    moved = np.empty((len(hits.found), 3), np.float32)
    kept = hits.foremost
    turn = to.lens.matrix @ to.pose[:3, :3]
    across, shift = turn @ hits.view.back, turn @ hits.view.eye + to.lens.matrix @ to.pose[:3, 3]
    depths = hits.depth.ravel()
    for first in range(0, len(moved), CHUNK):
        some = hits.found[first : first + CHUNK]
        x, y = hits.places(some)
        u, v, z = (
            (row[0] * x + row[1] * y + row[2]) * depths[some] + off
            for row, off in zip(across, shift, strict=True)
        )
        good = kept[first : first + CHUNK] & (z > 0)
        z[~good] = 1
        for axis, off in enumerate((u / z - x, v / z - y, np.ones_like(z))):
            moved[first : first + CHUNK, axis] = off * good
    summed = hits.mean(moved)
    known = summed[..., 2] > 0
    flow = summed[..., :2] / np.where(known, summed[..., 2], 1)[..., None]
    return np.asarray(flow, np.float32), known
