"""The files that are made of a run's pictures when all are there: what a scene wants, and the parts they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from animator import footage, leading, masking
from animator.errors import AnimatorError, RunError
from animator.frame import Frame, Image, Mask, State
from animator.render.shards import shots
from animator.scene.output import cut_out, file_name, is_pixels, size, split
from animator.scene.output import shape as sides
from animator.scene.resolved import resolved
from animator.scene.scene import Scene
from animator.shoot import back, heard, part, quality
from animator.studio import camera_of, start_picture
from animator.timeline import delivery

if TYPE_CHECKING:
    from animator.output.editions import Edition
    from animator.output.reel import Picture
    from animator.output.run import Run
    from animator.output.video import Format
    from animator.render.masks import Masks


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made, and what there is to say of it; `failed`: it was not, and `says` tells why."""

    file: Path
    says: str
    failed: bool = False


def deliver(run: Run, scene: Scene, words: Sequence[str] | None = None) -> Iterator[Made]:
    """Make what the scene wants beside its film and the run lacks, or all that `words` name; yield each once made.

    Nothing is painted. One that fails costs no other. Raises RunError where frames are missing.
    """
    todo = delivery.wanted(scene) if words is None else words
    if words is None:
        todo = [word for word in todo if not (run.folder / file_name(word)).exists()]
    missing = [index for index in range(run.first, run.stop) if index not in run.saved]
    if todo and missing:
        raise RunError(f"frame {missing[0]} is missing; make it with: animator resume {run.folder}")
    with ExitStack() as opened:
        if todo:
            yield from map(_Maker(run, scene, opened), todo)


class _Maker:
    """Makes the files of one run."""

    def __init__(self, run: Run, scene: Scene, opened: ExitStack) -> None:
        self.run, self.scene = run, scene
        self.frames = part(scene, (run.first, run.stop))
        self.cutout = Cutout(run, scene, self.frames, opened)

    def __call__(self, word: str) -> Made:
        from animator.output.editions import make

        file = self.run.folder / file_name(word)
        try:
            return Made(file, make(split(word)[0], self.edition(word), file))
        except (AnimatorError, OSError, ValueError) as error:
            says = " ".join(str(error).split())
            again = f"animator encode {self.run.folder} --also {word}"
            return Made(file, f"{says} (the frames are saved; again with: {again})", failed=True)

    def edition(self, word: str) -> Edition:
        """What is to be written for a word of `also`. Raises AnimatorError."""
        from animator.output.editions import Edition
        from animator.output.reel import Reel

        kind, shape = split(word)
        look, width, height = self.look(shape, cut_out(word))
        fps, output = self.scene.settings.video.fps, self.scene.settings.output
        order = [frame.index for frame in (*self.frames, *back(self.scene, self.frames))]
        whole = (self.run.first, self.run.stop) == (0, self.scene.frames)
        loop = self.scene.settings.video.loop
        loops = loop == "boomerang" or (loop == "closed" and whole)  # a part of a closed loop has an end
        poster = delivery.poster(self.scene)
        return Edition(
            run=self.run,
            reel=Reel(order, look, width, height, fps, len(order) / fps, cut_out(word)),
            recipe=resolved(self.scene),
            bare=not shape and not cut_out(word),
            video=self.video(kind, width, height),
            quality=output.quality,
            forever=output.repeat == "forever" or (output.repeat == "auto" and loops),
            most=size(output.max_size),
            painted=[frame.index for frame in self.frames if frame.diffuse],
            poster=poster if poster is None or self.run.first <= poster < self.run.stop else None,
            prompts={frame.index: frame.prompt.text for frame in self.frames},
        )

    def video(self, kind: str, width: int, height: int) -> Format | None:
        from animator.output.video import Format

        codec = delivery.codec(self.scene, kind)
        if codec is None:
            return None
        fps, sound = self.scene.settings.video.fps, heard(self.scene, self.frames)
        if kind == "mp4":
            return Format(width, height, fps, sound=sound, **quality(self.scene))
        return Format(width, height, fps, None, sound, codec, self.scene.settings.output.quality)

    def look(self, shape: str, alpha: bool) -> tuple[Callable[[int], Picture], int, int]:
        """How a frame's picture is shown in a shape, and its width and height."""
        from animator.pixels import framing, mask

        height, width = self.run.picture(self.run.first).shape[:2]

        def whole(index: int) -> Picture:
            image = self.run.picture(index)
            return mask.cut(image, self.cutout(index)) if alpha else image

        if not shape:
            return whole, width, height
        wanted = sides(shape)
        if wanted is None or shape not in self.scene.settings.output.frame:
            raise RunError(f"no shape {shape!r} in output.frame; write output: {{frame: {{{shape}: {{}}}}}}")
        columns = delivery.framings(self.scene, shape)
        if is_pixels(wanted):
            wide, high = (int(side) for side in wanted)
        else:
            wide, high = framing.largest(width, height, wanted[0] / wanted[1])
        return (lambda index: framing.framed(whole(index), columns[index], wide, high)), wide, high


class Cutout:
    """The mask that is cut out, as it lies in any frame: it moves with the film as it did when that was painted.

    It is worked out from the schedule and the pictures that shots began with, without a model, unless depth is
    estimated by one.
    """

    def __init__(self, run: Run, scene: Scene, frames: Sequence[Frame], opened: ExitStack) -> None:
        self.run, self.scene, self.opened = run, scene, opened
        self.frames = {frame.index: frame for frame in frames}
        self.shots = {shot[0].shot: shot for shot in shots(frames)}
        self._masks: dict[int, Masks] = {}  # by the frame their shot began with
        self._packed: dict[int, bytes] = {}

    def __call__(self, index: int) -> Mask:
        """The mask of frame `index`: uint8 (height, width) of its picture. Raises AnimatorError."""
        from animator.pixels.mask_film import pack, unpack

        if index not in self._packed:
            frame = self.frames[index]
            if frame.shot not in self._masks:
                self._masks[frame.shot] = self._of(self.shots[frame.shot])
            self._packed[index] = pack(self._masks[frame.shot](delivery.mask(self.scene), frame))
        return unpack(self._packed[index])

    def _of(self, shot: Sequence[Frame]) -> Masks:
        film = footage.played(self.scene)
        self.opened.callback(film.close)
        state = State()
        camera = footage.followed(self.scene, shot, state, camera_of(self.scene, shot), film)
        return masking.masks(self.scene, shot, camera, self._first(shot[0]))

    def _first(self, frame: Frame) -> Image:
        """The picture that a shot began with, before anything was painted over it."""
        views = leading.views(self.scene)
        given = views.get(frame.shot)
        if given is None:
            given = start_picture(self.scene)
        return self.run.picture(frame.index) if given is None else given
