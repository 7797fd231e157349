"""The product before the camera: its size and place in the film's world, and the view of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from animator.frame import Frame, Matrix, Motion
from animator.imaging.geometry import Lens, translation_pose
from animator.product.triangles import Geometry
from animator.product.view import Doubles, View

DIRECTIONS = 128  # in which the product's outermost points are looked for
MEASURED_VIEWS = 48  # of the film's, evenly spread, in which the product's size is measured
CLOSE = 0.9  # share of a key painting that the product fills
HALVINGS = 40  # of the interval in which the product's scale lies


@dataclass(frozen=True, slots=True)
class Stance:
    """The camera before the film begins: round the product, above it, and the product's place in the image."""

    azimuth: float = 0.0  # degrees to the right of the product's front
    elevation: float = 0.0  # degrees above the horizontal
    x: float = 0.5  # the product's middle, as a fraction of the image's width
    y: float = 0.5  # and of its height


def film_views(frames: Sequence[Frame], lens: Lens, stance: Stance) -> list[View]:
    """Return the view of each of `frames`, which begin with the first frame of a shot.

    Orbits turn the camera round the product's vertical axis and raise it, whatever its other motions are; those move
    it one after the other, as the 3D camera of flat images does. Each shot begins from the stance. World and poses
    are those of imaging/geometry.py; the product's middle is the pivot of the lens.
    """
    distance = lens.focal * lens.pivot
    shift = translation_pose(
        Motion(
            translation_x=lens.width * (stance.x - 0.5) * lens.pivot,
            translation_y=lens.height * (stance.y - 0.5) * lens.pivot,
        )
    )
    views, moved = [], np.eye(4)
    azimuth, elevation = stance.azimuth, stance.elevation
    for frame in frames:
        if frame.index == frame.shot:
            azimuth, elevation = stance.azimuth, stance.elevation
            moved = lens.normal_pose(lens.at(frame.motion))
        else:
            motion = frame.motion
            azimuth, elevation = azimuth + motion.orbit_y, elevation + motion.orbit_x
            moved = lens.step_pose(replace(motion, orbit_x=0.0, orbit_y=0.0)) @ moved
        orbit = turntable_pose(azimuth, elevation, distance)
        views.append(View(np.asarray(moved @ shift @ orbit, np.float64), lens))
    return views


def turntable_pose(azimuth: float, elevation: float, distance: float) -> Matrix:
    """Return the pose of a camera `distance` pixels from the pivot, orbited right by `azimuth` and up by `elevation`.

    Angles are degrees. The pivot lies at (0, 0, distance) in the world.
    """
    lens = Lens(1, 1)
    orbit = lens.orbit_pose(Motion(orbit_x=elevation, orbit_y=azimuth))
    pivot = np.array([0.0, 0.0, distance])
    orbit[:3, 3] = pivot - orbit[:3, :3] @ pivot
    return orbit


def place_geometry(
    geometry: Geometry, views: Sequence[View], fit: float, shifts: Sequence[Doubles] = ()
) -> Geometry:
    """Return `geometry` around the pivot of the views' lens, scaled to fill the share `fit` of the frame.

    `fit` is the larger of the product's width and height, as shares of the image's, where it looks largest in
    `views`. The scale is one for the whole film, so that the product never breathes. `shifts` are the ways of the
    parts in each view, (parts, 3) in the geometry's unit, if they are moved apart.
    """
    lens, middle = views[0].lens, geometry.bounds.mean(0)
    pivot = np.array([0.0, 0.0, lens.focal * lens.pivot])
    points, part = outermost_points(geometry)
    step = max(1, len(views) // MEASURED_VIEWS)
    still = [np.zeros((len(geometry.colors), 3))] * len(views)
    shown = [points - middle + shift[part] for shift in (shifts or still)[::step]]
    low, high = 0.0, 4 * lens.focal / max(float(np.abs(outer).max()) for outer in shown)
    for _ in range(HALVINGS):
        scale = (low + high) / 2
        pairs = zip(views[::step], shown, strict=True)
        large = max(_share(view, outer * scale + pivot) for view, outer in pairs) > fit
        low, high = (low, scale) if large else (scale, high)
    return replace(geometry, vertices=(geometry.vertices - middle) * low + pivot)


def close_view(view: View, geometry: Geometry, share: float = CLOSE) -> View:
    """Return `view` zoomed and shifted so that the product fills `share` of the image, in its middle.

    The perspective stays. Returns the view itself where the product is not all before the camera.
    """
    pixels, depth = view.project(outermost_points(geometry)[0])
    if (depth <= 0).any():
        return view
    low, high = pixels.min(0), pixels.max(0)
    size = np.array([view.width, view.height], np.float64)
    zoom = share * float((size / np.maximum(high - low, 1e-9)).min())
    x, y = (size - 1) / 2 - zoom * (low + high) / 2
    moved = np.array([[zoom, 0, x], [0, zoom, y], [0, 0, 1]])
    return View(np.asarray(view.lens.pose_of_homography(moved) @ view.pose, np.float64), view.lens)


def outermost_points(geometry: Geometry) -> tuple[Doubles, NDArray[np.int64]]:
    """Return the vertices (n, 3) of each part that lie farthest in evenly spread directions, and their parts (n,).

    They are nearly the corners of the parts' convex hulls.
    """
    number = np.arange(DIRECTIONS) + 0.5
    z, turn = 1 - 2 * number / DIRECTIONS, number * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - z * z)
    spread = np.stack([radius * np.cos(turn), radius * np.sin(turn), z], -1)
    axes = np.concatenate([spread, np.eye(3), -np.eye(3)])
    points, owner = [], []
    for part in np.unique(geometry.part):
        own = geometry.vertices[np.unique(geometry.faces[geometry.part == part])]
        best = np.unique([int(np.argmax(own @ axis)) for axis in axes])
        points.append(own[best])
        owner.append(np.full(len(best), part, np.int64))
    return np.concatenate(points), np.concatenate(owner)


def _share(view: View, points: Doubles) -> float:
    """Return the share of the image's width or height that `points` span; infinite if one is behind the camera."""
    pixels, depth = view.project(points)
    if (depth <= view.lens.focal * 0.05).any():
        return float("inf")
    span = (pixels.max(0) - pixels.min(0)) / (view.width, view.height)
    return float(span.max())
