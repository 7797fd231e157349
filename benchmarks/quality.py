"""Benchmark of image quality: in-betweens against the true image (PSNR), and colour drift of a film (ΔE).

In-betweens: a textured disc that moves and turns over a backdrop, and drawn products that turn, both with a known
answer; PSNR in dB. Drift: a film without motion, painted by a painter that shifts colours as a VAE does, and by the
bundled model; mean CIE76 ΔE between the colours of a painted frame and of the first one.
"""

from __future__ import annotations

import argparse
import json
import statistics
from itertools import pairwise

import cv2
import numpy as np

from animator import animate, loads
from animator.imaging.color import color_drift, color_stats
from animator.imaging.filters import crossfade
from animator.imaging.flow import interpolate
from nanolab.gbuffer import CameraView
from nanolab.recipes import Recipe, draw_recipe

WEIGHTS = (0.25, 0.5, 0.75)
GRADES = {
    "none": "{}",
    "lab": "{color: lab}",
    "lab, histogram": "{color: lab, color_by: histogram}",
    "rgb": "{color: rgb}",
    "hsv": "{color: hsv}",
}


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def texture(size: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    planes = [
        cv2.resize(random.normal(0, 40, (n, n, 3)).astype(np.float32), (size, size)) for n in (4, 12, 30)
    ]
    return np.clip(sum(planes) + 128, 0, 255).astype(np.uint8)


def disc(t: float, size: int = 512) -> np.ndarray:
    """Return a textured disc (size, size, 3) at `t` (0..1) of its way to the right and up, turning."""
    part = size // 3
    matrix = cv2.getRotationMatrix2D((part / 2, part / 2), 12 * t, 1)
    matrix[:, 2] += (size * (0.2 + 0.07 * t), size * (0.3 - 0.02 * t))
    mask = cv2.circle(
        np.zeros((part, part), np.float32), (part // 2, part // 2), part // 2 - 3, 1.0, -1, cv2.LINE_AA
    )
    mask = cv2.warpAffine(mask, matrix, (size, size))[..., None]
    product = cv2.warpAffine(texture(part, 9), matrix, (size, size), flags=cv2.INTER_CUBIC)
    return np.clip((texture(size, 5) // 2 + 100) * (1 - mask) + product * mask, 0, 255).astype(np.uint8)


def turned(product: str, degrees: float, t: float) -> np.ndarray:
    view = CameraView(azimuth=30 + degrees * t, elevation=20, scale=0.9)
    return draw_recipe(Recipe(product, color="blue", view=view), (512, 512)).image


def in_betweens() -> dict[str, dict[str, float]]:
    """Return the mean PSNR (dB) of in-betweens at 1/4, 1/2 and 3/4 of the way, by case and method."""
    cases = {"disc": disc}
    for product, degrees in (
        ("mug", 8),
        ("chair", 8),
        ("electric scooter", 8),
        ("bottle", 16),
        ("speaker", 16),
    ):
        cases[f"{product}, {degrees}°"] = lambda t, of=(product, degrees): turned(*of, t)
    found = {}
    for name, at in cases.items():
        old, new, truth = at(0.0), at(1.0), [at(weight) for weight in WEIGHTS]
        found[name] = {
            kind: statistics.mean(psnr(blend(old, new, w), t) for w, t in zip(WEIGHTS, truth, strict=True))
            for kind, blend in (("crossfade", crossfade), ("flow", interpolate))
        }
    return found


def pushing(frame, start):
    """Paint a drawn mug first, then the previous image: warmer, with darker midtones and less contrast."""
    if start is None:
        return draw_recipe(Recipe("mug", color="blue"), (256, 256)).image
    values = 255 * (start / 255.0) ** 1.004 * (1.01, 1.0, 0.99)
    return np.clip(np.rint((values - 127.5) * 0.995 + 127.5 + 0.4), 0, 255).astype(np.uint8)


def drifts(frames: int, film: str, paint=None) -> dict[str, dict[str, float]]:
    """Return the drift at the end of a film without motion, and its maximum, for each kind of colour matching."""
    found = {}
    for name, grade in GRADES.items():
        reference, values = None, []
        scene = loads(f"grade: {grade}\n{film}", settings=[f"video.frames={frames}"])
        for _, state in animate(scene, paint=paint):
            reference = color_stats(state.shown, "lab") if reference is None else reference
            values.append(color_drift(state.shown, reference))
        found[name] = {"end": values[-1], "most": max(values)}
    return found


def seam(film: str, paint=None) -> dict[str, float]:
    """Return the difference of last and first frame over the median between neighbours, with and without `loop`."""
    found = {}
    for loop in ("none", "closed"):
        scene = loads(film, settings=[f"video.loop={loop}"])
        shown = [state.shown.astype(int) for _, state in animate(scene, paint=paint)]
        steps = [np.abs(one - other).mean() for one, other in pairwise(shown)]
        found[loop] = float(np.abs(shown[-1] - shown[0]).mean() / statistics.median(steps))
    return found


NANO = """
video: {size: 128x128}
prompts: {at: studio photo of a blue mug}
painting: {steps: 8, strength: 0.4, seed: 3}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--frames", type=int, default=500, help="frames of the film with the colour-shifting painter"
    )
    parser.add_argument(
        "--nano", type=int, default=500, help="frames of the film with the bundled model; 0 skips it"
    )
    parser.add_argument("--loop", type=int, default=48, help="frames of a loop by nano; 0 skips it")
    options = parser.parse_args()
    report = {
        "in-betweens, dB": in_betweens(),
        f"drift over {options.frames} colour shifts, ΔE": drifts(options.frames, "", pushing),
    }
    if options.nano:
        report[f"drift over {options.nano} frames painted by nano, ΔE"] = drifts(options.nano, NANO)
    if options.loop:
        size = f"size: 128x128, frames: {options.loop}"
        film = NANO.replace("size: 128x128", size) + "motion: {zoom: 1.005}\n"
        report["seam of a loop by nano, in median steps"] = {
            f"cadence {cadence}": seam(
                film.replace("128x128", f"128x128, frames: {options.loop}") + f"\ncadence: {cadence}"
            )
            for cadence in (1, 3)
        }
    for title, rows in report.items():
        print(title)
        for name, row in rows.items():
            print(f"  {name:24} " + "   ".join(f"{key} {value:6.2f}" for key, value in row.items()))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
