"""Build the 3D models that come along, GLB files with named parts: `python -m nanolab.models`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from animator.product.creases import smooth_normals
from animator.product.glb_writer import GlbWriter, Material, split_corners
from nanolab import device_models, household_models
from nanolab.device_models import Parts

# Metres per unit of length, so that each model has the size of the real product.
MODELS: dict[str, tuple[Callable[[], Parts], float]] = {
    "bottle": (household_models.bottle, 0.22),
    "chair": (household_models.chair, 0.8),
    "clock": (device_models.clock, 0.13),
    "headphones": (device_models.headphones, 0.19),
    "kettle": (household_models.kettle, 0.24),
    "lamp": (household_models.lamp, 0.45),
    "mug": (household_models.mug, 0.115),
    "scooter": (device_models.scooter, 0.85),
    "speaker": (device_models.speaker, 0.32),
    "watch": (device_models.watch, 0.075),
}

COLORS: dict[
    str, tuple[float, float, float]
] = {  # of the part that carries the product's colour, linear light
    "bottle": (0.03, 0.2, 0.26),
    "chair": (0.5, 0.05, 0.035),
    "clock": (0.42, 0.035, 0.03),
    "headphones": (0.05, 0.06, 0.08),
    "kettle": (0.5, 0.06, 0.03),
    "lamp": (0.55, 0.32, 0.03),
    "mug": (0.02, 0.2, 0.21),
    "scooter": (0.55, 0.16, 0.02),
    "speaker": (0.015, 0.2, 0.21),
    "watch": (0.02, 0.03, 0.08),
}

MATERIALS = {
    "aluminium": Material("brushed aluminium", (0.5, 0.51, 0.53), 1.0, 0.36),
    "rubber": Material("black rubber", (0.018, 0.018, 0.02), 0.0, 0.6),
    "dark fabric": Material("dark fabric", (0.03, 0.03, 0.034), 0.0, 0.95),
    "white enamel": Material("white enamel", (0.8, 0.8, 0.78), 0.0, 0.3),
    "wood": Material("oiled oak", (0.36, 0.2, 0.09), 0.0, 0.55),
    "cork": Material("cork", (0.45, 0.27, 0.13), 0.0, 0.9),
    "glass": Material("warm glass", (0.95, 0.88, 0.7), 0.0, 0.1),
    "red glass": Material("red glass", (0.5, 0.02, 0.02), 0.0, 0.12),
}
# Materials in the product's own colour, by metallic and roughness.
COLORED = {"lacquer": (0.0, 0.32), "ceramic": (0.0, 0.2), "enamel": (0.0, 0.22), "leather": (0.0, 0.7)}


def build(name: str) -> bytes:
    """Return the GLB file of a model: metres, y up, z front, standing on the floor around the origin."""
    make, scale = MODELS[name]
    parts = list(make())
    low = np.min([solid.vertices.min(0) for _, solid, _ in parts], axis=0)
    high = np.max([solid.vertices.max(0) for _, solid, _ in parts], axis=0)
    shift = np.array([-(low[0] + high[0]) / 2, -low[1], -(low[2] + high[2]) / 2])
    file = GlbWriter("animator", compact=True)
    for part, solid, kind in parts:
        places = (np.asarray(solid.vertices) + shift) * scale
        faces = np.asarray(solid.faces, np.int32)
        normals = smooth_normals(places, faces)
        vertices, corners, directions, _ = split_corners(places, faces, normals)
        file.add(part, vertices, corners, directions, _material(kind, COLORS[name]))
    return file.to_bytes()


def _material(kind: str, color: tuple[float, float, float]) -> Material:
    if kind in COLORED:
        return Material(kind, color, *COLORED[kind])
    return MATERIALS[kind]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("schedules/models"), help="folder of the files")
    parser.add_argument("names", nargs="*", default=list(MODELS), help="models to build; default: all")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        data = build(name)
        (options.out / f"{name}.glb").write_bytes(data)
        print(f"{name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
