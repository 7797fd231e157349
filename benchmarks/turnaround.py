"""Benchmark of turned 3D products: flicker, drift of colours, the loop's seam, and what parts of the method bring.

Run it from the repository's root: python -m benchmarks.turnaround [NAME ...]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

import animator
from animator.imaging.color import image_lab
from animator.models.locate import bundled_product_models
from animator.product import passes
from animator.product.key_views import view_cosines
from animator.product.paint import sample_image
from animator.render import key_paintings
from animator.render.pipeline import load_painter
from animator.render.product import ProductPainter

COLORS = ("red", "teal", "orange", "blue", "green", "purple", "yellow", "black", "white", "red")
FILM = """
video: {{size: {size}x{size}, frames: {frames}, fps: 12, loop: closed}}
product: {{model: "{model}", fit: 0.66, elevation: 14, bound: {bound}, material: {material}, gloss: 0.6}}
prompts: {{at: "studio photo of a {color} {name}, white background", negative: "blurry, text"}}
motion: {{orbit_y: {{total: 360}}}}
painting: {{steps: {steps}, seed: {{start: {seed}, behavior: fixed}}}}
"""
FACING = 0.35  # cosine from which a point of the surface counts for the drift
POINTS = 4_000


def film(model: str | Path, name: str, color: str, **more) -> animator.Scene:
    """Return the scene of one turn of a model."""
    facts = {"size": 256, "frames": 120, "bound": 0.12, "material": 0.5, "steps": 12, "seed": 7, **more}
    return animator.loads(FILM.format(model=model, name=name, color=color, **facts), ".")


def frames_of(painter: ProductPainter) -> list[np.ndarray]:
    return [painter.paint(frame, None) for frame in painter.film_frames.values()]


def flicker(painter: ProductPainter, images) -> tuple[float, float]:
    """Return the mean difference of neighbours in grey levels after the true motion, and that of the loop's seam."""
    views = list(painter.film.views.values())
    steps = []
    for index, image in enumerate(images):
        after = (index + 1) % len(images)
        hits = painter.film.stage.caster.cast(views[index], 1)
        flow, known = passes.motion(hits, views[after])
        inside = cv2.erode((known & (hits.coverage == 1)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        y, x = np.nonzero(inside)
        there = np.stack([x, y], -1) + flow[inside]
        moved = sample_image(images[after].astype(np.float32), there)
        visible = _visible(painter, hits, views[after], inside)
        steps.append(float(np.abs(moved - image[inside])[visible].mean()))
    return float(np.mean(steps[:-1])), steps[-1]


def _visible(painter: ProductPainter, hits, view, inside) -> np.ndarray:
    """Return True for pixels whose surface the next view sees."""
    return painter.film.stage.caster.visible(passes.points(hits)[inside], view)


def drift(painter: ProductPainter, images) -> float:
    """Return the mean distance of surface points from their own mean colour over the film, in a* and b* alone."""
    surface, views = painter.film.stage.surface, list(painter.film.views.values())
    at = np.unique(np.linspace(0, len(surface) - 1, POINTS).astype(int))
    points, normals = surface.points()[at], surface.normals()[at]
    seen = np.full((len(images), len(at), 2), np.nan)
    for number, (view, image) in enumerate(zip(views, images, strict=True)):
        good = painter.film.stage.caster.visible(points, view) & (
            view_cosines(view, points, normals) > FACING
        )
        pixels, _ = view.project(points[good])
        seen[number, good] = sample_image(image_lab(image), pixels)[:, 1:]
    often = np.isfinite(seen[..., 0]).sum(0) >= 3
    off = np.linalg.norm(seen[:, often] - np.nanmean(seen[:, often], axis=0), axis=-1)
    return float(np.nanmean(off))


def pieces(painter: ProductPainter) -> int:
    """Return the number of frames in which the product has more pieces than where it has fewest."""
    counts = [
        cv2.connectedComponents((painter.film.stage.caster.cast(view, 1).coverage > 0).astype(np.uint8))[0]
        for view in list(painter.film.views.values())[::4]
    ]
    return sum(count > min(counts) for count in counts)


def measure(scene: animator.Scene, without: str = "") -> dict[str, float]:
    """Return the figures of one turn; `without` leaves out a part: hint, memory or surface."""
    painter = load_painter(scene)
    assert isinstance(painter, ProductPainter)
    began = time.perf_counter()
    if without == "hint":
        painter.inner = _Hintless(painter.inner)
    if without == "memory":
        key_paintings.WELL_KNOWN, kept = float("inf"), key_paintings.WELL_KNOWN
    try:
        images = frames_of(painter)
    finally:
        if without == "memory":
            key_paintings.WELL_KNOWN = kept
    seconds = time.perf_counter() - began
    mean, seam = flicker(painter, images)
    return {
        "keys": len(painter.film.keys),
        "flicker": mean,
        "seam": seam,
        "drift": drift(painter, images),
        "pieces": pieces(painter),
        "seconds": seconds,
    }


class _Hintless(animator.models.painter.PainterWrapper):
    """A painter that is given no hints."""

    def paint(self, frame, start, *, mask=None, hints=None):
        return self.inner.paint(replace(frame, control={}), start, mask=mask)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", default=list(bundled_product_models()), help="models; default: all"
    )
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--without", nargs="+", default=[""], choices=["", "hint", "memory"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = {}
    for number, name in enumerate(options.names):
        for seed in options.seeds:
            for without in options.without:
                scene = film(name, name, COLORS[number % len(COLORS)], frames=options.frames, seed=seed)
                found = measure(scene, without)
                case = f"{name}, seed {seed}" + (f", without {without}" if without else "")
                report[case] = found
                print(
                    f"{case}: " + ", ".join(f"{key} {value:.2f}" for key, value in found.items()), flush=True
                )
    print(json.dumps(report))


if __name__ == "__main__":
    main()
