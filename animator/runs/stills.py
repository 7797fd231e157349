"""Stills and variant sheets.

Single painted frames: as the beginning of a shot, or as the continuation of a run.

Variants of a still: every combination of seeds, prompts, LoRA scales and strengths, as one scene each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from animator.errors import CurveError, RunError, nearest
from animator.frame import Frame, Image, Prompt, State
from animator.render.loop import Paint
from animator.render.pipeline import animate
from animator.runs import metadata as infotext
from animator.runs.metadata import rows
from animator.runs.render import part
from animator.scene.parse import parse
from animator.scene.resolve import resolved, written
from animator.scene.scene import Scene
from animator.scene.variables import escape
from animator.timeline.cadence import cut
from animator.timeline.compile import clock, timeline
from animator.timeline.load import loads

if TYPE_CHECKING:
    from animator.runs.run import Run


class Still(NamedTuple):
    """A painted frame of a scene; `image` is RGB uint8 (height, width, 3)."""

    scene: Scene
    frame: Frame
    image: Image

    def texts(self) -> dict[str, str]:
        """Return the texts stored in its PNG, by keyword; they are those of a film's frame."""
        (row,) = rows(self.scene, [self.frame])
        text = infotext.infotext(self.frame, *self.scene.size, Path(self.scene.settings.model.base).name)
        recipe = json.dumps(row, ensure_ascii=False)
        return {"parameters": text, infotext.RECIPE: recipe, infotext.FILM: resolved(self.scene)}


def frame_of(scene: Scene, time: str) -> int:
    """Return the frame that `time` names: 12, 2s or an event. Raises RunError."""
    try:
        index = clock(scene).frame(time)
    except CurveError as error:
        raise RunError(f"--frame {error}") from error
    if not 0 <= index < scene.frames:
        raise RunError(f"--frame {time} is frame {index}: the film's frames are 0..{scene.frames - 1}")
    return index


def stills(takes: Sequence[Take], paint: Paint, at_once: int = 1) -> Iterator[tuple[int, Still]]:
    """Paint the takes, up to `at_once` in one batch; yield each one's number and still. Raises AnimatorError.

    All takes must be of one frame, and their scenes must agree in sizes and files.
    """
    from animator.render.painter import Batching

    groups: dict[str, list[tuple[int, tuple[Frame, Image | None]]]] = {}
    for number, one in enumerate(takes):
        asked = one.asks(paint) if at_once > 1 and isinstance(paint, Batching) else None
        if asked is None:
            yield number, one.painted(paint)
        else:
            alike = (replace(asked[0], seed=0, prompt=Prompt()), asked[1] is None)
            groups.setdefault(repr(alike), []).append((number, asked))
    for group in groups.values():
        for at in range(0, len(group), at_once):
            some = group[at : at + at_once]
            assert isinstance(paint, Batching)
            for (number, _), picture in zip(some, paint.batch([asked for _, asked in some]), strict=True):
                yield number, takes[number].painted(_answering(picture))


def _answering(picture: Image) -> Paint:
    return lambda *_: picture


def take(scene: Scene, index: int, run: Run | None = None) -> Take:
    """Return the frames and the state that are needed to paint frame `index`.

    Without a `run` the frame is painted as the first of a shot: over its view, its footage or the start
    image, or from noise. With a `run` it is painted over that run's last painted frame before it, moved as
    the film moves it. Raises RunError where the run lacks a frame.
    """
    if run is None:
        return Take(scene, cut(timeline(scene), index, index + 1), State())
    if run.head.get("size", [*scene.size]) != [*scene.size]:
        was, now = ("x".join(map(str, size)) for size in (run.head["size"], scene.size))
        raise RunError(f"{run.folder} has frames of {was}, the still would be {now}")
    if not run.first <= index < run.stop:
        raise RunError(f"frame {index} is not in {run.folder}: its frames are {run.first}..{run.stop - 1}")
    frames = part(scene, (run.first, run.stop))
    at = index - run.first
    wanted = replace(frames[at], diffuse=True, tween=1.0)
    before = [i for i in range(at) if frames[i].diffuse and frames[i].shot == wanted.shot]
    if not before:
        return Take(scene, [wanted], State())
    lacking = next((frames[i].index for i in before if frames[i].index not in run.saved), None)
    if lacking is not None:
        raise RunError(f"{run.folder} lacks frame {lacking}; complete it with: animator resume {run.folder}")
    return Take(scene, [*frames[before[-1] + 1 : at], wanted], run.state(frames, before[-1]))


class Take(NamedTuple):
    """A scene, the frames up to the requested one, and the state before them."""

    scene: Scene
    frames: list[Frame]
    state: State

    def painted(self, paint: Paint) -> Still:
        """Return the last of its frames, painted by `paint`."""
        *_, (frame, after) = _until(self, paint)
        assert after.shown is not None
        return Still(self.scene, frame, after.shown)

    def asks(self, paint: Paint) -> tuple[Frame, Image | None] | None:
        """Return the frame and start image that `paint` would get; None where it needs more than those."""
        asking = _Asking(paint)
        try:
            self.painted(asking)
        except _Asked as asked:
            return asked.wanted
        return None


def _until(one: Take, paint: Paint) -> Iterator[tuple[Frame, State]]:
    """Yield the frames of a take with their states; stop before a closed loop would paint its end."""
    for frame, state in animate(one.scene, one.frames, paint, one.state):
        yield frame, state
        if frame.index == one.frames[-1].index:
            return


class _Asked(Exception):  # noqa: N818 (a signal, not an error)
    """Raised by _Asking with the arguments of a call; None where the call could not be part of a batch."""

    def __init__(self, wanted: tuple[Frame, Image | None] | None) -> None:
        super().__init__()
        self.wanted = wanted


class _Asking:
    """Stand-in for a painter, with its abilities, that raises the arguments of the first call as _Asked."""

    home = ""  # batches are painted from arrays

    def __init__(self, paint: Paint) -> None:
        self._paint = paint

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        raise _Asked((frame, start))

    def __getattr__(self, name: str) -> Any:
        getattr(self._paint, name)  # raises AttributeError where the painter lacks it
        return self._more

    def _more(self, *_: Any, **__: Any) -> Image:
        raise _Asked(None)


MOST = 256  # variants: a larger sheet could not be read


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting that varies: `kind` is seed, prompt, strength or, with `lora`, a LoRA's name."""

    kind: str
    values: tuple[Any, ...]
    lora: bool = False

    def label(self, value: Any) -> str:
        return str(value) if self.kind == "prompt" else f"{self.kind} {value:g}"


@dataclass(frozen=True, slots=True)
class Variants:
    """Axes of a sheet: columns are seeds, else the last axis given; rows are all combinations of the others."""

    rows: tuple[Axis, ...]
    columns: Axis

    def cells(self) -> list[list[list[tuple[Axis, Any]]]]:
        """Return the value of every axis, by row and column."""
        across = [(self.columns, value) for value in self.columns.values]
        down = product(*([(axis, value) for value in axis.values] for axis in self.rows))
        return [[[*row, cell] for cell in across] for row in down]

    def row_labels(self) -> list[str]:
        down = product(*([axis.label(value) for value in axis.values] for axis in self.rows))
        return ["\n".join(row) for row in down]

    def column_labels(self) -> list[str]:
        return [self.columns.label(value) for value in self.columns.values]


def laid_out(axes: Sequence[Axis]) -> Variants:
    """Arrange the axes as rows and columns. Raises RunError if there is none, or more than MOST variants."""
    if not axes:
        raise RunError("nothing varies: give --seeds, --prompts, --lora-scale or --strengths")
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST:
        raise RunError(f"{count} variants; at most {MOST}")
    columns = next((axis for axis in axes if axis.kind == "seed" and not axis.lora), axes[-1])
    return Variants(tuple(axis for axis in axes if axis is not columns), columns)


def varied(scene: Scene, values: Sequence[tuple[Axis, Any]]) -> Scene:
    """Return `scene` with other values on the given axes, for the whole film. Raises RunError, SceneError."""
    data = parse(resolved(scene), "resolved.yaml").data
    for axis, value in values:
        if axis.lora:
            data["loras"] = {**data.get("loras", {}), _known(axis.kind, data["model"]["loras"]): value}
        elif axis.kind == "seed":
            seed = {name: kept for name, kept in data["painting"]["seed"].items() if name != "at"}
            data["painting"]["seed"] = {**seed, "start": value, "behavior": "fixed"}
        elif axis.kind == "prompt":
            data["prompts"]["at"] = escape(value)
        else:
            data["painting"]["strength"] = value
    return loads(written(data), scene.folder)


def _known(name: str, declared: Mapping[str, Any]) -> str:
    if name in declared:
        return name
    known = nearest(name, declared) if declared else "none are declared there"
    raise RunError(f"--lora-scale {name}: no LoRA of that name in model.loras; {known}")
