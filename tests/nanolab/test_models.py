"""The 3D models that come along: named parts, real sizes, clean faces, and the outlines of nano's own drawings."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from animator.frame import Frame, Motion
from animator.imaging.geometry import Lens
from animator.models.locate import bundled_product_models
from animator.product.caster import Caster
from animator.product.mesh import load_model
from animator.product.place import Stance, film_views, place_geometry
from animator.product.words import main_parts
from nanolab.gbuffer import CameraView, trace_gbuffer
from nanolab.metrics import mask_iou
from nanolab.models import COLORS, MODELS, build
from nanolab.products import make_product
from nanolab.solids import lathe, ring, rounded_box, tube

FILES = bundled_product_models()
DRAWN = {"lamp": "desk lamp", "scooter": "electric scooter", "watch": "wrist watch"}
LARGEST = 150_000  # bytes
SIDE = 96


def test_ten_models_come_along():
    assert set(FILES) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_named_parts_a_real_size_and_stands_on_the_floor(name):
    assert FILES[name].stat().st_size <= LARGEST
    model = load_model(FILES[name])
    assert model.notes == ()
    names = [part.name for part in model.parts]
    assert len(names) >= 3
    assert not any(part[-1].isdigit() and "mark" not in part for part in names)
    bounds = model.geometry().bounds
    assert bounds[1, 1] == pytest.approx(0, abs=1e-6)
    assert bounds[:, [0, 2]].sum(0) == pytest.approx(0, abs=1e-6)
    assert 0.05 < np.ptp(bounds, axis=0).max() < 1.5
    colored = [
        number
        for number, part in enumerate(model.parts)
        if part.color == pytest.approx(COLORS[name], abs=1e-4)
    ]
    assert main_parts(model.geometry()) == colored


def face_areas(model) -> np.ndarray:
    a, b, c = np.moveaxis(model.vertices[model.faces], 1, 0)
    return np.linalg.norm(np.cross(b - a, c - a), axis=-1) / 2


@pytest.mark.parametrize("name", MODELS)
def test_faces_have_an_area_and_normals_on_their_side(name):
    model = load_model(FILES[name])
    areas = face_areas(model)
    assert (areas > 0).mean() > 0.99
    a, b, c = np.moveaxis(model.vertices[model.faces], 1, 0)
    flat = np.cross(b - a, c - a) / np.maximum(2 * areas, 1e-30)[:, None]
    facing = np.einsum("fci,fi->fc", model.normals, flat)[areas > 1e-9]
    assert (facing > 0).mean() > 0.98


def centred(mask: np.ndarray) -> np.ndarray:
    """Return the mask in the middle of a square, with its longer side 64 pixels long."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8) * 255
    scale = 64 / max(cut.shape)
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) > 127
    whole = np.zeros((66, 66), bool)
    top, left = (66 - small.shape[0]) // 2, (66 - small.shape[1]) // 2
    whole[top : top + small.shape[0], left : left + small.shape[1]] = small
    return whole


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("speaker", 0.9),
        ("mug", 0.85),
        ("headphones", 0.75),
        ("chair", 0.62),
        ("scooter", 0.65),
        ("bottle", 0.85),
    ],
)
def test_outlines_agree_with_the_drawings_of_nano(name, least):
    drawn = make_product(DRAWN.get(name, name), 1, spread=0.0)
    lens, found = Lens(SIDE, SIDE, fov=20.0), []
    for azimuth in (-30, 50):
        own = film_views([Frame(0, 0, motion=Motion())], lens, Stance(azimuth, 15.0))
        geometry = place_geometry(load_model(FILES[name]).geometry(), own, 0.8)
        hits = Caster(geometry).cast(own[0], 1)
        truth = trace_gbuffer(
            drawn, CameraView(azimuth=azimuth, elevation=15.0, scale=0.8), (SIDE, SIDE)
        ).mask
        found.append(mask_iou(centred(hits.triangle >= 0), centred(truth)))
    assert np.mean(found) > least, found


def test_the_same_code_builds_the_same_bytes():
    assert build("mug") == build("mug") == FILES["mug"].read_bytes()


@pytest.mark.parametrize(
    "solid",
    [
        lathe([(0, 0), (0.3, 0), (0.2, 0.5), (0, 0.5)], 0.02),
        lathe([(0.2, 0), (0.3, 0), (0.3, 0.1), (0.2, 0.1)]),
        tube([(0, 0, 0), (0.1, 0.2, 0), (0.3, 0.3, 0.1)], [0.05, 0.04, 0.03]),
        ring(0.3, 0.05),
        rounded_box((0.4, 0.2, 0.3), 0.04),
    ],
)
def test_solids_are_closed_and_face_outwards(solid):
    assert solid.is_watertight
    assert solid.volume > 0
