"""Optical flow: frames interpolated between two images, and the motion between two images of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image, Matrix
from animator.imaging.filters import crossfade

Floats = NDArray[np.float32]


FLOW_SIZE = 512  # pixels of the longer side at which flow is computed: more takes longer and finds no more

INTERPOLATION_AGREEMENT = 4.0  # pixels at that size: forward-backward error at which a flow is trusted by 1/e


def interpolate(old: Image, new: Image, weight: float) -> Image:
    """Return the image between `old` (weight 0) and `new` (weight 1), with every part moved along the optical flow.

    The flow is DIS (Kroeger et al. 2016) in both directions, combined for the time between as in Super SloMo
    (Jiang et al. 2018), without a network. Where forward and backward flow disagree, because something appears or
    was repainted, the two images are crossfaded without motion.
    """
    (mixed,) = interpolate_many(old, new, [weight])
    return mixed


def interpolate_many(old: Image, new: Image, weights: Sequence[float]) -> Iterator[Image]:
    """Yield the image between `old` and `new` for each weight, as `interpolate` does; the flow is computed once."""
    scale = min(1.0, FLOW_SIZE / max(old.shape[:2]))
    ways: tuple[Floats, Floats] | None = None
    for weight in weights:
        if not 0.0 < weight < 1.0:
            yield crossfade(old, new, weight)
            continue
        ways = both_flows(to_grey(old, scale), to_grey(new, scale)) if ways is None else ways
        yield _interpolate_once(old, new, weight, ways, scale)


def _interpolate_once(
    old: Image, new: Image, weight: float, ways: tuple[Floats, Floats], scale: float
) -> Image:
    """Return the image between, from forward and backward flow in pixels of both images shrunk by `scale`."""
    ahead, back = ways
    to_old = weight**2 * back - weight * (1 - weight) * ahead
    to_new = (1 - weight) ** 2 * ahead - weight * (1 - weight) * back
    size = old.shape[1::-1]
    moved = [
        sample_along(image, cv2.resize(way / np.float32(scale), size), cv2.INTER_CUBIC)
        for image, way in ((old, to_old), (new, to_new))
    ]
    trust = [cv2.resize(flow_agreement(*both), size) for both in ((ahead, back), (back, ahead))]
    share = [(1 - weight) * trust[0] + np.float32(1e-3), weight * trust[1] + np.float32(1e-3)]
    along = cv2.blendLinear(moved[0], moved[1], share[0], share[1])
    surely = np.maximum(*trust)
    mixed = cv2.blendLinear(along, crossfade(old, new, weight), surely, np.float32(1) - surely)
    return np.asarray(mixed, dtype=np.uint8)


def to_grey(image: Image, scale: float) -> Image:
    """Return `image` as grey, uint8 (height, width), shrunk by the factor `scale` if that is below 1."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    return np.asarray(small, np.uint8)


def both_flows(old: Image, new: Image) -> tuple[Floats, Floats]:
    """Return the optical flow from `old` to `new` and back, two float32 (h, w, 2) in pixels; both images are grey."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    ahead, back = np.zeros((*old.shape, 2), np.float32), np.zeros((*old.shape, 2), np.float32)
    search.calc(old, new, ahead)
    search.calc(new, old, back)
    return ahead, back


def flow_agreement(way: Floats, back: Floats, agree: float = INTERPOLATION_AGREEMENT) -> Floats:
    """Return the forward-backward consistency of two flows: 1 where `back` returns to the start of `way`, 0 far off.

    `agree` is the error in pixels at which it is 1/e.
    """
    missed = way + sample_along(back, way, cv2.INTER_LINEAR)
    return np.asarray(np.exp(-(missed**2).sum(axis=-1) / np.float32(agree**2)), np.float32)


def sample_along(image: NDArray[Any], way: Any, filter: int) -> NDArray[Any]:
    """Return `image` sampled at the end of each pixel's flow vector in `way`; `filter` is cv2's interpolation."""
    x, y = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in way.shape[1::-1]))
    found = cv2.remap(image, x + way[..., 0], y + way[..., 1], filter, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)


GreyImage = NDArray[np.uint8]  # (height, width), shrunk: the image in which motion is estimated

MotionEstimator = Callable[[GreyImage, GreyImage], Matrix]

MAX_POINTS = 600  # largest number of tracked points

MAX_BACK_ERROR = 0.5  # pixels: largest forward-backward error of a tracked point

INLIER_DISTANCE = 1.5  # pixels: largest distance of an inlier from the common motion

MIN_INLIERS, MIN_INLIER_SHARE = (
    12,
    0.3,
)  # number of inliers, and share of all points, below which it is a cut or there is nothing to track

MAX_CORNER_MOTION = (
    0.5  # of the longer side: a motion that moves a corner of the image farther in a frame is wrong
)

TRACKING_AGREEMENT = 1.5  # pixels: forward-backward error at which a flow is trusted by 1/e

MIN_CORRELATION = 0.5  # least correlation of two images of one shot after one is warped onto the other

MIN_FLOW = 0.02  # pixels: a flow smaller than this everywhere counts as no motion


def analysis_image(image: Image) -> GreyImage:
    """Return `image` as the grey image, at most 512 pixels on its longer side, in which motion is estimated."""
    return to_grey(image, _analysis_scale(image.shape[0], image.shape[1]))


def affine_motion(old: GreyImage, new: GreyImage) -> Matrix:
    """Return the affine motion (3, 3) of the whole image from `old` to `new`; the identity if none is found."""

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        rows, agree = cv2.estimateAffine2D(a, b, method=cv2.RANSAC, ransacReprojThreshold=INLIER_DISTANCE)
        return (None if rows is None else np.vstack([rows, (0, 0, 1)])), agree

    return _common_motion(old, new, fit)


def perspective_motion(old: GreyImage, new: GreyImage) -> Matrix:
    """Return the motion of the whole image from `old` to `new` as a homography (3, 3); the identity if none is found.

    It fits a plane, such as a wall or a table, that the video's camera moves past.
    """

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        return cv2.findHomography(a, b, cv2.RANSAC, INLIER_DISTANCE)

    return _common_motion(old, new, fit)


def _common_motion(
    old: GreyImage, new: GreyImage, fit: Callable[[Floats, Floats], tuple[Any, Any]]
) -> Matrix:
    """Return the motion that most tracked points share, by the estimator `fit`; the identity if too few agree."""
    before, after = _track_points(old, new)
    if len(before) < MIN_INLIERS:
        return np.eye(3)
    found, agree = fit(before, after)
    if found is None or agree.sum() < max(MIN_INLIERS, MIN_INLIER_SHARE * len(before)):
        return np.eye(3)
    height, width = old.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1.0]]).T
    moved = found @ corners
    if moved[2].min() <= 0.1 or np.abs(moved[:2] / moved[2] - corners[:2]).max() > MAX_CORNER_MOTION * max(
        old.shape
    ):
        return np.eye(3)
    return np.asarray(found, np.float64)


def _track_points(old: GreyImage, new: GreyImage) -> tuple[Floats, Floats]:
    """Return corners of `old` and their positions in `new`, (n, 2) each, of those that also track back."""
    none = np.zeros((0, 2), np.float32)
    points: Any = cv2.goodFeaturesToTrack(old, MAX_POINTS, 0.01, 7)
    if points is None:
        return none, none
    there, seen, _ = cv2.calcOpticalFlowPyrLK(old, new, points, points.copy())
    again, seen_again, _ = cv2.calcOpticalFlowPyrLK(new, old, there, there.copy())
    near = np.abs(again - points).max(axis=(1, 2)) < MAX_BACK_ERROR
    kept = near & (seen[:, 0] == 1) & (seen_again[:, 0] == 1)
    return points[kept, 0], there[kept, 0]


def scale_motion(motion: Matrix, width: int, height: int) -> Matrix:
    """Return a motion estimated in shrunk images as a matrix of pixels of the film, of width x height."""
    scale = _analysis_scale(height, width)
    # Pixel centres lie at whole numbers: the first pixel's corner is at -0.5.
    smaller = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    whole = np.linalg.inv(smaller) @ motion @ smaller
    return np.asarray(whole / whole[2, 2], np.float64)


def partial_motion(motion: Matrix, amount: float) -> Matrix:
    """Return a part of a small motion: the identity at `amount` 0, all of `motion` at 1."""
    return motion if amount == 1 else np.eye(3) + amount * (motion - np.eye(3))


def video_flow(old: GreyImage, new: GreyImage) -> Floats:
    """Return the flow from each pixel of `new` back to its position in `old`, float32 (h, w, 2) in their pixels.

    Where forward and backward flow disagree, as behind something that has moved, the motion around it is used. If
    the flow does not warp the one image onto the other, as at a cut, it is zero.
    """
    ahead, back = both_flows(old, new)
    if not _looks_alike(sample_along(old, back, cv2.INTER_LINEAR), new):
        return np.zeros_like(back)
    trust = flow_agreement(back, ahead, TRACKING_AGREEMENT)
    reach = (0, 0), max(old.shape) / 24
    around = cv2.GaussianBlur(trust, *reach)
    spread = cv2.GaussianBlur(back * trust[..., None], *reach) / (around + np.float32(1e-3))[..., None]
    return np.asarray(trust[..., None] * back + (1 - trust[..., None]) * spread, np.float32)


def _looks_alike(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return True if the grey levels of two images correlate; False if either image is uniform."""
    a, b = (image.astype(np.float32) - image.mean() for image in (one, other))
    return float((a * b).sum()) > MIN_CORRELATION * float(np.sqrt((a * a).sum() * (b * b).sum()))


def compose_flow(before: Floats | None, then: Floats) -> Floats:
    """Return the flow `before` followed by the flow `then`; `then` alone if `before` is None."""
    return (
        then
        if before is None
        else np.asarray(then + sample_along(before, then, cv2.INTER_LINEAR), np.float32)
    )


def warp_by_flow(image: Image, way: Floats) -> Image:
    """Return `image` warped by a flow of shrunk images, resampled once; the same array if nothing moves."""
    height, width = image.shape[:2]
    scale = _analysis_scale(height, width)
    if np.abs(way).max() < MIN_FLOW * scale:
        return image
    return np.asarray(
        sample_along(image, cv2.resize(way / np.float32(scale), (width, height)), cv2.INTER_CUBIC)
    )


def _analysis_scale(height: int, width: int) -> float:
    """Return the factor by which images of that size are shrunk for motion estimation."""
    return min(1.0, FLOW_SIZE / max(height, width))
