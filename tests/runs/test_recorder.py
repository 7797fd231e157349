"""Bounded worker threads: nothing handed over is lost, nothing piles up, errors are raised."""

import threading
import time

import numpy as np
import pytest

from animator import Frame, ProgramError, RunError
from animator.runs.recorder import BoundedPool, OrderedWorker, Recorder
from animator.runs.run import Run
from animator.runs.video import VideoFormat
from tests.runs.test_video import decode

VIDEO = VideoFormat(96, 80, 24, crf=4)


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", 0, 8, {})


def images(textured, count=8):
    return [np.roll(textured, 5 * i, 1) for i in range(count)]


def recorder(run, video=VIDEO, tell=lambda frame: None):
    return Recorder(run, video, "recipe", lambda frame: {"parameters": f"frame {frame.index}"}, (), tell)


def test_every_frame_is_saved_and_is_in_the_video_in_order(run, textured):
    with recorder(run) as sink:
        for index, image in enumerate(images(textured)):
            sink.save(Frame(index, 1), image)
    assert sorted(run.saved) == list(range(8))
    for found, image in zip(decode(run.video, 96, 80), images(textured), strict=True):
        assert np.abs(found.astype(int) - image).mean() < 12


def test_frames_on_disk_come_first_and_frames_saved_before_are_not_written_again(run, textured):
    for index in range(4):
        run.save(Frame(index, 1), images(textured)[index], {})
    before = run.image_file(3).read_bytes()
    run.save(Frame(7, 1), images(textured)[7], {})
    with recorder(run) as sink:
        sink.reuse([0, 1, 2])
        for index in range(3, 7):
            sink.save(Frame(index, 1), images(textured)[index])
        sink.reuse([7])
    assert run.image_file(3).read_bytes() == before
    for found, image in zip(decode(run.video, 96, 80), images(textured), strict=True):
        assert np.abs(found.astype(int) - image).mean() < 12


def test_a_frame_is_reported_once_it_is_safe_on_disk(run, textured):
    reports = []
    with recorder(
        run, tell=lambda frame: reports.append((frame.index, frame.index in Run.open(run.folder).saved))
    ) as sink:
        for index, image in enumerate(images(textured, 4)):
            sink.save(Frame(index, 1), image)
    assert sorted(reports) == [(index, True) for index in range(4)]


def test_an_error_in_the_loop_loses_no_frame_and_leaves_no_video(run, textured):
    with pytest.raises(KeyboardInterrupt), recorder(run) as sink:
        for index in range(5):
            sink.save(Frame(index, 1), images(textured)[index])
        raise KeyboardInterrupt
    assert sorted(run.saved) == [0, 1, 2, 3, 4]
    assert sorted(path.name for path in run.folder.iterdir()) == [".lock", "frames", "journal.jsonl"]


def test_stopping_does_not_wait_for_frames_that_are_on_disk(run, textured):
    run.save(Frame(0, 1), textured, {})
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), recorder(run) as sink:
        sink.reuse([0] * 1_000_000)  # hours of frames
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 60


def test_when_ffmpeg_fails_every_frame_is_saved_and_the_error_says_how_to_go_on(
    run, textured, monkeypatch, tmp_path
):
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho 'out of luck' >&2\nexit 9\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    with pytest.raises(ProgramError, match="out of luck.*animator resume"), recorder(run) as sink:
        for index, image in enumerate(images(textured, 60)):
            sink.save(Frame(index, 1), image)
    assert len(run.saved) == 60


def test_a_disk_that_cannot_be_written_stops_the_loop(run, textured):
    (run.folder / "frames").rmdir()
    with pytest.raises(RunError, match="cannot be written"), recorder(run) as sink:
        for index in range(1000):
            sink.save(Frame(index, 1), textured)
            time.sleep(0.001)
    assert index < 999


def test_a_slow_disk_slows_the_loop_instead_of_filling_memory():
    waiting, most = [], []

    def slow():
        time.sleep(0.01)
        waiting.pop()

    pool = BoundedPool(threads=1, bound=4)
    for _ in range(20):
        waiting.append(1)
        most.append(len(waiting))
        pool.submit(slow)
    pool.close()
    assert max(most) <= 5
    assert waiting == []


def test_a_line_keeps_order_and_an_error_of_its_consumer_does_not_block_it():
    seen = []

    def consume(following):
        while (item := following()) is not None:
            seen.append(item)
            if item == 3:
                raise ValueError("three")

    line = OrderedWorker(consume, bound=2)
    for item in range(1, 50):
        line.put(item)
    line.close()
    assert seen == [1, 2, 3]
    assert str(line.error) == "three"


def test_no_thread_is_left_behind(run, textured):
    before = threading.active_count()
    with recorder(run) as sink:
        sink.save(Frame(0, 1), textured)
    assert threading.active_count() == before
