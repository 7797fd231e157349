"""Paint every preset with the bundled model, for docs/presets.md: `python docs/preset_films.py [NAME ...]`.

Writes an animation and a contact sheet of each preset to docs/presets/, and its still to presets/stills/.
"""

import sys
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from PIL import Image as Pillow

from animator import animate, load
from animator.frame import Image
from animator.models.locate import data_folder
from animator.scene.compose import bundled_presets

HERE = Path(__file__).parent
SHEET, FILM, STILL = (
    192,
    320,
    96,
)  # width in pixels: of an image on the contact sheet, of the film, of the still
EVERY = 2  # frames of the film per image of the animation
# Variables of the page's films.
GIVEN = {
    "concept-reveal": ["video.fps=16"],
    "exploded-sketch": ["product=teal speaker", "axis=z", "video.fps=16"],
    "hero-push-in": ["product=orange scooter", "video.fps=16"],
    "material-swap": [
        "product=headphones",
        "first=red",
        "second=brushed copper",
        "third=matte black",
        "video.fps=16",
    ],
    "mood-film": ["product=red kettle", "video.fps=16"],
    "product-turnaround": ["product=orange scooter", "video.fps=16"],
}


def small(image: Image, width: int) -> Image:
    """Return `image` in that width."""
    height = round(image.shape[0] * width / image.shape[1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def film(name: str) -> None:
    """Paint a preset, and write its animation, sheet and still."""
    scene = load(name, GIVEN.get(name, []))
    began = perf_counter()
    images = [state.shown for _, state in animate(scene) if state.shown is not None]
    places = [round(i) for i in np.linspace(0, len(images) - 1, 12)]
    rows = [np.hstack([small(images[i], SHEET) for i in places[k : k + 6]]) for k in (0, 6)]
    (HERE / "presets").mkdir(exist_ok=True)
    Pillow.fromarray(np.vstack(rows)).save(HERE / "presets" / f"{name}.jpg", quality=82)
    first, *rest = [Pillow.fromarray(small(image, FILM)) for image in images[::EVERY]]
    wait = round(1000 * EVERY / scene.settings.video.fps)
    first.save(
        HERE / "presets" / f"{name}.webp",
        save_all=True,
        append_images=rest,
        duration=wait,
        loop=0,
        quality=62,
        method=6,
    )
    stills = data_folder("presets") / "stills"
    stills.mkdir(exist_ok=True)
    Pillow.fromarray(small(images[round(len(images) * 0.7)], STILL)).save(stills / f"{name}.jpg", quality=80)
    print(f"{name}: {len(images)} frames, {perf_counter() - began:.0f} s", flush=True)


def main() -> None:
    for name in sys.argv[1:] or bundled_presets():
        film(name)


if __name__ == "__main__":
    main()
