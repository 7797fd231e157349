"""Files about a film's 3D product: the model with its paint, and the passes of every frame for compositing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.errors import RunError
from animator.frame import Frame, Image, Mask
from animator.models.painter import NO_HINTS, Hints, Painter
from animator.product import passes
from animator.product.glb_writer import GlbWriter, Material
from animator.product.hits import Hits
from animator.product.lines import lines
from animator.product.surface import Surface
from animator.product.view import Floats, View
from animator.render.product import ProductFilm, ProductPainter, open_product
from animator.runs.atomic import write_atomic, write_zip
from animator.runs.gif_webp import format_bytes
from animator.runs.store import KeyPaintings
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.timeline.load import loads

if TYPE_CHECKING:
    from animator.runs.deliverables import DeliverableSpec

GLB_TEXELS = 40_000  # about: vertices of the painted model
PASSES = ("mask", "depth", "normal", "lineart", "motion")
MOTION_SCALE, MOTION_ZERO = 64.0, 32768.0  # levels per pixel of motion, and the level of none
LEVELS = 65535


class StoredPainter(Painter):
    """A painter that has only what a run has stored: it refuses to paint."""

    capabilities = frozenset({"mask", "hints"})

    def paint(
        self,
        frame: Frame,  # noqa: ARG002 (the interface of a painter)
        start: Image | None,  # noqa: ARG002
        *,
        mask: Mask | None = None,  # noqa: ARG002
        hints: Hints = NO_HINTS,  # noqa: ARG002
    ) -> Image:
        raise RunError(
            "a key painting of the run is missing or was made with other settings; resume the run first"
        )


def _product_scene(edition: DeliverableSpec, kind: str) -> Scene:
    """Return the scene of a run's film. Raises RunError if it has no 3D product."""
    scene = loads(edition.recipe, edition.run.folder)
    if scene.settings.product is None:
        raise RunError(f"{kind} needs a 3D product: write product: {{model: …}}")
    return scene


def write_glb(edition: DeliverableSpec, target: Path) -> str:
    """Write the 3D model with the paint of the film's last style, as vertex colours; return a description."""
    scene = _product_scene(edition, "glb")
    painter = ProductPainter(scene, StoredPainter())
    painter.keep_paintings(KeyPaintings(edition.run.folder))
    last = timeline(scene)[-1]
    look = painter.frame_look(last)
    data = painted_model(painter.film, look.colors)
    write_atomic(target, data)
    return f"{len(painter.film.model.parts)} parts, painted as in {last.prompt.text!r}, {format_bytes(len(data))}"


def painted_model(film: ProductFilm, colors: Floats) -> bytes:
    """Return the model as a GLB whose vertices have the `colors` of the texels, linear light (T, 3)."""
    fine = film.stage.surface
    coarse = Surface.of(fine.geometry, film.stage.surface.size * (len(fine) / GLB_TEXELS) ** 0.5)
    values = fine.look_up(colors, coarse.triangle, coarse.u, coarse.v)
    model = film.model
    places = coarse.interpolate(model.vertices[model.faces]) * np.array([1, -1, -1], np.float32)
    normals = coarse.normals() * np.array([1, -1, -1], np.float32)
    faces = coarse.triangles()
    file = GlbWriter("animator")
    for number, part in enumerate(model.parts):
        own = faces[coarse.part[faces[:, 0]] == number]
        used, corners = np.unique(own, return_inverse=True)
        material = Material(part.words or part.name, (1.0, 1.0, 1.0), part.metallic, part.roughness)
        file.add(part.name, places[used], corners.reshape(-1, 3), normals[used], material, values[used])
    return file.to_bytes()


def write_passes(edition: DeliverableSpec, target: Path) -> str:
    """Write the passes of every frame as 16-bit PNGs into an archive, with their scales; return a description."""
    scene = _product_scene(edition, "passes")
    film = open_product(scene)
    names = list(edition.frames)
    depths = passes.depth_range(film.stage.surface.geometry, film.views[names[0]])
    about = {
        "frames": [names[0], names[-1]],
        "size": [*scene.size],
        "mask": "coverage, 0..65535",
        "depth": {
            "near": depths[0],
            "far": depths[1],
            "says": "65535 at near, 1 at far, linear; 0: no product",
        },
        "normal": "camera space: red right, green up, blue towards the camera; -1..1 as 0..65535; black outside",
        "lineart": "white lines on black: silhouettes, creases, borders of parts",
        "motion": {
            "scale": MOTION_SCALE,
            "zero": MOTION_ZERO,
            "says": "pixels to the next frame: red right, green down; blue: known",
        },
    }
    write_zip(target, _pass_files(film, names, depths), {"passes.json": json.dumps(about, indent=2)})
    return f"{', '.join(PASSES)} of {len(names)} frames, {format_bytes(target.stat().st_size)}"


def _pass_files(
    film: ProductFilm, names: list[int], depths: tuple[float, float]
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the file of each pass of each frame."""
    for index in names:
        hits = film.stage.caster.cast(film.views[index], film.stage.samples)
        after = film.views.get(index + 1, film.views[index])
        for kind in PASSES:
            yield f"{kind}/{index:09d}.png", _png16(pass_image(kind, hits, after, depths))


def pass_image(kind: str, hits: Hits, after: View, depths: tuple[float, float]) -> NDArray[np.uint16]:
    """Return one pass as 16-bit levels, (h, w) or RGB (h, w, 3); `after` is the next frame's view."""
    match kind:
        case "mask":
            return _levels(hits.coverage)
        case "depth":
            return passes.depth_levels(passes.depth(hits), *depths)
        case "normal":
            return _levels((passes.normals(hits) + 1) / 2 * hits.coverage[..., None])
        case "lineart":
            return _levels(lines(hits).astype(np.float32) / 255)
        case _:
            flow, known = passes.motion(hits, after)
            levels = np.clip(flow * MOTION_SCALE + MOTION_ZERO, 0, LEVELS)
            return np.concatenate([levels, known[..., None] * float(LEVELS)], axis=-1).astype(np.uint16)


def _levels(share: NDArray[np.floating]) -> NDArray[np.uint16]:
    return np.asarray(np.clip(share, 0, 1) * LEVELS + 0.5, np.uint16)


def _png16(image: NDArray[Any]) -> bytes:
    data = image[..., ::-1] if image.ndim == 3 else image
    return bytes(cv2.imencode(".png", np.ascontiguousarray(data))[1])
