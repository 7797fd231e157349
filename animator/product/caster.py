"""Ray casting with Embree: first hits of a view, and occlusion of single rays."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import ProgramError
from animator.product.hits import Hits
from animator.product.triangles import Geometry
from animator.product.view import Floats, View

RAYS = 1 << 18  # cast at once, to bound the memory
INSTALL = "pip install 'animator[product3d]'"
VISIBLE = 1e-3  # of the extent: points this near to the first hit of their ray are visible


class Caster:
    """Embree's scene of one geometry. A pickled one is built anew from the geometry."""

    def __init__(self, geometry: Geometry) -> None:
        """Build the scene, about 3 seconds per million faces. Raises ProgramError where embreex is missing."""
        scene_class, mesh_class = _import_embree()
        self.geometry = geometry
        self._scene: Any = scene_class(robust=True)
        if len(geometry.faces):
            corners = np.ascontiguousarray(geometry.vertices, np.float32)[geometry.faces]
            self._mesh: Any = mesh_class(self._scene, corners)

    def __reduce__(self) -> tuple[type[Caster], tuple[Geometry]]:
        return Caster, (self.geometry,)

    def cast(self, view: View, samples: int = 2) -> Hits:
        """Return the first hits of `view` with samples × samples rays per pixel.

        Rays are cast only where the box round the product is seen; nothing behind the camera is hit.
        """
        rows, columns = view.height * samples, view.width * samples
        triangle = np.full((rows, columns), -1, np.int32)
        u, v = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
        depth = np.full((rows, columns), np.inf, np.float32)
        down, across = seen_box(self.geometry, view, samples)
        wide = across.stop - across.start
        step = max(1, RAYS // max(wide, 1))
        for top in range(down.start, down.stop if wide else down.start, step):
            band = slice(top, min(top + step, down.stop)), across
            directions = view.directions(*band, samples).reshape(-1, 3)
            origins = np.broadcast_to(view.eye.astype(np.float32), directions.shape)
            found = self._scene.run(origins, directions, output=True)
            shape = (band[0].stop - top, wide)
            triangle[band] = found["primID"].reshape(shape)
            u[band], v[band] = found["u"].reshape(shape), found["v"].reshape(shape)
            depth[band] = np.where(found["primID"] >= 0, found["tfar"], np.inf).reshape(shape)
        return Hits(view, self.geometry, samples, triangle, u, v, depth)

    def occluded(
        self, origins: Floats, directions: Floats, reach: float | Floats | None = None
    ) -> NDArray[np.bool_]:
        """Return True for rays (n, 3) that meet the product within `reach` lengths of their direction, (n,)."""
        shadowed = np.empty(len(origins), bool)
        for first in range(0, len(origins), RAYS):
            part = slice(first, first + RAYS)
            far = reach[part] if isinstance(reach, np.ndarray) else reach
            blocked = self._scene.run(origins[part], directions[part], dists=far, query="OCCLUDED")
            shadowed[part] = blocked != -1
        return shadowed

    def visible(self, points: NDArray[np.floating], view: View) -> NDArray[np.bool_]:
        """Return True for points (n, 3) of the world that `view` sees: in its image, in front, behind no face."""
        pixels, depth = view.project(points)
        x, y = np.moveaxis(pixels, -1, 0)
        inside = (x >= -0.5) & (x < view.width - 0.5) & (y >= -0.5) & (y < view.height - 0.5)
        at = np.flatnonzero(inside & (depth > 0))
        eye = view.eye
        rays = (points[at] - eye).astype(np.float32)
        slack = VISIBLE * self.geometry.extent / np.maximum(np.linalg.norm(rays, axis=-1), 1e-9)
        reach = np.maximum(1 - slack, 0).astype(np.float32)
        seen = np.zeros(len(points), bool)
        seen[at] = ~self.occluded(np.broadcast_to(eye.astype(np.float32), rays.shape), rays, reach)
        return seen


def _import_embree() -> tuple[Any, Any]:
    """Return embreex's classes of scenes and of meshes. Raises ProgramError."""
    try:
        scenes, meshes = import_module("embreex.rtcore_scene"), import_module("embreex.mesh_construction")
    except ImportError as error:
        raise ProgramError(f"a product needs embreex, which is not installed: {INSTALL}") from error
    return scenes.EmbreeScene, meshes.TriangleMesh


def seen_box(geometry: Geometry, view: View, samples: int = 1) -> tuple[slice, slice]:
    """Return rows and columns of samples in which the product's bounding box is seen; they may be empty."""
    rows, columns = view.height * samples, view.width * samples
    low, high = geometry.bounds
    corners = np.array(
        [[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )
    pixels, depth = view.project(corners)
    if not len(geometry.faces) or (depth <= 0).all():
        return slice(0, 0), slice(0, 0)
    if (depth <= 0).any():
        return slice(0, rows), slice(0, columns)
    first = np.floor((pixels.min(0) + 0.5) * samples - 1)
    last = np.ceil((pixels.max(0) + 0.5) * samples + 1)
    limits = np.array([columns, rows])
    (left, top), (right, bottom) = np.clip(first, 0, limits).astype(int), np.clip(last, 0, limits).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))
