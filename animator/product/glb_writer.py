"""Writer of GLB files: parts with normals, materials, vertex colours and textures; equal models give equal bytes."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = {"float32": 5126, "uint8": 5121, "uint16": 5123, "uint32": 5125}
FORMS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
VERTEX_DATA, INDEX_DATA = 34962, 34963  # targets of buffer views


@dataclass(frozen=True)
class Material:
    """A material as glTF has it; `color` is linear light 0..1, `texture` a PNG or JPEG in its place."""

    name: str
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    metallic: float = 0.0
    roughness: float = 0.5
    texture: bytes | None = None

    def data(self, texture: int | None) -> dict[str, Any]:
        """Return the JSON of the material; `texture` is the index of its texture."""
        shading: dict[str, Any] = {
            "baseColorFactor": [*(round(float(value), 5) for value in self.color), 1.0],
            "metallicFactor": round(self.metallic, 3),
            "roughnessFactor": round(self.roughness, 3),
        }
        if texture is not None:
            shading["baseColorTexture"] = {"index": texture}
        return {"name": self.name, "pbrMetallicRoughness": shading, "doubleSided": True}


class GlbWriter:
    """A GLB file that is built up part by part. Places are metres, y up, z towards the viewer."""

    def __init__(self, generator: str, compact: bool = False) -> None:
        """`generator`: the program that the file names as its maker. `compact`: normals are bytes.

        Compact files need the extension KHR_mesh_quantization.
        """
        self._binary, self._compact = bytearray(), compact
        self._data: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": generator},
            "scene": 0,
            "scenes": [{"nodes": []}],
            **{name: [] for name in ("nodes", "meshes", "materials", "accessors", "bufferViews")},
        }
        self._materials: dict[Material, int] = {}
        if compact:
            self._data["extensionsUsed"] = self._data["extensionsRequired"] = ["KHR_mesh_quantization"]

    def add(
        self,
        name: str,
        vertices: NDArray[np.floating],
        faces: NDArray[np.integer],
        normals: NDArray[np.floating],
        material: Material,
        colors: NDArray[np.floating] | None = None,
        uv: NDArray[np.floating] | None = None,
    ) -> None:
        """Add a part: vertices, their normals and colours (linear light), all (V, 3), uv (V, 2), and faces (F, 3)."""
        low, high = (side.astype(np.float32).tolist() for side in (vertices.min(0), vertices.max(0)))
        attributes = {
            "POSITION": self._values(vertices.astype(np.float32), VERTEX_DATA, min=low, max=high),
            "NORMAL": self._normals(normals),
        }
        if colors is not None:
            levels = np.round(np.clip(colors, 0, 1) * 65535).astype(np.uint16)
            padded = np.concatenate([levels, np.full((len(levels), 1), 65535, np.uint16)], axis=1)
            attributes["COLOR_0"] = self._values(padded, VERTEX_DATA, normalized=True)
        if uv is not None:
            attributes["TEXCOORD_0"] = self._values(uv.astype(np.float32), VERTEX_DATA)
        kind = np.uint16 if len(vertices) < 65_535 else np.uint32
        primitive = {
            "attributes": attributes,
            "indices": self._values(faces.astype(kind).reshape(-1, 1), INDEX_DATA),
            "material": self._material(material),
        }
        self._data["meshes"].append({"name": name, "primitives": [primitive]})
        self._data["nodes"].append({"name": name, "mesh": len(self._data["meshes"]) - 1})
        self._data["scenes"][0]["nodes"].append(len(self._data["nodes"]) - 1)

    def to_bytes(self) -> bytes:
        """Return the file's bytes."""
        data = {**self._data, "buffers": [{"byteLength": len(self._binary)}]}
        text = json.dumps(data, separators=(",", ":")).encode("utf8")
        text += b" " * (-len(text) % 4)
        binary = bytes(self._binary) + b"\0" * (-len(self._binary) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def _normals(self, normals: NDArray[np.floating]) -> int:
        if not self._compact:
            return self._values(normals.astype(np.float32), VERTEX_DATA)
        levels = np.zeros((len(normals), 4), np.int8)  # padded to four bytes
        levels[:, :3] = np.round(np.clip(normals, -1, 1) * 127)
        view = self._view(levels.tobytes(), target=VERTEX_DATA, byteStride=4)
        accessor = {"bufferView": view, "componentType": 5120, "count": len(levels), "type": "VEC3"}
        self._data["accessors"].append({**accessor, "normalized": True})
        return len(self._data["accessors"]) - 1

    def _material(self, material: Material) -> int:
        if material not in self._materials:
            texture = None if material.texture is None else self._texture(material.texture)
            self._materials[material] = len(self._data["materials"])
            self._data["materials"].append(material.data(texture))
        return self._materials[material]

    def _texture(self, image: bytes) -> int:
        kind = "image/png" if image[:4] == b"\x89PNG" else "image/jpeg"
        images, textures = (self._data.setdefault(name, []) for name in ("images", "textures"))
        images.append({"bufferView": self._view(image), "mimeType": kind})
        textures.append({"source": len(images) - 1})
        return len(textures) - 1

    def _values(self, array: NDArray[Any], target: int, **more: Any) -> int:
        """Add an accessor of `array` (n, c), and return its index."""
        self._data["accessors"].append(
            {
                "bufferView": self._view(np.ascontiguousarray(array).tobytes(), target=target),
                "componentType": KINDS[array.dtype.name],
                "count": len(array),
                "type": FORMS[array.shape[1]],
                **more,
            }
        )
        return len(self._data["accessors"]) - 1

    def _view(self, content: bytes, **more: Any) -> int:
        self._binary += b"\0" * (-len(self._binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(content), **more}
        self._data["bufferViews"].append(view)
        self._binary += content
        return len(self._data["bufferViews"]) - 1


def split_corners(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], normals: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return vertices with one normal each: vertices (n, 3), faces (F, 3), normals (n, 3), their first corners (n,).

    `normals` (F, 3, 3) are those at the corners of the faces; corners that share a place and a normal share a vertex.
    """
    rows = np.concatenate([vertices[faces.ravel()], np.round(normals.reshape(-1, 3), 3)], axis=1)
    _, first, inverse = np.unique(rows.astype(np.float32), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # in the order of the faces
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    chosen = first[order]
    return rows[chosen, :3], place[inverse.ravel()].reshape(-1, 3), rows[chosen, 3:], chosen
