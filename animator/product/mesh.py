"""3D models of products: GLB, glTF, OBJ, STL, PLY and STEP files as triangles with named parts and materials.

Models are in metres and in the axes of the film's world: x right, y down, z away from the camera, which the front
faces.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import one_line, quote_text
from animator.frame import Image
from animator.product.creases import smooth_normals
from animator.product.gltf import MOST_TRIANGLES, GltfFile, MeshError, Surface, read_bytes
from animator.product.ply_faces import with_triangles
from animator.product.triangles import Geometry
from animator.product.view import Doubles, Floats
from animator.product.wavefront import with_absolute_corners

__all__ = ["MeshError", "Model", "Part", "load_model"]

METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0, "in": 0.0254}
GREY = (0.6, 0.6, 0.6)  # linear light of parts without a colour
INSTALL = {
    "trimesh": "pip install 'animator[product3d]'",
    "cascadio": "pip install 'animator[cad]'",
}
REWRITTEN = {"obj": with_absolute_corners, "ply": with_triangles}  # before trimesh, which misreads some
LINEAR_TOLERANCE = 0.1  # millimetres by which triangles may lie beside a CAD surface
ANGLE_TOLERANCE = 0.3  # radians between neighbouring triangles of a curved CAD surface


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: its upward and front axis, and its unit where the file says none."""

    up: str
    front: str
    unit: str
    says_unit: bool  # the format itself fixes the unit


GLTF = Format("y", "z", "m", True)
MESHES = {
    ".glb": GLTF,
    ".gltf": GLTF,
    ".obj": Format("y", "z", "mm", False),
    ".stl": Format("z", "-y", "mm", False),
    ".ply": Format("z", "-y", "mm", False),
    ".step": Format("z", "-y", "m", True),
    ".stp": Format("z", "-y", "m", True),
}


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A named part: its material as glTF has it. `color` is linear light 0..1, `texture` sRGB uint8 (h, w, 3)."""

    name: str
    color: tuple[float, float, float] = GREY
    metallic: float = 0.0
    roughness: float = 0.5
    opacity: float = 1.0
    words: str = ""  # name of the material, such as `brushed steel`
    texture: Image | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """A product's triangles, in metres: x right, y down, z away from the camera."""

    name: str
    vertices: Doubles  # (V, 3)
    faces: NDArray[np.int32]  # (F, 3)
    part: NDArray[np.int32]  # (F,), index of each face's part
    parts: tuple[Part, ...]
    unit: str  # of the file
    given_normals: Floats  # (F, 3, 3), at the corners; 0 where the file has none
    uv: Floats | None = None  # (F, 3, 2), places in the texture
    notes: tuple[str, ...] = ()  # sentences about what was assumed, mended or left out

    @cached_property
    def normals(self) -> Floats:
        """Unit normals at the corners of each face, (F, 3, 3): the file's own, or smooth by a crease angle."""
        own = self.given_normals
        missing = np.asarray(~own.any((1, 2)), bool)
        if not missing.any():
            return own
        made = smooth_normals(self.vertices, self.faces)
        return np.where(missing[:, None, None], made, own)

    @property
    def colors(self) -> Floats:
        """Colours of the parts, linear light (parts, 3)."""
        return np.array([part.color for part in self.parts], np.float32)

    def geometry(self) -> Geometry:
        """Return the triangles that all passes read."""
        return Geometry(self.vertices, self.faces, self.normals, self.part, self.colors)


def load_model(
    file: Path, *, up: str | None = None, front: str | None = None, units: str | None = None
) -> Model:
    """Return the model in `file`, with at most two million triangles. Raises MeshError.

    `up` and `front` are axes of the file, such as `z` and `-y`; `units` is mm, cm, m or in. Their defaults are those
    of the format: glTF is in metres, y up and z front; STL, PLY and STEP are z up; files without a unit are taken as
    millimetres, which a note says.
    """
    form = MESHES.get(file.suffix.lower())
    if form is None:
        known = ", ".join(MESHES)
        raise MeshError(
            f"{quote_text(file.suffix or file.name)} is not a 3D format that is read; known: {known}"
        )
    notes: list[str] = []
    surfaces = _read(file, notes)
    if not sum(len(found.faces) for found in surfaces):
        raise MeshError("it has no triangles")
    unit = units or form.unit
    scale = METRES[unit] if units or not form.says_unit else 1.0
    if units is None and not form.says_unit:
        notes.append("the file has no unit; its lengths are taken as millimetres (set product.units)")
    turn = axes_matrix(up or form.up, front or _front_for(up, form))
    return _assemble(file.stem, surfaces, scale * turn, unit, notes)


def axes_matrix(up: str, front: str) -> Doubles:
    """Return the rotation (3, 3) from a file's axes to x right, y down, z away. Raises MeshError."""
    above, ahead = _axis(up), _axis(front)
    if abs(above @ ahead):
        raise MeshError(f"up {up} and front {front} are the same axis; choose two")
    right = np.cross(above, ahead)
    return np.stack([right, -above, -ahead])


def _axis(name: str) -> Doubles:
    axis = np.zeros(3)
    axis["xyz".index(name[-1])] = -1.0 if name[0] == "-" else 1.0
    return axis


def _front_for(up: str | None, form: Format) -> str:
    """Return the front that belongs to an `up` axis: the format's own, or the usual one of that axis."""
    if up is None or up[-1] != form.front[-1]:
        return form.front
    return "z" if up[-1] == "y" else "-y"


def _read(file: Path, notes: list[str]) -> list[Surface]:
    """Return the surfaces of a file, by its suffix. Raises MeshError."""
    match file.suffix.lower():
        case ".glb" | ".gltf":
            return _read_gltf(file, notes)
        case ".step" | ".stp":
            return _read_step(file, notes)
        case _:
            return _read_mesh(file)


def _read_gltf(file: Path, notes: list[str]) -> list[Surface]:
    source = GltfFile.read(file)
    found = [_with_texture(source, one) for one in source.surfaces()]
    notes += dict.fromkeys(source.notes)
    return found


def _with_texture(source: GltfFile, surface: Surface) -> Surface:
    """Return `surface` with its texture's image in place of the texture's index."""
    shading = surface.material.get("pbrMetallicRoughness", {}) if isinstance(surface.material, dict) else {}
    texture = shading.get("baseColorTexture") if isinstance(shading, dict) else None
    if isinstance(texture, dict) and surface.uv is not None and not texture.get("texCoord"):
        material = {**surface.material, "image": source.texture(texture.get("index"))}
        return replace(surface, material=material)
    return surface


def _read_step(file: Path, notes: list[str]) -> list[Surface]:
    """Return the surfaces of a STEP file, tessellated by OpenCascade; in metres."""
    cascadio = _import("cascadio", "a STEP file needs cascadio")
    if b"ISO-10303-21" not in read_bytes(file)[:4096]:
        raise MeshError("it is no STEP file: it does not begin with ISO-10303-21")
    with tempfile.TemporaryDirectory(prefix="animator-") as folder:
        target = Path(folder, "model.glb")
        try:
            cascadio.step_to_glb(str(file), str(target), LINEAR_TOLERANCE, ANGLE_TOLERANCE)
        except Exception as error:
            raise MeshError(f"OpenCascade cannot read it: {one_line(error, 100)}") from error
        if not target.is_file():
            raise MeshError("OpenCascade finds no shape in it")
        return [_satin(surface) for surface in _read_gltf(target, notes)]


def _satin(surface: Surface) -> Surface:
    """Return `surface` as satin plastic of its colour: STEP files know colours alone."""
    shading = {
        **surface.material.get("pbrMetallicRoughness", {}),
        "metallicFactor": 0.0,
        "roughnessFactor": 0.45,
    }
    return replace(surface, material={"pbrMetallicRoughness": shading})


def _read_mesh(file: Path) -> list[Surface]:
    """Return the surfaces of an OBJ, STL or PLY file, by trimesh."""
    import io

    trimesh = _import("trimesh", f"a {file.suffix} file needs trimesh")
    data, kind = read_bytes(file), file.suffix.lower()[1:]
    try:
        data = REWRITTEN[kind](data) if kind in REWRITTEN else data
        scene = trimesh.load_scene(
            io.BytesIO(data), file_type=kind, resolver=_Materials(file), process=False, split_object=True
        )
        return [
            _trimesh_surface(name, mesh.apply_transform(scene.graph[node][0]))
            for node in scene.graph.nodes_geometry
            for name in [scene.graph[node][1]]
            for mesh in [scene.geometry[name].copy()]
            if hasattr(mesh, "faces")
        ]
    except MeshError:
        raise
    except Exception as error:
        raise MeshError(f"trimesh cannot read it: {one_line(error, 100)}") from error


class _Materials:
    """Resolver for trimesh that finds .mtl files in the model's own folder, and nothing else."""

    def __init__(self, file: Path) -> None:
        self.folder = file.resolve().parent

    def get(self, name: str) -> bytes:
        """Return the bytes of a material library. Raises MeshError."""
        place = (self.folder / str(name)).resolve()
        if place.suffix.lower() != ".mtl" or not place.is_relative_to(self.folder):
            raise FileNotFoundError(name)
        return read_bytes(place)

    def __getitem__(self, name: str) -> bytes:
        return self.get(name)


def _trimesh_surface(name: str, mesh: Any) -> Surface:
    """Return a mesh of trimesh as a surface; its colour is sRGB there."""
    from animator.imaging.color import srgb_to_linear

    visual, material, colors = mesh.visual, {}, None
    if getattr(visual, "kind", None) == "vertex":
        colors = np.asarray(srgb_to_linear(np.asarray(visual.vertex_colors)[:, :3] / 255.0), np.float64)
    elif getattr(visual, "material", None) is not None:
        diffuse = getattr(visual.material, "diffuse", None)
        if diffuse is not None:
            linear = srgb_to_linear(np.asarray(diffuse, np.float64)[:3] / 255)
            label = str(getattr(visual.material, "name", "") or "")
            factors = {
                "baseColorFactor": [*linear.tolist(), 1.0],
                "metallicFactor": 0.0,
                "roughnessFactor": 0.5,
            }
            material = {"name": label, "pbrMetallicRoughness": factors}
    faces = np.asarray(mesh.faces, np.int32)
    if len(faces) > MOST_TRIANGLES:
        raise MeshError(
            f"{len(faces):,} triangles; at most {MOST_TRIANGLES:,}: reduce it in your CAD program"
        )
    return Surface(name, material, np.asarray(mesh.vertices, np.float64), faces, colors=colors)


def _import(name: str, need: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MeshError(f"{need}, which is not installed: {INSTALL[name]}") from error


def _assemble(name: str, surfaces: Sequence[Surface], matrix: Doubles, unit: str, notes: list[str]) -> Model:
    """Return the model of all `surfaces`, moved by the (3, 3) `matrix`."""
    surfaces = [found for found in surfaces if len(found.faces)]
    sizes = [len(found.vertices) for found in surfaces]
    starts = np.cumsum([0, *sizes[:-1]])
    vertices = np.concatenate([found.vertices for found in surfaces]) @ matrix.T
    if not np.isfinite(vertices).all() or np.abs(vertices).max() > 1e9:
        raise MeshError("its corners lie at places that are no numbers, or too far away")
    faces = np.concatenate(
        [found.faces.astype(np.int64) + start for found, start in zip(surfaces, starts, strict=True)]
    ).astype(np.int32)
    if len(faces) > MOST_TRIANGLES:
        raise MeshError(
            f"{len(faces):,} triangles; at most {MOST_TRIANGLES:,}: reduce it in your CAD program"
        )
    part = np.repeat(np.arange(len(surfaces), dtype=np.int32), [len(found.faces) for found in surfaces])
    unit_turn = matrix / np.cbrt(abs(np.linalg.det(matrix)))
    normals = np.concatenate([_corner_values(found, found.normals, unit_turn) for found in surfaces])
    _turn_inside_out(vertices, faces, normals, part, _part_names(surfaces), notes)
    if float(np.ptp(vertices, axis=0).max()) <= 0:
        raise MeshError("it has no size: all corners lie at one place")
    uv = None
    if any(found.uv is not None for found in surfaces):
        uv = np.concatenate([_corner_values(found, found.uv, np.eye(2)) for found in surfaces])
    names = _part_names(surfaces)
    parts = tuple(_part(label, found) for label, found in zip(names, surfaces, strict=True))
    return Model(name, vertices, faces, part, parts, unit, normals, uv, tuple(notes))


def _corner_values(surface: Surface, values: Doubles | None, matrix: Doubles) -> Floats:
    """Return values per vertex at the corners of the faces, turned by `matrix`, (F, 3, c); 0 where there are none."""
    if values is None:
        return np.zeros((len(surface.faces), 3, len(matrix)), np.float32)
    turned = values @ matrix.T
    if len(matrix) == 3:
        length = np.linalg.norm(turned, axis=-1, keepdims=True)
        turned = turned / np.where(length > 1e-12, length, 1)
    return np.asarray(turned[surface.faces], np.float32)


def _turn_inside_out(
    vertices: Doubles,
    faces: NDArray[np.int32],
    normals: Floats,
    part: NDArray[np.int32],
    names: Sequence[str],
    notes: list[str],
) -> None:
    """Turn the faces of closed parts that enclose a negative volume, and say so."""
    a, b, c = np.moveaxis(vertices[faces] - vertices[faces].mean((0, 1)), 1, 0)
    signed = np.einsum("fi,fi->f", np.cross(a, b), c)
    volume, size = (np.bincount(part, some, minlength=len(names)) for some in (signed, np.abs(signed)))
    turned = np.flatnonzero(volume < -0.05 * np.maximum(size, 1e-30))
    closed = [number for number in turned if _is_closed(vertices, faces[part == number])]
    for number in closed:
        own = part == number
        faces[own] = faces[own][:, ::-1]
        normals[own] = -normals[own][:, ::-1]
        notes.append(f"part {quote_text(names[int(number)])} was inside out; its faces are turned")


def _is_closed(vertices: Doubles, faces: NDArray[np.int32]) -> bool:
    """Return True if every edge has two faces."""
    place = np.unique(np.round(vertices[faces.ravel()], 9), axis=0, return_inverse=True)[1].reshape(-1, 3)
    edges = np.sort(np.concatenate([place[:, [0, 1]], place[:, [1, 2]], place[:, [2, 0]]]), axis=1)
    return bool((np.unique(edges, axis=0, return_counts=True)[1] == 2).all())


def _part_names(surfaces: Iterable[Surface]) -> list[str]:
    """Return a name for each surface: its node's, numbered where several share one."""
    used: dict[str, int] = {}
    names = []
    for found in surfaces:
        material = found.material.get("name") if isinstance(found.material, dict) else ""
        name = (found.node or str(material or "") or "part").strip()[:60] or "part"
        used[name] = used.get(name, 0) + 1
        names.append(name if used[name] == 1 else f"{name} {used[name]}")
    return names


def _part(name: str, surface: Surface) -> Part:
    """Return the part of a surface, with its material; values of a wrong form are left at their defaults."""
    material = surface.material if isinstance(surface.material, dict) else {}
    shading = material.get("pbrMetallicRoughness")
    shading = shading if isinstance(shading, dict) else {}
    factor = shading.get("baseColorFactor")
    known = isinstance(factor, list) and len(factor) == 4 and all(map(_is_share, factor))
    values: list[float] = (
        factor if known and isinstance(factor, list) else [1.0 if shading else GREY[0]] * 3 + [1.0]
    )
    color = tuple(float(value) for value in values[:3])
    if surface.colors is not None:
        color = tuple(np.clip(np.median(surface.colors, axis=0), 0, 1).tolist())
    # By the specification, factors have a default of 1; a texture of both cannot be told in one number.
    defined = bool(shading) and "metallicRoughnessTexture" not in shading and surface.colors is None
    return Part(
        name,
        color,  # type: ignore[arg-type]
        _share(shading.get("metallicFactor"), 1.0 if defined else 0.0),
        _share(shading.get("roughnessFactor"), 1.0 if defined else 0.5),
        float(values[3]),
        str(material.get("name") or "")[:60],
        material.get("image"),
    )


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _share(value: Any, default: float) -> float:
    return float(value) if _is_share(value) else default
