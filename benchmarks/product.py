"""Benchmark of the product's passes: CPU time of each as a ratio to the cast of its view's rays.

Run it from the repository's root: python -m benchmarks.product
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import cv2

from animator.imaging.geometry import Lens
from animator.product import passes
from animator.product.caster import Caster
from animator.product.clay import clay
from animator.product.hints import hint_image
from animator.product.light import floor_shadow, shade
from animator.product.lines import lines
from animator.product.triangles import Geometry
from tests.product.shapes import at, box, look, sphere, together, torus

FLOOR = 60.0
FIELD = Lens(256, 256)  # the world's size; images of another size show the same field


def product(faces: int) -> Geometry:
    """Return a sphere, a torus and a box of about `faces` faces together."""
    fine = max(4, round((faces / 8) ** 0.5))
    ball, ring = sphere(40, at(-30, 20, 0), fine), torus(50, 14, at(0, -10, 0), fine)
    return together(ball, ring, box(55, at(40, 32, -20)))


def measure(size: int, faces: int, runs: int) -> dict[str, float]:
    """Return the median seconds of CPU time of the cast, and of each pass as a ratio to the cast.

    As in a film, what several passes need is computed once, by the first of them.
    """
    caster = Caster(product(faces))
    view, then = (look(FIELD, orbit_x=20, orbit_y=turn).with_size(size, size) for turn in (30, 35))
    caster.cast(view).normals  # noqa: B018 (builds the scene)
    ways = {
        "normals of samples": lambda hits: hits.normals,
        "mask": passes.mask,
        "masks of parts": passes.part_masks,
        "depth": passes.depth,
        "normals": passes.normals,
        "points": passes.points,
        "motion": lambda hits: passes.motion(hits, then),
        "lines": lines,
        "shade": shade,
        "shade, shadows": lambda hits: shade(hits, caster=caster),
        "floor's shadow": lambda hits: floor_shadow(caster, view, FLOOR),
        "clay": lambda hits: clay(hits, caster, FLOOR),
        "shape hint": hint_image,
    }
    taken: dict[str, list[float]] = {name: [] for name in ("cast", *ways)}
    for _ in range(runs):
        hits = timed(taken["cast"], lambda _: caster.cast(view), None)
        for name, way in ways.items():
            timed(taken[name], way, hits)
    cast = statistics.median(taken.pop("cast"))
    return {"cast": cast, **{name: statistics.median(values) / cast for name, values in taken.items()}}


def timed(taken: list[float], way, hits):
    """Return the result of `way`, and append its CPU time in seconds to `taken`."""
    started = time.thread_time()
    result = way(hits)
    taken.append(time.thread_time() - started)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[256, 512, 1024], help="width and height in pixels"
    )
    parser.add_argument(
        "--faces", type=int, nargs="+", default=[5_000, 50_000, 150_000], help="of the product"
    )
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each pass")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    cases = [(size, faces) for size in options.sizes for faces in options.faces]
    report = {f"{size} px, {faces} faces": measure(size, faces, options.runs) for size, faces in cases}
    for case, found in report.items():
        print(f"{case}: cast with 2 x 2 samples {1000 * found['cast']:.0f} ms; ratios to it:")
        print("  " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in found.items() if name != "cast"))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
