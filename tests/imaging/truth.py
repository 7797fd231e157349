"""Ground truth by ray casting: a textured plane, and a sphere in front of a wall, seen by a camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animator.imaging.geometry import Lens


@dataclass(frozen=True)
class Seen:
    image: np.ndarray  # (h, w, 3) uint8
    disparity: np.ndarray  # (h, w): focal length over distance along the axis, in this view
    point: np.ndarray  # (h, w, 3): the point of the room, in the first view's axes


@dataclass(frozen=True)
class Room:
    """A wall through (0, 0, wall) that leans by slopes, and a sphere; lengths in focal lengths."""

    wall: float = 1.0
    lean: tuple[float, float] = (0.0, 0.0)
    sphere: float = 0.0  # radius; its centre is at distance 1

    def look(self, lens: Lens, pose: np.ndarray) -> Seen:
        """Return the view of the room after its points have moved by `pose`."""
        y, x = np.mgrid[: lens.height, : lens.width]
        pixels = np.stack([x, y, np.ones_like(x)], -1).astype(float)
        rays = pixels @ np.linalg.inv(lens.matrix).T
        back = np.linalg.inv(pose)
        eye, rays = back[:3, 3], rays @ back[:3, :3].T
        way = self._hit(lens.focal, eye, rays)
        point = eye + rays * way[..., None]
        return Seen(texture(point, lens.width), lens.focal / way, point)

    def _hit(self, focal: float, eye: np.ndarray, rays: np.ndarray) -> np.ndarray:
        normal = np.array([*self.lean, 1.0])
        way = (self.wall * focal - eye @ normal) / (rays @ normal)
        if self.sphere:
            apart = eye - [0, 0, focal]
            a, b = (rays**2).sum(-1), rays @ apart
            root = b * b - a * (apart @ apart - (self.sphere * focal) ** 2)
            near = (-b - np.sqrt(np.maximum(root, 0))) / a
            way = np.where((root > 0) & (near > 0), np.minimum(near, way), way)
        return way


def texture(point: np.ndarray, width: int) -> np.ndarray:
    """Return a solid texture at `point`: waves of 10 pixels and more, different in each channel."""
    scale = 2 * np.pi * 256 / width
    directions = np.random.default_rng(5).normal(size=(3, 4, 3))
    waves = [
        sum(np.sin(point @ (k * scale / (np.linalg.norm(k) * period))) for k, period in zip(group, (11, 17, 29, 61), strict=True))
        for group in directions
    ]  # fmt: skip
    return np.clip(128 + 30 * np.stack(waves, -1), 0, 255).astype(np.uint8)


def errors(room: Room, lens: Lens, pose: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the error in pixels of the source positions `x`, `y` of each target pixel; NaN where hidden."""
    before, after = room.look(lens, np.eye(4)), room.look(lens, pose)
    true = after.point @ lens.matrix.T
    u, v = true[..., 0] / true[..., 2], true[..., 1] / true[..., 2]
    line, column = np.rint(v).astype(int), np.rint(u).astype(int)
    inside = (line >= 1) & (column >= 1) & (line < lens.height - 1) & (column < lens.width - 1)
    first = before.point[np.clip(line, 0, lens.height - 1), np.clip(column, 0, lens.width - 1)]
    visible = inside & (np.abs(first - after.point).max(-1) < 0.02 * lens.focal)
    return np.where(visible, np.hypot(x - u, y - v), np.nan)
