"""Captions over the frames of a preview."""

import numpy as np
import pytest

from animator import loads, timeline
from animator.runs import metadata
from animator.viewer import overlay
from animator.viewer.overlay import ORANGE, CaptionOverlay

TEXT = """
video: {size: 512x512, frames: 12, fps: 12}
prompts: {at: {0: pencil sketch, 6: photo}, travel: 3}
painting: {strength: {0: 0.2, 6: 0.8}, steps: 10, seed: 7}
cadence: 3
"""


@pytest.fixture
def rows():
    scene = loads(TEXT)
    return metadata.frame_table(scene, timeline(scene))


def drawn(rows, at, tinted=False):
    spent = [f"{i} calls" for i in range(len(rows))]
    return CaptionOverlay(rows, spent, 12.0, 512, 512, tinted)(
        np.full((512, 512, 3), 128, np.uint8), rows[at]
    )


def orange(image):
    return (np.abs(image.astype(int) - ORANGE).max(-1) < 40).sum()


def test_a_painted_frame_has_a_dot_and_an_in_between_a_ring(rows):
    painted, between = drawn(rows, 3)[:34, 256:], drawn(rows, 4)[:34, 256:]
    assert orange(painted) > 60 and orange(between) == 0


def test_the_next_prompt_is_written_while_the_prompts_blend(rows):
    assert [rows[at]["prompt"]["weight"] > 0 for at in (2, 4, 5, 7)] == [False, True, True, False]
    lines = [orange(drawn(rows, at)[34:480]) for at in (2, 5, 7)]
    assert lines[0] < 80 and lines[2] < 80 and lines[1] > 150


def test_the_bar_shows_the_prompts_and_the_current_position(rows):
    bars = [drawn(rows, at)[-16:] for at in (0, 11)]
    stands = [np.flatnonzero((np.abs(bar.astype(int) - ORANGE).max(-1) < 8).all(0)).mean() for bar in bars]
    assert stands == pytest.approx([512 / 24, 512 * 23 / 24], abs=2)
    first, second = bars[0][4, 100], bars[0][4, 400]
    assert (first != second).any() and (bars[1][4, 100] == first).all()


def test_the_settings_line_shows_the_steps_that_run(rows):
    assert overlay.settings_line(rows[0]) == "strength 0.20 · 10 of 10 steps · guidance 3 · seed 7"
    assert overlay.settings_line(rows[6]) == "strength 0.80 · 8 of 10 steps · guidance 3 · seed 9"
    assert overlay.settings_line({**rows[4], "loras": {"marker": 0.5}}).endswith("seed 8 · marker 0.50")


def test_the_input_image_is_not_modified(rows):
    image = np.full((512, 512, 3), 128, np.uint8)
    CaptionOverlay(rows, [""] * 12, 12.0, 512, 512, True)(image, rows[3])
    assert (image == 128).all()
