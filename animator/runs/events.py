"""What happens while a film is made: each kind of event as a noun, as data for programs, and as a line to read.

The names and fields are an interface: programs read them from `--json`. New ones may come; none changes its meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

VERSION = 1  # of these events; it grows when one of them changes its meaning


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened. Paths are absolute; a field that is None has nothing to tell."""

    name: ClassVar[str]

    def data(self) -> dict[str, Any]:
        """The event for programs, without what is None."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return {"event": self.name, **fields}


@dataclass(frozen=True, slots=True)
class Started(Event):
    """A run begins, or goes on."""

    name = "started"
    animator: str  # its version
    folder: str
    log: str
    first: int  # its frames are first..stop-1
    stop: int
    kept: int  # frames that are there already
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
    """The model is being loaded. Left out where nothing has to be painted."""

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
    """A frame is safe on disk. Frames that are kept have no such event."""

    name = "frame"
    index: int
    painted: bool  # by the model; otherwise it was moved or lies between paintings
    path: str
    drift: float | None = None  # ΔE of its colours to their reference, of a painting
    palette: float | None = None  # mean ΔE to the palette, of a painting where there is one

    def __str__(self) -> str:
        drift = "" if self.drift is None else f", ΔE {self.drift:g}"
        return f"frame {self.index} {'painted' if self.painted else 'in between'}{drift}"


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something may not be what was meant."""

    name = "warning"
    message: str

    def __str__(self) -> str:
        return f"warning: {self.message}"


@dataclass(frozen=True, slots=True)
class Encoded(Event):
    """A file to show is complete: the video, or another form of it."""

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
    """The command ends early. What is painted is saved."""

    name = "error"
    message: str
    exit_code: int  # the process's status
    problems: Sequence[dict[str, Any]] | None = None  # of a schedule file, as `check --json` tells them

    def __str__(self) -> str:
        return f"error (status {self.exit_code}): {self.message}"


Tell = Callable[[Event], None]  # may be called from several threads


def silence(event: Event) -> None:
    """Tell nobody."""
