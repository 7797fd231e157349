"""Conversion of motion written per second or as positions to motion per frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from animator.errors import CurveError
from animator.frame import Motion
from animator.imaging.affine import shift, turn
from animator.imaging.geometry import SPATIAL, Lens, angles, rotation

RIGID = 1e-6  # tolerance of a rotation matrix: a zoom between two tilts deviates by more


def per_frame(motions: Sequence[Motion], fps: float) -> list[Motion]:
    """Convert rates per second to rates per frame, so that their sum over a second is equal at any fps."""
    return [
        replace(
            motion,
            zoom=motion.zoom ** (1 / fps),
            angle=motion.angle / fps,
            translation_x=motion.translation_x / fps,
            translation_y=motion.translation_y / fps,
            **{name: getattr(motion, name) / fps for name in SPATIAL},
        )
        for motion in motions
    ]


def steps(positions: Sequence[Motion], width: int, height: int) -> list[Motion]:
    """Convert absolute positions of the first image (zoom, angle, translation) to the motion into each frame.

    A position rotates and zooms the image about the centre and then moves it by the translation, in pixels.
    """
    views = [shift(at) @ turn(at, width, height) for at in positions]
    result = [replace(positions[0], zoom=1.0, angle=0.0, translation_x=0.0, translation_y=0.0)]
    for before, at, view, target in zip(positions, positions[1:], views, views[1:], strict=False):
        step = replace(at, zoom=at.zoom / before.zoom, angle=at.angle - before.angle)
        way = np.linalg.inv(turn(step, width, height)) @ target @ np.linalg.inv(view)
        result.append(replace(step, translation_x=float(way[0, 2]), translation_y=float(way[1, 2])))
    return result


def steps_in_space(positions: Sequence[Motion], lens: Lens) -> list[Motion]:
    """Convert absolute positions of a 3D camera to the motion into each frame.

    The motions rotate the camera and translate the scene before it; orbits of the positions become both. Raises
    CurveError where no single motion leads from one position to the next.
    """
    still = dict.fromkeys((*SPATIAL, "angle", "translation_x", "translation_y"), 0.0)
    result = [replace(positions[0], zoom=1.0, **still)]
    for frame, (before, at) in enumerate(pairwise(positions), start=1):
        step = replace(at, **{**still, "zoom": at.zoom / before.zoom, "angle": at.angle - before.angle})
        whole = lens.position(at) @ np.linalg.inv(lens.position(before))
        rest = np.asarray(np.linalg.inv(lens.flat(step)) @ whole, np.float64)
        tilt, pan, roll = angles(rest[:3, :3])
        step = replace(step, rotation_3d_x=tilt, rotation_3d_y=pan, rotation_3d_z=roll)
        if np.abs(rotation(step)[:3, :3] - rest[:3, :3]).max() > RIGID:
            message = "zoom, or angle about another centre, cannot change while the camera is turned"
            raise CurveError(f"{message} (frame {frame}); come nearer with translation_z")
        x, y, z = (float(value) for value in np.linalg.inv(rest[:3, :3]) @ rest[:3, 3])
        result.append(replace(step, translation_x=x, translation_y=y, translation_z=-z))
    return result
