"""Make a run's deliverables once all its frames are saved: which files, from which images and masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animator.errors import AnimatorError, RunError
from animator.frame import Framing
from animator.render import upscale as upscaling
from animator.runs.placing import Placed
from animator.runs.render import back, heard, part, quality
from animator.scene.resolve import resolved
from animator.scene.scene import Scene
from animator.scene.settings_output import cut_out, file_name, is_pixels, size, split
from animator.scene.settings_output import shape as sides
from animator.timeline import deliverables as delivery

if TYPE_CHECKING:
    from animator.runs.editions import Edition
    from animator.runs.reel import Picture
    from animator.runs.run import Run
    from animator.runs.video import Format

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
        from animator.runs.editions import make

        file = self.run.folder / file_name(word)
        try:
            return Made(file, make(split(word)[0], self.edition(word), file))
        except (AnimatorError, OSError, ValueError) as error:
            says = " ".join(str(error).split())
            again = f"animator encode {self.run.folder} --also {word}"
            return Made(file, f"{says} (the frames are saved; try again with: {again})", failed=True)

    def edition(self, word: str) -> Edition:
        """Return the specification of a file named as in `output.also`. Raises AnimatorError."""
        from animator.runs.editions import Edition
        from animator.runs.reel import Reel

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
            between=None if cut_out(word) else upscaling.between(self.scene, self.frames),
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
