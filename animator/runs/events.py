"""Events of a render: each kind as a noun, as data for programs, and as a line to read.

Names and fields are an interface: programs read them from `--json`. New ones may be added; none changes its
meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

VERSION = 1  # version of these events; it grows when one changes its meaning


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events. Paths are absolute; a field that is None is left out of `data`."""

    name: ClassVar[str]

    def data(self) -> dict[str, Any]:
        """Return the event for programs, without the fields that are None."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return {"event": self.name, **fields}


@dataclass(frozen=True, slots=True)
class Started(Event):
    """A run begins or continues."""

    name = "started"
    animator: str  # version of animator
    folder: str
    log: str
    first: int  # the run's frames are first..stop-1
    stop: int
    kept: int  # frames that are saved already
    paintings: int  # frames that the model has to paint
    size: tuple[int, int]  # width and height, pixels
    fps: float
    model: str
    version: int = VERSION

    def __str__(self) -> str:
        size = f"{self.size[0]}x{self.size[1]}"
        frames = f"frames {self.first}..{self.stop - 1}, {self.kept} kept, {self.paintings} to paint"
        return f"started: animator {self.animator}, {self.model}, {size}, {self.fps:g} fps, {frames}"


@dataclass(frozen=True, slots=True)
class Loading(Event):
    """The model is being loaded. Omitted where nothing has to be painted."""

    name = "loading"
    model: str

    def __str__(self) -> str:
        return f"loading {self.model}"


@dataclass(frozen=True, slots=True)
class Loaded(Event):
    """The model is ready, and painting begins."""

    name = "loaded"

    def __str__(self) -> str:
        return "the model is ready"


@dataclass(frozen=True, slots=True)
class Done(Event):
    """A frame is safe on disk. Frames that were saved before have no such event."""

    name = "frame"
    index: int
    painted: bool  # by the model; otherwise warped or in between
    path: str
    drift: float | None = None  # ΔE of a painted frame's colours to their reference
    palette: float | None = None  # mean ΔE of a painted frame to the palette, if the film has one

    def __str__(self) -> str:
        drift = "" if self.drift is None else f", ΔE {self.drift:g}"
        return f"frame {self.index} {'painted' if self.painted else 'in between'}{drift}"


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """A setting or a condition that may not be intended."""

    name = "warning"
    message: str

    def __str__(self) -> str:
        return f"warning: {self.message}"


@dataclass(frozen=True, slots=True)
class Encoded(Event):
    """A deliverable is complete: the video, or another file made from the frames."""

    name = "encoded"
    path: str
    bytes: int

    def __str__(self) -> str:
        return f"encoded {self.path}, {self.bytes:,} bytes"


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The run is complete. The last event of a command that ends with status 0."""

    name = "finished"
    folder: str
    video: str
    painted: int  # by the model, in this command

    def __str__(self) -> str:
        return f"finished: {self.painted} painted, {self.video}"


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The command ends early. Painted frames are saved."""

    name = "error"
    message: str
    exit_code: int  # the process's status
    problems: Sequence[dict[str, Any]] | None = None  # of a schedule file, as in `check --json`

    def __str__(self) -> str:
        return f"error (status {self.exit_code}): {self.message}"


Tell = Callable[[Event], None]  # may be called from several threads


def silence(event: Event) -> None:
    """Discard the event."""
