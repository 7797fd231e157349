"""Estimate the motion between two images of a video, as a matrix or as optical flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image, Matrix
from animator.imaging.flow import LARGEST, Floats, agreement, flows, grey, pulled

Grey = NDArray[np.uint8]  # (height, width), shrunk: the image in which motion is estimated
Step = Callable[[Grey, Grey], Matrix]
POINTS = 600  # largest number of tracked points
BACK = 0.5  # pixels: largest forward-backward error of a tracked point
CLOSE = 1.5  # pixels: largest distance of an inlier from the common motion
FEWEST, SHARE = (
    12,
    0.3,
)  # number of inliers, and share of all points, below which it is a cut or there is nothing to track
FARTHEST = 0.5  # of the longer side: a motion that moves a corner of the image farther in a frame is wrong
AGREE = 1.5  # pixels: forward-backward error at which a flow is trusted by 1/e
ALIKE = 0.5  # least correlation of two images of one shot after one is warped onto the other
STILL = 0.02  # pixels: a flow smaller than this everywhere counts as no motion


def small(picture: Image) -> Grey:
    """Return `picture` as the grey image, at most 512 pixels on its longer side, in which motion is estimated."""
    return grey(picture, _scale(picture.shape[0], picture.shape[1]))


def affine(old: Grey, new: Grey) -> Matrix:
    """Return the affine motion (3, 3) of the whole image from `old` to `new`; the identity if none is found."""

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        rows, agree = cv2.estimateAffine2D(a, b, method=cv2.RANSAC, ransacReprojThreshold=CLOSE)
        return (None if rows is None else np.vstack([rows, (0, 0, 1)])), agree

    return _common(old, new, fit)


def perspective(old: Grey, new: Grey) -> Matrix:
    """Return the motion of the whole image from `old` to `new` as a homography (3, 3); the identity if none is found.

    It fits a plane, such as a wall or a table, that the video's camera moves past.
    """

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        return cv2.findHomography(a, b, cv2.RANSAC, CLOSE)

    return _common(old, new, fit)


def _common(old: Grey, new: Grey, fit: Callable[[Floats, Floats], tuple[Any, Any]]) -> Matrix:
    """Return the motion that most tracked points share, by the estimator `fit`; the identity if too few agree."""
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
    """Return corners of `old` and their positions in `new`, (n, 2) each, of those that also track back."""
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
    """Return a motion estimated in shrunk images as a matrix of pixels of the film, of width x height."""
    scale = _scale(height, width)
    # Pixel centres lie at whole numbers: the first pixel's corner is at -0.5.
    smaller = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    whole = np.linalg.inv(smaller) @ motion @ smaller
    return np.asarray(whole / whole[2, 2], np.float64)


def part(motion: Matrix, amount: float) -> Matrix:
    """Return a part of a small motion: the identity at `amount` 0, all of `motion` at 1."""
    return motion if amount == 1 else np.eye(3) + amount * (motion - np.eye(3))


def flow(old: Grey, new: Grey) -> Floats:
    """Return the flow from each pixel of `new` back to its position in `old`, float32 (h, w, 2) in their pixels.

    Where forward and backward flow disagree, as behind something that has moved, the motion around it is used. If
    the flow does not warp the one image onto the other, as at a cut, it is zero.
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
    """Return True if the grey levels of two images correlate; False if either image is uniform."""
    a, b = (picture.astype(np.float32) - picture.mean() for picture in (one, other))
    return float((a * b).sum()) > ALIKE * float(np.sqrt((a * a).sum() * (b * b).sum()))


def chained(before: Floats | None, then: Floats) -> Floats:
    """Return the flow `before` followed by the flow `then`; `then` alone if `before` is None."""
    return then if before is None else np.asarray(then + pulled(before, then, cv2.INTER_LINEAR), np.float32)


def along(image: Image, way: Floats) -> Image:
    """Return `image` warped by a flow of shrunk images, resampled once; the same array if nothing moves."""
    height, width = image.shape[:2]
    scale = _scale(height, width)
    if np.abs(way).max() < STILL * scale:
        return image
    return np.asarray(pulled(image, cv2.resize(way / np.float32(scale), (width, height)), cv2.INTER_CUBIC))


def _scale(height: int, width: int) -> float:
    """Return the factor by which images of that size are shrunk for motion estimation."""
    return min(1.0, LARGEST / max(height, width))
