"""Small GLB files for tests, written from arrays."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

CUBE = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)], np.float32)
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]], np.uint16)  # fmt: skip
KINDS = {
    np.dtype(np.float32): 5126,
    np.dtype(np.uint16): 5123,
    np.dtype(np.uint32): 5125,
    np.dtype(np.uint8): 5121,
}
FORMS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class Glb:
    """A glTF document that is built up: `data` is its JSON, which a test may damage before it is written."""

    def __init__(self) -> None:
        self.binary = b""
        self.data: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": []}],
            "buffers": [{}],
            **{name: [] for name in ("nodes", "meshes", "materials", "accessors", "bufferViews")},
        }

    def view(self, content: bytes) -> int:
        """Add a buffer view of `content` and return its index."""
        self.binary += b"\0" * (-len(self.binary) % 4)
        self.data["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content)}
        )
        self.binary += content
        return len(self.data["bufferViews"]) - 1

    def values(self, array: np.ndarray) -> int:
        """Add an accessor of `array`, (n, c), and return its index."""
        rows = array.reshape(len(array), -1)
        self.data["accessors"].append(
            {
                "bufferView": self.view(np.ascontiguousarray(rows).tobytes()),
                "componentType": KINDS[rows.dtype],
                "count": len(rows),
                "type": FORMS[rows.shape[1]],
            }
        )
        return len(self.data["accessors"]) - 1

    def part(
        self, name: str, vertices=CUBE, faces=CUBE_FACES, material: Any = None, root: bool = True, **node: Any
    ) -> int:
        """Add a node with a mesh of its own, and return the node's index. `node`: translation, matrix, children …"""
        primitive = {
            "attributes": {"POSITION": self.values(np.asarray(vertices, np.float32))},
            "indices": self.values(np.asarray(faces).reshape(-1, 1)),
        }
        if material is not None:
            self.data["materials"].append(material)
            primitive["material"] = len(self.data["materials"]) - 1
        self.data["meshes"].append({"primitives": [primitive]})
        self.data["nodes"].append({"name": name, "mesh": len(self.data["meshes"]) - 1, **node})
        index = len(self.data["nodes"]) - 1
        if root:
            self.data["scenes"][0]["nodes"].append(index)
        return index

    def to_bytes(self) -> bytes:
        data = {**self.data, "buffers": [{"byteLength": len(self.binary), **self.data["buffers"][0]}]}
        text = json.dumps(data).encode()
        text += b" " * (-len(text) % 4)
        binary = self.binary + b"\0" * (-len(self.binary) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def write(self, file: Path) -> Path:
        file.write_bytes(self.to_bytes())
        return file


def paint(
    color=(0.5, 0.1, 0.1), metallic: float = 0.0, roughness: float = 0.4, name: str = "paint"
) -> dict[str, Any]:
    """Return a material as glTF writes it."""
    factors = {"baseColorFactor": [*color, 1.0], "metallicFactor": metallic, "roughnessFactor": roughness}
    return {"name": name, "pbrMetallicRoughness": factors}


def product(file: Path) -> Path:
    """Write a small product of two parts, 20 cm wide: a red body with a steel knob on its front."""
    glb = Glb()
    glb.part("body", 0.2 * CUBE, material=paint(name="lacquer"))
    glb.part(
        "knob",
        0.06 * CUBE,
        material=paint((0.7, 0.7, 0.7), 1.0, 0.2, "steel"),
        translation=[0.05, 0.04, 0.12],
    )
    return glb.write(file)
