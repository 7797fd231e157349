"""Tell what happens to those who listen: a run's log, and a program that reads JSON lines."""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from animator.errors import AnimatorError, SceneError
from animator.runs.events import Done, Event, Failed, Loaded, Started, Warned
from animator.runs.tables import as_data

INTERRUPTED = 130


class Reporter:
    """Gives events the time they happened at, and hands them on: to a log once a run is there, and as JSON lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream, self._pace = stream, Pace()
        self._lock = threading.Lock()
        self._log: Any = None

    @property
    def painted(self) -> int:
        """How many frames the model has painted since the command began."""
        return self._pace.painted

    def log_to(self, folder: Path) -> None:
        """From here on, what happens is written to the log in a run's folder. Raises RunError."""
        from animator.runs.log import Log

        self._log = Log(folder)

    def __call__(self, event: Event) -> None:
        with self._lock:
            pace = self._pace.after(event)
            now = datetime.now().astimezone()
            if self._log is not None:
                self._log.write(f"{now:%Y-%m-%d %H:%M:%S} {event}")
            if self.stream is not None:
                told = {**event.data(), **pace, "time": now.isoformat(timespec="milliseconds")}
                with suppress(BrokenPipeError):  # who listened has gone; the film is made all the same
                    print(json.dumps(told), file=self.stream, flush=True)

    def failed(self, error: BaseException) -> None:
        """Tell of the error that ends a command."""
        self(failure(error))
        if self._log is not None and failure(error).exit_code == 1:
            self._log.write("".join(traceback.format_exception(error)))

    def close(self) -> None:
        if self._log is not None:
            self._log.close()


def failure(error: BaseException) -> Failed:
    """The event of an error, with the status that the process will have."""
    if isinstance(error, KeyboardInterrupt):
        return Failed("interrupted", INTERRUPTED)
    if isinstance(error, SceneError):
        return Failed(str(error), error.exit_code, [as_data(problem, "error") for problem in error.problems])
    if isinstance(error, AnimatorError):
        return Failed(str(error), error.exit_code)
    return Failed(f"{type(error).__name__}: {error}", 1)


class Pace:
    """How far a run has come, and how long it still takes: by what paintings took since the model was ready."""

    def __init__(self) -> None:
        self._begun = self._ready = time.monotonic()
        self.done = self.total = self.painted = self.paintings = 0

    def after(self, event: Event) -> dict[str, Any]:
        """What is known with `event`: seconds since the command began, and of frames how many are left."""
        now = time.monotonic()
        match event:
            case Started():
                self.total, self.paintings = event.stop - event.first, event.paintings
                self.done = event.kept
            case Loaded():
                self._ready = now
            case Done():
                self.done += 1
                self.painted += event.painted
        pace: dict[str, Any] = {"elapsed": round(now - self._begun, 3)}
        if isinstance(event, Done):
            pace |= {"done": self.done, "total": self.total}
            if self.painted:
                pace["eta"] = self._left(now)
        return pace

    def _left(self, now: float) -> float:
        """Seconds until the last painting."""
        return round((now - self._ready) / self.painted * max(0, self.paintings - self.painted), 3)


class _Warnings(logging.Handler):
    """Our own warnings as events."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self.reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self.reporter(Warned(record.getMessage()))


@contextmanager
def reporting(stream: TextIO | None = None) -> Iterator[Reporter]:
    """A reporter for one command, told of the error that ends it; `stream` gets JSON lines."""
    reporter = Reporter(stream)
    logger = logging.getLogger("animator")
    handlers: list[logging.Handler] = [_Warnings(reporter)]
    handlers += (
        [logging.lastResort] if logging.lastResort else []
    )  # what is told to programs is told to people too
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield reporter
    except (Exception, KeyboardInterrupt) as error:
        reporter.failed(error)
        raise
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        reporter.close()
