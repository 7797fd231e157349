"""Stills: single painted frames, as the beginning of a shot or as the continuation of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from animator.errors import CurveError, RunError
from animator.frame import Frame, Image, Mask, Prompt, State
from animator.models.painter import NO_HINTS, FunctionPainter, Hints, Job, Painter, PainterWrapper
from animator.runs import metadata
from animator.runs.metadata import frame_table
from animator.scene.resolve import to_yaml
from animator.scene.scene import Scene
from animator.timeline.cadence import slice_film
from animator.timeline.compile import scene_clock, timeline

if TYPE_CHECKING:
    from animator.runs.run import Run


class Still(NamedTuple):
    """A painted frame of a scene; `image` is RGB uint8 (height, width, 3)."""

    scene: Scene
    frame: Frame
    image: Image

    def texts(self) -> dict[str, str]:
        """Return the texts stored in its PNG, by keyword; they are those of a film's frame."""
        (row,) = frame_table(self.scene, [self.frame])
        text = metadata.a1111_parameters(
            self.frame, *self.scene.size, Path(self.scene.settings.model.base).name
        )
        recipe = json.dumps(row, ensure_ascii=False)
        return {"parameters": text, metadata.RECIPE_KEY: recipe, metadata.FILM_KEY: to_yaml(self.scene)}


def frame_index(scene: Scene, time: str) -> int:
    """Return the frame that `time` names: 12, 2s or an event. Raises RunError."""
    try:
        index = scene_clock(scene).frame(time)
    except CurveError as error:
        raise RunError(f"--frame {error}") from error
    if not 0 <= index < scene.frames:
        raise RunError(f"--frame {time} is frame {index}: the film's frames are 0..{scene.frames - 1}")
    return index


def paint_stills(
    plans: Sequence[StillPlan], painter: Painter, batch_size: int = 1
) -> Iterator[tuple[int, Still]]:
    """Paint the takes, up to `batch_size` in one batch; yield each one's number and still. Raises AnimatorError.

    All takes must be of one frame, and their scenes must agree in sizes and files.
    """
    groups: dict[str, list[tuple[int, Job]]] = {}
    batches = batch_size > 1 and "batch" in painter.capabilities
    for number, one in enumerate(plans):
        asked = one.painter_call(painter) if batches else None
        if asked is None:
            yield number, one.paint(painter)
        else:
            alike = (replace(asked[0], seed=0, prompt=Prompt()), asked[1] is None)
            groups.setdefault(repr(alike), []).append((number, asked))
    for group in groups.values():
        for at in range(0, len(group), batch_size):
            some = group[at : at + batch_size]
            images = painter.paint_batch([asked for _, asked in some])
            for (number, _), image in zip(some, images, strict=True):
                yield number, plans[number].paint(FunctionPainter(partial(_paint_fixed, image)))


def _paint_fixed(image: Image, frame: Frame, start: Image | None) -> Image:  # noqa: ARG001 (a painter's function)
    return image


def plan_still(scene: Scene, index: int, run: Run | None = None) -> StillPlan:
    """Return the frames and the state that are needed to paint frame `index`.

    Without a `run` the frame is painted as the first of a shot: over its view, its footage or the start
    image, or from noise. With a `run` it is painted over that run's last painted frame before it, moved as
    the film moves it. Raises RunError where the run lacks a frame.
    """
    from animator.runs.render import frame_range

    if run is None:
        return StillPlan(scene, slice_film(timeline(scene), index, index + 1), State())
    if run.header.get("size", [*scene.size]) != [*scene.size]:
        was, now = ("x".join(map(str, size)) for size in (run.header["size"], scene.size))
        raise RunError(f"{run.folder} has frames of {was}, the still would be {now}")
    if not run.first <= index < run.stop:
        raise RunError(f"frame {index} is not in {run.folder}: its frames are {run.first}..{run.stop - 1}")
    frames = frame_range(scene, (run.first, run.stop))
    at = index - run.first
    wanted = replace(frames[at], diffuse=True, tween=1.0)
    before = [i for i in range(at) if frames[i].diffuse and frames[i].shot == wanted.shot]
    if not before:
        return StillPlan(scene, [wanted], State())
    lacking = next((frames[i].index for i in before if frames[i].index not in run.saved), None)
    if lacking is not None:
        raise RunError(f"{run.folder} lacks frame {lacking}; complete it with: animator resume {run.folder}")
    return StillPlan(scene, [*frames[before[-1] + 1 : at], wanted], run.state_after(frames, before[-1]))


class StillPlan(NamedTuple):
    """A scene, the frames up to the requested one, and the state before them."""

    scene: Scene
    frames: list[Frame]
    state: State

    def paint(self, painter: Painter) -> Still:
        """Return the last of its frames, painted by `painter`."""
        *_, (frame, after) = _plan_frames(self, painter)
        assert after.shown is not None
        return Still(self.scene, frame, after.shown)

    def painter_call(self, painter: Painter) -> Job | None:
        """Return the frame and start image that `painter` would get; None where it needs more than those."""
        asking = _RecordingPainter(painter)
        try:
            self.paint(asking)
        except _CallRecorded as asked:
            return asked.call
        return None


def _plan_frames(one: StillPlan, painter: Painter) -> Iterator[tuple[Frame, State]]:
    """Yield the frames of a take with their states; stop before a closed loop would paint its end."""
    from animator.render.pipeline import animate  # imports OpenCV, which `--help` does without

    for frame, state in animate(one.scene, one.frames, painter, one.state):
        yield frame, state
        if frame.index == one.frames[-1].index:
            return


class _CallRecorded(Exception):  # noqa: N818 (a signal, not an error)
    """Raised by _RecordingPainter with the arguments of a call; None where the call could not be part of a batch."""

    def __init__(self, wanted: Job | None) -> None:
        super().__init__()
        self.call = wanted


class _RecordingPainter(PainterWrapper):
    """Stand-in for a painter, with its capabilities, that raises the arguments of the first call as _CallRecorded."""

    def __init__(self, inner: Painter) -> None:
        super().__init__(inner)
        self.device_name = ""  # batches are painted from arrays

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        raise _CallRecorded((frame, start) if mask is None and not hints else None)
