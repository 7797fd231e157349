"""Benchmark of the depth camera: accuracy against a ray-cast room, sharpness retained, and time per frame.

The same run measures a naive method for comparison: every target pixel is sampled at the negative of the forward
offset of its own depth. Run it from the repository's root: python -m benchmarks.camera
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import cv2
import numpy as np

from animator.frame import Motion
from animator.imaging.depth import ProxyDepth, harden_edges
from animator.imaging.depth_warp import DepthView, project
from animator.imaging.geometry import Lens, matrix
from animator.imaging.warp import warp
from benchmarks.loop import textured
from tests.imaging.truth import Room, errors

ROOMS = {"plane, leaning": Room(lean=(0.4, -0.3)), "sphere, wall": Room(1.25, sphere=0.18)}
SMALL = 24  # small motions in a row, as between two painted frames


def motions(size: int) -> dict[str, Motion]:
    return {
        "translation_x 2 %": Motion(translation_x=0.02 * size),
        "translation_z 10 %": Motion(translation_z=0.1 * size),
        "rotation_3d 3, -4, 5": Motion(rotation_3d_x=3, rotation_3d_y=-4, rotation_3d_z=5),
        "orbit_y 5": Motion(orbit_y=5),
        "orbit_y 25": Motion(orbit_y=25),
    }


def obvious(disparity: np.ndarray, pose: np.ndarray, lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Return the naive backward map x, y (h, w): the negated forward offset at the target pixel's own depth."""
    x, y, _ = project(disparity, pose, lens)
    v, u = np.mgrid[: lens.height, : lens.width].astype(np.float32)
    return 2 * u - x, 2 * v - y


def truth(size: int) -> dict[str, list[float]]:
    """Return the error of sampling positions in pixels, where visible: mean and 95 % of ours and of the naive map."""
    lens, table = Lens(size, size), {}
    for room_name, room in ROOMS.items():
        first = room.look(lens, np.eye(4))
        disparity = harden_edges(first.disparity.astype(np.float32), lens.focal)
        relief = DepthView(first.image, disparity, lens)
        for name, motion in motions(size).items():
            pose = lens.step_pose(motion)
            x, y, bared, _ = relief.source_positions(pose)
            ours = errors(room, lens, pose, x, y)
            ours = ours[~bared & ~np.isnan(ours)]
            theirs = errors(room, lens, pose, *obvious(disparity, pose, lens))
            row = [ours.mean(), np.percentile(ours, 95), np.nanmean(theirs), np.nanpercentile(theirs, 95)]
            table[f"{room_name}: {name}"] = [float(value) for value in row]
    return table


def sharpness(image: np.ndarray) -> float:
    rim = image.shape[0] // 8
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F)[rim:-rim, rim:-rim].var())


def kept(size: int) -> dict[str, float]:
    """Return the sharpness after many small motions, relative to one direct cubic warp by their product."""
    lens, image = Lens(size, size), textured(size, 1)
    step = lens.step_pose(Motion(translation_x=0.3, translation_z=0.5, rotation_3d_y=0.02))
    whole = np.linalg.matrix_power(step, SMALL)
    plane = np.ones((size, size), np.float32)
    direct = cv2.warpPerspective(image, lens.homography(whole), (size, size), flags=cv2.INTER_CUBIC)
    chained = image
    for _ in range(SMALL):
        chained = DepthView(chained, plane, lens).render(step)
    shown = {
        "flat": warp(image, lens.homography(whole)),
        "depth": DepthView(image, plane, lens).render(whole),
        "a chain": chained,
    }
    return {name: sharpness(picture) / sharpness(direct) for name, picture in shown.items()}


def speed(size: int, runs: int) -> dict[str, float]:
    """Return the median milliseconds of CPU time per frame by method; the methods alternate."""
    lens, room = Lens(size, size), ROOMS["sphere, wall"]
    first, image = room.look(lens, np.eye(4)), textured(size, 1)
    disparity = harden_edges(first.disparity.astype(np.float32), lens.focal)
    relief, pose = DepthView(image, disparity, lens), lens.step_pose(Motion(orbit_y=5, translation_z=10))
    flat, turned = matrix(Motion(1.02, 2), size, size), lens.homography(lens.step_pose(Motion(orbit_y=5)))
    ways = {
        "2D: one affine warp": lambda: warp(image, flat),
        "3D, flat: one homography": lambda: warp(image, turned),
        "3D, depth": lambda: relief.render(pose),
        "naive method": lambda: cv2.remap(image, *obvious(disparity, pose, lens), cv2.INTER_CUBIC),
        "depth by proxy, per painting": lambda: ProxyDepth(lens, 0.5).disparity(first.image, 0, None),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            started = time.thread_time()
            way()
            taken[name].append(1000 * (time.thread_time() - started))
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="width and height in pixels")
    parser.add_argument("--runs", type=int, default=15, help="timed runs of each method")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    report = {
        "pixels": truth(options.size),
        "sharpness": kept(options.size),
        "ms": speed(options.size, options.runs),
    }
    print(f"{options.size}x{options.size}, pixels of error      mean    95 %     naive: mean    95 %")
    for name, (mean, most, other, worst) in report["pixels"].items():
        print(f"  {name:36} {mean:7.3f} {most:7.3f}        {other:7.2f} {worst:7.2f}")
    print(f"sharpness after {SMALL} small motions, relative to one direct cubic warp")
    for name, part in report["sharpness"].items():
        print(f"  {name:36} {part:7.2f}")
    print(f"milliseconds per frame, one thread, median of {options.runs}")
    for name, value in report["ms"].items():
        print(f"  {name:36} {value:7.1f}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
