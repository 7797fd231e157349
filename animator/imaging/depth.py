"""Depth of images: guessed without a model, estimated by a network, or read from files; and the camera before it.

Depth is given as the disparity of each pixel: 1 on the reference plane, more in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from animator.errors import Place, Problem, SceneError
from animator.frame import DepthRange, Frame, Image, Matrix, Motion, State
from animator.imaging.cameras import HomographyCamera
from animator.imaging.depth_warp import DepthView
from animator.imaging.geometry import Lens
from animator.imaging.io import open_image, to_grey

Floats = NDArray[np.float32]

SPAN_PERCENTILES = (2.0, 98.0)  # percentiles of a depth estimate that count as its far and near end

SPAN_SMOOTHING = (
    0.85  # weight of the previous ends when an estimate's ends are smoothed between painted frames
)

EDGE_WIDTH = 7  # pixels: width of the widest soft edge that is made hard

EDGE_SPLIT = 0.3  # part of the way from far to near from which an edge pixel is assigned to the near surface

EDGE_SLOPE = 4.0  # pixels of depth per pixel: a steeper surface is an edge between two surfaces


class DepthSource(Protocol):
    """Interface of a source of depth. `span` is passed from one painted frame to the next, so that depth is steady."""

    def span(self, painting: Image, before: DepthRange | None) -> DepthRange | None:
        """Return the far and near end of the estimate of `painting`, smoothed with those `before`; None if unused."""

    def disparity(self, painting: Image, index: int, span: DepthRange | None) -> Floats:
        """Return the disparity (height, width) of `painting`, the image of frame `index`: a pure function."""


class ProxyDepth:
    """Depth without a model: a foreground that differs from the image's edge is a rounded volume before a backdrop."""

    def __init__(self, lens: Lens, scale: float) -> None:
        self.lens, self.scale = lens, scale

    def span(self, painting: Image, before: DepthRange | None) -> None:  # noqa: ARG002 (a source's signature)
        return None

    def disparity(self, painting: Image, index: int, span: DepthRange | None) -> Floats:  # noqa: ARG002
        return nearness_to_disparity(proxy_depth(painting), self.lens, self.scale)


class ModelDepth:
    """Depth from a model: `estimate` maps an image to numbers (h, w) of any scale that grow with nearness."""

    def __init__(self, estimate: Callable[[Image], Floats], lens: Lens, scale: float) -> None:
        self.estimate, self.lens, self.scale = estimate, lens, scale
        self._last: tuple[Image, Floats] | None = None

    def span(self, painting: Image, before: DepthRange | None) -> DepthRange:
        """Return the far and near end of this estimate, smoothed with those before: estimates differ in scale."""
        far, near = (float(end) for end in np.percentile(self._raw(painting), SPAN_PERCENTILES))
        if before is None:
            return far, near
        return SPAN_SMOOTHING * before[0] + (1 - SPAN_SMOOTHING) * far, SPAN_SMOOTHING * before[1] + (
            1 - SPAN_SMOOTHING
        ) * near

    def disparity(self, painting: Image, index: int, span: DepthRange | None) -> Floats:  # noqa: ARG002
        far, near = self.span(painting, None) if span is None else span
        if near - far < 1e-6:
            return np.ones(painting.shape[:2], np.float32)
        nearness = np.clip((self._raw(painting) - far) / (near - far), 0.0, 1.0)
        return nearness_to_disparity(nearness, self.lens, self.scale)

    def _raw(self, painting: Image) -> Floats:
        if self._last is None or self._last[0] is not painting:
            self._last = painting, self.estimate(painting)
        return self._last[1]


class DepthMaps:
    """Depth from depth maps, white is near: one file for each frame, the last of which stays for the rest.

    A single map belongs to the first frame and is reprojected by `motions`, those of the whole film; at each frame
    number in `cuts` it starts anew.
    """

    def __init__(
        self,
        files: Sequence[Path],
        lens: Lens,
        scale: float,
        motions: Sequence[Motion],
        cuts: Container[int] = (),
    ) -> None:
        self.files, self.lens, self.scale, self.motions, self.cuts = files, lens, scale, motions, cuts
        self._poses: list[Matrix] = [np.eye(4)]  # accumulated since the shot began, for each frame

    def span(self, painting: Image, before: DepthRange | None) -> None:  # noqa: ARG002 (a source's signature)
        return None

    def disparity(self, painting: Image, index: int, span: DepthRange | None) -> Floats:  # noqa: ARG002
        file = self.files[min(index, len(self.files) - 1)]
        first = nearness_to_disparity(
            read_depth_map(file, self.lens.width, self.lens.height), self.lens, self.scale
        )
        pose = self._pose(index) if self.motions else self._poses[0]
        if not np.abs(pose - np.eye(4)).any():
            return first
        return DepthView(painting, first, self.lens).source_positions(pose)[3]

    def _pose(self, index: int) -> Matrix:
        """Return the accumulated pose from the beginning of its shot to frame `index`."""
        for motion in self.motions[len(self._poses) : index + 1]:
            cut = len(self._poses) in self.cuts
            self._poses.append(np.eye(4) if cut else self.lens.step_pose(motion) @ self._poses[-1])
        return self._poses[index]


def read_depth_map(file: Path, width: int, height: int) -> Floats:
    """Return the depth map in `file` as nearness 0..1, float32 (height, width). Raises SceneError.

    Greys keep the precision of their file, up to 32 bits. The map is scaled to cover the size and cropped in the
    middle, as images are.
    """
    try:
        with open_image(file) as opened:
            grey = to_grey(opened)
    except (OSError, ValueError) as error:  # `load` has read the headers only
        raise SceneError([Problem(Place(str(file)), (), f"cannot be read as an image: {error}")]) from error
    fitted = ImageOps.fit(Pillow.fromarray(grey), (width, height), Pillow.Resampling.BILINEAR)
    return np.clip(np.asarray(fitted, np.float32), 0.0, 1.0)


def nearness_to_disparity(nearness: Floats, lens: Lens, scale: float) -> Floats:
    """Return the disparity of `nearness` 0..1, with edges made hard; 0.5 lies on the reference plane.

    `scale` is the depth between nearness 0 and 1, as a multiple of the reference plane's distance.
    """
    disparity = 1.0 / (1.0 + np.float32(scale) * (np.float32(0.5) - nearness))
    return harden_edges(disparity.astype(np.float32), lens.focal)


def disparity_to_distance(disparity: Floats, scale: float) -> Floats:
    """Return the distance of surfaces with `disparity` on a scale from 0 (nearness 1) to 1 (nearness 0)."""
    if not scale:
        return np.full(disparity.shape, 0.5, np.float32)
    return np.asarray(np.clip((1 / disparity - 1) / np.float32(scale) + np.float32(0.5), 0, 1), np.float32)


def harden_edges(disparity: Floats, focal: float) -> Floats:
    """Return `disparity` with the soft edges of depth estimates made hard, so that no surface is stretched.

    A pixel on a slope between two surfaces is assigned to the nearer one, and so is the pixel beside it, in which
    the image mixes the colours of both: left behind, it would draw the outline a second time.
    """
    kernel, step = (
        np.ones((EDGE_WIDTH, EDGE_WIDTH), np.uint8),
        np.float32(EDGE_SLOPE * (EDGE_WIDTH - 1) / focal),
    )
    near, far = cv2.dilate(disparity, kernel), cv2.erode(disparity, kernel)
    edge = near > far * (1 + step)
    if not edge.any():
        return disparity
    hard = np.where(edge, np.where(disparity > far + EDGE_SPLIT * (near - far), near, far), disparity)
    return np.where(edge, cv2.dilate(hard, np.ones((3, 3), np.uint8)), hard).astype(np.float32)


Mask = NDArray[np.uint8]


PROXY_SIZE = 256  # pixels of the longer side at which the guess is made

RIM_WIDTH = 0.02  # of the image's sides: width of the rim whose colours count as the backdrop's

FOREGROUND_DISTANCE = 14.0  # CIELAB units from the backdrop at which a pixel counts as foreground

MIN_PRODUCT, MAX_PRODUCT = (
    0.004,
    0.85,
)  # parts of the image's area: a smaller or larger foreground is not a product

OUTLINE_NEARNESS = 0.5  # nearness of the product's outline, which lies in the plane of the orbit's pivot

ROUNDNESS = 1.45  # nearness per part of the width: as thick as wide, at the default depth_scale and fov

SHADOW_CHROMA = 6.0  # CIELAB units of a and b: a darker pixel that differs less from the backdrop is shadow

NOTCH_WIDTH = 0.2  # of the image's longer side: gaps up to this, closed on three sides, belong to the product


def proxy_depth(image: Image) -> Floats:
    """Return the nearness of each pixel, 0..1, float32 (height, width).

    It is 0.5 at the product's outline and grows towards its middle; the floor comes nearer towards the lower edge.
    """
    height, width = image.shape[:2]
    scale = PROXY_SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    mask = foreground_mask(np.asarray(small, np.uint8))
    large = cv2.resize(backdrop_nearness(mask), (width, height), interpolation=cv2.INTER_LINEAR)
    if not mask.any():
        return np.asarray(large, np.float32)
    rounded = cv2.resize(half_thickness(mask) / size[0], (width, height), interpolation=cv2.INTER_CUBIC)
    soft = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    inside = soft > 0.3
    return np.where(
        inside, np.clip(OUTLINE_NEARNESS + ROUNDNESS * rounded, OUTLINE_NEARNESS, 1), large
    ).astype(np.float32)


def foreground_mask(image: Image) -> Mask:
    """Return the product's mask, 1 inside and 0 outside: pixels that differ from the colours along the image's edge.

    Shadows, specks and pinholes are removed. The mask is empty if it is too small or too large for a product.
    """
    lab = np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    off = lab - _backdrop_colors(lab)
    apart = np.linalg.norm(off, axis=-1) > FOREGROUND_DISTANCE
    shade = (
        apart
        & (np.linalg.norm(off[..., 1:], axis=-1) < SHADOW_CHROMA)
        & (off[..., 0] < 0)
        & _soft_pixels(lab[..., 0])
    )
    if shade.sum() < 0.5 * apart.sum():  # otherwise a grey product would count as its own shadow
        apart &= ~shade
    mask = apart.astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = _fill_pieces(_fill_notches(np.asarray(mask, np.uint8)))
    return mask if MIN_PRODUCT < mask.mean() < MAX_PRODUCT else np.zeros_like(mask)


def _backdrop_colors(lab: Floats) -> Floats:
    """Return the backdrop's colour at each pixel, fitted to the colours along the image's edge without outliers.

    The fit is linear in x and quadratic in y.
    """
    height, width = lab.shape[:2]
    rim = max(2, round(RIM_WIDTH * max(height, width)))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    edge = np.ones((height, width), bool)
    edge[rim:-rim, rim:-rim] = False
    design = np.stack([np.ones_like(x), x / width - 0.5, y / height - 0.5, (y / height - 0.5) ** 2], -1)
    rows, colors = design[edge], lab[edge]
    keep = np.ones(len(rows), bool)
    for _ in range(3):
        plane = np.linalg.lstsq(rows[keep], colors[keep], rcond=None)[0]
        off = np.linalg.norm(colors - rows @ plane, axis=-1)
        keep = off <= max(2.0 * float(np.median(off)), 2.0)
    return np.asarray(design @ plane, np.float32)


def _soft_pixels(lightness: Floats) -> NDArray[np.bool_]:
    """Return True for pixels without a hard edge near them, as in shadows, which are soft."""
    kernel = np.ones((5, 5), np.uint8)
    return np.asarray(cv2.dilate(lightness, kernel) - cv2.erode(lightness, kernel) < FOREGROUND_DISTANCE)


def _fill_notches(mask: Mask) -> Mask:
    """Return `mask` plus the areas it encloses on three sides, such as a label in the backdrop's colour."""
    reach = max(3, round(NOTCH_WIDTH * max(mask.shape)))
    sides = []
    for kernel, flip in (((1, reach), 1), ((reach, 1), 0)):
        # A dilation whose anchor is at an end of its kernel spreads in one direction only.
        ones = np.ones(kernel, np.uint8)
        first = cv2.dilate(mask, ones, anchor=(0, 0))
        second = np.flip(cv2.dilate(np.flip(mask, flip).copy(), ones, anchor=(0, 0)), flip)
        sides += [first, second]
    closed = np.asarray(np.sum(sides, axis=0) >= 3, np.uint8)
    return np.maximum(mask, np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((5, 5))), np.uint8))


def _fill_pieces(mask: Mask) -> Mask:
    """Return the larger pieces of `mask` with small holes filled; a large one, such as in a handle, stays open."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    if count < 2:
        return mask
    keep = [i for i in range(1, count) if areas[i] > 0.1 * areas[1:].max()]
    solid = np.isin(labels, keep).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - solid, connectivity=4)
    for i in range(1, count):
        if stats[i, cv2.CC_STAT_AREA] < 0.1 * solid.sum():
            solid[labels == i] = 1
    return solid


def half_thickness(mask: Mask) -> Floats:
    """Return half the product's thickness in pixels: a round profile over the distance from the outline."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    rounded = np.sqrt(distance * (2 * max(float(distance.max()), 1.0) - distance))
    return np.asarray(cv2.GaussianBlur(rounded.astype(np.float32), (0, 0), PROXY_SIZE / 100), np.float32)


def backdrop_nearness(mask: Mask) -> Floats:
    """Return the nearness of a wall, 0, and of a floor that comes nearer towards the lower edge.

    The floor reaches 0.5 at the foot of the product, whose mask is `mask`.
    """
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(1))
    foot, head = (float(rows[-1]), float(rows[0])) if len(rows) else (height * 0.8, height * 0.3)
    horizon = min(max(head + 0.35 * (foot - head), 0.0), foot - 1)
    ramp = np.clip((np.arange(height) - horizon) / (foot - horizon), 0, 2) * OUTLINE_NEARNESS
    return np.repeat(ramp.astype(np.float32)[:, None], width, axis=1).clip(0, 1)


class DepthCamera(HomographyCamera):
    """3D camera before an image with depth: near surfaces move more, and hide those behind them."""

    def __init__(self, lens: Lens, source: DepthSource, border: str = "replicate") -> None:
        super().__init__(lens, border)
        self.source = source
        self._views: list[DepthView] = []  # of the last two painted frames, between which in-betweens lie

    def after_painting(self, painting: Image, frame: Frame, state: State) -> State:
        return state.painted(painting, frame, self.source.span(painting, state.span))

    def warp_like(self, pixels: Image, state: State, view: Matrix) -> Image:
        return self._depth_view(state).render(view, self.border, pixels)

    def with_border(self, border: str) -> DepthCamera:
        return DepthCamera(self.lens, self.source, border)

    def _depth_view(self, state: State) -> DepthView:
        """Return the painted image of `state` with its depth: a pure function of the state, cached as it is slow."""
        assert state.painting is not None
        for relief in self._views:
            if relief.image is state.painting:
                return relief
        disparity = self.source.disparity(state.painting, state.index, state.span)
        relief = DepthView(state.painting, disparity, self.lens)
        self._views = [*self._views[-1:], relief]
        return relief
