"""Progress bars for rendering and training; where standard error is no terminal, a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from animator.frame import Frame

if TYPE_CHECKING:
    from rich.progress import Progress

    from animator.training.train import StepReport

LOG_EVERY = 30.0  # seconds between lines without a terminal


def show_frames(frames: Iterable[Frame], first: int, stop: int) -> None:
    """Consume `frames`, a part of the film's frames first..stop-1, and show the progress."""
    counted = _FrameCounter(frames, first, stop)
    if sys.stderr.isatty():
        _show_bar(counted, stop - first)
    else:
        _print_progress(counted)


class _FrameCounter:
    """Passes frames on, and counts painted frames, in-betweens and seconds per frame."""

    def __init__(self, frames: Iterable[Frame], first: int, stop: int) -> None:
        self.frames, self.first, self.total = frames, first, stop - first
        self.painted = self.inbetween = self.position = 0
        self.started = 0.0

    def __iter__(self) -> Iterator[None]:
        for frame in self.frames:
            self.started = self.started or time.monotonic()  # loading the model does not count
            self.painted += frame.diffuse
            self.inbetween += not frame.diffuse
            self.position = frame.index - self.first + 1
            yield

    @property
    def pace(self) -> float:
        """Seconds per frame since the first frame was done."""
        return (time.monotonic() - self.started) / max(1, self.painted + self.inbetween - 1)

    def __str__(self) -> str:
        return f"{self.painted} painted, {self.inbetween} in-between, {self.pace:.2f} s/frame"


def _progress_bar(disable: bool = False) -> Progress:
    """Return a bar on standard error: description, bar, count, the field `words`, and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), disable=disable)


def _show_bar(counted: _FrameCounter, total: int) -> None:
    with _progress_bar() as progress:
        task = progress.add_task("loading", total=total, words="")
        for _ in counted:
            progress.update(task, description="painting", completed=counted.position, words=str(counted))
            if counted.position == total:
                progress.update(task, description="finishing the video")
        progress.update(task, description="done", completed=total)


def _print_progress(counted: _FrameCounter) -> None:
    said = time.monotonic()
    for _ in counted:
        if time.monotonic() - said > LOG_EVERY:
            said = time.monotonic()
            print(f"{counted.position} of {counted.total} frames: {counted}", file=sys.stderr, flush=True)


def show_training(reports: Iterable[StepReport], steps: int) -> None:
    """Consume the reports of a training of `steps` steps, and show loss and time left."""
    terminal, said = sys.stderr.isatty(), time.monotonic()
    smooth: float | None = None
    with _progress_bar(disable=not terminal) as bar:
        task = bar.add_task("loading", total=steps, words="")
        for report in reports:
            smooth = report.loss if smooth is None else 0.95 * smooth + 0.05 * report.loss
            words = f"loss {smooth:.4f}"
            bar.update(task, description="learning", completed=report.step, words=words)
            extras = [f"held out {report.held_out:.4f}"] if report.held_out is not None else []
            extras += [str(report.sheet)] if report.sheet is not None else []
            if extras or (not terminal and time.monotonic() - said > LOG_EVERY):
                said = time.monotonic()
                line = ", ".join([f"step {report.step} of {steps}", words, *extras])
                bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
