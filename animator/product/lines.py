"""Line art of one view: silhouettes, creases, borders of parts and depth steps, antialiased."""

from __future__ import annotations

from math import cos, radians

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Mask
from animator.product.hits import Hits
from animator.product.passes import to_levels
from animator.product.view import Floats

Flags = NDArray[np.bool_]
STEP = 0.012  # of the product's extent: depth that a surface may leave its tangent plane by without a line
BEVEL = 1.5 / 256  # of the longer side: width of a bevel that counts as one crease
GRAZING = 0.3  # cosine between normal and ray: where it is less, a round rim would look like a bevel


def lines(hits: Hits, crease: float = 40.0, width: float = 1.0, borders: bool = True) -> Mask:
    """Return the coverage of each pixel by lines, 0..255, uint8 (h, w).

    Lines are `width` pixels wide and lie along silhouettes, creases sharper than `crease` degrees, depth steps and,
    with `borders`, borders between parts. There is none where the image's edge cuts the product.
    """
    drawn = np.zeros((hits.view.height, hits.view.width), np.uint8)
    rows, columns = _padded(hits, width)
    s = hits.samples
    fine = slice(rows.start * s, rows.stop * s), slice(columns.start * s, columns.stop * s)
    if not len(hits.found):
        return drawn
    edges = _borders(hits, fine, borders)
    edges |= _steps(hits, fine)
    _add_creases(edges, hits, (rows, columns), fine, 1 - cos(radians(crease)))
    away = cv2.distanceTransform(1 - edges.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ink = np.clip(width * s / 2 - away, 0, 1).astype(np.float32)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    share = cv2.resize(ink, size, interpolation=cv2.INTER_AREA) if s > 1 else ink
    drawn[rows, columns] = to_levels(np.asarray(share, np.float32))
    return drawn


def _padded(hits: Hits, width: float) -> tuple[slice, slice]:
    """Return the rows and columns of pixels in which lines may lie."""
    rows, columns = hits.box
    pad = int(width) + 1
    return (
        slice(max(rows.start - pad, 0), min(rows.stop + pad, hits.view.height)),
        slice(max(columns.start - pad, 0), min(columns.stop + pad, hits.view.width)),
    )


def _borders(hits: Hits, fine: tuple[slice, slice], borders: bool) -> Flags:
    """Return the samples on both sides of silhouettes and, with `borders`, of borders between parts."""
    triangle = hits.triangle[fine]
    labels = np.where(triangle >= 0, hits.geometry.part[triangle] if borders else 0, -1)
    edges = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        _mark(edges, np.diff(labels, axis=axis) != 0, axis)
    return edges


def _mark(edges: Flags, between: Flags, axis: int) -> None:
    """Mark in `edges` the samples on both sides of each gap in `between`, which has one sample less along `axis`."""
    count = between.shape[axis]
    for first in (0, 1):
        part = [slice(None), slice(None)]
        part[axis] = slice(first, first + count)
        edges[tuple(part)] |= between


def _steps(hits: Hits, fine: tuple[slice, slice]) -> Flags:
    """Return the samples on both sides of depth steps inside the product.

    The inverse depth of a plane is linear in the image, so a step is a pair of samples of which neither lies on the
    plane through the other and its neighbour.
    """
    with np.errstate(divide="ignore"):
        inverse = 1 / hits.depth[fine]  # 0 outside
    slack = STEP * hits.geometry.extent * float(np.linalg.norm(hits.view.pose[2, :3]))
    edges = np.zeros(inverse.shape, bool)
    for axis in (0, 1):
        w = np.moveaxis(inverse, axis, 0)
        if len(w) < 4:
            continue
        a, b, c, d = w[:-3], w[1:-2], w[2:-1], w[3:]
        ahead = np.where(a > 0, np.abs(2 * b - a - c), np.abs(b - c))
        behind = np.where(d > 0, np.abs(2 * c - d - b), np.abs(b - c))
        jump = (np.minimum(ahead, behind) > slack * b * c) & (b > 0) & (c > 0)
        between = np.zeros((len(w) - 1, w.shape[1]), bool)
        between[1:-1] = jump
        _mark(edges, np.moveaxis(between, 0, axis), axis)
    return edges


def _add_creases(
    edges: Flags, hits: Hits, box: tuple[slice, slice], fine: tuple[slice, slice], least: float
) -> None:
    """Mark in `edges` the samples on both sides of creases, at which 1 - cosine between normals is over `least`.

    Sharp creases lie between neighbours. Bevels narrower than `BEVEL` are lines where the normals of their two sides
    differ most, unless another line runs along them. Normals are compared only where both samples are product.
    """
    normal = hits.spread(hits.normals, *box)
    product = hits.triangle[fine] >= 0
    for axis in (0, 1):
        _mark(edges, _turns(normal, product, 1, axis) > least, axis)
    reach = max(hits.view.width, hits.view.height) * BEVEL * hits.samples
    odd = 2 * round((reach - 1) / 2) + 1
    if not 1 < odd < min(product.shape):
        return
    steep = product & (np.abs(_facing(hits, fine, normal)) > GRAZING)
    near = cv2.dilate(edges.astype(np.uint8), np.ones((odd, odd), np.uint8)) > 0
    for axis in (0, 1):
        bevels = np.zeros(product.shape, bool)
        _mark(bevels, _bevels(_turns(normal, steep, odd, axis), odd, least, axis), axis)
        edges |= bevels & ~near


def _facing(hits: Hits, fine: tuple[slice, slice], normal: Floats) -> Floats:
    """Return the cosine between each sample's normal and its ray."""
    cosines = np.empty(normal.shape[:2], np.float32)
    for first in range(0, len(normal), 128):
        last = min(first + 128, len(normal))
        rays = hits.view.directions(slice(fine[0].start + first, fine[0].start + last), fine[1], hits.samples)
        length = np.sqrt(np.einsum("yxi,yxi->yx", rays, rays))
        cosines[first:last] = np.einsum("yxi,yxi->yx", normal[first:last], rays) / length
    return cosines


def _turns(normal: Floats, valid: Flags, reach: int, axis: int) -> Floats:
    """Return 1 - cosine between the normals of samples `reach` apart along `axis`; 0 where one is not valid."""
    before = [slice(None), slice(None)]
    after = [slice(None), slice(None)]
    before[axis], after[axis] = slice(None, -reach), slice(reach, None)
    turn = 1 - np.einsum("yxi,yxi->yx", normal[tuple(before)], normal[tuple(after)])
    return np.where(valid[tuple(before)] & valid[tuple(after)], turn, 0).astype(np.float32)


def _bevels(turn: Floats, reach: int, least: float, axis: int) -> Flags:
    """Return the gaps between samples in which the middle of a bevel lies: peaks of `turn`, smoothed, along `axis`."""
    size = (reach, 1) if axis == 1 else (1, reach)
    smooth = turn
    for _ in range(2):  # once would leave plateaus
        smooth = np.asarray(cv2.blur(smooth, size, borderType=cv2.BORDER_CONSTANT), np.float32)
    peak = (smooth >= cv2.dilate(smooth, np.ones(size[::-1], np.uint8)) - 1e-6) & (turn > least)
    lost = reach - 1  # pairs of neighbours less pairs that are `reach` apart
    pads = [(0, 0), (0, 0)]
    pads[axis] = (lost // 2, lost - lost // 2)
    return np.pad(peak, pads)
