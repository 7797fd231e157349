"""Recorder: saves finished frames and encodes the video in other threads, while the frame loop goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import NamedTuple

import numpy as np

from animator.errors import ProgramError
from animator.frame import Frame, Image, Span
from animator.runs.queue import Abandoned, Line, Pool
from animator.runs.run import Run
from animator.runs.upscaled import Upscaled
from animator.runs.video import Format, Video

Between = Callable[
    [Iterable[tuple[int, Image]]], Iterable[Image]
]  # (frame, image) pairs → the video's images

# Threads that write PNGs: one at 1024x1024 takes 90 ms, longer than a GPU needs for a frame of few steps.
WRITERS = max(2, min(6, (os.cpu_count() or 1) // 2))
WAITING = 8  # images in each queue: 25 MB at 1024x1024


class _Shown(NamedTuple):
    """An image on its way to the video."""

    frame: int
    picture: Image


class Recorder:
    """Records a run's frames in film order; `texts` returns the texts stored in a frame's PNG.

    A frame that the run already holds goes into the video only. `tell` is called in another thread once a
    frame is safe on disk. If the `with` block ends with an error, every frame handed over is still saved, and
    no video is left. If ffmpeg fails, all frames are saved, and ProgramError is raised at the end.
    """

    def __init__(
        self,
        run: Run,
        video: Format,
        comment: str,
        texts: Callable[[Frame], Mapping[str, str]],
        again: Sequence[int] = (),
        tell: Callable[[Frame], None] = lambda _: None,
        between: Between | None = None,
        upscaled: Upscaled | None = None,
    ) -> None:
        """Start the threads. `again`: frames that the video repeats at its end, in this order.

        `between`: interpolates images between frames. `upscaled`: larger images, which the video shows in
        place of the run's.
        """
        self.run, self.texts, self.tell = run, texts, tell
        self._pictures, self._stopped = Pool(WRITERS, WAITING), False
        self._between, self._upscaled = between or _pictures, upscaled
        # An image, or indices of frames on disk, which take next to no memory.
        self._video: Line[_Shown | Sequence[int]] = Line(
            partial(self._encode, video, comment, tuple(again)), WAITING
        )

    def reuse(self, frames: Sequence[int]) -> None:
        """Let the next frames of the video come from the disk, their larger images too."""
        self._video.put(tuple(frames))

    def save(
        self,
        frame: Frame,
        image: Image,
        span: Span | None = None,
        facts: Callable[[], Mapping[str, float]] = dict,
        upscaled: Image | None = None,
    ) -> None:
        """Hand over the next frame and its state's `span`; block only while too many are waiting to be written.

        `facts` measures the image for the journal; it is called in another thread. `upscaled` replaces
        `image` in the video. An image may still be on its way from a GPU: the threads that write it wait for
        it.
        """
        index, larger = frame.index, self._upscaled
        if upscaled is not None and larger is not None and index not in larger:
            self._pictures.submit(partial(larger.save, index, upscaled))
        if index not in self.run.saved:
            self._pictures.submit(partial(self._save, frame, image, span, facts))
        self._video.put(_Shown(index, image if upscaled is None else upscaled))

    def _save(
        self, frame: Frame, image: Image, span: Span | None, facts: Callable[[], Mapping[str, float]]
    ) -> None:
        self.run.save(frame, np.asarray(image), self.texts(frame), span, facts())
        self.tell(frame)

    def _encode(
        self,
        video: Format,
        comment: str,
        again: Sequence[int],
        following: Callable[[], _Shown | Sequence[int] | None],
    ) -> None:
        with Video(self.run.video, video, comment) as sink:
            for picture in self._between(self._shown(again, following)):
                sink.write(picture)

    def _shown(
        self, again: Sequence[int], following: Callable[[], _Shown | Sequence[int] | None]
    ) -> Iterator[tuple[int, Image]]:
        """Yield (frame, image) pairs in the order of the video."""
        picture = self.run.picture if self._upscaled is None else self._upscaled.picture
        while (item := following()) is not None:
            if isinstance(item, _Shown):
                yield item.frame, np.asarray(item.picture)
                continue
            for index in item:
                if self._stopped:
                    raise Abandoned
                yield index, picture(index)
        # The items end after the writers have finished, so all images are on disk.
        yield from ((index, picture(index)) for index in again)

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


def _pictures(film: Iterable[tuple[int, Image]]) -> Iterator[Image]:
    return (picture for _, picture in film)
