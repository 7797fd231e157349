"""Events of a render: each kind as a noun, as JSON lines for programs, and as a line to read.

Names and fields are an interface: programs read them from `--json`. New ones may be added; none changes its
meaning.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TextIO

from animator.errors import AnimatorError, Problem, SceneError

EVENTS_VERSION = 1  # version of these events; it grows when one changes its meaning


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
    version: int = EVENTS_VERSION

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
class FrameDone(Event):
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


EventSink = Callable[[Event], None]  # may be called from several threads


def ignore(event: Event) -> None:
    """Discard the event."""


INTERRUPTED_STATUS = 130  # exit status after Ctrl+C: 128 + SIGINT


class Reporter:
    """Adds the time to events, and writes them to `stream` as JSON lines, and to a run's log after `log_to`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream, self._pace = stream, RunProgress()
        self._lock = threading.Lock()
        self._log: Any = None

    @property
    def painted(self) -> int:
        """Number of frames that the model has painted since the command began."""
        return self._pace.painted

    def log_to(self, folder: Path) -> None:
        """Write further events to the log in a run's folder. Raises RunError."""
        from animator.runs.run import RunLog

        self._log = RunLog(folder)

    def __call__(self, event: Event) -> None:
        with self._lock:
            pace = self._pace.update(event)
            now = datetime.now().astimezone()
            if self._log is not None:
                self._log.write(f"{now:%Y-%m-%d %H:%M:%S} {event}")
            if self.stream is not None:
                record = {**event.data(), **pace, "time": now.isoformat(timespec="milliseconds")}
                with suppress(BrokenPipeError):  # the reader is gone; the film is still rendered
                    print(json.dumps(record), file=self.stream, flush=True)

    def report_error(self, error: BaseException) -> None:
        """Report the error that ends a command; an unexpected one goes into the log with its traceback."""
        self(error_event(error))
        if self._log is not None and error_event(error).exit_code == 1:
            self._log.write("".join(traceback.format_exception(error)))

    def close(self) -> None:
        if self._log is not None:
            self._log.close()


def error_event(error: BaseException) -> Failed:
    """Return the event for an error, with the exit status that it leads to."""
    if isinstance(error, KeyboardInterrupt):
        return Failed("interrupted", INTERRUPTED_STATUS)
    if isinstance(error, SceneError):
        return Failed(
            str(error), error.exit_code, [problem_data(problem, "error") for problem in error.problems]
        )
    if isinstance(error, AnimatorError):
        return Failed(str(error), error.exit_code)
    return Failed(f"{type(error).__name__}: {error}", 1)


class RunProgress:
    """Progress of a run, and the time left: by the seconds per painted frame since the model was ready."""

    def __init__(self) -> None:
        self._begun = self._ready = time.monotonic()
        self.done = self.total = self.painted = self.paintings = 0

    def update(self, event: Event) -> dict[str, Any]:
        """Count `event`; return the seconds since the command began, and for a frame the progress and time left."""
        now = time.monotonic()
        match event:
            case Started():
                self.total, self.paintings = event.stop - event.first, event.paintings
                self.done = event.kept
            case Loaded():
                self._ready = now
            case FrameDone():
                self.done += 1
                self.painted += event.painted
        pace: dict[str, Any] = {"elapsed": round(now - self._begun, 3)}
        if isinstance(event, FrameDone):
            pace |= {"done": self.done, "total": self.total}
            if self.painted:
                pace["eta"] = self._left(now)
        return pace

    def _left(self, now: float) -> float:
        """Return the seconds until the last painted frame."""
        return round((now - self._ready) / self.painted * max(0, self.paintings - self.painted), 3)


class _WarningHandler(logging.Handler):
    """Turns warnings of the package's own log into events."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self.reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self.reporter(Warned(record.getMessage()))


@contextmanager
def reporting(stream: TextIO | None = None) -> Iterator[Reporter]:
    """Provide a reporter for one command, and report the error that ends it; `stream` receives JSON lines."""
    reporter = Reporter(stream)
    logger = logging.getLogger("animator")
    handlers: list[logging.Handler] = [_WarningHandler(reporter)]
    handlers += (
        [logging.lastResort] if logging.lastResort else []
    )  # a handler of ours stops logging from printing warnings to people by itself
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield reporter
    except (Exception, KeyboardInterrupt) as error:
        reporter.report_error(error)
        raise
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        reporter.close()


def problem_data(problem: Problem, kind: str) -> dict[str, Any]:
    """Return a problem as data for JSON; line and column count from 1, and are 0 without a file."""
    setting = ".".join(problem.path)
    return {"kind": kind, **asdict(problem.place), "setting": setting, "message": problem.message}
