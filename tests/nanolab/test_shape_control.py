"""The ControlNet of shapes: hints of drawings are those of models, its training learns, and the bundled one steers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from animator.frame import Frame, Motion
from animator.imaging.geometry import Lens
from animator.models import nano as bundled
from animator.product.caster import Caster
from animator.product.hints import hint_image
from animator.product.place import Stance, film_views, place_geometry
from nanolab.gbuffer import CameraView, trace_gbuffer
from nanolab.products import Product
from nanolab.shape_control import (
    ShapeControlTask,
    ShapeImages,
    construction,
    draw_shape_shard,
    shape_hint,
    unseen_constructions,
)
from nanolab.shapes import Placement, ellipsoid
from nanolab.text import read_tokenizer
from nanolab.train import load_nano, tokenizer_folder
from tests.product.shapes import sphere

SIDE = 96


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A work folder with one small shard of drawings."""
    folder = tmp_path_factory.mktemp("room")
    draw_shape_shard(folder / "shapes", 0, (64, 64), sets=2)
    return folder


def test_the_hint_of_a_drawn_ball_is_that_of_a_cast_one():
    ball = Product("object", (ellipsoid((0.4, 0.4, 0.4), Placement((0.0, 0.4, 0.0))),))
    drawn = shape_hint(
        trace_gbuffer(ball, CameraView(azimuth=30, elevation=15, scale=0.7), (192, 192)), (SIDE, SIDE)
    )
    lens = Lens(SIDE, SIDE, fov=12.0)
    views = film_views([Frame(0, 0, motion=Motion())], lens, Stance(30, 15))
    cast = hint_image(Caster(place_geometry(sphere(1.0, np.zeros(3), 48), views, 0.7)).cast(views[0], 2))
    one, other = (cropped(hint) for hint in (drawn, cast))
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    assert np.abs(one.astype(int) - other)[np.hypot(x, y) < 0.85].mean() < 6
    assert drawn[0, 0].max() == cast[0, 0].max() == 0


def cropped(hint: np.ndarray) -> np.ndarray:
    """Return the part of a hint that is not black, in 48 x 48 pixels."""
    shown = hint.max(-1) > 20
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    return cv2.resize(hint[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], (48, 48))


def test_a_hint_has_lines_between_parts_and_at_creases():
    hint, mask = unseen_constructions(3, (SIDE, SIDE))[0]
    assert hint[~mask].max() < 128
    dark = mask & (hint.max(-1) < 60)
    assert 0.01 < dark.sum() / mask.sum() < 0.6


def test_constructions_differ_and_stand_before_the_camera():
    masks = [mask for _, mask in unseen_constructions(6, (SIDE, SIDE))]
    assert all(0.02 < mask.mean() < 0.9 for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == 6
    assert len(construction(np.random.default_rng(1)).shapes) >= 2


def test_training_changes_the_network_and_reads_hints_and_captions(room):
    tokenizer = read_tokenizer(tokenizer_folder(room))
    images = ShapeImages(room / "shapes", room)
    assert len(images.captions) == len(images.hints) == len(images.latents) == 12
    torch.manual_seed(0)
    task = ShapeControlTask(load_nano(room), images, tokenizer, batch=2)
    before = {name: value.clone() for name, value in task.net.state_dict().items()}
    for step in range(2):
        task.optimizers[0].zero_grad()
        task.loss(step).backward()
        task.optimizers[0].step()
    changed = [name for name, value in task.net.state_dict().items() if not torch.equal(value, before[name])]
    assert len(changed) > 0.5 * len(before)


def test_the_bundled_controlnet_is_small_and_steers_the_outline():
    import animator
    from animator.render.pipeline import load_painter

    folder = bundled.BUNDLED_CONTROLNETS["nano-shape"]
    assert sum(file.stat().st_size for file in folder.iterdir()) < 10_000_000
    text = """
    video: {size: 256x256, frames: 1}
    product: {model: mug, keys: 1, azimuth: 20}
    prompts: {at: "studio photo of a red mug, white background"}
    painting: {steps: 8, seed: 3}
    """
    found = []
    for scale in (1.0, 0.0):
        scene = animator.loads(
            text + f"control: {{shape: {{model: nano-shape, hint: shape, scale: {scale}}}}}", "."
        )
        painter = load_painter(scene)
        key = painter.film.wide
        image = painter.inner.paint(
            painter.film_frames[0], None, hints={"shape": hint_image(key.hits)} if scale else {}
        ).astype(int)
        red = image[..., 0] - image[..., 1:].max(-1) > 40
        truth = key.hits.coverage > 0.5
        found.append((red & truth).sum() / (red | truth).sum())
    assert found[0] > 0.7
    assert found[0] > found[1] + 0.1
