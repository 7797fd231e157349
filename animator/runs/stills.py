"""One frame painted by itself: as a shot would begin with it, or as the film of a run goes on to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from animator.errors import CurveError, RunError
from animator.frame import Frame, Image, Prompt, State
from animator.render.loop import Paint
from animator.render.pipeline import animate
from animator.runs import metadata as infotext
from animator.runs.render import part, rows
from animator.scene.resolve import resolved
from animator.scene.scene import Scene
from animator.timeline.cadence import cut
from animator.timeline.compile import clock, timeline

if TYPE_CHECKING:
    from animator.runs.run import Run


class Still(NamedTuple):
    """A frame of a scene, painted."""

    scene: Scene
    frame: Frame
    image: Image

    def texts(self) -> dict[str, str]:
        """What is stored in its PNG: the same as in a film's frames."""
        (row,) = rows(self.scene, [self.frame])
        text = infotext.infotext(self.frame, *self.scene.size, Path(self.scene.settings.model.base).name)
        recipe = json.dumps(row, ensure_ascii=False)
        return {"parameters": text, infotext.RECIPE: recipe, infotext.FILM: resolved(self.scene)}


@runtime_checkable
class Batching(Protocol):
    """A painter that paints, in one go, frames which differ in their seeds and prompts only."""

    def batch(self, wanted: Sequence[tuple[Frame, Image | None]]) -> list[Image]: ...


def frame_of(scene: Scene, time: str) -> int:
    """The frame that a time such as 12, 2s or an event names. Raises RunError."""
    try:
        index = clock(scene).frame(time)
    except CurveError as error:
        raise RunError(f"--frame {error}") from error
    if not 0 <= index < scene.frames:
        raise RunError(f"--frame {time} is frame {index}: the film's frames are 0..{scene.frames - 1}")
    return index


def stills(takes: Sequence[Take], paint: Paint, at_once: int = 1) -> Iterator[tuple[int, Still]]:
    """Each take's number and its still, as they are painted: up to `at_once` in one go. Raises AnimatorError.

    The takes are of one frame, and their scenes differ in no size and no file.
    """
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
    """What is needed to paint frame `index`.

    Without a `run` the frame is painted as one that a shot begins with: from its view, its footage, the start
    picture, or from nothing. With one, from that run's last painting before it, moved as the film moves it.
    Raises RunError where the run lacks a picture.
    """
    if run is None:
        return Take(scene, cut(timeline(scene), index, index + 1), State())
    if run.head.get("size", [*scene.size]) != [*scene.size]:
        was, now = ("x".join(map(str, size)) for size in (run.head["size"], scene.size))
        raise RunError(f"{run.folder} has pictures of {was}, the still would be {now}")
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
    """A scene, the frames that lead to the one that is wanted, and the state before them."""

    scene: Scene
    frames: list[Frame]
    state: State

    def painted(self, paint: Paint) -> Still:
        """The last of its frames, painted by `paint`."""
        *_, (frame, after) = _until(self, paint)
        assert after.shown is not None
        return Still(self.scene, frame, after.shown)

    def asks(self, paint: Paint) -> tuple[Frame, Image | None] | None:
        """What `paint` is asked for its last frame; None where it takes more than a frame and a start."""
        asking = _Asking(paint)
        try:
            self.painted(asking)
        except _Asked as asked:
            return asked.wanted
        return None


def _until(one: Take, paint: Paint) -> Iterator[tuple[Frame, State]]:
    """The frames of a take; what would follow them, as in a closed loop, is not painted."""
    for frame, state in animate(one.scene, one.frames, paint, one.state):
        yield frame, state
        if frame.index == one.frames[-1].index:
            return


class _Asked(Exception):  # noqa: N818 (no error: the question is known)
    """Ends a rehearsal: what a painter is asked, or None where it is asked for more than it does in one go."""

    def __init__(self, wanted: tuple[Frame, Image | None] | None) -> None:
        super().__init__()
        self.wanted = wanted


class _Asking:
    """Stands in for a painter until it is known what that one would be asked; has the same abilities."""

    home = ""  # several pictures in one call are painted from arrays

    def __init__(self, paint: Paint) -> None:
        self._paint = paint

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        raise _Asked((frame, start))

    def __getattr__(self, name: str) -> Any:
        getattr(self._paint, name)  # raises where that one lacks it
        return self._more

    def _more(self, *_: Any, **__: Any) -> Image:
        raise _Asked(None)
