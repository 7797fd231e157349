"""Checks across values: steps a sampler cannot run, motion that leaves nothing to paint, to mask or to lock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.frame import Motion, Painting
from animator.imaging.affine import matrix
from animator.imaging.geometry import Lens, spatial
from animator.models import samplers

RETURN = 0.01  # part of the width by which a loop's camera may miss its start
NEAREST = 0.02  # part of the reference plane's distance that must stay in front of the camera
MAX_ZOOM = 6.0  # power of ten: the largest zoom from one painted frame to the next


def can_run(painting: Sequence[Painting]) -> None:
    """Raise CurveError at the first frame with more steps than its sampler can run."""
    for i, row in enumerate(painting):
        most = samplers.find(row.sampler).most
        if row.steps > most:
            raise CurveError(f"{row.steps} at frame {i}; {row.sampler} runs at most {most}")


def one_schedule(painting: Sequence[Painting]) -> None:
    """Raise CurveError at the first frame whose sampler name and schedule contradict each other."""
    for i, row in enumerate(painting):
        try:
            samplers.schedule(row)
        except CurveError as error:
            raise CurveError(f"{error} at frame {i}; use the sampler's name without a schedule") from error


def stays_visible(zoom: Sequence[float], diffuse: NDArray[np.bool_]) -> None:
    """Raise CurveError if the zoom since the last painted frame exceeds 10**MAX_ZOOM, either in or out."""
    total = np.cumsum(np.log10(zoom))
    last = np.maximum.accumulate(np.where(diffuse, np.arange(len(zoom)), 0))
    bad = np.flatnonzero(np.abs(total - total[last]) > MAX_ZOOM)
    if len(bad):
        frames = f"frame {last[bad[0]]}, the last one painted, to frame {bad[0]}"
        raise CurveError(f"from {frames} the zoom adds up to more than a millionfold; paint more often")


def stays_in_front(motions: Sequence[Motion], diffuse: NDArray[np.bool_], lens: Lens) -> None:
    """Raise CurveError if the camera has passed the last painted frame or turned its back to it."""
    if not any(map(spatial, motions)):
        return
    focal, last, pose = lens.focal, 0, np.eye(4)
    for frame, motion in enumerate(motions):
        pose = lens.pose(motion) @ pose
        depth = pose @ [0, 0, focal, 1]
        if depth[2] < NEAREST * focal:
            said = f"frame {last}, the last one painted, has nothing in front of the camera at frame {frame}"
            raise CurveError(f"{said}; the reference plane is at {focal:.0f} pixels: paint more often")
        if diffuse[frame]:
            last, pose = frame, np.eye(4)


def masks_follow(zoom: Sequence[float], shot: NDArray[np.int64]) -> None:
    """Raise CurveError if the zoom since a shot's first frame exceeds 10**MAX_ZOOM: its masks follow the camera.

    `shot` is the index of the first frame of each frame's shot.
    """
    total = np.cumsum(np.log10(zoom))
    bad = np.flatnonzero(np.abs(total - total[shot]) > MAX_ZOOM)
    if len(bad):
        frame = f"by frame {bad[0]}"
        raise CurveError(f"{frame} the zoom adds up to more than a millionfold: masks cannot follow that far")


def comes_back(motions: Sequence[Motion], lens: Lens) -> None:
    """Raise CurveError if the camera of a closed loop ends more than RETURN of the width away from its start.

    Masks and the lock follow the camera, so they would end there too. The first motion leads from the last frame to
    the first one.
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
        said = f"the camera ends {missed:.1%} of the width from where it began, and so do masks and the lock"
        raise CurveError(f"{said}; make the motion return, e.g. translation_x: 2*sin(2*pi*t/(max_f + 1))")
