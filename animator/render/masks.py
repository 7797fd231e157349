"""Masks over time: their sources, and the painter and stages that they bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from animator.errors import RunError, SceneError
from animator.frame import Frame, Image, Mask, Matrix, State
from animator.imaging import masks
from animator.imaging.io import VideoSource
from animator.imaging.masks import read_mask_frames, soften_mask, unpack_mask
from animator.models.painter import NO_HINTS, Hints, Painter, PainterWrapper
from animator.render.loop import Camera, ShotParts, Stage
from animator.scene.scene import Scene
from animator.scene.settings_images import DEFAULT_TOLERANCE, EVERYWHERE, WHOLE_PRODUCT
from animator.timeline.compile import timeline
from animator.timeline.mask_expressions import MaskExpression, MaskOp, parse_mask_expression


class MaskSource(Protocol):
    """Interface of a mask's source."""

    def __call__(self, frame: int, first: Image | None) -> Mask | None:
        """Return the mask for frame number `frame`, laid on the shot's `first` image; None if it needs that image."""


@dataclass(frozen=True, slots=True)
class NamedMask:
    """A mask of the schedule: its source, and a flag that it follows the camera."""

    source: MaskSource
    follow: bool


class ShotTracker:
    """The first image of a shot, and the camera's motion since: warps the image and its masks in one resampling.

    A mask of the first image lies on its surfaces, and so moves in depth as they do.
    """

    def __init__(
        self, begun: int, since: Iterable[Frame], camera: Camera, border: str, first: Image | None
    ) -> None:
        """`begun`: number of the shot's first frame; `since`: all frames after it; `first`: its image, if known."""
        # Separate cameras: a depth camera caches the last painted frames only.
        self.camera, self.mask_camera = camera.with_border(border), camera.with_border("black")
        self.first_index, self._state = begun, State()
        self.set_first_image(first)
        # Computed on demand, since a camera may follow a video that is read as the film goes on.
        self._since, self._last = iter(since), camera.identity
        self._views: dict[int, Matrix] = {begun: self._last}

    @property
    def first(self) -> Image | None:
        """The image the shot began with; None until it is painted."""
        return self._state.painting

    def set_first_image(self, first: Image | None) -> None:
        """Set the image the shot began with; None is ignored."""
        if first is not None:
            self._state = self.camera.after_painting(first, Frame(self.first_index, 0), State())

    def first_image_in(self, frame: Frame) -> Image | None:
        """Return the first image as it looks in `frame`; None until there is one."""
        return None if self.first is None else self.camera.render_view(self._state, self._view(frame))

    def _view(self, frame: Frame) -> Matrix:
        """Return the accumulated camera matrix from the shot's first frame to `frame`."""
        while frame.index not in self._views:
            following = next(self._since)
            self._last = self.camera.step_matrix(following) @ self._last
            self._views[following.index] = self._last
        return self._views[frame.index]

    def move_mask(self, mask: Mask, frame: Frame) -> Mask:
        """Return a mask of the first image as it lies in `frame`; its border is filled as the image's is."""
        return self._move(mask, frame, self.camera)

    def move_image(self, image: Image, frame: Frame) -> Image:
        """Return another image that belongs to the shot's first frame as it lies in `frame`."""
        return self.camera.warp_like(image, self._state, self._view(frame))

    def visible_mask(self, frame: Frame) -> Mask:
        """Return the mask of the pixels of `frame` that the first image still covers."""
        assert self.first is not None
        return self._move(np.full(self.first.shape[:2], 255, np.uint8), frame, self.mask_camera)

    def _move(self, mask: Mask, frame: Frame, camera: Camera) -> Mask:
        image = np.repeat(mask[..., None], 3, axis=-1)
        return camera.warp_like(image, self._state, self._view(frame))[..., 0]


class Masks:
    """Evaluates expressions over a scene's masks for a frame: uint8 (height, width), cached for one frame."""

    def __init__(self, named: Mapping[str, NamedMask], shot: ShotTracker, width: int, height: int) -> None:
        self.named, self.shot = named, shot
        self._all: Mask = np.full((height, width), 255, np.uint8)
        self._parsed: dict[str, MaskExpression] = {}
        self._frame = -1
        self._cache: dict[str, Mask] = {}  # of that frame

    def __call__(self, text: str, frame: Frame) -> Mask:
        """Return the mask of the expression `text` in `frame`; a keyed mask covers all until an image is painted."""
        if frame.index != self._frame:
            self._frame, self._cache = frame.index, {EVERYWHERE: self._all}
        if text not in self._parsed:
            self._parsed[text] = parse_mask_expression(text, [*self.named, EVERYWHERE])
        return self._evaluate(self._parsed[text], frame)

    def _evaluate(self, words: MaskExpression, frame: Frame) -> Mask:
        if isinstance(words, MaskOp):
            return combine_masks(words.operator, [self._evaluate(part, frame) for part in words.operands])
        if words not in self._cache:
            self._cache[words] = self._named_mask(self.named[words], frame)
        return self._cache[words]

    def _named_mask(self, named: NamedMask, frame: Frame) -> Mask:
        mask = named.source(frame.index, self.shot.first)
        if mask is None:
            return self._all
        moves = named.follow and self.shot.first is not None
        return self.shot.move_mask(mask, frame) if moves else mask

    def take_first_image(self, film: Iterable[tuple[Frame, State]]) -> Iterator[tuple[Frame, State]]:
        """Yield the items of `film`, and take its first painted frame for the shot's first image if there is none."""
        for frame, state in film:
            if self.shot.first is None:
                self.shot.set_first_image(state.first)
                self._frame = -1
            yield frame, state


def combine_masks(sign: str, masks: Sequence[Mask]) -> Mask:
    """Return masks combined by one of ! & | ^ -: not, minimum, maximum, difference of both, and-not."""
    one, other = masks[0], masks[-1]
    match sign:
        case "!":
            return np.asarray(255 - one, dtype=np.uint8)
        case "&":
            return np.minimum(one, other)
        case "|":
            return np.maximum(one, other)
        case "-":
            return np.minimum(one, 255 - other)
        case _:
            return np.maximum(one, other) - np.minimum(one, other)


class MaskedStage:
    """A stage that changes an image only in the frame's `grade.mask`, or in `painting.mask` if that is empty."""

    def __init__(self, stage: Stage, masks: Masks) -> None:
        self.stage, self.masks = stage, masks

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        changed = self.stage(image, frame, state)
        text = frame.grade.mask or frame.painting.mask
        return masks.paste(image, changed, self.masks(text, frame)) if text else changed


class MaskedPainter(PainterWrapper):
    """A painter that changes an image only in the frame's `painting.mask`, in proportion to its value."""

    def __init__(self, inner: Painter, masks: Masks) -> None:
        super().__init__(inner)
        self.masks = masks

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        if frame.painting.mask:
            within = self.masks(frame.painting.mask, frame)
            mask = within if mask is None else np.minimum(mask, within)
        return paint_in_mask(self.inner, frame, start, mask, hints)


def paint_in_mask(
    painter: Painter, frame: Frame, start: Image | None, mask: Mask | None, hints: Hints = NO_HINTS
) -> Image:
    """Paint `frame` over `start` in `mask`; if `painter` takes no masks, paste its painting through the mask."""
    if mask is None or "mask" in painter.capabilities:
        return painter.paint(frame, start, mask=mask, hints=hints)
    painting = painter.paint(frame, start, hints=hints)
    return painting if start is None else masks.paste(start, painting, mask)


def add_masks(parts: ShotParts, masks: Masks) -> ShotParts:
    """Return `parts` whose painter and stages are bounded by masks."""
    return ShotParts(
        MaskedPainter(parts.painter, masks),
        [MaskedStage(stage, masks) for stage in parts.before],
        [MaskedStage(stage, masks) for stage in parts.after],
        parts.finish,
    )


class StaticMask:
    """One mask for the whole film, feathered by `reach` pixels to either side of its edge."""

    def __init__(self, mask: Mask, reach: float) -> None:
        self.mask = soften_mask(mask, reach)

    def __call__(self, frame: int, first: Image | None) -> Mask:  # noqa: ARG002 (a source's signature)
        return self.mask


class KeyedMask:
    """Mask that `key` makes of the shot's first image, feathered by `reach` pixels; None until that is painted."""

    def __init__(self, key: Callable[[Image], Mask], reach: float) -> None:
        self.key, self.reach = key, reach
        self._mask: Mask | None = None

    def __call__(self, frame: int, first: Image | None) -> Mask | None:  # noqa: ARG002 (a source's signature)
        if self._mask is None and first is not None:
            self._mask = soften_mask(self.key(first), self.reach)
        return self._mask


class PartMask:
    """Mask of a part of the film's 3D product, or of all of it, as the camera sees it in each frame."""

    def __init__(self, scene: Scene, name: str, reach: float) -> None:
        """Raises SceneError, ProgramError."""
        from animator.render.product import product_film

        self.film, self.reach = product_film(scene), reach
        names = [part.name for part in self.film.model.parts]
        self.part = None if name == WHOLE_PRODUCT else names.index(name)

    def __call__(self, frame: int, first: Image | None) -> Mask:  # noqa: ARG002 (a source's signature)
        from animator.product import passes

        hits = self.film.hits(frame)
        mask = passes.mask(hits) if self.part is None else passes.part_masks(hits, [self.part])[0]
        return soften_mask(mask, self.reach)


class VideoMask:
    """Mask from a video: the grey of its image at the time of each frame, feathered by `reach` pixels.

    At most `frames` images are decoded, when the first mask is asked for. After the last one the video starts again
    if `loop`, and else the last one stays. Raises RunError if the video can no longer be read.
    """

    def __init__(self, film: VideoSource, frames: int, loop: bool, reach: float) -> None:
        self.film, self.frames, self.loop, self.reach = film, frames, loop, reach
        self._packed: list[bytes] = []

    def __call__(self, frame: int, first: Image | None) -> Mask:  # noqa: ARG002 (a source's signature)
        if not self._packed:
            try:
                self._packed = read_mask_frames(self.film, self.frames)
            except ValueError as error:
                raise RunError(f"{self.film.file} can no longer be used as a mask: {error}") from error
        count = len(self._packed)
        return soften_mask(
            unpack_mask(self._packed[frame % count if self.loop else min(frame, count - 1)]), self.reach
        )


def uses_masks(frames: Sequence[Frame]) -> bool:
    """Return True if a mask bounds the painting, grading, lock, footage or detail pass of any frame."""
    return any(_mask_expressions(frame) for frame in frames)


def _mask_expressions(frame: Frame) -> str:
    """Return the mask expressions of `frame`, joined; "" if it uses no mask."""
    parts = (frame.painting, frame.grade, frame.lock, frame.footage, frame.detail)
    return "".join(part.mask for part in parts)


def build_masks(scene: Scene, frames: Sequence[Frame], camera: Camera, first: Image | None) -> Masks:
    """Return the scene's masks for `frames`, a shot or the rest of one that began with the image `first`.

    `first` is None where the shot begins with a painted frame. Raises SceneError for files that cannot be read.
    """
    begun = frames[0].shot
    whole = {frame.index: frame for frame in timeline(scene)} | {frame.index: frame for frame in frames}
    since = [frame for frame in whole.values() if begun < frame.index <= frames[-1].index]
    shot = ShotTracker(begun, since, camera, scene.settings.motion.border, first)
    named = {
        name: NamedMask(
            _mask_source(scene, name, camera, range(begun, frames[-1].index + 1)),
            mask.follow and mask.part is None,
        )
        for name, mask in scene.settings.masks.items()
    }
    return Masks(named, shot, *scene.size)


def _mask_source(scene: Scene, name: str, camera: Camera, frames: range) -> MaskSource:
    """Return the source of the mask `name`, feathered, for these frames of the film. Raises SceneError."""
    from animator.imaging import masks
    from animator.imaging.io import VideoSource

    mask, size = scene.settings.masks[name], scene.size
    given: Any = getattr(mask, mask.source)
    path, reach = ("masks", name, mask.source), masks.feather_pixels(mask.feather, size.width)
    try:
        match mask.source:
            case "file":
                return StaticMask(masks.read_mask(scene.file(path, given), *size), reach)
            case "alpha":
                return StaticMask(masks.read_alpha(scene.file(path, given), *size), reach)
            case "video":
                film = VideoSource(scene.file(path, given), *size, scene.settings.video.fps)
                return VideoMask(film, frames.stop, mask.after == "loop", reach)
            case "polygon":
                return StaticMask(masks.polygon_mask(given, *size), reach)
            case "part":
                return PartMask(scene, given, reach)
            case "color":
                within = DEFAULT_TOLERANCE if mask.within is None else mask.within
                return KeyedMask(lambda image: masks.color_key(image, given, within), reach)
            case "luminance":
                return KeyedMask(lambda image: masks.luminance_key(image, *given), reach)
            case _:
                depth = partial(_depth_distance, camera, frames.start, scene.settings.motion.depth_scale)
                return KeyedMask(lambda image: masks.in_range(depth(image), *given), reach)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(path, f"cannot be used: {error}")]) from error


def _depth_distance(camera: Camera, index: int, scale: float, image: Image) -> NDArray[np.float32]:
    """Return the distance of each pixel of `image`, that of frame `index`: 0 nearest to 1 farthest, float32 (h, w)."""
    from animator.imaging.depth import DepthCamera, disparity_to_distance

    assert isinstance(camera, DepthCamera), "depth masks need motion.depth"
    return disparity_to_distance(
        camera.source.disparity(image, index, camera.source.span(image, None)), scale
    )
