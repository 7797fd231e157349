"""What no single value of a schedule shows: motion and steps that leave nothing to paint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.frame import Motion, Painting
from animator.imaging.affine import matrix
from animator.imaging.geometry import Lens, spatial
from animator.models import samplers

RETURN = 0.01  # of the width by which a camera may miss where it began
NEAREST = 0.02  # of the reference plane's distance: how near the camera may come to it
MAX_ZOOM = 6.0  # of a painting until the next, as a power of ten


def can_run(painting: Sequence[Painting]) -> None:
    """Refuse more steps than a sampler has. Raises CurveError."""
    for i, row in enumerate(painting):
        most = samplers.find(row.sampler).most
        if row.steps > most:
            raise CurveError(f"{row.steps} at frame {i}; {row.sampler} runs at most {most}")


def one_schedule(painting: Sequence[Painting]) -> None:
    """Refuse a sampler and a schedule that space a painting's steps in two ways. Raises CurveError."""
    for i, row in enumerate(painting):
        try:
            samplers.schedule(row)
        except CurveError as error:
            raise CurveError(f"{error} at frame {i}; name the sampler without it") from error


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


def comes_back(motions: Sequence[Motion], lens: Lens) -> None:
    """Refuse a camera that does not end where it began, where masks or the lock have followed it. Raises CurveError.

    The first motion leads from the last frame to the first one.
    """
    width, height = lens.width, lens.height
    way = np.eye(3)
    if any(map(spatial, motions)):
        pose = np.eye(4)
        for motion in motions:
            pose = lens.pose(motion) @ pose
        way = lens.homography(pose)
    else:
        for motion in motions:
            way = matrix(motion, width, height) @ way
    corners = np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]])
    moved = way @ corners
    missed = np.abs(moved[:2] / moved[2] - corners[:2]).max() / width
    if missed > RETURN:
        said = (
            f"the camera ends {missed:.1%} of the width from where it began, and masks and the lock with it"
        )
        raise CurveError(f"{said}; let the motion come back, e.g. translation_x: 2*sin(2*pi*t/(max_f + 1))")
