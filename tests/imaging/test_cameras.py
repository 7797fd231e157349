"""The 3D cameras: before a flat image, and before an image with depth."""

import numpy as np
import pytest

from animator import Frame, Motion, State
from animator.imaging.cameras import Camera2D, HomographyCamera
from animator.imaging.depth import DepthCamera, ModelDepth
from animator.imaging.filters import crossfade
from animator.imaging.geometry import Lens
from animator.models.painter import FunctionPainter
from animator.render.loop import render
from tests.imaging.test_warp import centre, spot


def moved(image, **motion):
    camera = HomographyCamera(Lens(image.shape[1], image.shape[0]))
    return camera.render_view(State(painting=image), camera.matrix(Motion(**motion)))


@pytest.mark.parametrize(
    ("motion", "way"),
    [
        ({"translation_x": 8}, (8, 0)),
        ({"translation_y": 8}, (0, 8)),
        ({"rotation_3d_x": 3}, (0, 5.8)),
        ({"rotation_3d_y": 3}, (-5.8, 0)),
    ],
)
def test_a_3d_camera_moves_a_flat_image_in_the_direction_of_the_2d_camera(motion, way):
    assert np.subtract(centre(moved(spot(40, 30), **motion)), (40, 30)) == pytest.approx(way, abs=0.2)


def test_a_translation_is_kept_under_a_flip():
    # Deforum's perspective flip drops the translation.
    flipped = moved(spot(40, 30), orbit_y=20)
    both = moved(spot(40, 30), orbit_y=20, translation_x=10)
    assert centre(both)[0] - centre(flipped)[0] > 8


def test_a_flip_turns_about_the_centre():
    assert centre(moved(spot(40, 30), orbit_x=30, orbit_y=20)) == pytest.approx((40, 30), abs=0.3)
    off = {"center_x": 20.5 / 81, "center_y": 20.5 / 61}
    assert centre(moved(spot(20, 20), orbit_x=30, orbit_y=20, **off)) == pytest.approx((20, 20), abs=0.3)


def test_a_still_camera_returns_the_identical_array(textured):
    assert moved(textured) is textured


def test_2d_motion_is_the_same_in_the_2d_and_the_3d_camera(textured):
    motion, flat = Motion(1.05, 3, 4, 5), Camera2D(96, 80)
    whole = flat.render_view(State(painting=textured), flat.matrix(motion))
    assert (
        np.abs(
            moved(textured, zoom=1.05, angle=3, translation_x=4, translation_y=5).astype(int) - whole
        ).max()
        <= 1
    )


@pytest.mark.parametrize("angle", [80, 89.999, 90, 90.001, 135, 180])
def test_an_image_seen_edge_on_or_from_behind_is_not_an_error(textured, angle):
    assert moved(textured, orbit_y=angle).shape == textured.shape
    assert moved(textured, rotation_3d_x=angle).shape == textured.shape


def test_half_an_orbit_shows_the_image_mirrored(textured):
    assert np.abs(moved(textured, orbit_y=180).astype(int) - textured[:, ::-1]).mean() < 1


def estimated(image):
    """Depth estimator for which bright is near, on a scale that differs between images."""
    grey = image.mean(-1).astype(np.float32)
    return grey * (1 + grey.mean() % 1)


def film(camera, frames, paint, state=State()):
    return list(render(frames, paint, camera, crossfade, state=state))


@pytest.mark.parametrize("cadence", [1, 3])
def test_a_film_with_depth_resumes_from_saved_frames_exactly(textured, cadence):
    frames = [
        Frame(i, i, diffuse=i % cadence == 0, tween=(i % cadence) / cadence or 1.0, motion=Motion(orbit_y=1, translation_x=2))
        for i in range(13)
    ]  # fmt: skip
    paint = FunctionPainter(
        lambda frame, start: textured if start is None else np.roll(start, 1, 1) // 20 * 21
    )
    whole = film(DepthCamera(LENS, ModelDepth(estimated, LENS, 0.5)), frames, paint)
    known = whole[6][1]
    on_disk = State(known.painting, known.painting, None, known.reference, known.index, known.span)
    rest = film(DepthCamera(LENS, ModelDepth(estimated, LENS, 0.5)), frames[7:], paint, on_disk)
    assert known.span != whole[12][1].span
    assert all((a[1].shown == b[1].shown).all() for a, b in zip(rest, whole[7:], strict=True))


LENS = Lens(96, 80)
