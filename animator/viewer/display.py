"""What a notebook shows while a film is painted."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from animator.errors import ProgramError
from animator.frame import Frame, Image
from animator.viewer.html import WIDTH, jpeg
from animator.viewer.live import live
from animator.viewer.view import View

EVERY = 0.5  # seconds between pictures


class Display:
    """How far a film is, and its latest picture, in one place that is shown anew."""

    def __init__(self, total: int) -> None:
        """`total`: the film's frames; 0 if nobody knows. Raises ProgramError outside of what notebooks need."""
        self.total, self.done, self.painted = total, 0, 0
        self._first = self._shown = (
            0.0  # when the first frame was there: loading the model is no frame's time
        )
        show = needed("IPython.display").display
        self._handle = show(View(live(0, total, 0, 0.0, None), "progress"), display_id=True)

    def count(self, frame: Frame) -> None:
        """`frame` is there."""
        self._first = self._first or time.monotonic()
        self.done += 1
        self.painted += frame.diffuse

    @property
    def due(self) -> bool:
        """Whether the last picture has been seen for long enough."""
        return time.monotonic() - self._shown > EVERY

    def show(self, image: Image) -> None:
        """Show `image` as the latest picture."""
        self._shown = time.monotonic()
        pace = (self._shown - self._first) / max(1, self.done - 1)
        if self._handle is not None:  # outside a notebook there is nowhere to show it
            body = live(self.done, self.total, self.painted, pace, jpeg(image, WIDTH))
            self._handle.update(View(body, "progress"))


def needed(module: str) -> Any:
    """A module of the extra `notebook`. Raises ProgramError."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ProgramError("this needs a notebook's parts: pip install 'animator[notebook]'") from error
