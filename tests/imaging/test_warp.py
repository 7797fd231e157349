"""The 2D camera and its warp: signs, centre, composition, still camera."""

import cv2
import numpy as np
import pytest

from animator.frame import Motion, State
from animator.imaging.cameras import Camera2D
from animator.imaging.geometry import matrix
from animator.imaging.warp import warp


def spot(x, y, width=81, height=61):
    """Return an image of a soft white spot at (x, y) on black."""
    image = np.zeros((height, width, 3), np.uint8)
    cv2.circle(image, (x, y), 3, (255, 255, 255), -1)
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def centre(image):
    weight = image[..., 0].astype(float)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()


def moved(image, **motion):
    camera = Camera2D(image.shape[1], image.shape[0])
    return camera.render_view(State(painting=image), camera.matrix(Motion(**motion)))


@pytest.mark.parametrize(
    ("motion", "goal"),
    [
        ({"translation_x": 8}, (58, 20)),
        ({"translation_y": 8}, (50, 28)),
        ({"zoom": 1.5}, (55, 15)),
        ({"angle": 90}, (30, 20)),
        ({"angle": 90, "center_x": 50.5 / 81, "center_y": 20.5 / 61}, (50, 20)),
    ],
)
def test_positive_motion_goes_right_down_nearer_and_counter_clockwise(motion, goal):
    assert centre(moved(spot(50, 20), **motion)) == pytest.approx(goal, abs=0.1)


def test_the_centre_is_fixed_under_zoom_and_angle():
    assert centre(moved(spot(40, 30), zoom=1.3, angle=37)) == pytest.approx((40, 30), abs=0.05)


def test_zoom_treats_left_and_right_alike():
    # Deforum's centre is half a pixel off: a mirrored image would zoom to another position.
    image = spot(20, 12, 80, 60)
    assert (
        np.abs(moved(image[:, ::-1].copy(), zoom=1.2)[:, ::-1].astype(int) - moved(image, zoom=1.2)).max()
        <= 1
    )


def test_translation_is_applied_before_rotation_and_zoom_as_in_deforum():
    assert matrix(Motion(zoom=1.5, translation_x=10), 81, 61) @ [40, 30, 1] == pytest.approx([55, 30, 1])
    turned = matrix(Motion(angle=10, translation_x=10), 81, 61) @ [40, 30, 1]
    assert turned[:2] - [40, 30] == pytest.approx([9.848, -1.736], abs=1e-3)


def test_a_still_camera_returns_the_identical_array(textured):
    assert moved(textured) is textured
    assert warp(textured, np.eye(3)) is textured


def test_motion_and_its_inverse_cancel():
    view = matrix(Motion(1.1, 12, 5, -3, 0.3, 0.6), 96, 80)
    assert np.linalg.inv(view) @ view == pytest.approx(np.eye(3))


def test_one_resampling_by_the_product_is_sharper_than_a_chain_of_warps(textured):
    camera = Camera2D(96, 80)
    step = camera.matrix(Motion(1.004, 0.5))
    chained, product = textured, np.eye(3)
    for _ in range(24):
        chained, product = camera.render_view(State(painting=chained), step), step @ product
    once = camera.render_view(State(painting=textured), product)

    def sharpness(image):
        return cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F)[12:-12, 12:-12].var()

    assert sharpness(once) > 1.5 * sharpness(chained)
    whole = sharpness(cv2.warpAffine(textured, product[:2], (96, 80), flags=cv2.INTER_CUBIC))
    assert sharpness(once) > 0.9 * whole


@pytest.mark.parametrize("images", [-7, -2, 2, 30])
@pytest.mark.parametrize("border", ["wrap", "reflect"])
def test_reflect_and_wrap_repeat_the_image_endlessly(textured, border, images):
    at = {"wrap": 5.25, "reflect": 5.25 if images % 2 == 0 else -90.75}[
        border
    ]  # every second one is mirrored
    near, far = (
        warp(textured, matrix(Motion(translation_x=x), 96, 80), border) for x in (at, 5.25 + 96 * images)
    )
    assert np.abs(far.astype(int) - near).max() <= 1


@pytest.mark.parametrize(("border", "column"), [("replicate", 0), ("reflect", 9), ("wrap", 86)])
def test_the_bared_edge_is_filled_as_the_border_says(textured, border, column):
    shifted = warp(textured, matrix(Motion(translation_x=10), 96, 80), border)
    assert (shifted[:, 0] == textured[:, column]).all()
    assert (shifted[:, 10:] == textured[:, :-10]).all()
