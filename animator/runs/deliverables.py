"""Files made from a run's saved frames: GIF, WebP, other shapes, cut-outs, poster, spin page, subtitles, archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animator.errors import AnimatorError, RunError, one_line
from animator.frame import Frame, Framing, Image, Mask, State
from animator.render import footage, masks
from animator.render.camera import make_camera
from animator.render.loop import shots
from animator.render.upscale import Interpolator, interpolator
from animator.render.views import read_start_image, view_images
from animator.runs import gif_webp, recorder, sheets, subtitles
from animator.runs.atomic import write_atomic, write_zip
from animator.runs.gif_webp import FrameSequence
from animator.runs.metadata import encode_png
from animator.runs.render import boomerang_frames, frame_range, soundtrack, video_quality
from animator.runs.run import Run
from animator.runs.video import VideoFormat, VideoWriter
from animator.scene.plugins import load_attribute, plugin_errors
from animator.scene.resolve import to_yaml
from animator.scene.scene import Scene
from animator.scene.settings_output import (
    DELIVERABLES,
    deliverable_file,
    is_cutout,
    is_pixel_shape,
    kind_and_shape,
    parse_bytes,
)
from animator.scene.settings_output import parse_shape as sides
from animator.timeline import deliverables
from animator.timeline.turntable import Turn, film_turn

if TYPE_CHECKING:
    from animator.render.masks import Masks
    from animator.runs.gif_webp import RgbOrRgba


FOLLOW_SECONDS = 0.25  # seconds over which a crop that follows the product is smoothed


@dataclass(frozen=True, slots=True)
class Deliverable:
    """A file that was made, and a description of it; with `failed` it was not made, and `says` is the reason."""

    file: Path
    description: str
    failed: bool = False


def deliver(run: Run, scene: Scene, words: Sequence[str] | None = None) -> Iterator[Deliverable]:
    """Make the files that the scene asks for and the run lacks, or all that `words` name; yield each once made.

    The video counts among them. Nothing is painted. A failure does not stop the others. Raises RunError where
    frames are missing.
    """
    todo = ["mp4", *deliverables.requested(scene)] if words is None else words
    if words is None:
        todo = [word for word in todo if not (run.folder / deliverable_file(word)).exists()]
    missing = [index for index in range(run.first, run.stop) if index not in run.saved]
    if todo and missing:
        raise RunError(f"frame {missing[0]} is missing; make it with: animator resume {run.folder}")
    with ExitStack() as opened:
        if todo:
            yield from map(_DeliverableMaker(run, scene, opened), todo)


class _DeliverableMaker:
    """Makes the deliverables of one run."""

    def __init__(self, run: Run, scene: Scene, opened: ExitStack) -> None:
        self.run, self.scene = run, scene
        self.frames = frame_range(scene, (run.first, run.stop))
        self.read_image = recorder.shown_image(scene, run)
        self.masks = RecomputedMasks(run, scene, self.frames, opened)

    @property
    def is_closed_loop(self) -> bool:
        """True if the first frame follows the last one: in a closed loop that the run has all of."""
        whole = (self.run.first, self.run.stop) == (0, self.scene.frames)
        return whole and bool(self.scene.settings.video.loop == "closed")

    def __call__(self, word: str) -> Deliverable:

        file = self.run.folder / deliverable_file(word)
        try:
            return Deliverable(file, write_deliverable(kind_and_shape(word)[0], self.spec(word), file))
        except (AnimatorError, OSError, ValueError) as error:
            says = one_line(error)
            again = f"animator encode {self.run.folder} --also {word}"
            return Deliverable(file, f"{says} (the frames are saved; try again with: {again})", failed=True)

    def spec(self, word: str) -> DeliverableSpec:
        """Return the specification of a file named as in `output.also`. Raises AnimatorError."""
        from animator.runs.gif_webp import FrameSequence

        kind, shape = kind_and_shape(word)
        look, width, height = self.image_reader(shape, is_cutout(word))
        fps, output = self.scene.settings.video.fps, self.scene.settings.output
        order = [frame.index for frame in (*self.frames, *boomerang_frames(self.scene, self.frames))]
        loops = self.is_closed_loop or self.scene.settings.video.loop == "boomerang"
        poster = deliverables.poster_frame(self.scene)
        return DeliverableSpec(
            run=self.run,
            reel=FrameSequence(order, look, width, height, fps, len(order) / fps, is_cutout(word)),
            recipe=to_yaml(self.scene),
            is_unchanged=not shape and not is_cutout(word) and self.read_image == self.run.image,
            video=self.video(kind, width, height),
            interpolator=None if is_cutout(word) else interpolator(self.scene, self.frames),
            quality=output.quality,
            endless=output.repeat == "forever" or (output.repeat == "auto" and loops),
            max_bytes=parse_bytes(output.max_size),
            painted=[frame.index for frame in self.frames if frame.diffuse],
            poster=poster if poster is None or self.run.first <= poster < self.run.stop else None,
            prompts={frame.index: frame.prompt.text for frame in self.frames},
            turn=film_turn(self.frames, self.is_closed_loop),
        )

    def video(self, kind: str, width: int, height: int) -> VideoFormat | None:
        from animator.runs.video import VideoFormat

        codec = deliverables.deliverable_codec(self.scene, kind)
        if codec is None:
            return None
        fps, sound = self.scene.settings.video.fps, soundtrack(self.scene, self.frames)
        if not is_cutout(kind):  # flow interpolation has no transparency
            fps *= self.scene.settings.output.interpolate
        if kind == "mp4":
            return VideoFormat(width, height, fps, sound=sound, **video_quality(self.scene))
        return VideoFormat(width, height, fps, None, sound, codec, self.scene.settings.output.quality)

    def image_reader(self, shape: str, alpha: bool) -> tuple[Callable[[int], RgbOrRgba], int, int]:
        """Return a function from a frame to its image in `shape` (cut out with `alpha`), and the width and height.

        Raises RunError for an unknown shape.
        """
        from animator.imaging import masks, resize

        height, width = self.read_image(self.run.first).shape[:2]
        product = deliverables.cutout_mask(self.scene) if alpha else ""

        def whole(index: int) -> RgbOrRgba:
            image = self.read_image(index)
            return (
                masks.cut_out(image, masks.resize_mask(self.masks(product, index), width, height))
                if alpha
                else image
            )

        if not shape:
            return whole, width, height
        wanted = sides(shape)
        if wanted is None or shape not in self.scene.settings.output.frame:
            raise RunError(f"no shape {shape!r} in output.frame; write output: {{frame: {{{shape}: {{}}}}}}")
        columns = self.crops(shape)
        if is_pixel_shape(wanted):
            wide, high = (int(side) for side in wanted)
        else:
            wide, high = resize.largest_crop(width, height, wanted[0] / wanted[1])
        return (lambda index: resize.crop_to_frame(whole(index), columns[index], wide, high)), wide, high

    def crops(self, shape: str) -> Mapping[int, Framing]:
        """Return the crop of each frame in `shape`: as its curves place it, relative to the mask it follows."""
        from animator.imaging.resize import centroid, smooth_track

        written = deliverables.shape_framings(self.scene, shape)
        columns = {frame.index: written[frame.index] for frame in self.frames}
        text = self.scene.settings.output.frame[shape].follow
        if not text:
            return columns
        found = np.array([centroid(self.masks(text, index)) for index in columns])
        reach = FOLLOW_SECONDS * self.scene.settings.video.fps
        x, y = (smooth_track(found[:, axis], reach, self.is_closed_loop) for axis in (0, 1))
        return {
            index: replace(framing, x=framing.x - 0.5 + x[at], y=framing.y - 0.5 + y[at])
            for at, (index, framing) in enumerate(columns.items())
        }


@dataclass(frozen=True)
class DeliverableSpec:
    """One file to write: its images, and the facts about the film that it needs.

    `bare`: the images are the saved PNGs, unchanged to the bit. `video`: the format, for a kind that is a
    video; `between`: interpolates images for it. `most`: maximum size of a GIF or WebP, in bytes. `painted`:
    frames among which the poster is chosen where `poster` is None. `turn`: views of the product from all sides.
    """

    run: Run
    reel: FrameSequence
    recipe: str
    is_unchanged: bool = True
    video: VideoFormat | None = None
    interpolator: Interpolator | None = None
    quality: str = "good"
    endless: bool = False
    max_bytes: int | None = None
    painted: Sequence[int] = ()
    poster: int | None = None
    prompts: Mapping[int, str] | None = None
    turn: Turn | None = None

    @property
    def frames(self) -> Sequence[int]:
        """Every frame once, in film order."""
        return range(self.run.first, self.run.stop)


def write_deliverable(kind: str, edition: DeliverableSpec, target: Path) -> str:
    """Write the kind of file `kind` (one of DELIVERABLES) as `target`; return a line that describes the result.

    The file appears under its name only when it is complete. Raises AnimatorError, OSError.
    """
    written = DELIVERABLES.load(kind).write
    write: Callable[[DeliverableSpec, Path], str] = (
        load_attribute(written) if isinstance(written, str) else written
    )
    with plugin_errors(f"{kind} failed") if kind in DELIVERABLES.plugins else nullcontext():
        return write(edition, target)


def write_video(edition: DeliverableSpec, target: Path) -> str:
    """Write a video in the codec of its kind."""
    assert edition.video is not None
    reel = edition.reel
    images = ((index, reel.read_image(index)) for index in reel.order)
    count = 0
    with VideoWriter(target, edition.video, edition.recipe) as video:
        for image in reel if edition.interpolator is None else edition.interpolator(images):
            video.write(image)
            count += 1
    summary = f"{count} frames of {reel.width}x{reel.height} at {edition.video.fps:.3g} fps"
    return f"{summary}, {_file_size(target)}"


def _write_animation(
    encode: Callable[[FrameSequence, str, bool, str], bytes],
    fastest: float,
    edition: DeliverableSpec,
    target: Path,
) -> str:
    def encoded(reel: FrameSequence) -> bytes:
        return encode(reel, edition.recipe, edition.endless, edition.quality)

    data, reel = gif_webp.fit_to_bytes(edition.reel, edition.max_bytes, encoded, fastest)
    write_atomic(target, data)
    if len(reel) == len(edition.reel) and reel.width == edition.reel.width:
        return f"{reel}, {_file_size(target)}"
    whole = f"the film has {edition.reel.width}x{edition.reel.height} at {edition.reel.fps:.3g} fps"
    why = (
        f"at most {gif_webp.format_bytes(edition.max_bytes)}"
        if edition.max_bytes
        else "the format's maximum rate"
    )
    return f"{reel}, {_file_size(target)} ({why}; {whole})"


def write_poster(edition: DeliverableSpec, target: Path) -> str:
    """Write one frame as a PNG."""
    index = edition.poster
    if index is None:
        late = edition.painted[len(edition.painted) * 2 // 3 :] if not edition.endless else edition.painted
        index = sheets.most_detailed_frame(late, edition.run.image)
    write_atomic(target, _frame_png(edition, index))
    return f"frame {index}"


def _frame_png(edition: DeliverableSpec, index: int) -> bytes:
    """Return a frame as a PNG with its texts; the saved file itself where the image is unchanged."""
    if edition.is_unchanged:
        return edition.run.image_file(index).read_bytes()
    return encode_png(edition.reel.read_image(index), edition.run.texts(index))


def write_contact_sheet(edition: DeliverableSpec, target: Path) -> str:
    """Write a sheet of small frames."""
    first, fps = edition.run.first, edition.reel.fps
    reel = edition.reel.with_frames(edition.frames)
    write_atomic(
        target, sheets.contact_sheet(reel, edition.recipe, lambda i: f"{i}  {(i - first) / fps:.2f} s")
    )
    return f"{min(sheets.SHEET_FRAMES, len(reel))} of {len(reel)} frames"


def write_subtitles(edition: DeliverableSpec, target: Path) -> str:
    """Write the prompts as subtitles."""
    assert edition.prompts is not None
    texts = [edition.prompts[index] for index in edition.reel.order]
    text = subtitles.subtitles(texts, edition.reel.fps)
    write_atomic(target, text.encode("utf8"))
    return f"{text.count(' --> ')} prompts"


def write_frames_zip(edition: DeliverableSpec, target: Path) -> str:
    """Write every frame as a PNG into an archive."""
    names = {index: f"{edition.run.image_file(index).name}" for index in edition.frames}
    write_zip(
        target,
        ((name, _frame_png(edition, index)) for index, name in names.items()),
        {"resolved.yaml": edition.recipe},
    )
    return f"{len(names)} frames of {edition.reel.width}x{edition.reel.height}, {_file_size(target)}"


def _file_size(file: Path) -> str:
    return gif_webp.format_bytes(file.stat().st_size)


write_gif = partial(_write_animation, gif_webp.gif, gif_webp.GIF_MAX_FPS)
write_webp = partial(_write_animation, gif_webp.webp, gif_webp.WEBP_MAX_FPS)


class RecomputedMasks:
    """Mask of any finished frame, moved with the camera as it was when the film was painted.

    Masks are recomputed from the schedule and the images that shots began with. No model is needed, unless
    depth is estimated by one.
    """

    def __init__(self, run: Run, scene: Scene, frames: Sequence[Frame], opened: ExitStack) -> None:
        self.run, self.scene, self.opened = run, scene, opened
        self.frames = {frame.index: frame for frame in frames}
        self.shots = {shot[0].shot: shot for shot in shots(frames)}
        self._masks: dict[int, Masks] = {}  # by the frame their shot began with
        self._packed: dict[tuple[str, int], bytes] = {}

    def __call__(self, text: str, index: int) -> Mask:
        """Return the mask of the expression `text` in frame `index`, uint8 (height, width). Raises AnimatorError."""
        from animator.imaging.masks import pack_mask, unpack_mask

        if (text, index) not in self._packed:
            frame = self.frames[index]
            if frame.shot not in self._masks:
                self._masks[frame.shot] = self._masks_of_shot(self.shots[frame.shot])
            self._packed[text, index] = pack_mask(self._masks[frame.shot](text, frame))
        return unpack_mask(self._packed[text, index])

    def _masks_of_shot(self, shot: Sequence[Frame]) -> Masks:
        film = footage.open_footage(self.scene)
        self.opened.callback(film.close)
        state = State()
        camera = footage.tracking_camera(self.scene, shot, state, make_camera(self.scene, shot), film)
        return masks.build_masks(self.scene, shot, camera, self._first_image(shot[0]))

    def _first_image(self, frame: Frame) -> Image:
        """Return the image that a shot began with, before it was painted over."""
        views = view_images(self.scene)
        given = views.get(frame.shot)
        if given is None:
            given = read_start_image(self.scene)
        return self.run.image(frame.index) if given is None else given
