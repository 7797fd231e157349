"""Paint the images of upscale.md: python docs/upscale_pictures.py."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from animator import animate, loads, timeline
from animator.frame import Upscale
from animator.imaging.flow import interpolate_many
from animator.imaging.resize import resize
from animator.render import pipeline
from animator.render.upscale import frame_enlarger

HERE = Path(__file__).parent
FILM = """
video: {frames: 2}
prompts: {at: "photo of a teal bottle, grey background"}
painting: {steps: 20, seed: 5, strength: 0.35}
motion: {translation_x: 36, angle: 12}
output: {upscale: {by: second-pass, factor: 2}}
"""
PART = slice(120, 376)


def larger() -> None:
    """Return a part of a painted image, twice as large: by Lanczos, and by second passes of three strengths."""
    scene = loads(FILM)
    painter = pipeline.load_painter(scene)
    frame = timeline(scene)[0]
    picture = painter.paint(frame, None)
    enlarge = frame_enlarger(scene)
    row = [resize(picture, 512, 512)]
    for strength in (0.2, 0.35, 0.5):
        row.append(enlarge(replace(frame, upscale=Upscale(strength)), picture, painter))
    cut = [image[PART, PART] for image in row]
    Pillow.fromarray(np.hstack(cut)).save(HERE / "upscale.jpg", quality=88, subsampling=0)


def beyond() -> None:
    """Return products at 384x384: in a single pass, and composed at nano's native size (hires fix)."""
    words = ["marker rendering of an orange chair, side view", "photo of a blue chair, side view"]
    words += [
        "photo of purple headphones, front view",
        "marker rendering of a green speaker, three-quarter view",
    ]
    films = [loads(f"video: {{size: 384x384, frames: 1}}\nprompts: {{at: '{text}'}}") for text in words]
    painter = pipeline.load_painter(films[0])
    (first,), *_ = frames = [timeline(film) for film in films]
    rows = []
    for hires in (0.0, first.painting.hires):
        asked = [replace(frame, painting=replace(frame.painting, hires=hires)) for (frame,) in frames]
        rows.append(np.hstack([resize(painter.paint(frame, None), 256, 256) for frame in asked]))
    Pillow.fromarray(np.vstack(rows)).save(HERE / "upscale-hires.jpg", quality=88)


def smoother() -> None:
    """Return two frames of a film and three interpolated frames between them."""
    first, second = (
        state.shown for _, state in animate(loads(FILM.replace("strength: 0.35", "strength: 0")))
    )
    row = [first, *interpolate_many(first, second, (0.25, 0.5, 0.75)), second]
    small = [resize(image, 192, 192) for image in row]
    Pillow.fromarray(np.hstack(small)).save(HERE / "upscale-between.jpg", quality=85, subsampling=0)


if __name__ == "__main__":
    larger()
    beyond()
    smoother()
