"""3D models of products: what comes out of files, and that harmful ones end in one line."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image as Pillow

from animator.errors import AnimatorError
from animator.product.creases import smooth_normals
from animator.product.gltf import MeshError
from animator.product.mesh import axes_matrix, load_model
from tests.product.glb_files import CUBE, CUBE_FACES, Glb, paint, product
from tests.product.shapes import sphere
from tests.product.step_text import step_text


def volume(model, part: int) -> float:
    """Return the volume inside a part, positive if its faces look outwards in x right, y down, z away."""
    a, b, c = np.moveaxis(model.vertices[model.faces[model.part == part]], 1, 0)
    return float(np.einsum("fi,fi->", np.cross(a, b), c) / 6)


def test_a_glb_has_its_parts_with_names_and_materials_at_their_places(tmp_path):
    model = load_model(product(tmp_path / "lamp.glb"))
    assert (model.name, model.unit, model.notes) == ("lamp", "m", ())
    body, knob = model.parts
    assert (body.name, body.words, body.metallic, body.roughness) == ("body", "lacquer", 0.0, 0.4)
    assert (knob.name, knob.words, knob.metallic, knob.color) == ("knob", "steel", 1.0, (0.7, 0.7, 0.7))
    corners = model.vertices[model.faces[model.part == 1]].reshape(-1, 3)
    assert (corners.min(0) + corners.max(0)) / 2 == pytest.approx([0.05, -0.04, -0.12])
    assert model.geometry().bounds[1, 0] == pytest.approx(0.1)
    assert volume(model, 0) == pytest.approx(0.008, rel=1e-5)


def test_nodes_pass_their_places_on_and_a_mirror_keeps_faces_outside(tmp_path):
    glb = Glb()
    inner = glb.part("inner", root=False, translation=[1.0, 0.0, 0.0])
    glb.part(
        "outer", root=True, children=[inner], scale=[2.0, 2.0, -2.0], rotation=[0.0, 0.0, 2**-0.5, 2**-0.5]
    )
    model = load_model(glb.write(tmp_path / "tree.glb"))
    outer, inner_ = (model.vertices[model.faces[model.part == number]].reshape(-1, 3) for number in (0, 1))
    assert outer.max(0) == pytest.approx([1, 1, 1])
    assert inner_.mean(0) == pytest.approx([0, -2, 0], abs=1e-6)
    assert [volume(model, number) for number in (0, 1)] == pytest.approx([8, 8])


def test_parts_of_one_name_are_numbered_and_materials_name_nameless_ones(tmp_path):
    glb = Glb()
    for name in ("wheel", "wheel", ""):
        glb.part(name, material=paint(name="rubber"))
    assert [part.name for part in load_model(glb.write(tmp_path / "a.glb")).parts] == [
        "wheel",
        "wheel 2",
        "rubber",
    ]


def test_normals_are_smooth_over_less_than_the_crease_and_sharp_over_more(tmp_path):
    model = load_model(product(tmp_path / "a.glb"))
    across = np.abs(model.normals).max(-1)
    assert across == pytest.approx(1, abs=1e-5)
    ball = sphere(10.0, np.zeros(3), 24)
    made = smooth_normals(ball.vertices, ball.faces)
    good = np.linalg.norm(made, axis=-1) > 0
    assert np.einsum("fci,fci->fc", made, ball.vertices[ball.faces] / 10)[good].min() > 0.99


def test_normals_of_the_file_are_kept(tmp_path):
    glb, turned = Glb(), np.repeat(np.array([[0.0, 0.0, 1.0]], np.float32), 8, axis=0)
    glb.part("plate")
    glb.data["meshes"][0]["primitives"][0]["attributes"]["NORMAL"] = glb.values(turned)
    model = load_model(glb.write(tmp_path / "a.glb"))
    assert model.normals == pytest.approx(np.broadcast_to([0, 0, -1], model.normals.shape))


def test_textures_and_vertex_colours_are_read(tmp_path):
    Pillow.fromarray(np.full((4, 8, 3), (10, 200, 30), np.uint8)).save(tmp_path / "skin.png")
    glb = Glb()
    glb.part(
        "body", material={"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0}}
    )
    primitive = glb.data["meshes"][0]["primitives"][0]
    primitive["attributes"]["TEXCOORD_0"] = glb.values(np.zeros((8, 2), np.float32))
    glb.data |= {
        "textures": [{"source": 0}],
        "images": [{"bufferView": glb.view((tmp_path / "skin.png").read_bytes())}],
    }
    glb.part("lid")
    colors = np.tile(np.array([[0.1, 0.2, 0.3, 1.0]], np.float32), (8, 1))
    glb.data["meshes"][1]["primitives"][0]["attributes"]["COLOR_0"] = glb.values(colors)
    model = load_model(glb.write(tmp_path / "a.glb"))
    assert model.parts[0].texture.shape == (4, 8, 3)
    assert model.uv is not None
    assert model.parts[1].color == pytest.approx((0.1, 0.2, 0.3))


def test_a_gltf_reads_buffers_of_its_own_folder(tmp_path):
    glb = Glb()
    glb.part("body")
    (tmp_path / "data.bin").write_bytes(glb.binary)
    glb.data["buffers"] = [{"uri": "data.bin", "byteLength": len(glb.binary)}]
    (tmp_path / "a.gltf").write_text(json.dumps(glb.data))
    assert len(load_model(tmp_path / "a.gltf").faces) == 12


OBJ = """mtllib a.mtl
o lid
v 0 0 0\nv 10 0 0\nv 0 20 0\nv 0 0 30
usemtl red
f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4
"""
ASCII_STL = "solid a\n" + "".join(
    f"facet normal 0 0 0\nouter loop\nvertex {a}\nvertex {b}\nvertex {c}\nendloop\nendfacet\n"
    for a, b, c in (
        ("0 0 0", "0 20 0", "10 0 0"), ("0 0 0", "10 0 0", "0 0 30"),
        ("0 0 0", "0 0 30", "0 20 0"), ("10 0 0", "0 20 0", "0 0 30"),
    )
) + "endsolid a\n"  # fmt: skip


def test_files_without_a_unit_are_millimetres_and_say_so(tmp_path):
    (tmp_path / "a.stl").write_text(ASCII_STL)
    model = load_model(tmp_path / "a.stl")
    assert np.ptp(model.vertices, axis=0) == pytest.approx([0.01, 0.03, 0.02])  # z up
    assert "millimetres" in model.notes[0]
    inches = load_model(tmp_path / "a.stl", units="in", up="y")
    assert np.ptp(inches.vertices, axis=0) == pytest.approx([0.254, 0.508, 0.762])
    assert inches.notes == ()


def test_an_obj_has_the_colours_of_its_materials(tmp_path):
    (tmp_path / "a.obj").write_text(OBJ)
    (tmp_path / "a.mtl").write_text("newmtl red\nKd 0.8 0.1 0.1\n")
    model = load_model(tmp_path / "a.obj")
    assert len(model.faces) == 4
    assert model.parts[0].color == pytest.approx((0.604, 0.01, 0.01), abs=0.01)


def test_a_ply_has_its_vertex_colours(tmp_path):
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    head += "property uchar red\nproperty uchar green\nproperty uchar blue\nelement face 4\n"
    head += "property list uchar int vertex_indices\nend_header\n"
    rows = [f"{place} 0 188 0" for place in ("0 0 0", "10 0 0", "0 20 0", "0 0 30")]
    (tmp_path / "a.ply").write_text(
        head + "\n".join([*rows, "3 0 2 1", "3 0 1 3", "3 0 3 2", "3 1 2 3"]) + "\n"
    )
    assert load_model(tmp_path / "a.ply").parts[0].color == pytest.approx((0, 0.503, 0), abs=0.01)


@pytest.mark.parametrize(
    ("up", "front", "seen"),
    [
        ("y", "z", [(1, 0, 0), (0, -1, 0), (0, 0, -1)]),
        ("z", "-y", [(1, 0, 0), (0, 0, 1), (0, -1, 0)]),
        ("z", "x", [(0, 0, -1), (1, 0, 0), (0, -1, 0)]),
    ],
)
def test_axes_of_the_file_become_right_down_and_away(up, front, seen):
    turn = axes_matrix(up, front)
    assert np.linalg.det(turn) == pytest.approx(1)
    assert [tuple(np.round(turn @ axis).astype(int)) for axis in np.eye(3)] == seen


def test_up_and_front_must_differ():
    with pytest.raises(MeshError, match="same axis"):
        axes_matrix("y", "-y")


def test_an_inside_out_part_is_turned_and_told(tmp_path):
    glb = Glb()
    glb.part("shell", faces=CUBE_FACES[:, ::-1])
    model = load_model(glb.write(tmp_path / "a.glb"))
    assert volume(model, 0) == pytest.approx(1)
    assert "inside out" in model.notes[0]


def damaged(change) -> bytes:
    """Return a GLB whose JSON `change` has altered."""
    glb = Glb()
    glb.part("body", material=paint())
    change(glb.data)
    return glb.to_bytes()


def deep_nodes(data) -> None:
    data["nodes"] = [{"children": [index + 1]} for index in range(2_000)] + data["nodes"]
    data["scenes"][0]["nodes"] = [0]


WHOLE = damaged(lambda data: None)
HARMFUL = {
    "empty": b"",
    "no glb": b"%!PS-Adobe-3.0 EPSF-3.0" * 4,
    "cut in the header": WHOLE[:15],
    "cut in the json": WHOLE[:60],
    "cut in the binary": WHOLE[:-40],
    "version 1": WHOLE[:4] + struct.pack("<I", 1) + WHOLE[8:],
    "a huge length": WHOLE[:8] + struct.pack("<I", 2**32 - 1) + WHOLE[12:],
    "a huge json chunk": WHOLE[:12] + struct.pack("<I", 2**31) + WHOLE[16:],
    "no json": WHOLE[:20] + b"\xff" * 40 + WHOLE[60:],
    "a list": damaged(lambda data: data.update(nodes=[1, 2])),
    "no asset": damaged(lambda data: data.pop("asset")),
    "nodes in a circle": damaged(lambda data: data["nodes"][0].update(children=[0])),
    "deep nodes": damaged(deep_nodes),
    "a node beyond the list": damaged(lambda data: data["scenes"][0].update(nodes=[7])),
    "a mesh beyond the list": damaged(lambda data: data["nodes"][0].update(mesh=9)),
    "a negative index": damaged(lambda data: data["nodes"][0].update(mesh=-1)),
    "a huge count": damaged(lambda data: data["accessors"][0].update(count=2**40)),
    "a count of text": damaged(lambda data: data["accessors"][0].update(count="8")),
    "a count beyond the buffer": damaged(lambda data: data["accessors"][0].update(count=9_000)),
    "an offset beyond the buffer": damaged(lambda data: data["accessors"][0].update(byteOffset=10**9)),
    "a view beyond the buffer": damaged(lambda data: data["bufferViews"][0].update(byteLength=10**9)),
    "a stride of a megabyte": damaged(lambda data: data["bufferViews"][0].update(byteStride=1 << 20)),
    "an unknown component": damaged(lambda data: data["accessors"][0].update(componentType=1)),
    "positions of two numbers": damaged(lambda data: data["accessors"][0].update(type="VEC2")),
    "a sparse accessor": damaged(lambda data: data["accessors"][0].update(sparse={})),
    "a scale of infinity": damaged(lambda data: data["nodes"][0].update(scale=[1e308, 1, 1])),
    "a matrix of 3 numbers": damaged(lambda data: data["nodes"][0].update(matrix=[1, 2, 3])),
    "a size of nothing": damaged(lambda data: data["nodes"][0].update(scale=[0, 0, 0])),
    "draco": damaged(lambda data: data.update(extensionsRequired=["KHR_draco_mesh_compression"])),
    "an unknown extension": damaged(lambda data: data.update(extensionsRequired=["X_y"])),
    "a buffer above": damaged(lambda data: data.update(buffers=[{"uri": "../x.bin", "byteLength": 4}])),
    "a buffer anywhere": damaged(lambda data: data.update(buffers=[{"uri": "/etc/passwd", "byteLength": 4}])),
    "a buffer from the net": damaged(
        lambda data: data.update(buffers=[{"uri": "http://x/y", "byteLength": 4}])
    ),
    "a buffer that is a terminal": damaged(lambda data: data.update(buffers=[{"uri": ".", "byteLength": 4}])),
    "no triangles": damaged(lambda data: data["meshes"][0]["primitives"][0].update(mode=0)),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_file_is_refused_in_one_line(name, tmp_path):
    (tmp_path / "a.glb").write_bytes(HARMFUL[name])
    with pytest.raises(MeshError) as caught:
        load_model(tmp_path / "a.glb")
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.exit_code == 2


def test_triangles_of_corners_that_do_not_exist_are_refused(tmp_path):
    glb = Glb()
    glb.part("body", faces=CUBE_FACES + 5)
    with pytest.raises(MeshError, match="do not exist"):
        load_model(glb.write(tmp_path / "a.glb"))


def test_random_damage_ends_in_one_line_or_a_sound_model(tmp_path):
    random = np.random.default_rng(5)
    whole = product(tmp_path / "whole.glb").read_bytes()
    for _ in range(80):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 4):
            data[place] = int(random.integers(0, 256))
        (tmp_path / "a.glb").write_bytes(data)
        try:
            model = load_model(tmp_path / "a.glb")
        except AnimatorError:
            continue
        assert np.isfinite(model.vertices).all()
        assert model.faces.max() < len(model.vertices)


@pytest.mark.parametrize("name", ["a.stl", "a.obj", "a.ply", "a.step", "a.gltf"])
def test_text_that_is_no_model_is_refused_whatever_its_name(name, tmp_path):
    (tmp_path / name).write_text("%!PS-Adobe-3.0\n(hello) show\n")
    with pytest.raises(MeshError):
        load_model(tmp_path / name)


def test_an_obj_reads_nothing_outside_of_its_folder(tmp_path):
    (tmp_path / "out.mtl").write_text("newmtl red\nKd 1 0 0\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.obj").write_text(OBJ.replace("a.mtl", "../out.mtl"))
    assert load_model(tmp_path / "in" / "a.obj").parts[0].color != pytest.approx((1, 0, 0), abs=0.1)


def test_an_unknown_suffix_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(MeshError, match="not a 3D format"):
        load_model(tmp_path / "a.max")
    with pytest.raises(MeshError, match="no such file"):
        load_model(tmp_path / "a.glb")


def test_too_many_triangles_are_refused_before_they_are_read(tmp_path):
    glb = Glb()
    glb.part("body", vertices=CUBE, faces=np.zeros((2_000_001, 3), np.uint8))
    with pytest.raises(MeshError, match="2,000,000 triangles"):
        load_model(glb.write(tmp_path / "a.glb"))


def test_importing_the_reader_loads_no_library_for_meshes():
    code = "import animator.product.mesh, sys; assert not {'trimesh', 'cascadio', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_step_file_has_its_bodies_with_names_and_colours_in_metres(tmp_path):
    boxes = {
        "body": ((0, 0, 0), (100, 40, 20), (0.8, 0.2, 0.1)),
        "knob": ((40, -10, 10), (60, 0, 15), (0.1, 0.2, 0.9)),
    }
    (tmp_path / "a.step").write_text(step_text(boxes))
    model = load_model(tmp_path / "a.step")
    assert [part.name for part in model.parts] == ["body", "knob"]
    assert (model.parts[0].metallic, model.parts[0].color) == (
        0.0,
        pytest.approx((0.604, 0.033, 0.01), abs=0.002),
    )
    front = model.vertices[model.faces[model.part == 1]].reshape(-1, 3)
    assert front.min(0) == pytest.approx([0.04, -0.015, -0.01], abs=1e-6)  # up is z, and -y faces the camera
    assert np.ptp(model.vertices, axis=0) == pytest.approx([0.1, 0.02, 0.05], abs=1e-6)
    assert volume(model, 0) == pytest.approx(8e-5, rel=1e-4)
