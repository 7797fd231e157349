"""All other files of a run.

Make a run's deliverables once all its frames are saved: which files, from which images and masks.

Deliverables made from a run's frames: one function for each kind of file.

Masks of a finished film, recomputed without painting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animator.errors import AnimatorError, RunError
from animator.frame import Frame, Framing, Image, Mask, State
from animator.render import footage, masks
from animator.render import views as views_
from animator.render.camera import camera_of
from animator.render.loop import shots
from animator.render.upscale import Between, between
from animator.render.views import start_picture
from animator.runs import animations, sheets
from animator.runs import animations as loops
from animator.runs import recorder as upscaling
from animator.runs.animations import Reel
from animator.runs.atomic import archive, write_whole
from animator.runs.metadata import png
from animator.runs.render import back, heard, part, quality
from animator.runs.run import Run
from animator.runs.video import Format, Video
from animator.scene.resolve import resolved
from animator.scene.scene import Scene
from animator.scene.settings_output import cut_out, file_name, is_pixels, size, split
from animator.scene.settings_output import shape as sides
from animator.timeline import deliverables as delivery

if TYPE_CHECKING:
    from animator.render.masks import Masks
    from animator.runs.animations import Picture


FOLLOWED = 0.25  # seconds over which a crop that follows the product is smoothed


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made, and a description of it; with `failed` it was not made, and `says` is the reason."""

    file: Path
    says: str
    failed: bool = False


def deliver(run: Run, scene: Scene, words: Sequence[str] | None = None) -> Iterator[Made]:
    """Make the files that the scene asks for and the run lacks, or all that `words` name; yield each once made.

    The video counts among them. Nothing is painted. A failure does not stop the others. Raises RunError where
    frames are missing.
    """
    todo = ["mp4", *delivery.wanted(scene)] if words is None else words
    if words is None:
        todo = [word for word in todo if not (run.folder / file_name(word)).exists()]
    missing = [index for index in range(run.first, run.stop) if index not in run.saved]
    if todo and missing:
        raise RunError(f"frame {missing[0]} is missing; make it with: animator resume {run.folder}")
    with ExitStack() as opened:
        if todo:
            yield from map(_Maker(run, scene, opened), todo)


class _Maker:
    """Makes the deliverables of one run."""

    def __init__(self, run: Run, scene: Scene, opened: ExitStack) -> None:
        self.run, self.scene = run, scene
        self.frames = part(scene, (run.first, run.stop))
        self.shown = upscaling.shown(scene, run)
        self.masks = Placed(run, scene, self.frames, opened)

    @property
    def closed(self) -> bool:
        """True if the first frame follows the last one: in a closed loop that the run has all of."""
        whole = (self.run.first, self.run.stop) == (0, self.scene.frames)
        return whole and bool(self.scene.settings.video.loop == "closed")

    def __call__(self, word: str) -> Made:

        file = self.run.folder / file_name(word)
        try:
            return Made(file, make(split(word)[0], self.edition(word), file))
        except (AnimatorError, OSError, ValueError) as error:
            says = " ".join(str(error).split())
            again = f"animator encode {self.run.folder} --also {word}"
            return Made(file, f"{says} (the frames are saved; try again with: {again})", failed=True)

    def edition(self, word: str) -> Edition:
        """Return the specification of a file named as in `output.also`. Raises AnimatorError."""
        from animator.runs.animations import Reel

        kind, shape = split(word)
        look, width, height = self.look(shape, cut_out(word))
        fps, output = self.scene.settings.video.fps, self.scene.settings.output
        order = [frame.index for frame in (*self.frames, *back(self.scene, self.frames))]
        loops = self.closed or self.scene.settings.video.loop == "boomerang"
        poster = delivery.poster(self.scene)
        return Edition(
            run=self.run,
            reel=Reel(order, look, width, height, fps, len(order) / fps, cut_out(word)),
            recipe=resolved(self.scene),
            bare=not shape and not cut_out(word) and self.shown == self.run.picture,
            video=self.video(kind, width, height),
            between=None if cut_out(word) else between(self.scene, self.frames),
            quality=output.quality,
            forever=output.repeat == "forever" or (output.repeat == "auto" and loops),
            most=size(output.max_size),
            painted=[frame.index for frame in self.frames if frame.diffuse],
            poster=poster if poster is None or self.run.first <= poster < self.run.stop else None,
            prompts={frame.index: frame.prompt.text for frame in self.frames},
        )

    def video(self, kind: str, width: int, height: int) -> Format | None:
        from animator.runs.video import Format

        codec = delivery.codec(self.scene, kind)
        if codec is None:
            return None
        fps, sound = self.scene.settings.video.fps, heard(self.scene, self.frames)
        if not cut_out(kind):  # flow interpolation has no transparency
            fps *= self.scene.settings.output.interpolate
        if kind == "mp4":
            return Format(width, height, fps, sound=sound, **quality(self.scene))
        return Format(width, height, fps, None, sound, codec, self.scene.settings.output.quality)

    def look(self, shape: str, alpha: bool) -> tuple[Callable[[int], Picture], int, int]:
        """Return a function from a frame to its image in `shape` (cut out with `alpha`), and the width and height.

        Raises RunError for an unknown shape.
        """
        from animator.imaging import masks as mask
        from animator.imaging import resize as framing

        height, width = self.shown(self.run.first).shape[:2]
        product = delivery.mask(self.scene) if alpha else ""

        def whole(index: int) -> Picture:
            image = self.shown(index)
            return mask.cut(image, mask.scaled(self.masks(product, index), width, height)) if alpha else image

        if not shape:
            return whole, width, height
        wanted = sides(shape)
        if wanted is None or shape not in self.scene.settings.output.frame:
            raise RunError(f"no shape {shape!r} in output.frame; write output: {{frame: {{{shape}: {{}}}}}}")
        columns = self.framings(shape)
        if is_pixels(wanted):
            wide, high = (int(side) for side in wanted)
        else:
            wide, high = framing.largest(width, height, wanted[0] / wanted[1])
        return (lambda index: framing.framed(whole(index), columns[index], wide, high)), wide, high

    def framings(self, shape: str) -> Mapping[int, Framing]:
        """Return the crop of each frame in `shape`: as its curves place it, relative to the mask it follows."""
        from animator.imaging.resize import middle, steady

        written = delivery.framings(self.scene, shape)
        columns = {frame.index: written[frame.index] for frame in self.frames}
        text = self.scene.settings.output.frame[shape].follow
        if not text:
            return columns
        found = np.array([middle(self.masks(text, index)) for index in columns])
        reach = FOLLOWED * self.scene.settings.video.fps
        x, y = (steady(found[:, axis], reach, self.closed) for axis in (0, 1))
        return {
            index: replace(framing, x=framing.x - 0.5 + x[at], y=framing.y - 0.5 + y[at])
            for at, (index, framing) in enumerate(columns.items())
        }


@dataclass(frozen=True)
class Edition:
    """One file to write: its images, and the facts about the film that it needs.

    `bare`: the images are the saved PNGs, unchanged to the bit. `video`: the format, for a kind that is a
    video; `between`: interpolates images for it. `most`: maximum size of a GIF or WebP, in bytes. `painted`:
    frames among which the poster is chosen where `poster` is None.
    """

    run: Run
    reel: Reel
    recipe: str
    bare: bool = True
    video: Format | None = None
    between: Between | None = None
    quality: str = "good"
    forever: bool = False
    most: int | None = None
    painted: Sequence[int] = ()
    poster: int | None = None
    prompts: Mapping[int, str] | None = None

    @property
    def frames(self) -> Sequence[int]:
        """Every frame once, in film order."""
        return range(self.run.first, self.run.stop)


def make(kind: str, edition: Edition, target: Path) -> str:
    """Write the kind of file `kind` (one of KINDS) as `target`; return a line that describes the result.

    The file appears under its name only when it is complete. Raises AnimatorError, OSError.
    """
    kind = kind.removesuffix("-alpha")
    return _MAKERS[kind](edition, target) if kind in _MAKERS else _video(edition, target)


def _video(edition: Edition, target: Path) -> str:
    assert edition.video is not None
    reel = edition.reel
    pictures = ((index, reel.look(index)) for index in reel.order)
    count = 0
    with Video(target, edition.video, edition.recipe) as video:
        for picture in reel if edition.between is None else edition.between(pictures):
            video.write(picture)
            count += 1
    told = f"{count} frames of {reel.width}x{reel.height} at {edition.video.fps:.3g} fps"
    return f"{told}, {_size(target)}"


def _moving(
    encode: Callable[[Reel, str, bool, str], bytes], fastest: float, edition: Edition, target: Path
) -> str:
    def encoded(reel: Reel) -> bytes:
        return encode(reel, edition.recipe, edition.forever, edition.quality)

    data, reel = animations.fitted(edition.reel, edition.most, encoded, fastest)
    write_whole(target, data)
    if len(reel) == len(edition.reel) and reel.width == edition.reel.width:
        return f"{reel}, {_size(target)}"
    whole = f"the film has {edition.reel.width}x{edition.reel.height} at {edition.reel.fps:.3g} fps"
    why = f"at most {animations.told(edition.most)}" if edition.most else "the format's maximum rate"
    return f"{reel}, {_size(target)} ({why}; {whole})"


def _poster(edition: Edition, target: Path) -> str:
    index = edition.poster
    if index is None:
        late = edition.painted[len(edition.painted) * 2 // 3 :] if not edition.forever else edition.painted
        index = sheets.telling(late, edition.run.picture)
    write_whole(target, _png(edition, index))
    return f"frame {index}"


def _png(edition: Edition, index: int) -> bytes:
    """Return a frame as a PNG with its texts; the saved file itself where the image is unchanged."""
    if edition.bare:
        return edition.run.picture_file(index).read_bytes()
    return png(edition.reel.look(index), edition.run.texts(index))


def _sheet(edition: Edition, target: Path) -> str:
    first, fps = edition.run.first, edition.reel.fps
    reel = edition.reel.only(edition.frames)
    write_whole(target, sheets.sheet(reel, edition.recipe, lambda i: f"{i}  {(i - first) / fps:.2f} s"))
    return f"{min(sheets.SHEET, len(reel))} of {len(reel)} frames"


def _subtitles(edition: Edition, target: Path) -> str:
    assert edition.prompts is not None
    texts = [edition.prompts[index] for index in edition.reel.order]
    text = sheets.subtitles(texts, edition.reel.fps)
    write_whole(target, text.encode("utf8"))
    return f"{text.count(' --> ')} prompts"


def _archive(edition: Edition, target: Path) -> str:
    names = {index: f"{edition.run.picture_file(index).name}" for index in edition.frames}
    archive(
        target,
        ((name, _png(edition, index)) for index, name in names.items()),
        {"resolved.yaml": edition.recipe},
    )
    return f"{len(names)} frames of {edition.reel.width}x{edition.reel.height}, {_size(target)}"


def _size(file: Path) -> str:
    return animations.told(file.stat().st_size)


_MAKERS: Mapping[str, Callable[[Edition, Path], str]] = {
    "gif": partial(_moving, loops.gif, loops.GIF_FASTEST),
    "webp": partial(_moving, loops.webp, loops.WEBP_FASTEST),
    "poster": _poster,
    "sheet": _sheet,
    "srt": _subtitles,
    "zip": _archive,
}


class Placed:
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
        from animator.imaging.masks import pack, unpack

        if (text, index) not in self._packed:
            frame = self.frames[index]
            if frame.shot not in self._masks:
                self._masks[frame.shot] = self._of(self.shots[frame.shot])
            self._packed[text, index] = pack(self._masks[frame.shot](text, frame))
        return unpack(self._packed[text, index])

    def _of(self, shot: Sequence[Frame]) -> Masks:
        film = footage.played(self.scene)
        self.opened.callback(film.close)
        state = State()
        camera = footage.followed(self.scene, shot, state, camera_of(self.scene, shot), film)
        return masks.masks(self.scene, shot, camera, self._first(shot[0]))

    def _first(self, frame: Frame) -> Image:
        """Return the image that a shot began with, before it was painted over."""
        views = views_.views(self.scene)
        given = views.get(frame.shot)
        if given is None:
            given = start_picture(self.scene)
        return self.run.picture(frame.index) if given is None else given
