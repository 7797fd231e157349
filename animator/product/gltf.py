"""Reader of glTF 2.0 and GLB files that trusts nothing in them: every length is checked before memory is taken.

It reads what a product's surface needs: nodes, triangles, materials and base colour textures. Buffers and images lie
in the file, or in its own folder. Specification: Khronos, glTF 2.0, sections 3.6 (geometry), 3.9 (materials) and 4
(GLB).
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import AnimatorError, one_line, quote_text
from animator.frame import Image
from animator.imaging.io import open_image

MOST_BYTES = 1 << 30  # of a file, and of each buffer
MOST_JSON = 64 << 20  # bytes
MOST_TRIANGLES = 2_000_000
MOST_NODES = 100_000
DEEPEST = 200  # levels of nodes
TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
TRIANGLES, STRIP, FAN = 4, 5, 6  # modes of primitives
COMPRESSED = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}
TEXTURE_FORMATS = ("PNG", "JPEG", "WEBP")

Floats = NDArray[np.float64]


class MeshError(AnimatorError):
    """A 3D model that cannot be used; the message says what is wrong with it and what to do."""

    exit_code = 2


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of one material under one node, in metres and the file's axes."""

    node: str
    material: Any  # as in the file; {} for the default one
    vertices: Floats  # (V, 3)
    faces: NDArray[np.int32]  # (F, 3)
    normals: Floats | None = None  # (V, 3)
    uv: Floats | None = None  # (V, 2)
    colors: Floats | None = None  # (V, 3), linear light


@dataclass
class GltfFile:
    """A parsed file: its JSON, and its buffers as they are needed."""

    file: Path
    data: Any
    binary: bytes | None = None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> GltfFile:
        """Read a .glb or .gltf file. Raises MeshError."""
        content = read_bytes(file)
        if file.suffix.lower() == ".glb" or content[:4] == b"glTF":
            text, binary = _split_glb(content)
        else:
            text, binary = content, None
        found = cls(file, _parse_json(text), binary)
        found.require_readable()
        return found

    def require_readable(self) -> None:
        """Raise MeshError for versions and required extensions that are not read."""
        version = str(_member(self.data, "asset", dict).get("version", ""))
        if not version.startswith("2."):
            raise MeshError(f"glTF version {quote_text(version)}; only 2.x is read")
        for name in self._list("extensionsRequired"):
            if name in COMPRESSED:
                raise MeshError(f"compressed with {COMPRESSED[name]}; export it without mesh compression")
            if name in ("KHR_texture_transform", "KHR_texture_basisu", "EXT_texture_webp"):
                continue
            if isinstance(name, str) and name.startswith("KHR_materials_"):
                continue
            if name != "KHR_mesh_quantization":
                raise MeshError(f"needs the extension {quote_text(name)}, which is not read")

    def surfaces(self) -> Iterator[Surface]:
        """Yield the surfaces of the file's scene, each moved to its place. Raises MeshError."""
        left = MOST_TRIANGLES
        for name, index, pose in self._mesh_nodes():
            mesh = self._item("meshes", index)
            for primitive in _member(mesh, "primitives", list):
                found = self._surface(name or str(mesh.get("name") or ""), primitive, pose, left)
                if found is not None:
                    left -= len(found.faces)
                    yield found

    def _mesh_nodes(self) -> Iterator[tuple[str, int, Floats]]:
        """Yield name, mesh and pose (4, 4) of every node with a mesh."""
        seen: set[int] = set()
        waiting = [(index, np.eye(4), 0) for index in reversed(self._roots())]
        while waiting:
            index, above, depth = waiting.pop()
            node = self._item("nodes", index)
            if index in seen or depth > DEEPEST or len(seen) > MOST_NODES:
                raise MeshError("its nodes contain one another, or lie too deep")
            seen.add(index)
            pose = above @ _node_pose(node)
            if not np.isfinite(pose).all():
                raise MeshError(f"node {index} has a position that is no number")
            if "mesh" in node:
                yield str(node.get("name") or ""), _whole(node["mesh"], "a mesh"), pose
            children = _member(node, "children", list, [])
            waiting += [(_whole(child, "a node"), pose, depth + 1) for child in reversed(children)]

    def _roots(self) -> list[int]:
        scenes = self._list("scenes")
        if scenes:
            scene = self._item("scenes", self.data.get("scene", 0))
            return [_whole(index, "a node") for index in _member(scene, "nodes", list, [])]
        nodes = self._list("nodes")
        children = {
            child for node in nodes if isinstance(node, dict) for child in _member(node, "children", list, [])
        }
        return [index for index in range(len(nodes)) if index not in children]

    def _surface(self, name: str, primitive: Any, pose: Floats, left: int) -> Surface | None:
        """Return a primitive as a surface; None for points and lines."""
        if not isinstance(primitive, dict):
            raise MeshError("a mesh has a primitive that is no object")
        if COMPRESSED.keys() & _member(primitive, "extensions", dict, {}).keys():
            raise MeshError("its meshes are compressed; export it without mesh compression")
        mode = primitive.get("mode", TRIANGLES)
        attributes = _member(primitive, "attributes", dict)
        if mode not in (TRIANGLES, STRIP, FAN) or "POSITION" not in attributes:
            self.notes.append("points and lines are left out")
            return None
        vertices = self._accessor(attributes["POSITION"], (3,))
        count = len(vertices)
        index = primitive.get("indices")
        corners = np.arange(count) if index is None else self._accessor(index, (1,))[:, 0].astype(np.int64)
        faces = _triangles(corners, mode)
        if len(faces) > left:
            raise MeshError(f"more than {MOST_TRIANGLES:,} triangles; reduce it in your CAD program")
        if faces.size and (faces.min() < 0 or faces.max() >= count):
            raise MeshError("its triangles name corners that do not exist")
        own: dict[str, Floats | None] = {
            key: self._attribute(attributes, name_, widths, count)
            for key, name_, widths in (
                ("normals", "NORMAL", (3,)),
                ("uv", "TEXCOORD_0", (2,)),
                ("colors", "COLOR_0", (3, 4)),
            )
        }
        normals = own["normals"]
        if normals is not None:
            own["normals"] = normals @ np.linalg.pinv(pose[:3, :3])
        if own["colors"] is not None:
            own["colors"] = own["colors"][:, :3]
        if np.linalg.det(pose[:3, :3]) < 0:
            faces = faces[:, ::-1]  # a mirror turns the faces' order round
        material = self._item("materials", primitive["material"]) if "material" in primitive else {}
        placed = vertices @ pose[:3, :3].T + pose[:3, 3]
        return Surface(name, material, placed, np.ascontiguousarray(faces, np.int32), **own)

    def _attribute(self, attributes: Any, name: str, widths: tuple[int, ...], count: int) -> Floats | None:
        if name not in attributes:
            return None
        found = self._accessor(attributes[name], widths)
        if len(found) != count:
            raise MeshError(f"{name} has {len(found)} values for {count} corners")
        return found

    def _accessor(self, index: Any, widths: tuple[int, ...]) -> Floats:
        """Return the values of an accessor, (n, width), normalised integers as 0..1 or -1..1."""
        accessor = self._item("accessors", index)
        kind, width = TYPES.get(accessor.get("componentType")), WIDTHS.get(accessor.get("type"))
        count = _whole(accessor.get("count"), "a count")
        if kind is None or width not in widths or "sparse" in accessor:
            raise MeshError(f"accessor {index} has a form that is not read")
        if not 0 < count <= 3 * MOST_TRIANGLES:
            raise MeshError(
                f"accessor {index} has {count:,} values; a model may have {MOST_TRIANGLES:,} triangles"
            )
        size = np.dtype(kind).itemsize * width
        data, stride = self._view(accessor, size, count)
        rows = np.lib.stride_tricks.as_strided(
            np.frombuffer(data, np.uint8), (count, size), (stride, 1), writeable=False
        )
        values = np.ascontiguousarray(rows).view(kind).astype(np.float64).reshape(count, width)
        if accessor.get("normalized") and kind != "<f4":
            values = np.maximum(values / np.iinfo(np.dtype(kind)).max, -1.0)
        if not np.isfinite(values).all():
            raise MeshError(f"accessor {index} has values that are no numbers")
        return values

    def _view(self, accessor: Any, size: int, count: int) -> tuple[memoryview, int]:
        """Return the bytes of an accessor and the distance of its values; its last value ends within its view."""
        view = self._item("bufferViews", accessor.get("bufferView"))
        if COMPRESSED.keys() & _member(view, "extensions", dict, {}).keys():
            raise MeshError("its buffers are compressed; export it without mesh compression")
        data = self._view_bytes(view)
        begin = _whole(accessor.get("byteOffset", 0), "an offset")
        stride = _whole(view.get("byteStride", size), "a stride") or size
        if stride < size or stride > 255 + size:
            raise MeshError(f"a buffer view has a stride of {stride} bytes for values of {size}")
        if begin + (count - 1) * stride + size > len(data):
            raise MeshError("its values lie outside of their buffer: the file is cut short or damaged")
        return data[begin:], stride

    def _view_bytes(self, view: Any) -> memoryview:
        buffer = self._buffer(_whole(view.get("buffer"), "a buffer"))
        begin = _whole(view.get("byteOffset", 0), "an offset")
        length = _whole(view.get("byteLength"), "a length")
        if begin + length > len(buffer):
            raise MeshError("a buffer view lies outside of its buffer: the file is cut short or damaged")
        return buffer[begin : begin + length]

    def _buffer(self, index: int) -> memoryview:
        if index not in self._buffers:
            buffer = self._item("buffers", index)
            length = _whole(buffer.get("byteLength"), "a length")
            uri = buffer.get("uri")
            found = self.binary if uri is None and index == 0 else self._load(uri)
            if found is None or length > len(found):
                raise MeshError("a buffer is shorter than the file says: the file is cut short or damaged")
            self._buffers[index] = memoryview(found)
        return self._buffers[index]

    @cached_property
    def _buffers(self) -> dict[int, memoryview]:
        return {}

    def _load(self, uri: Any) -> bytes:
        """Return the bytes of a data URI, or of a file in this file's own folder."""
        if not isinstance(uri, str):
            raise MeshError("a buffer or an image names no file")
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.partition(",")[2], validate=True)
            except (binascii.Error, ValueError) as error:
                raise MeshError("embedded data is not base64") from error
        return read_bytes(self.inside(uri))

    def inside(self, uri: str) -> Path:
        """Return the path of `uri` if it is a file in this file's own folder. Raises MeshError."""
        folder = self.file.resolve().parent
        place = (folder / uri.replace("%20", " ")).resolve()
        if "://" in uri or "\0" in uri or not place.is_relative_to(folder):
            raise MeshError(
                f"{quote_text(uri)} lies outside of the model's folder; export it as one .glb file"
            )
        return place

    def texture(self, index: Any) -> Image | None:
        """Return the image of a texture, sRGB uint8 (h, w, 3); None, with a note, where it cannot be read."""
        texture = self._item("textures", index)
        webp = _member(_member(texture, "extensions", dict, {}), "EXT_texture_webp", dict, {})
        image = self._item("images", webp.get("source", texture.get("source")))
        try:
            if "bufferView" in image:
                return _decode(bytes(self._view_bytes(self._item("bufferViews", image["bufferView"]))))
            return _decode(self._load(image.get("uri")))
        except (OSError, ValueError) as error:
            self.notes.append(f"a texture cannot be read: {one_line(error, 100)}")
            return None

    def _list(self, name: str) -> list[Any]:
        return list(_member(self.data, name, list, []))

    def _item(self, name: str, index: Any) -> Any:
        """Return the object `index` of a list of the file. Raises MeshError."""
        items = self._list(name)
        number = _whole(index, f"an index of {name}")
        if number >= len(items) or not isinstance(items[number], dict):
            raise MeshError(f"it has no {name}[{number}]: the file is damaged")
        return items[number]


def read_bytes(file: Path) -> bytes:
    """Return a regular file's bytes, at most 1 GB. Raises MeshError."""
    try:
        if not file.is_file():
            raise MeshError(f"no such file: {file}")
        if file.stat().st_size > MOST_BYTES:
            raise MeshError(f"{file.name} has {file.stat().st_size:,} bytes; allowed {MOST_BYTES:,}")
        return file.read_bytes()
    except (OSError, ValueError) as error:
        raise MeshError(f"cannot be read: {one_line(error, 100)}") from error


def _split_glb(content: bytes) -> tuple[bytes, bytes | None]:
    """Return the JSON and the binary chunk of a GLB file."""
    if len(content) < 20 or content[:4] != b"glTF":
        raise MeshError("it is no GLB file: it does not begin with 'glTF'")
    _, version, whole, length, kind = struct.unpack_from("<4sIIII", content)
    if version != 2 or kind != 0x4E4F534A:
        raise MeshError(f"GLB version {version}; only version 2 is read")
    if whole > len(content) or 20 + length > whole:
        raise MeshError("it is shorter than its header says: the file is cut short")
    text, rest = content[20 : 20 + length], content[20 + length : whole]
    if len(rest) < 8:
        return text, None
    size, kind = struct.unpack_from("<II", rest)
    if kind != 0x004E4942 or 8 + size > len(rest):
        raise MeshError("its binary chunk is cut short or damaged")
    return text, rest[8 : 8 + size]


def _parse_json(text: bytes) -> Any:
    if len(text) > MOST_JSON:
        raise MeshError(f"its description has {len(text):,} bytes; allowed {MOST_JSON:,}")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MeshError("its description is not valid JSON: the file is damaged") from error
    if not isinstance(data, dict):
        raise MeshError("its description is no object: it is not a glTF file")
    return data


def _member(holder: Any, name: str, kind: type, default: Any = None) -> Any:
    """Return the member `name` of an object, checked. Raises MeshError."""
    found = holder.get(name, default) if isinstance(holder, dict) else None
    if not isinstance(found, kind):
        raise MeshError(f"{quote_text(name)} is missing or has a wrong form: the file is damaged")
    return found


def _whole(value: Any, what: str) -> int:
    """Return a whole number from 0 on. Raises MeshError."""
    if type(value) is not int or value < 0:
        raise MeshError(f"{quote_text(value)} is not {what}: the file is damaged")
    return value


def _numbers(node: Any, name: str, count: int, default: tuple[float, ...]) -> Floats:
    value = _member(node, name, list, list(default))
    if len(value) != count or not all(type(part) in (int, float) and abs(part) < 1e30 for part in value):
        raise MeshError(f"a node's {name} is not {count} numbers: the file is damaged")
    return np.array(value, np.float64)


def _node_pose(node: Any) -> Floats:
    """Return the matrix (4, 4) from a node's space to that of its parent."""
    if "matrix" in node:
        return _numbers(node, "matrix", 16, ()).reshape(4, 4).T
    x, y, z, w = _numbers(node, "rotation", 4, (0.0, 0.0, 0.0, 1.0))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    pose = np.eye(4)
    pose[:3, :3] = turn * _numbers(node, "scale", 3, (1.0, 1.0, 1.0))
    pose[:3, 3] = _numbers(node, "translation", 3, (0.0, 0.0, 0.0))
    return pose


def _triangles(corners: NDArray[np.integer], mode: int) -> NDArray[np.integer]:
    """Return the triangles (F, 3) of a list of corners, a strip or a fan."""
    if mode == TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == FAN:
        return np.stack([np.full(max(len(corners) - 2, 0), corners[0]), corners[1:-1], corners[2:]], -1)
    faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], -1)
    faces[1::2] = faces[1::2, [1, 0, 2]]
    return faces


def _decode(data: bytes) -> Image:
    """Return an embedded image, sRGB uint8. Raises OSError, ValueError."""
    with open_image(data, TEXTURE_FORMATS) as opened:
        return np.asarray(opened.convert("RGB"), np.uint8)
