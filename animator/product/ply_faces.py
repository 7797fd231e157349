"""Binary PLY files that mix triangles with larger polygons, rewritten with triangles alone.

Format: Greg Turk, "The PLY Polygon File Format", 1994.
"""

import re

import numpy as np

TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
HEADER = re.compile(
    rb"ply\r?\nformat binary_(little|big)_endian 1\.0\r?\n.{0,65536}?end_header\r?\n",
    re.DOTALL,
)
LINE = re.compile(r"(element (\w+) (\d{1,10})|property (?:list (\w+) )?(\w+) (\w+))\s*")
CORNERS = ("vertex_indices", "vertex_index")


def with_triangles(data: bytes) -> bytes:
    """Return the PLY file `data` with each polygon as a fan of triangles, if it is binary.

    trimesh takes every polygon of a binary file to have as many corners as the first: it refuses files
    that mix them, as Blender writes, or silently reads another shape. Points keep all their properties;
    those of faces but for the corners are left out. Text, and files whose points have lists, are returned
    as they are. Raises ValueError if the file ends before its faces.
    """
    header = HEADER.match(data)
    if not header:
        return data
    order = "<" if header[1] == b"little" else ">"
    lines = header[0].decode("latin-1").splitlines()
    found = [match for match in map(LINE.fullmatch, lines) if match]
    starts = [row for row, match in enumerate(found) if match[2]]
    if [found[row][2] for row in starts[:2]] != ["vertex", "face"] or not _known(found):
        return data
    points, faces = found[1 : starts[1]], found[starts[1] + 1 : (*starts, len(found))[2]]
    if any(match[4] for match in points):
        return data
    size = sum(np.dtype(TYPES[match[5]]).itemsize for match in points)
    end = header.end() + size * int(found[0][3])
    triangles = _triangles(data, end, int(found[starts[1]][3]), faces, order)
    head = [*lines[: lines.index(found[starts[1]][0])], f"element face {len(triangles)}"]
    head += ["property list uchar int vertex_indices", "end_header"]
    rows = np.empty(len(triangles), [("size", "u1"), ("corners", order + "i4", 3)])
    rows["size"], rows["corners"] = 3, triangles
    return "\n".join([*head, ""]).encode("latin-1") + data[header.end() : end] + rows.tobytes()


def _known(found: list[re.Match[str]]) -> bool:
    return all({match[4] or "int", match[5] or "int"} <= set(TYPES) for match in found)


def _triangles(
    data: bytes, at: int, count: int, properties: list[re.Match[str]], order: str
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return the (n, 3) corners of `count` polygons whose rows begin at byte `at`, as fans."""
    kinds = [
        (
            match[6] in CORNERS,
            np.dtype(order + TYPES[match[4]]) if match[4] else None,
            np.dtype(order + TYPES[match[5]]),
        )
        for match in properties
    ]
    fans = []
    if count > len(data):
        raise ValueError("the file ends before its faces")
    for _ in range(count):
        for wanted, length, kind in kinds:
            size = 1
            if length is not None:
                size = int(np.frombuffer(data, length, 1, at)[0])
                at += length.itemsize
            if size < 0 or at + size * kind.itemsize > len(data):
                raise ValueError("the file ends before its faces")
            if wanted and size >= 3:
                corners = np.frombuffer(data, kind, size, at).astype(np.int64)
                fans.append(np.stack([np.repeat(corners[:1], size - 2), corners[1:-1], corners[2:]], 1))
            at += size * kind.itemsize
    return np.concatenate(fans) if fans else np.empty((0, 3), np.int64)
