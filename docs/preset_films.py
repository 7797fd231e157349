"""Paint every preset with the bundled model, for docs/presets.md: `python docs/preset_films.py [NAME ...]`.

Writes an animation and a contact sheet of each preset to docs/presets/ and its still to presets/stills/, and prints
the page's table. Outlines and colours are measured where the product is in colour on white, since its outline can be
found only there.
"""

import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from PIL import Image as Pillow

from animator import animate, load
from animator.frame import Frame, Image
from animator.models.locate import data_folder
from animator.scene.compose import bundled_presets
from animator.timeline.compile import timeline
from nanolab.metrics import mask_iou, silhouette

HERE = Path(__file__).parent
SHEET, FILM, STILL = (
    160,
    192,
    96,
)  # width in pixels: of an image on the contact sheet, of the film, of the still
PICTURES = HERE.parent / "schedules" / "pictures"
# Variables of the page's films.
GIVEN = {
    "concept-reveal": ["view=front view"],
    "material-swap": ["photo=chair_photo.png"],
    "product-turnaround": [f"{side}=chair_{side}.png" for side in ("front", "right", "back", "left")],
}
HEAD = "| preset | painted | seconds | outline | colour ΔE | drift ΔE | seam |\n|---|---|---|---|---|---|---|"


def measured(frame: Frame) -> bool:
    """Return True if the outline can be found: the product is in colour, on white."""
    return "white" in frame.prompt.text and not any(word in frame.prompt.text for word in ("pencil", "clay"))


def color(image: Image, mask: np.ndarray) -> np.ndarray:
    """Return the mean colour of the product in CIE Lab."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return lab[mask].mean(0) if mask.any() else np.full(3, np.nan)


def numbers(frames: list[Frame], images: list[Image]) -> list[str]:
    """Return outline IoU, colour ΔE and drift ΔE of the painted frames (none if unmeasurable), and the loop's seam."""
    pairs = [(frame, image) for frame, image in zip(frames, images, strict=True) if frame.diffuse]
    outlines, steps, drifts = [], [], []
    begun: dict[str, np.ndarray] = {}
    for (old, before), (new, after) in pairwise(pairs):
        if (
            old.prompt.text != new.prompt.text
            or old.shot != new.shot
            or not (measured(old) and measured(new))
        ):
            continue
        one, other = silhouette(before), silhouette(after)
        outlines.append(mask_iou(one, other))
        first = begun.setdefault(f"{new.shot} {new.prompt.text}", color(before, one))
        steps.append(np.linalg.norm(color(after, other) - color(before, one)))
        drifts.append(np.linalg.norm(color(after, other) - first))
    moves = [np.abs(a.astype(float) - b).mean() for a, b in pairwise(images)]
    seam = np.abs(images[-1].astype(float) - images[0]).mean() / np.median(moves)
    found = [np.nanmean(outlines), np.nanmean(steps), np.nanmean(drifts[-3:])] if outlines else []
    return [f"{value:.2f}" if i == 0 else f"{value:.1f}" for i, value in enumerate(found)] + [f"{seam:.1f}"]


def small(image: Image, width: int) -> Image:
    height = round(image.shape[0] * width / image.shape[1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def film(name: str) -> None:
    scene = load(
        name, [text.replace("=", f"={PICTURES}/") if "png" in text else text for text in GIVEN.get(name, [])]
    )
    began = perf_counter()
    shown = [(frame, state.shown) for frame, state in animate(scene)]
    seconds = perf_counter() - began
    frames, images = [frame for frame, _ in shown], [image for _, image in shown if image is not None]
    places = [round(i) for i in np.linspace(0, len(images) - 1, 12)]
    rows = [np.hstack([small(images[i], SHEET) for i in places[k : k + 6]]) for k in (0, 6)]
    (HERE / "presets").mkdir(exist_ok=True)
    Pillow.fromarray(np.vstack(rows)).save(HERE / "presets" / f"{name}.jpg", quality=82)
    first, *rest = [Pillow.fromarray(small(image, FILM)) for image in images[::3]]
    wait = round(3000 / scene.settings.video.fps)
    first.save(
        HERE / "presets" / f"{name}.webp",
        save_all=True,
        append_images=rest,
        duration=wait,
        loop=0,
        quality=60,
    )
    stills = data_folder("presets") / "stills"
    stills.mkdir(exist_ok=True)
    Pillow.fromarray(small(images[round(len(images) * 0.7)], STILL)).save(stills / f"{name}.jpg", quality=80)
    cells = numbers(frames, images)
    cells = ["–"] * (4 - len(cells)) + cells
    if scene.settings.video.loop == "none":
        cells[-1] = "–"
    painted = sum(frame.diffuse for frame in timeline(scene))
    print(f"| `{name}` | {painted} of {len(frames)} | {seconds:.0f} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    print(HEAD)
    for name in sys.argv[1:] or bundled_presets():
        film(name)


if __name__ == "__main__":
    main()
