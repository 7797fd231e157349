"""Plots of schedules."""

import time

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import RunError, loads, timeline
from animator.viewer.charts import plot, varying_columns

TEXT = """
video: {frames: 48, fps: 12}
bpm: 90
prompts: {at: {0: pencil sketch, 1s: marker rendering, 3s: photo}, travel: 6}
motion: {zoom: 1 + 0.01*sin(t/8), angle: {0: 0, 2s: {value: 4, ease: out-cubic}}}
painting: {strength: {0: 0.3, 4s: 0.6}}
cadence: 3
"""


def test_only_curves_that_vary_are_drawn():
    scene = loads(TEXT)
    assert list(varying_columns(timeline(scene))) == ["motion.zoom", "motion.angle", "painting.strength"]


@pytest.mark.parametrize("name", ["film.png", "film.svg", "film.pdf"])
def test_a_plot_has_the_format_of_its_suffix(tmp_path, name):
    scene = loads(TEXT)
    plot(scene, timeline(scene), tmp_path / name)
    head = (tmp_path / name).read_bytes()[:400]
    assert {"film.png": b"PNG", "film.svg": b"<svg", "film.pdf": b"%PDF"}[name] in head


def test_a_plot_is_not_empty(tmp_path):
    scene = loads(TEXT)
    plot(scene, timeline(scene), tmp_path / "film.png")
    with Pillow.open(tmp_path / "film.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] > 1000
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50


def test_a_film_of_10000_frames_and_one_of_1_are_drawn(tmp_path):
    started = time.perf_counter()
    for frames in (1, 10_000):
        scene = loads(TEXT, settings=[f"video.frames={frames}", "prompts.at=a", "motion.angle=0"])
        plot(scene, timeline(scene), tmp_path / f"{frames}.png")
    assert time.perf_counter() - started < 20


def test_a_plot_of_an_unknown_format_is_an_error(tmp_path):
    scene = loads(TEXT)
    with pytest.raises(RunError, match="a plot is one of .png, .svg, .pdf"):
        plot(scene, timeline(scene), tmp_path / "film.gif")
    with pytest.raises(RunError, match="cannot be written"):
        plot(scene, timeline(scene), tmp_path / "nowhere" / "film.png")
