"""Binary PLY files that mix polygons of several sizes."""

import struct

import numpy as np
import pytest

from animator.product.mesh import MeshError, load_model
from animator.product.ply_faces import with_triangles

POINTS = np.array([(x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float32)
POLYGONS = [
    (0, 2, 3, 1),
    (4, 5, 7),
    (4, 7, 6),
    (0, 1, 5, 4),
    (2, 6, 7, 3),
    (0, 4, 6),
    (0, 6, 2),
    (1, 3, 7, 5),
]
HEAD = (
    "ply\nformat {} 1.0\ncomment a cube\nelement vertex 8\nproperty float x\nproperty float y\nproperty float z\n"
    "element face {}\nproperty list uchar int vertex_indices\n{}end_header\n"
)


def binary(polygons, order="<", extra=""):
    """Return a binary PLY of the cube's points and `polygons`, each with a grey of one byte if `extra`."""
    name = "binary_little_endian" if order == "<" else "binary_big_endian"
    rows = [
        struct.pack(f"{order}B{len(row)}i", len(row), *row) + (b"\x09" if extra else b"") for row in polygons
    ]
    points = POINTS.astype(order + "f4").tobytes()
    return HEAD.format(name, len(polygons), extra).encode() + points + b"".join(rows)


def text(polygons):
    """Return the same PLY as text."""
    lines = ["{} {} {}".format(*point) for point in POINTS]
    lines += [" ".join(map(str, (len(row), *row))) for row in polygons]
    return (HEAD.format("ascii", len(polygons), "") + "\n".join(lines) + "\n").encode()


def triangles(model):
    """Return a model's triangles as a sorted list of their corners' places."""
    return sorted(sorted(map(tuple, model.vertices[face].round(4).tolist())) for face in model.faces)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("extra", ["", "property uchar grey\n"])
def test_a_binary_file_of_mixed_polygons_is_the_same_model_as_its_text(tmp_path, order, extra):
    (tmp_path / "text.ply").write_bytes(text(POLYGONS))
    (tmp_path / "binary.ply").write_bytes(binary(POLYGONS, order, extra))
    model = load_model(tmp_path / "binary.ply")
    assert len(model.faces) == 12
    assert triangles(model) == triangles(load_model(tmp_path / "text.ply"))


def test_text_and_other_files_stay_as_they_are():
    for data in (text(POLYGONS), b"ply\nbroken", b""):
        assert with_triangles(data) is data


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_a_file_that_ends_early_is_told(tmp_path, cut):
    (tmp_path / "a.ply").write_bytes(binary(POLYGONS)[:-cut])
    with pytest.raises(MeshError):
        load_model(tmp_path / "a.ply")


def test_more_polygons_than_bytes_are_refused_at_once():
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 0\nelement face 9999999999\nend_header\n"
    with pytest.raises(ValueError, match="ends before its faces"):
        with_triangles(head.encode())
