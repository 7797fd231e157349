"""OBJ files whose faces count their corners backwards."""

import numpy as np
import pytest

from animator.product.mesh import MeshError, load_model
from animator.product.wavefront import with_absolute_corners

CORNERS = [(x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)]
FACES = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]


def cube(backwards):
    """Return a cube as OBJ text whose faces each follow four points of their own."""
    lines = []
    for number, face in enumerate(FACES):
        lines += ["v {} {} {}".format(*CORNERS[corner]) for corner in face]
        lines.append(
            "f -4 -3 -2 -1" if backwards else "f " + " ".join(str(4 * number + k) for k in (1, 2, 3, 4))
        )
    return "\n".join(lines) + "\n"


def test_corners_that_count_backwards_give_the_same_model(tmp_path):
    models = []
    for backwards in (False, True):
        (tmp_path / "a.obj").write_text(cube(backwards))
        models.append(load_model(tmp_path / "a.obj"))
    plain, relative = models
    np.testing.assert_array_equal(relative.vertices, plain.vertices)
    np.testing.assert_array_equal(relative.faces, plain.faces)


def test_points_texture_points_and_normals_are_counted_apart():
    text = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\nvn 0 1 0\nf -3/-1/-2 2//-1 -1/1\nv 9 9 9\n"
    assert b"\nf 1/1/1 2//2 3/1\n" in with_absolute_corners(text)


def test_a_file_that_counts_from_the_first_stays_as_it_is():
    text = b"v -1 -1 -1\r\nf 1 2 3\r\n"
    assert with_absolute_corners(text) is text


@pytest.mark.parametrize("corner", ["-9", "-0", "-999999999999"])
def test_a_corner_before_the_first_point_is_told_with_its_line(tmp_path, corner):
    (tmp_path / "a.obj").write_text(f"v 0 0 0\nv 1 0 0\nv 0 1 0\nf {corner} -2 -1\n")
    with pytest.raises(MeshError, match=r"line 4: the corner -\d+ does not exist"):
        load_model(tmp_path / "a.obj")
