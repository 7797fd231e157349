"""Footage in the film: a video under the painting, and a camera that follows its motion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from animator.errors import SceneError
from animator.frame import Frame, Image, Matrix, Motion, State
from animator.imaging import color, flow, masks
from animator.imaging.filters import crossfade
from animator.render.loop import Camera, ShotParts
from animator.render.masks import Masks, uses_masks
from animator.render.painter import StartFrom
from animator.scene.scene import Scene
from animator.scene.settings_images import FOOTAGE_FILE

if TYPE_CHECKING:
    from animator.render.loop import Stage


class FootageReader:
    """Reader of a video's image for each frame of the film, which must be asked for in order.

    Each image is decoded once, and only the last one is kept. `play` yields the images from a frame on; it is called
    when the first image is asked for.
    """

    def __init__(self, play: Callable[[int], Iterator[Image]]) -> None:
        self.open_at = play
        self._stream: Any = None
        self._index = -1
        self._picture: Image | None = None

    def __call__(self, index: int) -> Image:
        if self._stream is None:
            self._stream, self._index = self.open_at(index), index - 1
        while self._index < index:
            self._picture, self._index = next(self._stream), self._index + 1
        assert self._index == index, "footage must be read in the order of the film"
        assert self._picture is not None
        return self._picture

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


class CompositeFootage:
    """A stage that blends the footage's image into the warped one, by `footage.alpha` and in `footage.mask`."""

    def __init__(self, footage: FootageReader, masks: Masks | None) -> None:
        self.footage, self.masks = footage, masks

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        alpha, text = frame.footage.alpha, frame.footage.mask
        if not alpha:
            return image
        footage = self.footage(frame.index)
        laid = footage if alpha == 1 else crossfade(image, footage, alpha)
        return masks.paste(image, laid, self.masks(text, frame)) if text and self.masks else laid


class FlowStage:
    """A stage that warps an image by the footage's optical flow since the last painted frame.

    It runs before a painting pass, and over frames that are only warped. In-betweens follow the camera alone: by the
    time they are made, the footage has been read beyond them.
    """

    def __init__(self, footage: FootageReader, frames: Iterable[Frame]) -> None:
        self.footage = footage
        self._amounts: Mapping[int, float] = {frame.index: frame.footage.motion_amount for frame in frames}
        self._flow_start, self._index = (
            -1,
            -1,
        )  # the painted frame at which the flow begins, and the frame at which it ends
        self._previous: Any = None
        self._flow: Any = None

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        if frame.index < self._index:
            return image
        if self._index < state.index:
            self._index, self._previous = state.index, flow.analysis_image(self.footage(state.index))
        if self._flow_start != state.index:
            self._flow_start, self._flow = state.index, None
        while self._index < frame.index:
            self._index += 1
            seen, last = flow.analysis_image(self.footage(self._index)), self._previous
            step = flow.video_flow(last, seen) * self._amounts[self._index]
            self._previous, self._flow = seen, flow.compose_flow(self._flow, step)
        return image if self._flow is None else flow.warp_by_flow(image, self._flow)


class MatchFootage:
    """A stage that matches an image's colours to the footage's image of the same frame, by `grade.color_amount`."""

    def __init__(self, footage: FootageReader, space: str, by: str) -> None:
        self.footage, self.space, self.by = footage, space, by
        self._last: tuple[int, Any] = (-1, None)

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        amount = frame.grade.color_amount
        if not amount:
            return image
        if self._last[0] != frame.index:  # measured once for the stages before and after the painting pass
            self._last = frame.index, color.color_stats(self.footage(frame.index), self.space)
        return color.match_color(image, self._last[1], self.space, self.by, amount)


class TrackedMotion:
    """Motion of the footage into each frame, scaled by `footage.motion_amount`: (3, 3) matrices of pixels.

    Each is estimated once, in the order in which the footage is read, beginning with frame `first_footage_image`.
    """

    def __init__(self, footage: FootageReader, first: int, step: flow.MotionEstimator) -> None:
        self.footage, self.step = footage, step
        self._next = first
        self._previous: Any = None
        self._matrices: dict[int, Matrix] = {}

    def __call__(self, frame: Frame) -> Matrix:
        while self._next <= frame.index:
            image = self.footage(self._next)
            seen = flow.analysis_image(image)
            last = seen if self._previous is None else self._previous
            self._matrices[self._next] = flow.scale_motion(self.step(last, seen), *image.shape[1::-1])
            self._previous, self._next = seen, self._next + 1
        return flow.partial_motion(self._matrices[frame.index], frame.footage.motion_amount)


class TrackingCamera:
    """Camera that moves as `camera` does, and then, in the image plane, as the footage does.

    `lift` turns the footage's (3, 3) matrices into the matrices of `camera`.
    """

    def __init__(self, camera: Camera, steps: TrackedMotion, lift: Callable[[Matrix], Matrix]) -> None:
        self.camera, self.steps, self.lift = camera, steps, lift
        self.identity = camera.identity

    def matrix(self, motion: Motion) -> Matrix:
        return self.camera.matrix(motion)

    def step_matrix(self, frame: Frame) -> Matrix:
        both: Matrix = self.lift(self.steps(frame)) @ self.camera.step_matrix(frame)
        return both

    def after_painting(self, painting: Image, frame: Frame, state: State) -> State:
        return self.camera.after_painting(painting, frame, state)

    def render_view(self, state: State, view: Matrix) -> Image:
        return self.camera.render_view(state, view)

    def warp_like(self, pixels: Image, state: State, view: Matrix) -> Image:
        return self.camera.warp_like(pixels, state, view)

    def with_border(self, border: str) -> TrackingCamera:
        return TrackingCamera(self.camera.with_border(border), self.steps, self.lift)


def open_footage(scene: Scene) -> FootageReader:
    """Return the reader of the scene's footage; the file is opened when the first frame asks for an image."""
    return FootageReader(partial(_footage_frames, scene))


def _footage_frames(scene: Scene, index: int) -> Iterator[Image]:
    """Yield the footage's images from frame `index` on; the last one repeats endlessly. Raises SceneError."""
    from animator.imaging.io import VideoSource, read_frames

    footage = scene.settings.footage
    file = scene.file(FOOTAGE_FILE, str(footage.file))
    film = VideoSource(file, *scene.size, scene.settings.video.fps, footage.start)
    try:
        yield from read_frames(film, index, hold=True)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(FOOTAGE_FILE, f"cannot be used as a video: {error}")]) from error


def tracking_camera(
    scene: Scene, frames: Sequence[Frame], state: State, camera: Camera, footage: FootageReader
) -> Camera:
    """Return `camera` with the footage's motion added, for `frames` that follow `state`.

    Returns `camera` itself unless `footage.motion` is "affine" or "perspective".
    """
    from animator.imaging import flow

    step = {"affine": flow.affine_motion, "perspective": flow.perspective_motion}.get(
        scene.settings.footage.motion
    )
    if scene.settings.footage.file is None or step is None:
        return camera
    # A resumed film needs the footage image before its first frame; masks that follow need all since the shot began.
    first = frames[0].index - (state.painting is not None)
    if uses_masks(frames):
        first = frames[0].shot
    flat = camera.identity.shape == (3, 3)
    return TrackingCamera(
        camera, TrackedMotion(footage, first, step), _identity_lift if flat else scene.lens.pose_of_homography
    )


def _identity_lift(matrix: Matrix) -> Matrix:
    return matrix


def add_footage(
    parts: ShotParts,
    scene: Scene,
    frames: Sequence[Frame],
    footage: FootageReader,
    masks: Masks | None,
    image: Image | None,
) -> ShotParts:
    """Return `parts` with the scene's footage added; `parts` themselves if it has none.

    A shot starts from the footage: alone, or blended over the start image `image`. The footage comes before the
    other stages, so that masks, grading and the lock work on the image with the footage in it.
    """
    if scene.settings.footage.file is None:
        return parts
    composite = CompositeFootage(footage, masks)

    def start(frame: Frame) -> Image | None:
        if not frame.footage.alpha:
            return None
        return footage(frame.index) if image is None else composite(image, frame, State())

    flow: list[Stage] = [FlowStage(footage, frames)] if scene.settings.footage.motion == "flow" else []
    return replace(
        parts,
        painter=StartFrom(parts.painter, start),
        before=[*flow, composite, *parts.before],
        finish=[*flow, *parts.finish],
    )


def first_footage_image(scene: Scene, frame: Frame) -> Image | None:
    """Return the footage's image for `frame`, or None without footage; closes the video. Raises SceneError."""
    if scene.settings.footage.file is None:
        return None
    with closing(open_footage(scene)) as footage:
        return footage(frame.index)
