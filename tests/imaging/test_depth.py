"""Sources of depth: a rounded product, a depth model, depth maps."""

import numpy as np
import pytest
from PIL import Image as Pillow

from animator.frame import Motion
from animator.imaging.depth import DepthMaps, ModelDepth, ProxyDepth
from animator.imaging.geometry import Lens

LENS = Lens(200, 160)


def product():
    """Return an image of a blue vase with a white label before a light wall, and its shadow."""
    darker = np.arange(160, dtype=np.uint8)[:, None, None] // 16
    image = np.full((160, 200, 3), 235, np.uint8) - darker
    image[115:135, 100:175] = 200
    image[40:135, 70:130] = (30, 60, 160)
    image[70:100, 70:110] = 233
    return image


def test_a_product_is_a_rounded_volume_before_its_backdrop():
    disparity = ProxyDepth(LENS, 0.5).disparity(product(), 0, None)
    assert disparity[45:125, 75:125].min() >= 1  # including the label
    assert disparity[88, 100] > disparity[88, 76] > 1 > disparity[20:30].max()


def test_the_shadow_of_a_product_lies_on_the_floor():
    disparity = ProxyDepth(LENS, 0.5).disparity(product(), 0, None)
    assert np.abs(disparity[120:130, 145:170] - disparity[120:130, 20:45]).max() < 0.05


def test_a_product_is_as_thick_as_it_is_wide():
    y, x = np.mgrid[:160, :200]
    image = np.full((160, 200, 3), 240, np.uint8)
    image[np.hypot(x - 100, y - 80) < 40] = (200, 40, 30)
    nearest = LENS.focal / ProxyDepth(LENS, 0.5).disparity(image, 0, None)[80, 100]
    assert LENS.focal - nearest == pytest.approx(40, rel=0.15)


def test_an_image_without_a_product_is_a_wall_and_a_floor():
    for image in (
        np.full((160, 200, 3), 128, np.uint8),
        np.random.default_rng(1).integers(0, 256, (160, 200, 3), np.uint8),
    ):
        disparity = ProxyDepth(LENS, 0.5).disparity(image, 0, None)
        assert (np.ptp(disparity, axis=1) < 1e-6).all()
        assert (np.diff(disparity[:, 0]) >= 0).all()


def test_depth_stays_steady_when_the_scale_of_a_depth_model_changes():
    rise = np.linspace(0, 1, 200, dtype=np.float32)[None, :].repeat(160, 0)
    images = [np.full((160, 200, 3), i, np.uint8) for i in range(8)]
    scales = dict(zip(map(id, images), [1, 1.5, 0.8, 1.3, 1, 0.7, 1.2, 1], strict=True))
    source = ModelDepth(lambda image: rise * scales[id(image)], LENS, 0.5)
    span, depth = None, []
    for i, picture in enumerate(images):
        span = source.span(picture, span)
        depth.append(np.ptp(source.disparity(picture, i, span)[:, :100]))
    assert np.ptp([1 / scale for scale in scales.values()]) > 0.7
    assert source.span(images[0], None)[1] == pytest.approx(0.98, abs=0.01)
    assert abs(span[1] - 1) < 0.15


def test_an_estimate_without_depth_is_the_reference_plane():
    flat = ModelDepth(lambda image: np.zeros(image.shape[:2], np.float32), LENS, 0.5)
    assert (flat.disparity(product(), 0, None) == 1).all()


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_white_is_near_in_a_depth_map(tmp_path, kind):
    grey = np.zeros((160, 200), kind)
    grey[:, 100:] = np.iinfo(kind).max
    Pillow.fromarray(grey).save(tmp_path / "depth.png")
    disparity = DepthMaps([tmp_path / "depth.png"], LENS, 0.5, []).disparity(product(), 0, None)
    assert disparity[80, 20] == pytest.approx(1 / 1.25, rel=0.01)
    assert disparity[80, 180] == pytest.approx(1 / 0.75, rel=0.01)


def test_a_single_depth_map_moves_with_the_camera(tmp_path):
    grey = np.zeros((160, 200), np.uint8)
    grey[60:100, 80:120] = 255
    Pillow.fromarray(grey).save(tmp_path / "depth.png")
    source = DepthMaps([tmp_path / "depth.png"], LENS, 0.5, [Motion(translation_x=6)] * 6)
    near = [np.flatnonzero(source.disparity(product(), i, None)[80] > 1.2) for i in (0, 5)]
    assert near[1].mean() - near[0].mean() == pytest.approx(5 * 6 / 0.75, abs=1)


def test_a_folder_gives_one_depth_map_for_each_frame(tmp_path):
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for level, file in zip((0, 128, 255), files, strict=True):
        Pillow.new("L", (50, 40), level).save(file)
    levels = [DepthMaps(files, LENS, 0.5, []).disparity(product(), i, None)[80, 100] for i in (0, 1, 2, 9)]
    assert levels == pytest.approx([1 / 1.25, 1, 1 / 0.75, 1 / 0.75], rel=0.01)
