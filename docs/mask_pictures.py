"""Paint the images of masks.md, masks.jpg and detail.jpg: python docs/mask_pictures.py."""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from animator import animate, load, loads
from animator.frame import Image
from nanolab.gbuffer import CameraView
from nanolab.recipes import Recipe, draw_recipe

HERE = Path(__file__).parent
FILM = HERE.parent / "schedules" / "06_lock.yaml"
SHOWN = (0, 8, 16, 24, 35)
OFF = ["lock.mask=!everywhere", "painting.mask=everywhere"]


def row(settings: list[str]) -> np.ndarray:
    images = [state.shown for frame, state in animate(load(FILM, settings)) if frame.index in SHOWN]
    return np.hstack([np.pad(image, ((2, 2), (2, 2), (0, 0)), constant_values=255) for image in images])


SMALL = """
video: {{size: 256x256, frames: 1}}
start: {{image: start.png}}
prompts: {{at: "studio photo of a {words}, three-quarter view, sunset background"}}
painting: {{steps: 20, strength: 0.25, guidance_scale: 2, seed: 4}}
masks: {{product: {{polygon: [[0.33, 0.27], [0.67, 0.27], [0.67, 0.68], [0.33, 0.68]], feather: 4}}}}
detail: {{mask: product, strength: {strength}, scale: 2}}
"""
CLOSE = (slice(72, 174), slice(77, 179))  # rows and columns of the product


def closely(color: str, product: str) -> list[Image]:
    """Return a close-up of a small product: drawn, painted over, and painted with the detail pass."""
    view = CameraView(azimuth=30, scale=0.42)
    drawn = draw_recipe(Recipe(product, color=color, backdrop="sunset", view=view, shape=3)).image
    with tempfile.TemporaryDirectory() as room:
        Pillow.fromarray(drawn).save(Path(room, "start.png"))
        films = [SMALL.format(words=f"{color} {product}", strength=strength) for strength in (0, 0.3)]
        images = [drawn, *(next(animate(loads(film, room)))[1].shown for film in films)]
    large = [Pillow.fromarray(image[CLOSE]).resize((204, 204), Pillow.Resampling.LANCZOS) for image in images]
    return [np.asarray(image) for image in large]


if __name__ == "__main__":
    Pillow.fromarray(np.vstack([row(OFF), row([])])).save(HERE / "masks.jpg", quality=85, subsampling=0)
    pair = [*closely("red", "bottle"), *closely("blue", "speaker")]
    Pillow.fromarray(np.hstack(pair)).save(HERE / "detail.jpg", quality=88, subsampling=0)
