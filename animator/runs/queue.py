"""Bounded worker threads, ordered and unordered: a slow disk slows the frame loop, it does not fill the memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Abandoned(Exception):  # noqa: N818 (a signal; the error itself is raised elsewhere)
    """Raised in a consumer whose work is no longer needed."""


class Pool:
    """Runs tasks in a few threads; `submit` blocks while too many are pending, and raises an earlier task's error."""

    def __init__(self, threads: int, bound: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="animator-frames")
        self._room = threading.BoundedSemaphore(bound)
        self._error: BaseException | None = None

    def submit(self, task: Callable[[], None]) -> None:
        self._room.acquire()
        if self._error is not None:
            self._room.release()
            raise self._error
        self._threads.submit(task).add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        self._error = self._error or future.exception()
        self._room.release()

    def close(self) -> None:
        """Wait for every task; raise the first error that one of them raised."""
        self._threads.shutdown()
        if self._error is not None:
            raise self._error


class Line(Generic[Item]):
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
            raise Abandoned
        return item

    def _work(self) -> None:
        try:
            self._consume(self._next)
        except BaseException as error:  # reported by the owner, after `close`
            self.error = error
        while not self._ended:
            self._ended = self._items.get() is None
