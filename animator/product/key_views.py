"""Choice of key views: the few views of a film that together see every visible part of the product well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from animator.product.caster import Caster
from animator.product.surface import Surface
from animator.product.view import Floats, View

PROBES = 6_000  # points of the surface at which views are compared
GRAZING, FACING = 0.15, 0.75  # cosines between normal and ray: from not seen at all to seen well
LEAST_GAIN = 0.03  # share of the visible surface that another key must show better
CANDIDATES = 48  # views of a film that are compared, evenly spread
MOST_KEYS = 12


def facing_quality(cosine: Floats) -> Floats:
    """Return how well a surface is seen at `cosine` between its normal and the ray: 0 grazing … 1 facing."""
    share = np.clip((cosine - GRAZING) / (FACING - GRAZING), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def view_cosines(view: View, points: Floats, normals: Floats) -> Floats:
    """Return the cosine (n,) between each point's normal and the ray to the eye; sheets are seen from both sides."""
    towards = view.eye - points
    length = np.maximum(np.linalg.norm(towards, axis=-1), 1e-9)
    return np.asarray(np.abs(np.einsum("ni,ni->n", towards, normals)) / length, np.float32)


def choose_views(
    surface: Surface, caster: Caster, views: Sequence[View], count: int | None = None
) -> list[int]:
    """Return indices of the `views` to paint, the first of them first; `count` None: as many as it takes, 1 to 12.

    Each is the view that adds most to what is seen well, by points of the surface that some view sees. A film that
    hardly moves has one.
    """
    candidates = candidate_views(len(views))
    quality = np.stack([_quality(surface, caster, views[index]) for index in candidates])
    best = np.zeros(quality.shape[1], np.float32)
    reachable = max(float(quality.max(0).sum()), 1e-6)
    chosen: list[int] = []
    for _ in range(min(count or MOST_KEYS, len(candidates))):
        gains = np.maximum(quality - best, 0).sum(1) / reachable
        winner = int(np.argmax(gains))
        if chosen and count is None and gains[winner] < LEAST_GAIN:
            break
        chosen.append(candidates[winner])
        best = np.maximum(best, quality[winner])
    return chosen


def candidate_views(count: int) -> list[int]:
    """Return indices of at most `CANDIDATES` of `count` views, evenly spread, among them the first."""
    return sorted({int(place) for place in np.linspace(0, count - 1, min(count, CANDIDATES)).round()})


def _quality(surface: Surface, caster: Caster, view: View) -> Floats:
    """Return how well `view` sees each probe of the surface, 0..1 (probes,), weighted by the probe's area."""
    at, areas = _probes(surface)
    points, normals = surface.points()[at], surface.normals()[at]
    seen = caster.visible(points, view)
    return facing_quality(view_cosines(view, points, normals)) * seen * areas


def _probes(surface: Surface) -> tuple[np.ndarray, Floats]:
    """Return texels (n,) evenly spread over the list of them, and the area (n,) that each stands for."""
    at = np.unique(np.linspace(0, len(surface) - 1, min(PROBES, len(surface))).astype(np.int64))
    a, b, c = np.moveaxis(surface.geometry.vertices[surface.geometry.faces], 1, 0)
    face_area = np.linalg.norm(np.cross(b - a, c - a), axis=-1) / 2
    counts = np.bincount(surface.triangle, minlength=len(face_area))
    return at, (face_area / np.maximum(counts, 1))[surface.triangle[at]].astype(np.float32)
