"""What no single value of a schedule shows: motion and steps that leave nothing to paint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from animator import samplers
from animator.errors import CurveError
from animator.frame import Motion, Painting
from animator.pose import Lens, spatial

NEAREST = 0.02  # of the reference plane's distance: how near the camera may come to it
MAX_ZOOM = 6.0  # of a painting until the next, as a power of ten


def can_run(painting: Sequence[Painting]) -> None:
    """Refuse more steps than a sampler has. Raises CurveError."""
    for i, row in enumerate(painting):
        most = samplers.find(row.sampler).most
        if row.steps > most:
            raise CurveError(f"{row.steps} at frame {i}; {row.sampler} runs at most {most}")


def stays_visible(zoom: Sequence[float], diffuse: NDArray[np.bool_]) -> None:
    """Refuse a zoom after which nothing is left of the last painting. Raises CurveError."""
    total = np.cumsum(np.log10(zoom))
    last = np.maximum.accumulate(np.where(diffuse, np.arange(len(zoom)), 0))
    bad = np.flatnonzero(np.abs(total - total[last]) > MAX_ZOOM)
    if len(bad):
        frames = f"frame {last[bad[0]]}, the last one painted, to frame {bad[0]}"
        raise CurveError(f"from {frames} it adds up to more than a millionfold; paint more often")


def stays_in_front(motions: Sequence[Motion], diffuse: NDArray[np.bool_], lens: Lens) -> None:
    """Refuse a camera that has passed the last painting or turned its back to it. Raises CurveError."""
    if not any(map(spatial, motions)):
        return
    focal, last, pose = lens.focal, 0, np.eye(4)
    for frame, motion in enumerate(motions):
        pose = lens.pose(motion) @ pose
        depth = pose @ [0, 0, focal, 1]
        if depth[2] < NEAREST * focal:
            said = f"frame {last}, the last one painted, has nothing in front of the camera at frame {frame}"
            raise CurveError(f"{said}; the reference plane stands at {focal:.0f} pixels")
        if diffuse[frame]:
            last, pose = frame, np.eye(4)


def masks_follow(zoom: Sequence[float], shot: NDArray[np.int64]) -> None:
    """Refuse a zoom that leaves nothing of the picture a shot began with, whose masks follow the camera.

    `shot`: the frame with which each frame's shot began. Raises CurveError.
    """
    total = np.cumsum(np.log10(zoom))
    bad = np.flatnonzero(np.abs(total - total[shot]) > MAX_ZOOM)
    if len(bad):
        frame = f"by frame {bad[0]}"
        raise CurveError(f"{frame} it adds up to more than a millionfold: masks cannot follow that far")
