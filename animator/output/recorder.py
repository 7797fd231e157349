"""Recorder: takes finished frames off the loop's hands: pictures in a few threads, the video in another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType

import numpy as np

from animator.errors import ProgramError
from animator.frame import Frame, Image, Span
from animator.output.queue import Abandoned, Line, Pool
from animator.output.run import Run
from animator.output.video import Format, Video

WRITERS = 2  # PNG at 1024x1024 takes 90 ms of one thread
WAITING = 8  # pictures in each queue: 25 MB at 1024x1024


class Recorder:
    """Records a run's frames in the order of the film; `texts` gives what is stored in a frame's PNG.

    A frame that the run already holds goes into the video only. `tell` is called in another thread once a frame is
    safe on disk. When the `with` block is left by an error,
    every frame handed over is still saved, and no video is left. When ffmpeg fails, the frames are saved all
    the same, and ProgramError is raised at the end.
    """

    def __init__(
        self,
        run: Run,
        video: Format,
        comment: str,
        texts: Callable[[Frame], Mapping[str, str]],
        again: Sequence[int] = (),
        tell: Callable[[Frame], None] = lambda _: None,
    ) -> None:
        """`again`: frames that the video shows once more at its end, in this order."""
        self.run, self.texts, self.tell = run, texts, tell
        self._pictures, self._stopped = Pool(WRITERS, WAITING), False
        # A picture, or frames that are on disk: those are no burden, however many.
        self._video: Line[Image | Sequence[int]] = Line(
            partial(self._encode, video, comment, tuple(again)), WAITING
        )

    def reuse(self, frames: Sequence[int]) -> None:
        """Let the next frames of the video be those on disk."""
        self._video.put(tuple(frames))

    def save(
        self,
        frame: Frame,
        image: Image,
        span: Span | None = None,
        facts: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """Hand over the next frame, and its state's `span`; waits only while too many are still being written.

        `facts` measures the picture for the journal; it is called in another thread.
        """
        if frame.index not in self.run.saved:
            self._pictures.submit(partial(self._save, frame, image, span, facts))
        self._video.put(image)

    def _save(
        self, frame: Frame, image: Image, span: Span | None, facts: Callable[[], Mapping[str, float]]
    ) -> None:
        self.run.save(frame, image, self.texts(frame), span, facts())
        self.tell(frame)

    def _encode(
        self,
        video: Format,
        comment: str,
        again: Sequence[int],
        following: Callable[[], Image | Sequence[int] | None],
    ) -> None:
        with Video(self.run.video, video, comment) as sink:
            while (item := following()) is not None:
                if isinstance(item, np.ndarray):
                    sink.write(item)
                    continue
                for index in item:
                    if self._stopped:
                        raise Abandoned
                    sink.write(self.run.picture(index))
            for index in again:  # the line ends after the pictures were closed: all are on disk
                sink.write(self.run.picture(index))

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._stopped = kind is not None
        try:
            self._pictures.close()
        except BaseException:
            kind = kind or BaseException
            raise
        finally:
            self._video.close(abandon=kind is not None)
        if kind is None and self._video.error is not None:
            saved = f"all frames are saved; animator resume {self.run.folder} makes the video"
            raise ProgramError(f"{self._video.error} ({saved})") from self._video.error
