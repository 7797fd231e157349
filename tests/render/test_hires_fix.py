"""Hires fix: the painting passes it applies to, and their results as those of both steps."""

import cv2
import numpy as np
import pytest

from animator import Frame, Painting, Prompt, loads, timeline
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.imaging.resize import resize
from animator.models import nano
from animator.models.painter import FunctionPainter
from animator.render.painter import HiresFix
from animator.render.pipeline import load_painter
from animator.render.upscale import frame_enlarger
from animator.runs.repaint import FrameFingerprints
from tests.films import texture

SIZE = (448, 256)  # 1.75 of nano's pixels
SMALL = (336, 192)


@pytest.fixture(scope="module")
def sdxl():
    return SDXLPainter(CheckpointSpec(str(nano.weights_folder())), *SIZE, {})


@pytest.fixture(scope="module")
def hires():
    found = load_painter(loads("video: {{frames: 1, size: {}x{}}}".format(*SIZE)))
    assert isinstance(found, HiresFix)
    return found


def frame(seed=3, **painting):
    text = "studio photo of a blue chair, side view, white background"
    settings = {"steps": 4, "guidance_scale": 1.0, "strength": 0.8, **painting}
    return Frame(0, seed, Prompt(text, "", text), painting=Painting(**settings))


def apart(one, other):
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("size", ["256x256", "320x300", "312x312"])
def test_sizes_near_the_native_size_are_painted_in_one_pass(size):
    assert isinstance(load_painter(loads(f"video: {{frames: 1, size: {size}}}")), SDXLPainter)


def test_text_to_image_is_composed_small_and_painted_over_large(hires, sdxl):
    small = sdxl.with_size(*SMALL).paint(frame(), None)
    assert small.shape == (SMALL[1], SMALL[0], 3)
    over = sdxl.paint(frame(strength=0.3), resize(small, *SIZE))
    assert np.array_equal(hires.paint(frame(hires=0.3), None), over)
    assert (sdxl.width, sdxl.height) == SIZE  # the smaller painter does not change the size of the larger


def test_a_strong_painting_pass_is_composed_small_and_painted_over_large(hires, sdxl):
    start = texture(*SIZE)
    small = sdxl.paint(frame(), resize(start, *SMALL))
    over = sdxl.paint(frame(strength=0.25), resize(small, *SIZE))
    assert np.array_equal(hires.paint(frame(hires=0.25), start), over)


@pytest.mark.parametrize("gently", [{"strength": 0.5}, {"strength": 0.0}, {"hires": 0.0}])
def test_painting_passes_of_low_strength_run_once_at_full_size(hires, sdxl, gently):
    start = texture(*SIZE)
    assert np.array_equal(hires.paint(frame(**gently), start), sdxl.paint(frame(**gently), start))


def test_the_composition_is_that_of_the_native_size(hires, sdxl):
    wanted = frame(steps=8, guidance_scale=2.0)
    small = sdxl.with_size(*SMALL).paint(wanted, None)
    near, at_once = (
        cv2.resize(painter.paint(wanted, None), SMALL, interpolation=cv2.INTER_AREA)
        for painter in (hires, sdxl)
    )
    assert apart(near, small) < apart(at_once, small) / 2


def test_a_masked_painting_pass_runs_once_and_keeps_the_unmasked_pixels(hires, sdxl):
    start, mask = texture(*SIZE), np.zeros(SIZE[::-1], np.uint8)
    mask[64:192, 64:256] = 255
    painted = hires.paint(frame(), start, mask=mask)
    assert np.array_equal(painted, sdxl.paint(frame(), start, mask=mask))
    assert np.array_equal(painted[mask == 0], start[mask == 0])


def test_a_batch_equals_frames_painted_one_by_one(hires):
    wanted = [(frame(seed), None) for seed in (1, 2)]
    together = hires.paint_batch(wanted)
    assert max(apart(hires.paint(*asked), image) for asked, image in zip(wanted, together, strict=True)) < 1
    assert apart(*together) > 2


def test_images_kept_on_the_device_are_the_same(hires):
    for start in (None, texture(*SIZE)):
        assert apart(np.asarray(hires.paint_on_device(frame(), start)), hires.paint(frame(), start)) < 1


@pytest.mark.parametrize(("size", "same"), [("256x256", True), ("384x384", False)])
def test_hires_changes_the_fingerprint_only_of_films_that_use_it(size, same):
    films = [
        loads(f"video: {{frames: 2, size: {size}}}\npainting: {{hires: {hires}}}") for hires in (0.3, 0.5)
    ]
    one, other = (FrameFingerprints(film, timeline(film)).keys for film in films)
    assert (one == other) == same


def test_a_second_pass_of_any_strength_keeps_the_composition(hires):
    """It runs in one pass: a new composition would lose the film's image."""
    text = "video: {{frames: 1, size: {}x{}}}\noutput: {{upscale: {{by: second-pass, factor: 1.25, strength: 0.7}}}}"
    scene, asked = loads(text.format(*SIZE)), []

    def paint(frame, start):
        asked.append(frame.painting)
        return hires.paint(frame, start)

    frame_enlarger(scene)(timeline(scene)[0], texture(*SIZE), FunctionPainter(paint))
    assert [(painting.strength, painting.hires) for painting in asked] == [(0.7, 0.0)]


def test_a_start_image_replaces_text_to_image(tmp_path):
    cv2.imwrite(str(tmp_path / "start.png"), texture(*SIZE)[..., ::-1])
    text = "video: {{frames: 1, size: {}x{}}}\nstart: {{image: start.png}}".format(*SIZE)
    painter = load_painter(loads(text, tmp_path))
    fresh = painter.paint(frame(strength=0.2), None)
    assert np.array_equal(fresh, painter.paint(frame(strength=0.2), texture(*SIZE)))
