"""Progress display of a notebook while a film is painted."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from animator.errors import ProgramError
from animator.frame import Frame, Image
from animator.viewer.html import WIDTH, jpeg
from animator.viewer.live import live
from animator.viewer.view import View

EVERY = 0.5  # seconds between updates


class Display:
    """Output of a cell, updated in place, with the progress of a film and its latest frame."""

    def __init__(self, total: int) -> None:
        """Show an empty display. `total`: number of the film's frames, 0 if unknown.

        Raises ProgramError without IPython.
        """
        self.total, self.done, self.painted = total, 0, 0
        self._first = self._shown = 0.0  # time of the first frame, so that loading the model does not count
        show = needed("IPython.display").display
        self._handle = show(View(live(0, total, 0, 0.0, None), "progress"), display_id=True)

    def count(self, frame: Frame) -> None:
        """Count `frame` as done."""
        self._first = self._first or time.monotonic()
        self.done += 1
        self.painted += frame.diffuse

    @property
    def due(self) -> bool:
        """True when the last update is more than EVERY seconds old."""
        return time.monotonic() - self._shown > EVERY

    def show(self, image: Image) -> None:
        """Show `image` as the latest frame."""
        self._shown = time.monotonic()
        pace = (self._shown - self._first) / max(1, self.done - 1)
        if self._handle is not None:  # None outside a notebook
            body = live(self.done, self.total, self.painted, pace, jpeg(image, WIDTH))
            self._handle.update(View(body, "progress"))


def needed(module: str) -> Any:
    """Import a module of the extra `notebook`. Raises ProgramError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ProgramError("this needs the notebook extra: pip install 'animator[notebook]'") from error
