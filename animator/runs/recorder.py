"""Recorder: saves finished frames and encodes the video in other threads, while the frame loop goes on.

Its queues are bounded: a slow disk slows the frame loop, it does not fill the memory.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from animator.errors import ProgramError
from animator.frame import DepthRange, Frame, Image
from animator.models.painter import Painter
from animator.render.upscale import Interpolator, frame_enlarger
from animator.runs.run import Run
from animator.runs.store import UpscaledFrames
from animator.runs.video import VideoFormat, VideoWriter
from animator.scene.scene import Scene

# Threads that write PNGs: one at 1024x1024 takes 90 ms, longer than a GPU needs for a frame of few steps.
WRITER_THREADS = max(2, min(6, (os.cpu_count() or 1) // 2))

QUEUE_SIZE = 8  # images in each queue: 25 MB at 1024x1024


class _VideoFrame(NamedTuple):
    """An image on its way to the video."""

    frame: int
    image: Image


class Recorder:
    """Records a run's frames in film order; `texts` returns the texts stored in a frame's PNG.

    A frame that the run already holds goes into the video only. `tell` is called in another thread once a
    frame is safe on disk. If the `with` block ends with an error, every frame handed over is still saved, and
    no video is left. If ffmpeg fails, all frames are saved, and ProgramError is raised at the end.
    """

    def __init__(
        self,
        run: Run,
        video: VideoFormat,
        comment: str,
        texts: Callable[[Frame], Mapping[str, str]],
        repeated: Sequence[int] = (),
        on_saved: Callable[[Frame], None] = lambda _: None,
        interpolator: Interpolator | None = None,
        upscaled: UpscaledFrames | None = None,
    ) -> None:
        """Start the threads. `repeated`: frames that the video repeats at its end, in this order.

        `interpolator`: interpolates images between frames. `upscaled`: larger images, which the video shows in
        place of the run's.
        """
        self.run, self.texts, self.on_saved = run, texts, on_saved
        self._writers, self._stopped = BoundedPool(WRITER_THREADS, QUEUE_SIZE), False
        self._interpolator, self._upscaled = interpolator or _images_only, upscaled
        # An image, or indices of frames on disk, which take next to no memory.
        self._video: OrderedWorker[_VideoFrame | Sequence[int]] = OrderedWorker(
            partial(self._encode, video, comment, tuple(repeated)), QUEUE_SIZE
        )

    def reuse(self, frames: Sequence[int]) -> None:
        """Let the next frames of the video come from the disk, their larger images too."""
        self._video.put(tuple(frames))

    def save(
        self,
        frame: Frame,
        image: Image,
        span: DepthRange | None = None,
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
            self._writers.submit(partial(larger.save, index, upscaled))
        if index not in self.run.saved:
            self._writers.submit(partial(self._save, frame, image, span, facts))
        self._video.put(_VideoFrame(index, image if upscaled is None else upscaled))

    def _save(
        self, frame: Frame, image: Image, span: DepthRange | None, facts: Callable[[], Mapping[str, float]]
    ) -> None:
        self.run.save(frame, np.asarray(image), self.texts(frame), span, facts())
        self.on_saved(frame)

    def _encode(
        self,
        video: VideoFormat,
        comment: str,
        again: Sequence[int],
        following: Callable[[], _VideoFrame | Sequence[int] | None],
    ) -> None:
        with VideoWriter(self.run.video, video, comment) as sink:
            for image in self._interpolator(self._video_frames(again, following)):
                sink.write(image)

    def _video_frames(
        self, again: Sequence[int], following: Callable[[], _VideoFrame | Sequence[int] | None]
    ) -> Iterator[tuple[int, Image]]:
        """Yield (frame, image) pairs in the order of the video."""
        image = self.run.image if self._upscaled is None else self._upscaled.image
        while (item := following()) is not None:
            if isinstance(item, _VideoFrame):
                yield item.frame, np.asarray(item.image)
                continue
            for index in item:
                if self._stopped:
                    raise ConsumerCancelled
                yield index, image(index)
        # The items end after the writers have finished, so all images are on disk.
        yield from ((index, image(index)) for index in again)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._stopped = kind is not None
        try:
            self._writers.close()
        except BaseException:
            kind = kind or BaseException
            raise
        finally:
            self._video.close(abandon=kind is not None)
        if kind is None and self._video.error is not None:
            saved = f"all frames are saved; animator resume {self.run.folder} makes the video"
            raise ProgramError(f"{self._video.error} ({saved})") from self._video.error


def _images_only(film: Iterable[tuple[int, Image]]) -> Iterator[Image]:
    return (image for _, image in film)


Item = TypeVar("Item")


class ConsumerCancelled(Exception):  # noqa: N818 (a signal; the error itself is raised elsewhere)
    """Raised in a consumer whose work is no longer needed."""


class BoundedPool:
    """Runs tasks in a few threads; `submit` blocks while too many are pending, and raises an earlier task's error."""

    def __init__(self, threads: int, bound: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="animator-frames")
        self._slots = threading.BoundedSemaphore(bound)
        self._error: BaseException | None = None

    def submit(self, task: Callable[[], None]) -> None:
        self._slots.acquire()
        if self._error is not None:
            self._slots.release()
            raise self._error
        self._threads.submit(task).add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        self._error = self._error or future.exception()
        self._slots.release()

    def close(self) -> None:
        """Wait for every task; raise the first error that one of them raised."""
        self._threads.shutdown()
        if self._error is not None:
            raise self._error


class OrderedWorker(Generic[Item]):
    """Passes items to one consumer, in order, in a thread of its own.

    `consume` is called with a function that waits for the next item and returns None after the last one. Its
    error is stored in `error`; from then on items are taken and dropped, so that a failed encoder does not
    stop painting.
    """

    def __init__(self, consume: Callable[[Callable[[], Item | None]], None], bound: int) -> None:
        self._items: queue.Queue[Item | None] = queue.Queue(bound)
        self._consume = consume
        self._ended = self._abandoned = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="animator-video", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        self._items.put(item)

    def close(self, abandon: bool = False) -> None:
        """Mark the end of the items and wait for the consumer; with `abandon`, its next wait raises Abandoned."""
        self._abandoned = abandon
        self._items.put(None)
        self._thread.join()

    def _next(self) -> Item | None:
        item = self._items.get()
        self._ended = item is None
        if self._abandoned:
            raise ConsumerCancelled
        return item

    def _work(self) -> None:
        try:
            self._consume(self._next)
        except BaseException as error:  # reported by the owner, after `close`
            self.error = error
        while not self._ended:
            self._ended = self._items.get() is None


class LargerFrames:
    """Upscaled frames of a run, in the size of its video: each is made once and saved in the run's folder."""

    def __init__(self, scene: Scene, run: Run) -> None:
        """Load the upscaling network, if the scene names one. Raises ModelError."""
        from animator.runs.store import UpscaledFrames

        self.enlarge = frame_enlarger(scene)
        self.store = None if self.enlarge is None else UpscaledFrames(run.folder)

    def missing(self, frames: Sequence[Frame]) -> list[Frame]:
        """Return those of `frames` that are not upscaled yet; empty if the scene does not upscale."""
        return [] if self.store is None else [frame for frame in frames if frame.index not in self.store]

    def upscale_missing(self, run: Run, frames: Sequence[Frame], painter: Painter) -> None:
        """Upscale and save those of `frames`, all of them saved in `run`, that are not upscaled yet."""
        for frame in self.missing(frames):
            assert self.store is not None
            self.store.save(frame.index, self.upscale(frame, run.image(frame.index), painter))

    def __call__(self, frame: Frame, image: Image, painter: Painter) -> Image | None:
        """Return the upscaled image of `frame`, made from `image` unless saved; None without upscaling."""
        if self.store is None:
            return None
        there = frame.index in self.store
        return self.store.image(frame.index) if there else self.upscale(frame, image, painter)

    def upscale(self, frame: Frame, image: Image, painter: Painter) -> Image:
        """Upscale `image`, the finished image of `frame`; `painter` is the film's painter, for a second pass."""
        assert self.enlarge is not None
        return self.enlarge(frame, image, painter)


def shown_image(scene: Scene, run: Run) -> Callable[[int], Image]:
    """Return the function that reads the video's image of a frame by its number.

    It reads upscaled images if the run has all of them, and the frames themselves otherwise.
    """
    from animator.runs.store import UpscaledFrames

    if scene.settings.output.upscale is None:
        return run.image
    kept = UpscaledFrames(run.folder)
    return kept.image if all(index in kept for index in range(run.first, run.stop)) else run.image
