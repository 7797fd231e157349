"""GLB files that are written: what is read back, and by other libraries."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from animator.product.glb_writer import GlbWriter, Material, split_corners
from animator.product.mesh import load_model
from tests.product.glb_files import CUBE, CUBE_FACES
from tests.product.shapes import box, sphere


def corners(geometry):
    return split_corners(geometry.vertices, geometry.faces, geometry.normals)


def write(file, **options):
    vertices, faces, normals, _ = corners(sphere(0.1, np.zeros(3), 12))
    glb = GlbWriter("tests", **options)
    glb.add("ball", vertices, faces, normals, Material("glass", (0.2, 0.4, 0.8), 0.0, 0.1))
    vertices, faces, normals, _ = corners(box(0.2, np.array([0.3, 0.0, 0.0])))
    glb.add("cube", vertices, faces, normals, Material("steel", (0.5, 0.5, 0.5), 1.0, 0.3))
    file.write_bytes(glb.to_bytes())
    return file


@pytest.mark.parametrize("compact", [False, True])
def test_parts_materials_and_normals_are_read_back(tmp_path, compact):
    model = load_model(write(tmp_path / "a.glb", compact=compact))
    assert [(part.name, part.words, part.metallic) for part in model.parts] == [
        ("ball", "glass", 0),
        ("cube", "steel", 1),
    ]
    ball = model.part == 0
    outward = model.vertices[model.faces[ball]] / 0.1
    cosines = np.einsum("fci,fci->fc", model.normals[ball], outward)
    assert cosines.min() > 0.999


def test_the_same_model_gives_the_same_bytes(tmp_path):
    assert write(tmp_path / "a.glb").read_bytes() == write(tmp_path / "b.glb").read_bytes()


def test_other_libraries_read_the_file(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    scene = trimesh.load_scene(write(tmp_path / "a.glb"))
    assert sorted(scene.graph.nodes_geometry) == ["ball", "cube"]
    assert scene.bounds == pytest.approx(np.array([[-0.1, -0.1, -0.1], [0.4, 0.1, 0.1]]), abs=1e-3)


def test_vertex_colours_and_textures_are_read_back(tmp_path):
    skin = io.BytesIO()
    Pillow.fromarray(np.full((4, 4, 3), 90, np.uint8)).save(skin, "PNG")
    glb = GlbWriter("tests")
    normals, colors = np.tile([0.0, 0.0, 1.0], (8, 1)), np.tile([0.25, 0.5, 0.75], (8, 1))
    glb.add("painted", CUBE, CUBE_FACES, normals, Material("paint"), colors=colors)
    glb.add(
        "printed", CUBE, CUBE_FACES, normals, Material("print", texture=skin.getvalue()), uv=np.zeros((8, 2))
    )
    (tmp_path / "a.glb").write_bytes(glb.to_bytes())
    painted, printed = load_model(tmp_path / "a.glb").parts
    assert painted.color == pytest.approx((0.25, 0.5, 0.75), abs=1e-4)
    assert (printed.texture == 90).all()


def test_corners_of_one_place_and_normal_share_a_vertex():
    vertices, faces, normals, first = corners(box(1.0, np.zeros(3)))
    assert len(vertices) == len(normals) == len(first) == 24
    assert vertices[faces] == pytest.approx(CUBE[CUBE_FACES])
