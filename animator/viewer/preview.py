"""Preview of a film before it is painted: motion, prompts and settings, without a model, at any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import RunError
from animator.frame import Frame, Grade, Image, State
from animator.render import footage
from animator.render.loop import starts_shot
from animator.render.pipeline import animate
from animator.render.views import read_start_image
from animator.runs import cost
from animator.runs.metadata import frame_table
from animator.runs.render import boomerang_frames as backwards
from animator.runs.render import soundtrack
from animator.scene.fields import Pixels
from animator.scene.scene import Scene
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.viewer.overlay import CaptionOverlay

PLAIN = Grade(color_amount=0.0, palette_amount=0.0)
PREVIEW_SIDE = 512  # pixels on the longer side: text is readable, and a film of ten seconds is drawn in a few


def draft_scene(scene: Scene, side: int | None = PREVIEW_SIDE) -> Scene:
    """Return `scene` with `side` pixels on its longer side and its motion scaled with it; None keeps its size.

    No model is needed for it: estimated depth is replaced by the proxy depth of the product's outline.
    """
    settings, size = scene.settings, scene.size
    share = 1.0 if side is None else side / max(size)
    small = Pixels(*(max(16, 2 * round(length * share / 2)) for length in size))
    depth = "proxy" if settings.motion.depth == "model" else settings.motion.depth
    # A feather in pixels becomes a part of the width, so that it scales with the size.
    masks = {
        name: mask.model_copy(
            update={"feather": mask.feather / size.width if mask.feather >= 1 else mask.feather}
        )
        for name, mask in settings.masks.items()
    }
    changed = {
        "video": settings.video.model_copy(update={"size": small}),
        "motion": settings.motion.model_copy(update={"depth": depth}),
        "masks": masks,
    }
    return replace(scene, settings=settings.model_copy(update=changed), original=scene.original or scene)


def preview(scene: Scene, frames: Sequence[Frame] | None = None) -> Iterator[tuple[Frame, State]]:
    """Preview the film without a model: its start image, or a test card, moved by the camera of a render.

    Images that need no painting appear in their places: views, footage, and a 3D product as a clay model. Yields
    each frame of the film with its state, whose `shown` is the image, RGB uint8 (height, width, 3). Raises
    AnimatorError.
    """
    from animator.render.painter import FlatPainter, draw_test_card

    frames = timeline(scene) if frames is None else frames
    if scene.settings.product is not None:
        from animator.render.product import ProductPainter

        plain, painter = [replace(frame, grade=PLAIN) for frame in frames], ProductPainter(scene, None)
        yield from zip(frames, (state for _, state in animate(scene, plain, painter)), strict=True)
        return
    image = _start_image(scene, frames[0])
    shown = animate(
        scene,
        _without_painting(scene, frames),
        FlatPainter(draw_test_card(*scene.size) if image is None else image),
    )
    for frame, (_, state) in zip(frames, shown, strict=True):
        yield frame, state


def with_captions(scene: Scene, text: bool = True) -> Iterator[tuple[Frame, Image]]:
    """Yield the preview's frames and images with the frame's settings written over each image.

    Without `text` nothing is written; test cards show by their colour where prompts change.
    """
    table = frame_table(scene, timeline(scene))
    overlay = _make_overlay(scene, table)
    draw = overlay if text else overlay.tinted_copy
    for (frame, state), row in zip(preview(scene), table, strict=True):
        assert state.shown is not None
        yield frame, draw(state.shown, row)


def without_captions(scene: Scene) -> Iterator[tuple[Frame, Image]]:
    """Yield the preview's frames and images, with nothing written over them."""
    for frame, state in preview(scene):
        assert state.shown is not None
        yield frame, state.shown


def write_preview(
    scene: Scene, target: Path, side: int | None = PREVIEW_SIDE, overlay: bool = True, crf: int = 23
) -> Iterator[Frame]:
    """Write the preview of `scene` as the video `target`; yield each frame once it is written.

    `side`: length of the longer side in pixels, None for the film's own. `overlay`: write the settings over
    the images. `crf`: x264's quality, 0 is best. Raises AnimatorError.
    """
    from animator.runs.video import VideoFormat, VideoWriter

    small = draft_scene(scene, side)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{target.parent} cannot be made: {error.strerror}") from error
    if target.is_dir():
        raise RunError(f"{target} is a folder; name a file, e.g. {target / 'preview.mp4'}")
    frames = timeline(small)
    again, back = _JpegBuffer(), {frame.index for frame in backwards(small, frames)}
    video = VideoFormat(
        *small.size, scene.settings.video.fps, crf, soundtrack(small, frames), quality="draft"
    )
    with VideoWriter(target, video) as sink:
        for frame, image in with_captions(small) if overlay else without_captions(small):
            sink.write(image)
            if frame.index in back:
                again.append(image)
            yield frame
        for image in again.backwards():
            sink.write(image)


class _JpegBuffer:
    """Images that a boomerang shows again, as JPEGs: a hundred at 512x512 take 6 MB."""

    def __init__(self) -> None:
        self._pictures: list[NDArray[np.uint8]] = []

    def append(self, image: Image) -> None:
        import cv2

        self._pictures.append(
            np.asarray(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
        )

    def backwards(self) -> Iterator[Image]:
        import cv2

        for data in reversed(self._pictures):
            image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
            assert image is not None
            yield np.asarray(image, np.uint8)


def _make_overlay(scene: Scene, rows: Sequence[dict[str, Any]]) -> CaptionOverlay:
    from animator.viewer.overlay import CaptionOverlay

    settings = scene.settings
    own = settings.views or settings.product is not None
    tinted = not own and _start_image(scene, timeline(scene)[0]) is None
    spent = cost.progress_labels(rows, cost.expected_seconds(scene.original or scene, rows))
    return CaptionOverlay(rows, spent, scene.settings.video.fps, *scene.size, tinted)


def _start_image(scene: Scene, first: Frame) -> Image | None:
    """Return the image that the film begins with, if it has one before painting: start image or footage."""
    image = read_start_image(scene)
    return footage.first_footage_image(scene, first) if image is None else image


def _without_painting(scene: Scene, frames: Sequence[Frame]) -> list[Frame]:
    """Return `frames` with painting left on only where an image is known without a model, and no grading.

    Every further painting pass would only resample the image once more and blur it.
    """
    kept = [
        frame is frames[0]
        or starts_shot(frame)
        or bool(frame.diffuse and (frame.ahead.weight or frame.footage.alpha))
        for frame in frames
    ]
    # An in-between keeps its weight where the painted frame that it leads to is kept.
    coming, tweens = scene.settings.video.loop == "closed", []
    for frame, shown in zip(reversed(frames), reversed(kept), strict=True):
        tweens.append(1.0 if shown else frame.tween if coming and not frame.diffuse else 0.0)
        coming = shown if frame.diffuse else coming
    return [
        replace(
            frame,
            diffuse=shown,
            tween=tween,
            painting=replace(frame.painting, strength=0.0, mask=""),
            grade=PLAIN,
        )
        for frame, shown, tween in zip(frames, kept, reversed(tweens), strict=True)
    ]
