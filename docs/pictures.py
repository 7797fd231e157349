"""Draw the images of docs/color.md: `python docs/pictures.py`."""

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from animator import animate, loads
from animator.frame import Frame, Image
from animator.imaging.color import PalettePull, parse_hex_color
from animator.imaging.filters import crossfade
from animator.imaging.flow import interpolate
from nanolab.gbuffer import CameraView
from nanolab.recipes import Recipe, draw_recipe

HERE, SIZE = Path(__file__).parent, 224
BRAND = ["#0a84ff", "#ff9f0a", "#ffffff"]


def product(name: str, color: str, azimuth: float = 30, style: str = "photo") -> Image:
    view = CameraView(azimuth=azimuth, elevation=20, scale=0.9)
    return draw_recipe(Recipe(name, style=style, color=color, view=view), (SIZE, SIZE)).image


def warming(frame: Frame, start: Image | None) -> Image:  # noqa: ARG001 (the interface of a painter)
    """Paint with a stand-in that makes every image slightly warmer and darker, as repeated painting does."""
    if start is None:
        return product("mug", "teal")
    return np.clip(np.rint(start * (1.004, 1.0, 0.985) - 0.3), 0, 255).astype(np.uint8)


def drifting(grade: str) -> list[Image]:
    scene = loads(f"video: {{frames: 91, size: {SIZE}x{SIZE}}}\ngrade: {grade}")
    return [
        state.shown
        for frame, state in animate(scene, paint=warming)
        if frame.index % 30 == 0 and state.shown is not None
    ]


def save(name: str, rows: list[list[Image]]) -> None:
    sheet = np.vstack([np.hstack(row) for row in rows])
    Pillow.fromarray(sheet).save(HERE / f"{name}.jpg", quality=85)


def main() -> None:
    pull = PalettePull(np.array([parse_hex_color(color) for color in BRAND], np.uint8))
    images = [product("mug", "purple"), product("chair", "red", style="marker")]
    save("color-palette", [[pull(image, amount) for amount in (0, 0.25, 0.5, 1)] for image in images])
    ends = [(product(name, "blue", 30), product(name, "blue", 38)) for name in ("electric scooter", "chair")]
    save(
        "color-tween", [[old, new, crossfade(old, new, 0.5), interpolate(old, new, 0.5)] for old, new in ends]
    )
    save("color-drift", [drifting("{color: none}"), drifting("{color: lab}")])


if __name__ == "__main__":
    main()
