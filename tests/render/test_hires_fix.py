"""Hires fix: which paintings are laid out in the model's size, and that they are what both steps make of them."""

import cv2
import numpy as np
import pytest

from animator import Frame, Painting, Prompt, loads, timeline
from animator.diffusion.loading import Checkpoint
from animator.diffusion.sdxl import Sdxl
from animator.imaging.enlarge import resized
from animator.models import nano
from animator.render.painter import Hires
from animator.render.painters import painter
from animator.render.upscale import enlarger
from animator.runs.fingerprint import Lineage
from tests.films import texture

SIZE = (448, 256)  # 1.75 of nano's pixels
SMALL = (336, 192)


@pytest.fixture(scope="module")
def sdxl():
    return Sdxl(Checkpoint(str(nano.folder())), *SIZE, {})


@pytest.fixture(scope="module")
def hires():
    found = painter(loads("video: {{frames: 1, size: {}x{}}}".format(*SIZE)))
    assert isinstance(found, Hires)
    return found


def frame(seed=3, **painting):
    text = "studio photo of a blue chair, side view, white background"
    settings = {"steps": 4, "guidance_scale": 1.0, "strength": 0.8, **painting}
    return Frame(0, seed, Prompt(text, "", text), painting=Painting(**settings))


def apart(one, other):
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("size", ["256x256", "320x300", "312x312"])
def test_sizes_that_the_model_knows_are_painted_at_once(size):
    assert isinstance(painter(loads(f"video: {{frames: 1, size: {size}}}")), Sdxl)


def test_from_nothing_a_picture_is_laid_out_small_and_painted_over_large(hires, sdxl):
    small = sdxl.sized(*SMALL)(frame(), None)
    assert small.shape == (SMALL[1], SMALL[0], 3)
    over = sdxl(frame(strength=0.3), resized(small, *SIZE))
    assert np.array_equal(hires(frame(hires=0.3), None), over)
    assert (sdxl.width, sdxl.height) == SIZE  # which the smaller painter does not change


def test_so_is_a_painting_strong_enough_to_lay_out_anew(hires, sdxl):
    start = texture(*SIZE)
    small = sdxl(frame(), resized(start, *SMALL))
    over = sdxl(frame(strength=0.25), resized(small, *SIZE))
    assert np.array_equal(hires(frame(hires=0.25), start), over)


@pytest.mark.parametrize("gently", [{"strength": 0.5}, {"strength": 0.0}, {"hires": 0.0}])
def test_gentle_paintings_are_painted_at_once(hires, sdxl, gently):
    start = texture(*SIZE)
    assert np.array_equal(hires(frame(**gently), start), sdxl(frame(**gently), start))


def test_shapes_are_those_of_the_models_size(hires, sdxl):
    wanted = frame(steps=8, guidance_scale=2.0)
    small = sdxl.sized(*SMALL)(wanted, None)
    near, at_once = (
        cv2.resize(paint(wanted, None), SMALL, interpolation=cv2.INTER_AREA) for paint in (hires, sdxl)
    )
    assert apart(near, small) < apart(at_once, small) / 2


def test_by_a_mask_is_painted_at_once_and_the_rest_stays(hires, sdxl):
    start, mask = texture(*SIZE), np.zeros(SIZE[::-1], np.uint8)
    mask[64:192, 64:256] = 255
    painted = hires.within(frame(), start, mask)
    assert np.array_equal(painted, sdxl.within(frame(), start, mask))
    assert np.array_equal(painted[mask == 0], start[mask == 0])


def test_several_in_one_go_are_those_painted_one_by_one(hires):
    wanted = [(frame(seed), None) for seed in (1, 2)]
    together = hires.batch(wanted)
    assert max(apart(hires(*asked), picture) for asked, picture in zip(wanted, together, strict=True)) < 1
    assert apart(*together) > 2


def test_pictures_that_stay_on_the_device_are_the_same(hires):
    for start in (None, texture(*SIZE)):
        assert apart(np.asarray(hires.kept(frame(), start)), hires(frame(), start)) < 1


@pytest.mark.parametrize(("size", "same"), [("256x256", True), ("384x384", False)])
def test_films_that_it_does_not_concern_have_the_same_lineage(size, same):
    films = [
        loads(f"video: {{frames: 2, size: {size}}}\npainting: {{hires: {hires}}}") for hires in (0.3, 0.5)
    ]
    one, other = (Lineage(film, timeline(film)).keys for film in films)
    assert (one == other) == same


def test_a_second_pass_keeps_the_shapes_it_is_given_however_strong(hires):
    """It is painted at once: laid out anew, the film's picture would be lost."""
    text = "video: {{frames: 1, size: {}x{}}}\noutput: {{upscale: {{by: second-pass, factor: 1.25, strength: 0.7}}}}"
    scene, asked = loads(text.format(*SIZE)), []

    def paint(frame, start):
        asked.append(frame.painting)
        return hires(frame, start)

    enlarger(scene)(timeline(scene)[0], texture(*SIZE), paint)
    assert [(painting.strength, painting.hires) for painting in asked] == [(0.7, 0.0)]


def test_a_start_picture_is_there_instead_of_nothing(tmp_path):
    cv2.imwrite(str(tmp_path / "start.png"), texture(*SIZE)[..., ::-1])
    text = "video: {{frames: 1, size: {}x{}}}\nstart: {{image: start.png}}".format(*SIZE)
    paint = painter(loads(text, tmp_path))
    assert np.array_equal(paint(frame(strength=0.2), None), paint(frame(strength=0.2), texture(*SIZE)))
