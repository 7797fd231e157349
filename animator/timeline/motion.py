"""Motions written per second, or as positions → motions per frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from animator.affine import shift, turn
from animator.frame import Motion


def per_frame(motions: Sequence[Motion], fps: float) -> list[Motion]:
    """Rates per second as rates per frame: what they come to in a second is the same at any fps."""
    return [
        replace(
            motion,
            zoom=motion.zoom ** (1 / fps),
            angle=motion.angle / fps,
            translation_x=motion.translation_x / fps,
            translation_y=motion.translation_y / fps,
        )
        for motion in motions
    ]


def steps(positions: Sequence[Motion], width: int, height: int) -> list[Motion]:
    """Absolute zoom, angle and place of the first picture, as the motions that lead from frame to frame.

    A position turns and zooms the picture about the centre and then moves it by the translation, in pixels.
    """
    views = [shift(at) @ turn(at, width, height) for at in positions]
    result = [replace(positions[0], zoom=1.0, angle=0.0, translation_x=0.0, translation_y=0.0)]
    for before, at, view, target in zip(positions, positions[1:], views, views[1:], strict=False):
        step = replace(at, zoom=at.zoom / before.zoom, angle=at.angle - before.angle)
        way = np.linalg.inv(turn(step, width, height)) @ target @ np.linalg.inv(view)
        result.append(replace(step, translation_x=float(way[0, 2]), translation_y=float(way[1, 2])))
    return result
