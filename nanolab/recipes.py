"""Recipes of product images, and drawing them in any style with their ground truth; contact sheets, start images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nanolab.gbuffer import CATALOG_AZIMUTHS, CameraView, GBuffer, trace_gbuffer
from nanolab.photo import BACKDROPS, COLORS, FINISHES, render_clay, render_photo, vary_color
from nanolab.products import PRODUCTS, make_product
from nanolab.sketch import render_marker, render_pencil

Rgb = NDArray[np.uint8]

Floats = NDArray[np.float32]


STYLES = ("photo", "marker", "pencil", "clay")

COLORED_STYLES = ("photo", "marker")  # styles that show colour, finish and every backdrop

SUPERSAMPLING = 1.5  # images are traced this much larger, then averaged down


# Pairs excluded from training, to measure whether the model combines known words.
HELD_OUT = frozenset(
    [
        ("mug", "teal"),
        ("electric scooter", "pink"),
        ("speaker", "yellow"),
        ("chair", "purple"),
        ("bottle", "orange"),
    ]
)


@dataclass(frozen=True)
class Recipe:
    """All parameters of one drawn image; equal recipes give equal bytes."""

    product: str = "bottle"
    style: str = "photo"
    color: str = "red"
    finish: str = "glossy"
    backdrop: str = "white"
    view: CameraView = field(default_factory=CameraView)
    shape: int = 0  # seed of the proportions
    spread: float = 1.0  # how far the proportions vary from the usual ones, 0..1
    seed: int = 0  # seed of the paint's shade, strokes and backdrop


@dataclass(frozen=True)
class DrawnImage:
    """A drawn image and its ground truth."""

    image: Rgb  # (h, w, 3) RGB
    mask: Rgb  # (h, w), 255 on the product
    depth: Floats  # (h, w) distance along the ray, scene units; inf in the background
    normal: Floats  # (h, w, 3) unit vectors, y up; zero in the background
    recipe: Recipe


def _supersampled_size(size: tuple[int, int]) -> tuple[int, int]:
    return int(size[0] * SUPERSAMPLING), int(size[1] * SUPERSAMPLING)


def trace_recipe(recipe: Recipe, size: tuple[int, int] = (256, 256)) -> GBuffer:
    """Trace the recipe's product for an image of (height, width); all styles and colours share the buffer."""
    return trace_gbuffer(
        make_product(recipe.product, recipe.shape, recipe.spread), recipe.view, _supersampled_size(size)
    )


def render_recipe(buffer: GBuffer, recipe: Recipe, size: tuple[int, int] = (256, 256)) -> Rgb:
    """Render a buffer in the recipe's style, colour, finish and backdrop: uint8 RGB (h, w, 3)."""
    body = vary_color(COLORS[recipe.color], np.random.default_rng([recipe.seed, 7]))
    if recipe.style == "photo":
        large = render_photo(buffer, body, recipe.finish, recipe.backdrop, recipe.seed)
    elif recipe.style == "marker":
        large = render_marker(buffer, body, recipe.finish, recipe.backdrop, recipe.seed)
    elif recipe.style == "clay":
        large = render_clay(buffer, recipe.backdrop, recipe.seed)
    else:
        large = render_pencil(buffer, recipe.seed)
    return np.asarray(cv2.resize(large, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def draw_recipe(recipe: Recipe, size: tuple[int, int] = (256, 256)) -> DrawnImage:
    """Draw the recipe's image and ground truth, (height, width) pixels; equal recipes give equal bytes."""
    buffer = trace_recipe(recipe, size)
    wide = size[::-1]
    mask = cv2.resize(buffer.mask.astype(np.uint8) * 255, wide, interpolation=cv2.INTER_AREA)
    depth = cv2.resize(buffer.depth, wide, interpolation=cv2.INTER_NEAREST)
    normal = cv2.resize(buffer.normal, wide, interpolation=cv2.INTER_NEAREST)
    planes = (np.asarray(depth, np.float32), np.asarray(normal, np.float32))
    return DrawnImage(render_recipe(buffer, recipe, size), np.asarray(mask, np.uint8), *planes, recipe)


CATALOG_SETS_SHARE = 0.8  # share of the sets that show the product as a catalogue does

CATALOG_SPREAD = 0.4  # `Recipe.spread` of those sets

SET_STYLES = ("photo", "photo", "photo", "marker", "pencil", "clay")  # styles of one set


def catalog_view(random: np.random.Generator) -> CameraView:
    """Return a random catalogue view: close to one of four azimuths, upright, centred, lit from the left."""
    return CameraView(
        azimuth=float(list(CATALOG_AZIMUTHS.values())[random.integers(4)] + random.uniform(-4, 4)),
        elevation=float(random.uniform(14, 18)),
        scale=float(random.uniform(0.83, 0.9)),
        x=float(random.uniform(-0.01, 0.01)),
        y=float(random.uniform(-0.01, 0.01)),
        light=float(random.uniform(-48, -32)),
        height=float(random.uniform(47, 53)),
    )


def random_view(random: np.random.Generator) -> CameraView:
    """Return a random view as films need: from every side, some rolled, of varying scale, off centre."""
    middle, spread = ((0, 20), (42, 20), (90, 20), (152, 28))[random.choice(4, p=[0.22, 0.38, 0.22, 0.18])]
    azimuth = (middle + random.uniform(-spread, spread)) * random.choice([-1, 1])
    tilted = random.random() < 0.6
    scale = random.uniform(0.74, 1.08)
    far = (0.26 - 0.2 * scale) * (1.0 if random.random() < 0.6 else 0.3)  # large products stay central
    return CameraView(
        azimuth=float(azimuth % 360),
        elevation=float(random.uniform(8, 32)),
        roll=float(random.normal(0, 14) if tilted else 0.0),
        scale=float(scale),
        x=float(random.normal(0, far)),
        y=float(random.normal(0, far * 0.7)),
        light=float(random.choice([-1, 1]) * random.uniform(25, 60)),
        height=float(random.uniform(38, 62)),
    )


def with_random_look(recipe: Recipe, style: str, random: np.random.Generator) -> Recipe:
    """Return the recipe in `style`, with random colour, finish and backdrop; never a held-out pair."""
    names = [name for name in COLORS if (recipe.product, name) not in HELD_OUT]
    backdrops = list(BACKDROPS)
    backdrop = backdrops[random.choice(4, p=[0.34, 0.22, 0.22, 0.22])]
    if style == "pencil":
        backdrop = "white"
    if style == "clay":
        backdrop = backdrops[random.choice(2)]
    return replace(
        recipe,
        style=style,
        color=names[random.integers(len(names))],
        finish=list(FINISHES)[random.integers(len(FINISHES))],
        backdrop=backdrop,
        seed=int(random.integers(1 << 31)),
    )


def random_set(seed: int) -> list[Recipe]:
    """Return six recipes of one product and view: three photographs, a marker rendering, a sketch, a clay model."""
    random = np.random.default_rng([seed, 43])
    name = list(PRODUCTS)[random.integers(len(PRODUCTS))]
    usual = random.random() < CATALOG_SETS_SHARE
    view, spread = (catalog_view(random), CATALOG_SPREAD) if usual else (random_view(random), 1.0)
    base = Recipe(name, view=view, shape=int(random.integers(1 << 31)), spread=spread)
    return [with_random_look(base, style, random) for style in SET_STYLES]


SCOOTER = Recipe(
    "electric scooter", color="red", view=CameraView(azimuth=58, elevation=14, scale=0.9), shape=11, seed=5
)

BOTTLE = Recipe("bottle", color="teal", view=CameraView(azimuth=24), shape=2, seed=6)

START_RECIPES: dict[str, Recipe] = {
    "scooter_sketch": replace(SCOOTER, style="pencil"),
    "scooter_marker": replace(SCOOTER, style="marker"),
    "scooter_clay": replace(SCOOTER, style="clay", backdrop="grey"),
    "scooter_photo": SCOOTER,
    "scooter_night": replace(SCOOTER, backdrop="night", color="blue"),
    "bottle_sketch": replace(BOTTLE, style="pencil"),
    "bottle_photo": BOTTLE,
    "speaker_photo": Recipe(
        "speaker", color="orange", backdrop="grey", view=CameraView(azimuth=-34), shape=4, seed=7
    ),
    "mug_photo": Recipe("mug", color="red", view=CameraView(azimuth=-18, elevation=24), shape=6, seed=8),
    "headphones_photo": Recipe("headphones", color="purple", backdrop="sunset", shape=3, seed=9),
    "lamp_photo": Recipe(
        "desk lamp", color="yellow", backdrop="grey", view=CameraView(azimuth=52), shape=1, seed=10
    ),
    "watch_photo": Recipe("wrist watch", color="blue", finish="metal", shape=5, seed=11),
    "chair_photo": Recipe("chair", color="green", view=CameraView(azimuth=40), shape=8, seed=12),
}


def image_grid(images: Sequence[Rgb], columns: int) -> Rgb:
    """Return the images, all (h, w, 3), side by side in rows of `columns`; empty cells are white."""
    height, width = images[0].shape[:2]
    rows = -(-len(images) // columns)
    page = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * height, i % columns * width
        page[y : y + height, x : x + width] = image
    return page


def save_png(path: Path, image: Rgb) -> None:
    """Write an RGB image as PNG; missing folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


def draw_start_images(folder: Path, size: tuple[int, int] = (256, 256)) -> list[Path]:
    """Draw every start image as a PNG of (height, width) pixels; return the paths."""
    paths = []
    for name, recipe in START_RECIPES.items():
        paths.append(folder / f"{name}.png")
        save_png(paths[-1], draw_recipe(recipe, size).image)
    return paths
