"""Report events to a run's log, and as JSON lines to a program."""

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

INTERRUPTED = 130  # exit status after Ctrl+C: 128 + SIGINT


class Reporter:
    """Adds the time to events, and writes them to `stream` as JSON lines, and to a run's log after `log_to`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream, self._pace = stream, Pace()
        self._lock = threading.Lock()
        self._log: Any = None

    @property
    def painted(self) -> int:
        """Number of frames that the model has painted since the command began."""
        return self._pace.painted

    def log_to(self, folder: Path) -> None:
        """Write further events to the log in a run's folder. Raises RunError."""
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
                with suppress(BrokenPipeError):  # the reader is gone; the film is still rendered
                    print(json.dumps(told), file=self.stream, flush=True)

    def failed(self, error: BaseException) -> None:
        """Report the error that ends a command; an unexpected one goes into the log with its traceback."""
        self(failure(error))
        if self._log is not None and failure(error).exit_code == 1:
            self._log.write("".join(traceback.format_exception(error)))

    def close(self) -> None:
        if self._log is not None:
            self._log.close()


def failure(error: BaseException) -> Failed:
    """Return the event for an error, with the exit status that it leads to."""
    if isinstance(error, KeyboardInterrupt):
        return Failed("interrupted", INTERRUPTED)
    if isinstance(error, SceneError):
        return Failed(str(error), error.exit_code, [as_data(problem, "error") for problem in error.problems])
    if isinstance(error, AnimatorError):
        return Failed(str(error), error.exit_code)
    return Failed(f"{type(error).__name__}: {error}", 1)


class Pace:
    """Progress of a run, and the time left: by the seconds per painted frame since the model was ready."""

    def __init__(self) -> None:
        self._begun = self._ready = time.monotonic()
        self.done = self.total = self.painted = self.paintings = 0

    def after(self, event: Event) -> dict[str, Any]:
        """Count `event`; return the seconds since the command began, and for a frame the progress and time left."""
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
        """Return the seconds until the last painted frame."""
        return round((now - self._ready) / self.painted * max(0, self.paintings - self.painted), 3)


class _Warnings(logging.Handler):
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
    handlers: list[logging.Handler] = [_Warnings(reporter)]
    handlers += (
        [logging.lastResort] if logging.lastResort else []
    )  # a handler of ours stops logging from printing warnings to people by itself
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
