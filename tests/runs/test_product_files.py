"""Files of a 3D product's film: the painted model, and the passes of its frames."""

from __future__ import annotations

import json
import zipfile

import cv2
import numpy as np
import pytest

import animator
from animator.errors import RunError
from animator.product.mesh import load_model
from animator.render.painter import FlatPainter
from animator.render.product import ProductPainter
from animator.runs.branch import branch_run
from animator.runs.deliverables import deliver
from animator.runs.product_files import StoredPainter
from animator.runs.render import render_run, start_run
from animator.runs.store import KeyPaintings
from tests.product.glb_files import product
from tests.render.test_product import FILM, StainPainter


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of FILM, and its scene."""
    folder = tmp_path_factory.mktemp("film")
    product(folder / "product.glb")
    scene = animator.loads(FILM, folder)
    run = start_run(scene, None, folder / "run")
    list(render_run(run, scene, lambda film: ProductPainter(film, StainPainter())))
    return run, scene


def make(finished, word):
    made = next(deliver(*finished, [word]))
    assert not made.failed, made.description
    return made


def test_the_painted_model_has_the_parts_and_the_colours_of_the_last_style(finished):
    made = make(finished, "glb")
    painted = load_model(made.file)
    assert [part.name for part in painted.parts] == ["body", "knob"]
    red, _, blue = painted.parts[0].color
    assert blue > 2 * red
    assert np.ptp(painted.vertices, axis=0)[0] == pytest.approx(0.2, abs=1e-3)
    assert "2 parts" in made.description


def test_passes_are_16_bit_images_with_their_scales(finished):
    with zipfile.ZipFile(make(finished, "passes").file) as file:
        about = json.loads(file.read("passes.json"))
        images = {
            kind: [
                cv2.imdecode(
                    np.frombuffer(file.read(f"{kind}/{index:09d}.png"), np.uint8), cv2.IMREAD_UNCHANGED
                )
                for index in range(8)
            ]
            for kind in ("mask", "depth", "normal", "lineart", "motion")
        }
    assert all(
        image.dtype == np.uint16 and image.shape[:2] == (96, 96) for kind in images.values() for image in kind
    )
    mask, depth, motion = images["mask"][0], images["depth"][0], images["motion"][0]
    assert mask.max() == 65535
    assert ((depth > 0) == (mask > 0)).all()
    blue = images["normal"][0][..., 0]  # OpenCV's order
    assert blue[mask == 65535].min() > 32000  # what is seen faces the camera
    known = motion[..., 0] == 65535
    right = (motion[..., 2][known].astype(float) - about["motion"]["zero"]) / about["motion"]["scale"]
    assert 0.5 < np.abs(right).mean() < 20  # pixels per frame at 20 degrees


def test_films_without_a_product_have_neither(tmp_path):
    scene = animator.loads("video: {frames: 1, size: 32x32}", tmp_path)
    run = start_run(scene, None, tmp_path / "run")
    list(render_run(run, scene, lambda _: FlatPainter(np.zeros((32, 32, 3), np.uint8))))
    for word in ("glb", "passes"):
        made = next(deliver(run, scene, [word]))
        assert made.failed
        assert "needs a 3D product" in made.description


def test_a_model_cannot_be_painted_without_its_key_paintings(finished):
    painter = ProductPainter(finished[1], StoredPainter())
    with pytest.raises(RunError, match="key painting"):
        painter.key_paintings()


def test_a_branch_keeps_the_key_paintings_that_do_not_change(finished, tmp_path):
    run, _ = finished
    branch, scene, _ = branch_run(
        run.folder, None, ["product.gloss=0.5", "product.bound=2"], target=tmp_path / "b"
    )
    inner = StainPainter()
    list(render_run(branch, scene, lambda film: ProductPainter(film, inner)))
    kept = len(KeyPaintings(branch.folder)) - len(inner.calls)
    assert kept >= 2  # backgrounds do not depend on the gloss
