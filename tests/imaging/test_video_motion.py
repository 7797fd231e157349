"""Motion between two images of a video is estimated, and still parts do not move."""

import cv2
import numpy as np
import pytest

from animator.imaging import flow
from animator.imaging.warp import warp
from tests import films

TURN = cv2.getRotationMatrix2D((160, 120), 2.0, 1.03)
AFFINE = np.vstack([TURN + np.array([[0, 0.01, 2.5], [0, 0, -1.5]]), (0, 0, 1)])
TILTED = np.array([[1.02, 0.01, -2], [0.005, 1.01, 1], [6e-5, -4e-5, 1]])


def corners(matrix, width=320, height=240):
    moved = matrix @ np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1.0]]).T
    return (moved[:2] / moved[2]).T


@pytest.mark.parametrize(
    ("step", "truth"),
    [(flow.affine_motion, AFFINE), (flow.perspective_motion, AFFINE), (flow.perspective_motion, TILTED)],
)
@pytest.mark.parametrize("times", [1, 3])  # at 3, motion is estimated in a shrunk image
def test_the_motion_of_the_whole_image_is_estimated_to_a_part_of_a_pixel(step, truth, times):
    large = cv2.resize(films.texture(320, 240), None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    size = np.diag([times, times, 1.0])
    truth = size @ truth @ np.linalg.inv(size)
    found = step(flow.analysis_image(large), flow.analysis_image(warp(large, truth)))
    whole = flow.scale_motion(found, 320 * times, 240 * times)
    at = 320 * times, 240 * times
    assert np.abs(corners(whole, *at) - corners(truth, *at)).max() < 0.5 * times


def walker(at):
    """Return a still texture with a patch of another one in front of it."""
    image = films.texture(320, 240).copy()
    image[80:160, at : at + 80] = films.texture(80, 80, seed=8)
    return image


def test_a_small_moving_object_does_not_move_the_matrix_and_moves_alone_in_the_flow():
    old, new = flow.analysis_image(walker(100)), flow.analysis_image(walker(106))
    for step in (flow.affine_motion, flow.perspective_motion):
        assert np.abs(corners(step(old, new)) - corners(np.eye(3))).max() < 0.3
    way = flow.video_flow(old, new)
    assert np.median(way[90:150, 116:176], axis=(0, 1)) == pytest.approx((-6, 0), abs=0.3)
    assert np.abs(way[:, 230:]).max() < 0.5
    moved = flow.warp_by_flow(walker(100), way)
    error = np.abs(moved.astype(int) - walker(106))
    assert error[84:156, 112:182].mean() < 4, "the one who walks has come along"
    assert np.abs(walker(100).astype(int) - walker(106))[84:156, 112:182].mean() > 20


@pytest.mark.parametrize("other", [np.full((240, 320, 3), 90, np.uint8), films.texture(320, 240, seed=77)])
def test_motion_is_zero_between_unrelated_images(other):
    old, new = flow.analysis_image(films.texture(320, 240)), flow.analysis_image(other)
    for one, two in ((old, new), (new, old), (new, new)):
        assert np.abs(flow.affine_motion(one, two) - np.eye(3)).max() < 1e-3
        assert np.abs(flow.perspective_motion(one, two) - np.eye(3)).max() < 1e-3
        assert not np.abs(flow.video_flow(one, two)).max() > 0.1


def test_an_image_without_motion_is_returned_as_the_same_array():
    image = films.texture(96, 80)
    assert flow.warp_by_flow(image, np.zeros((80, 96, 2), np.float32)) is image
