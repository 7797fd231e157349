"""ControlNet hints that need no model."""

import numpy as np

from animator.imaging.filters import canny_hint, depth_hint


def test_canny_draws_edges_white_on_black_and_fewer_at_higher_thresholds():
    image = np.full((40, 40, 3), 100, np.uint8)
    image[:, 20:] = 220
    image[20:, :20] = 112
    strong, all_edges = canny_hint(image, 100, 200), canny_hint(image, 20, 40)
    assert strong.shape == image.shape
    assert set(np.unique(strong)) == {0, 255}
    assert strong[:, 18:22].any(axis=1).mean() > 0.9
    assert not strong[:, :17].any()
    assert all_edges[18:22, :17].any()


def test_a_depth_hint_is_white_at_the_nearest_pixel_in_any_unit():
    slope = np.tile(np.linspace(-3, 5, 9, dtype=np.float32), (4, 1))
    found = depth_hint(slope)
    assert found.shape == (4, 9, 3)
    assert found[0, :, 0].tolist() == [0, 32, 64, 96, 128, 159, 191, 223, 255]
    assert (depth_hint(slope * 100 - 7) == found).all()
    assert not depth_hint(np.ones((4, 4), np.float32)).any()
