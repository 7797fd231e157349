"""Paint the images of prompts.md with nano: python docs/prompt_pictures.py."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from animator import Frame, Painting, Prompt, loads, timeline
from animator.frame import Image
from animator.render.pipeline import load_painter
from nanolab.recipes import START_RECIPES, draw_recipe

HERE = Path(__file__).parent
PAINTING, SEED = Painting(steps=12, guidance_scale=4.0, strength=0.87), 11
PAINTER = load_painter(loads("video: {frames: 1}"))


def image(prompt: Prompt, start: Image | None = None) -> Image:
    return PAINTER.paint(Frame(0, SEED, prompt, painting=PAINTING), start)


def words(text: str, negative: str = "") -> Prompt:
    return Prompt(text, negative, text)


def strip(images: list[Image], labels: list[str]) -> Image:
    """Return the images in a row, each with its label below."""
    tiles = []
    for image, label in zip(images, labels, strict=True):
        tile = np.full((image.shape[0] + 26, image.shape[1], 3), 255, np.uint8)
        tile[:-26] = image
        cv2.putText(
            tile, label, (4, tile.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA
        )
        tiles.append(tile)
    return np.hstack(tiles)


def weights() -> Image:
    values = (0, 0.5, 1, 1.3, 1.6)
    texts = [f"photo of a (red:{value}) mug, three-quarter view, white background" for value in values]
    return strip([image(words(text)) for text in texts], [f"(red:{value}) mug" for value in values])


def blends() -> Image:
    parts = (0, 0.25, 0.5, 0.75, 1)
    texts = [
        f'photo of a ("red", "blue").blend({1 - part:g}, {part:g}) mug, white background' for part in parts
    ]
    labels = [f".blend({1 - part:g}, {part:g})" for part in parts]
    return strip([image(words(text)) for text in texts], labels)


def styles() -> Image:
    names = ("pencil-sketch", "marker-rendering", "clay", "studio-photo", "night-city")
    prompts = [
        timeline(loads(f"video: {{frames: 1}}\nprompts: {{at: a teal bottle, style: {name}}}"))[0].prompt
        for name in names
    ]
    start = draw_recipe(START_RECIPES["bottle_photo"], (256, 256)).image
    return strip([image(prompt, start) for prompt in prompts], list(names))


def main() -> None:
    sheet = np.vstack([weights(), blends(), styles()])
    Pillow.fromarray(sheet).save(HERE / "prompts.jpg", quality=88)


if __name__ == "__main__":
    main()
