"""Processes that draw frames of a product beside the one that paints; each has the product's stage of its own.

A worker is a Python process that reads tasks from its standard input and ends with it, so none outlives its film. It
does not run the user's script again, as multiprocessing does.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from animator.errors import ProgramError
from animator.frame import Image, ProductFrame
from animator.product.composite import Look, Stage
from animator.product.view import View

MOST_WORKERS = 8
COMMAND = "from animator.product.workers import serve; serve()"


class FrameWorkers:
    """Worker processes for one stage. Frames are equal to those of `Stage.frame`, byte for byte."""

    def __init__(self, stage: Stage, count: int) -> None:
        self._stage, self._free = stage, queue.SimpleQueue[subprocess.Popen[bytes]]()
        self._started: list[subprocess.Popen[bytes]] = []
        self._threads = ThreadPoolExecutor(count, "product-frames")

    def draw(self, view: View, look: Look, settings: ProductFrame) -> Future[Image]:
        """Return the frame to come; its result raises ProgramError if a worker ends early."""
        return self._threads.submit(self._draw, view, look, settings)

    def close(self) -> None:
        """End all workers; frames that are not drawn yet never will be."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._started:
            worker.kill()
            worker.communicate()

    def _draw(self, view: View, look: Look, settings: ProductFrame) -> Image:
        try:
            worker = self._free.get_nowait()
        except queue.Empty:
            worker = self._start()
        try:
            image: Image = _ask(worker, (view, look, settings))
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise ProgramError("a process that draws frames of the product has ended early") from error
        self._free.put(worker)
        return image

    def _start(self) -> subprocess.Popen[bytes]:
        """Return a new worker that has the stage; it does not see the terminal's Ctrl-C."""
        paths = os.pathsep.join(path for path in sys.path if path)
        worker = subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
        self._started.append(worker)
        assert worker.stdin is not None
        _send(worker.stdin, self._stage)
        return worker


def worker_count() -> int:
    """Return how many workers suit this machine: as many as cores, at most 8; 0 on a single core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS) if cores > 1 else 0


def _ask(worker: subprocess.Popen[bytes], task: Any) -> Any:
    assert worker.stdin is not None
    assert worker.stdout is not None
    _send(worker.stdin, task)
    return pickle.load(worker.stdout)


def _send(stream: IO[bytes], value: Any) -> None:
    pickle.dump(value, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


def serve() -> None:
    """Draw frames for the parent process until its pipe closes: the body of a worker."""
    import cv2

    cv2.setNumThreads(1)
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but images may get into the pipe
    try:
        stage: Stage = pickle.load(source)
        while True:
            view, look, settings = pickle.load(source)
            _send(target, stage.frame(view, look, settings))
    except (EOFError, BrokenPipeError):
        return
