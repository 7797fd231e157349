"""Two pictures of a video → how what they show has moved: a matrix, or a flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image, Matrix
from animator.imaging.flow import LARGEST, Floats, agreement, flows, grey, pulled

Grey = NDArray[np.uint8]  # (height, width), small: what motion is looked for in
Step = Callable[[Grey, Grey], Matrix]
POINTS = 600  # that are followed at most
BACK = 0.5  # pixels by which the way back may miss the start of a point
CLOSE = 1.5  # pixels by which a point may miss the motion of the others and still count
FEWEST, SHARE = (
    12,
    0.3,
)  # points, and share of them, that must move as one: else it is a cut, or nothing to see
FARTHEST = 0.5  # of the longer side: a corner that goes farther in a frame was not followed, but lost
AGREE = 1.5  # pixels by which the way back may miss the start of a flow and still be believed by a third
ALIKE = 0.5  # correlation of two pictures of one shot, at least, once the one is moved onto the other
STILL = 0.02  # pixels: a flow smaller than this everywhere is none


def small(picture: Image) -> Grey:
    """The picture as motion is looked for in it."""
    return grey(picture, _scale(picture.shape[0], picture.shape[1]))


def affine(old: Grey, new: Grey) -> Matrix:
    """How the picture moves as a whole from `old` to `new`: turned, scaled, sheared; nothing where none is seen."""

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        rows, agree = cv2.estimateAffine2D(a, b, method=cv2.RANSAC, ransacReprojThreshold=CLOSE)
        return (None if rows is None else np.vstack([rows, (0, 0, 1)])), agree

    return _common(old, new, fit)


def perspective(old: Grey, new: Grey) -> Matrix:
    """The same as a homography: a wall or a table that the video's camera goes past."""

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        return cv2.findHomography(a, b, cv2.RANSAC, CLOSE)

    return _common(old, new, fit)


def _common(old: Grey, new: Grey, fit: Callable[[Floats, Floats], tuple[Any, Any]]) -> Matrix:
    """The motion that most points share."""
    before, after = _followed(old, new)
    if len(before) < FEWEST:
        return np.eye(3)
    found, agree = fit(before, after)
    if found is None or agree.sum() < max(FEWEST, SHARE * len(before)):
        return np.eye(3)
    height, width = old.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1.0]]).T
    moved = found @ corners
    if moved[2].min() <= 0.1 or np.abs(moved[:2] / moved[2] - corners[:2]).max() > FARTHEST * max(old.shape):
        return np.eye(3)
    return np.asarray(found, np.float64)


def _followed(old: Grey, new: Grey) -> tuple[Floats, Floats]:
    """Corners of `old` and where they are in `new`: those that are found again on the way back."""
    none = np.zeros((0, 2), np.float32)
    points: Any = cv2.goodFeaturesToTrack(old, POINTS, 0.01, 7)
    if points is None:
        return none, none
    there, seen, _ = cv2.calcOpticalFlowPyrLK(old, new, points, points.copy())
    again, seen_again, _ = cv2.calcOpticalFlowPyrLK(new, old, there, there.copy())
    near = np.abs(again - points).max(axis=(1, 2)) < BACK
    kept = near & (seen[:, 0] == 1) & (seen_again[:, 0] == 1)
    return points[kept, 0], there[kept, 0]


def enlarged(motion: Matrix, width: int, height: int) -> Matrix:
    """A motion that was found in the small pictures of a film of that size, in the film's own pixels."""
    scale = _scale(height, width)
    # Pixel centres lie on whole numbers: the corner of the first one lies half a pixel before.
    smaller = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    whole = np.linalg.inv(smaller) @ motion @ smaller
    return np.asarray(whole / whole[2, 2], np.float64)


def part(motion: Matrix, amount: float) -> Matrix:
    """So much of a small motion: none of it at 0, all at 1."""
    return motion if amount == 1 else np.eye(3) + amount * (motion - np.eye(3))


def flow(old: Grey, new: Grey) -> Floats:
    """Where each pixel of `new` was in `old`, (h, w, 2) in pixels of theirs.

    Where the way there and the way back disagree, as behind something that has moved on, the motion around it is
    taken. Where the one picture does not become the other by it, as at a cut, there is none.
    """
    ahead, back = flows(old, new)
    if not _alike(pulled(old, back, cv2.INTER_LINEAR), new):
        return np.zeros_like(back)
    trust = agreement(back, ahead, AGREE)
    reach = (0, 0), max(old.shape) / 24
    around = cv2.GaussianBlur(trust, *reach)
    spread = cv2.GaussianBlur(back * trust[..., None], *reach) / (around + np.float32(1e-3))[..., None]
    return np.asarray(trust[..., None] * back + (1 - trust[..., None]) * spread, np.float32)


def _alike(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two pictures show the same, by the correlation of their greys; not where there is nothing to see."""
    a, b = (picture.astype(np.float32) - picture.mean() for picture in (one, other))
    return float((a * b).sum()) > ALIKE * float(np.sqrt((a * a).sum() * (b * b).sum()))


def chained(before: Floats | None, then: Floats) -> Floats:
    """One flow after another."""
    return then if before is None else np.asarray(then + pulled(before, then, cv2.INTER_LINEAR), np.float32)


def along(image: Image, way: Floats) -> Image:
    """`image` moved along a flow of small pictures, resampled once; the identical array when nothing moves."""
    height, width = image.shape[:2]
    scale = _scale(height, width)
    if np.abs(way).max() < STILL * scale:
        return image
    return np.asarray(pulled(image, cv2.resize(way / np.float32(scale), (width, height)), cv2.INTER_CUBIC))


def _scale(height: int, width: int) -> float:
    return min(1.0, LARGEST / max(height, width))
