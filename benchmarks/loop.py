"""Benchmark of a frame outside the painter, by stage, and of memory over 10,000 frames.

The painter is a stub that returns textured images: flat ones would make PNG and x264 look fast.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import psutil

from animator import loads, timeline
from animator.imaging import color, filters
from animator.imaging.cameras import Camera2D
from animator.imaging.color import PalettePull, color_drift
from animator.imaging.filters import crossfade, sharpen
from animator.imaging.flow import interpolate
from animator.models.painter import FunctionPainter
from animator.render.grading import AddNoise, Contrast, FirstReference, MatchColor, Sharpen
from animator.render.loop import render
from animator.runs.metadata import a1111_parameters
from animator.runs.recorder import Recorder
from animator.runs.run import Run
from animator.runs.video import VideoFormat

SCENE = """
video: {{size: {size}x{size}, frames: {frames}}}
motion: {{zoom: 1.01, angle: 0.5}}
grade: {{color: lab, noise: 0.03, sharpen: 0.1, contrast: 1.02}}
"""
PATTERNS = 8  # different images that the stub painter returns in turn


def textured(size: int, seed: int) -> np.ndarray:
    """Return an image (size, size, 3) with detail at every scale, like a photograph, and a little grain."""
    random = np.random.default_rng(seed)
    total = np.zeros((size, size, 3), np.float32)
    for cells in (4, 16, 64):
        total += cv2.resize(random.normal(0, 30, (cells, cells, 3)).astype(np.float32), (size, size))
    return np.clip(total + random.normal(128, 4, total.shape), 0, 255).astype(np.uint8)


class Clock:
    """Records the seconds spent in each call of wrapped functions, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def timed(self, name, work):
        def call(*args):
            started = time.perf_counter()
            result = work(*args)
            self.seconds[name].append(time.perf_counter() - started)
            return result

        return call


class TimedCamera(Camera2D):
    def __init__(self, clock: Clock, size: int) -> None:
        super().__init__(size, size)
        self.render_view = clock.timed("warp", super().render_view)


def film(size: int, frames: int, clock: Clock):
    """Run the frame loop with all stages timed, around a stub painter; yields its frames and states."""
    scene = loads(SCENE.format(size=size, frames=frames))
    images = [textured(size, seed) for seed in range(PATTERNS)]
    match = MatchColor(FirstReference("lab"), "lab", "statistics")
    before = [
        clock.timed("color before", match),
        clock.timed("contrast", Contrast()),
        clock.timed("sharpen", Sharpen()),
        clock.timed("noise", AddNoise()),
    ]
    after = [clock.timed("color after", match)]
    paint = clock.timed("(stub painter)", lambda frame, start: images[frame.index % PATTERNS])
    painter = FunctionPainter(paint)
    return render(timeline(scene), painter, TimedCamera(clock, size), crossfade, before, after)


def stages(size: int, frames: int) -> dict[str, float]:
    """Return the median milliseconds per frame by stage; "hand over" is the loop's own cost of recording."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder, "run"), 0, frames, {})
        texts = lambda frame: {"parameters": a1111_parameters(frame, size, size, "stub")}  # noqa: E731
        whole = time.perf_counter()
        with Recorder(run, VideoFormat(size, size, 24), "", (), texts) as recorder:
            save = clock.timed("hand over", recorder.save)
            for frame, state in film(size, frames, clock):
                save(frame, state.shown)
                time.sleep(PAINTING * (size / 1024) ** 2)  # the time in which a model would paint on a GPU
        elapsed = (time.perf_counter() - whole) / frames
    result = {name: 1000 * statistics.median(values) for name, values in clock.seconds.items()}
    return {**result, "all frames, painting and encoding included": 1000 * elapsed}


PAINTING = 0.35  # seconds per frame of a painter at 1024x1024: slow, so that the queues are never full


def memory(frames: int, size: int) -> dict[str, float]:
    """Return the spread and slope of this process's resident memory after 500 frames of a long recorded film."""
    process, samples = psutil.Process(), []
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder, "run"), 0, frames, {})
        with Recorder(run, VideoFormat(size, size, 24, crf=30), "", (), lambda frame: {}) as recorder:
            for frame, state in film(size, frames, Clock()):
                recorder.save(frame, state.shown)
                if frame.index >= 500 and frame.index % 100 == 0:
                    samples.append((frame.index, process.memory_info().rss / 1e6))
    at, rss = np.array(samples).T
    pairs = [(rss[j] - rss[i]) / (at[j] - at[i]) for i in range(len(at)) for j in range(i + 1, len(at))]
    return {
        "spread MB": float(np.ptp(rss)),
        "slope kB per frame": 1000 * float(np.median(pairs)),
        "MB": float(rss[-1]),
    }


def obvious_color(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Match colours the naive way: convert every pixel to L*a*b*, shift to the statistics, convert back."""
    pixels, goal = (
        cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for picture in (image, reference)
    )
    (mean, deviation), (goal_mean, goal_deviation) = (
        [row.astype(np.float32).ravel() for row in cv2.meanStdDev(picture)] for picture in (pixels, goal)
    )
    pixels = (pixels - mean) * (goal_deviation / deviation) + goal_mean
    rgb = cv2.cvtColor(pixels, cv2.COLOR_LAB2RGB)
    return np.clip(np.rint(rgb * 255), 0, 255).astype(np.uint8)


def obvious_noise(image: np.ndarray, amount: float, seed: int, clouds: bool) -> np.ndarray:
    """Add noise the naive way: numpy's normal noise, and Perlin octaves at every pixel."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal(image.shape, np.float32) * np.float32(127.5 * amount)
    if clouds:
        noise *= (filters.perlin_noise(*image.shape[:2], seed, detail=128)[..., None] + 1) / 2
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def side_by_side(size: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median CPU milliseconds of each image operation, ours and the naive one in turn."""
    image, reference = textured(size, 0), textured(size, 1)
    goals = {space: color.color_stats(reference, space) for space in ("lab", "hsv", "rgb")}
    pull = PalettePull(np.array([(10, 132, 255), (255, 255, 255)], np.uint8))
    works = {
        **{
            f"color {space} {by}": (
                lambda space=space, by=by: color.match_color(image, goals[space], space, by),
                lambda: obvious_color(image, reference),
            )
            for space in goals
            for by in ("statistics", "histogram")
        },
        **{
            f"noise {name}": (
                lambda clouds=clouds: filters.add_noise(image, 0.05, 3, clouds),
                lambda clouds=clouds: obvious_noise(image, 0.05, 3, clouds),
            )
            for name, clouds in (("white", False), ("perlin", True))
        },
        "palette": (lambda: pull(image, 0.2), None),
        "contrast": (lambda: color.change_contrast(image, 1.1), None),
        "sharpen": (lambda: sharpen(image, 0.3), None),
        "drift measured": (lambda: color_drift(image, goals["lab"]), None),
        "in-between, crossfade": (lambda: crossfade(image, reference, 0.4), None),
        "in-between, flow": (lambda: interpolate(image, reference, 0.4), None),
    }
    return {name: _medians(ours, other, rounds) for name, (ours, other) in works.items()}


def _medians(ours, other, rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, work in (("ours", ours), ("naive", other)):
            if work is not None:
                started = time.process_time()
                work()
                times[name].append(1000 * (time.process_time() - started))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60, help="frames per size for the stages")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of the image operations")
    parser.add_argument("--long", type=int, default=10_000, help="frames of the memory test; 0 skips it")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    report: dict[str, object] = {}
    report["side by side"] = pairs = side_by_side(1024, options.rounds)
    print(f"1024x1024, CPU milliseconds, one thread, median of {options.rounds}: ours, naive, ratio")
    for name, found in pairs.items():
        other = f"{found['naive']:8.1f} {found['naive'] / found['ours']:6.1f}" if "naive" in found else ""
        print(f"  {name:28} {found['ours']:8.1f} {other}")
    for size in (1024, 256):
        report[str(size)] = found = stages(size, options.frames)
        print(f"{size}x{size}, milliseconds per frame, one thread, median of {options.frames}")
        for name, value in found.items():
            print(f"  {name:45} {value:8.2f}")
        loop = sum(value for name, value in found.items() if "all" not in name and "stub" not in name)
        print(f"  {'outside the painter':45} {loop:8.2f}")
    if options.long:
        report["memory"] = found = memory(options.long, 64)
        print(
            f"memory over {options.long:,} frames at 64x64: "
            + ", ".join(f"{k} {v:.2f}" for k, v in found.items())
        )
    print(json.dumps(report))


if __name__ == "__main__":
    main()
