"""Sources of an image's depth, as the disparity of each pixel: 1 on the reference plane, more in front of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageOps

from animator.frame import Image, Matrix, Motion, Span
from animator.imaging.geometry import Lens
from animator.imaging.relief import Relief
from animator.imaging.volume import volume

Floats = NDArray[np.float32]
ENDS = (2.0, 98.0)  # percentiles of a depth estimate that count as its far and near end
PATIENCE = 0.85  # weight of the previous ends when an estimate's ends are smoothed from one painted frame to the next
EDGE = 7  # pixels: width of the widest soft edge that is made hard
MIXED = 0.3  # part of the way from far to near from which an edge pixel is assigned to the near surface
STEEP = 4.0  # pixels of depth per pixel: a steeper surface is an edge between two surfaces


class Source(Protocol):
    """Interface of a source of depth. `span` is passed from one painted frame to the next, so that depth is steady."""

    def span(self, painting: Image, before: Span | None) -> Span | None:
        """Return the far and near end of the estimate of `painting`, smoothed with those `before`; None if unused."""

    def disparity(self, painting: Image, index: int, span: Span | None) -> Floats:
        """Return the disparity (height, width) of `painting`, the image of frame `index`: a pure function."""


class Proxy:
    """Depth without a model: a foreground that differs from the image's edge is a rounded volume before a backdrop."""

    def __init__(self, lens: Lens, scale: float) -> None:
        self.lens, self.scale = lens, scale

    def span(self, painting: Image, before: Span | None) -> None:  # noqa: ARG002 (a source's signature)
        return None

    def disparity(self, painting: Image, index: int, span: Span | None) -> Floats:  # noqa: ARG002
        return raised(volume(painting), self.lens, self.scale)


class Estimated:
    """Depth from a model: `estimate` maps an image to numbers (h, w) of any scale that grow with nearness."""

    def __init__(self, estimate: Callable[[Image], Floats], lens: Lens, scale: float) -> None:
        self.estimate, self.lens, self.scale = estimate, lens, scale
        self._last: tuple[Image, Floats] | None = None

    def span(self, painting: Image, before: Span | None) -> Span:
        """Return the far and near end of this estimate, smoothed with those before: estimates differ in scale."""
        far, near = (float(end) for end in np.percentile(self._raw(painting), ENDS))
        if before is None:
            return far, near
        return PATIENCE * before[0] + (1 - PATIENCE) * far, PATIENCE * before[1] + (1 - PATIENCE) * near

    def disparity(self, painting: Image, index: int, span: Span | None) -> Floats:  # noqa: ARG002
        far, near = self.span(painting, None) if span is None else span
        if near - far < 1e-6:
            return np.ones(painting.shape[:2], np.float32)
        nearness = np.clip((self._raw(painting) - far) / (near - far), 0.0, 1.0)
        return raised(nearness, self.lens, self.scale)

    def _raw(self, painting: Image) -> Floats:
        if self._last is None or self._last[0] is not painting:
            self._last = painting, self.estimate(painting)
        return self._last[1]


class Pictured:
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

    def span(self, painting: Image, before: Span | None) -> None:  # noqa: ARG002 (a source's signature)
        return None

    def disparity(self, painting: Image, index: int, span: Span | None) -> Floats:  # noqa: ARG002
        file = self.files[min(index, len(self.files) - 1)]
        first = raised(read(file, self.lens.width, self.lens.height), self.lens, self.scale)
        pose = self._pose(index) if self.motions else self._poses[0]
        if not np.abs(pose - np.eye(4)).any():
            return first
        return Relief(painting, first, self.lens).places(pose)[3]

    def _pose(self, index: int) -> Matrix:
        """Return the accumulated pose from the beginning of its shot to frame `index`."""
        for motion in self.motions[len(self._poses) : index + 1]:
            cut = len(self._poses) in self.cuts
            self._poses.append(np.eye(4) if cut else self.lens.pose(motion) @ self._poses[-1])
        return self._poses[index]


def read(file: Path, width: int, height: int) -> Floats:
    """Return the depth map in `file` as nearness 0..1, float32 (height, width). Raises OSError.

    8-bit and 16-bit greys are read; the map is scaled to cover the size and cropped in the middle, as images are.
    """
    with Pictures.open(file) as opened:
        deep = opened.mode.startswith("I")
        grey = np.asarray(opened if deep else opened.convert("L"), np.float32) / (65535.0 if deep else 255.0)
    fitted = ImageOps.fit(Pictures.fromarray(grey), (width, height), Pictures.Resampling.BILINEAR)
    return np.clip(np.asarray(fitted, np.float32), 0.0, 1.0)


def raised(nearness: Floats, lens: Lens, scale: float) -> Floats:
    """Return the disparity of `nearness` 0..1, with edges made hard; 0.5 lies on the reference plane.

    `scale` is the depth between nearness 0 and 1, as a multiple of the reference plane's distance.
    """
    disparity = 1.0 / (1.0 + np.float32(scale) * (np.float32(0.5) - nearness))
    return cut(disparity.astype(np.float32), lens.focal)


def distance(disparity: Floats, scale: float) -> Floats:
    """Return the distance of surfaces with `disparity` on a scale from 0 (nearness 1) to 1 (nearness 0)."""
    if not scale:
        return np.full(disparity.shape, 0.5, np.float32)
    return np.asarray(np.clip((1 / disparity - 1) / np.float32(scale) + np.float32(0.5), 0, 1), np.float32)


def cut(disparity: Floats, focal: float) -> Floats:
    """Return `disparity` with the soft edges of depth estimates made hard, so that no surface is stretched.

    A pixel on a slope between two surfaces is assigned to the nearer one, and so is the pixel beside it, in which
    the image mixes the colours of both: left behind, it would draw the outline a second time.
    """
    kernel, step = np.ones((EDGE, EDGE), np.uint8), np.float32(STEEP * (EDGE - 1) / focal)
    near, far = cv2.dilate(disparity, kernel), cv2.erode(disparity, kernel)
    edge = near > far * (1 + step)
    if not edge.any():
        return disparity
    hard = np.where(edge, np.where(disparity > far + MIXED * (near - far), near, far), disparity)
    return np.where(edge, cv2.dilate(hard, np.ones((3, 3), np.uint8)), hard).astype(np.float32)
