"""Training images on disk: shards of drawn images with their recipes, and random textures for the autoencoder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.runs.atomic import draft_file
from nanolab.gbuffer import CameraView
from nanolab.recipes import Recipe, random_set, render_recipe, trace_recipe

Size = tuple[int, int]

SETS_PER_SHARD = 125  # six images each


def write_stream_atomic(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file atomically, after creating its folder: an interrupted run leaves no partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_file(path) as draft, draft.open("wb") as file:
        write(file)


def make_readable(folder: Path) -> None:
    """Make the .safetensors files in a folder readable for everyone; their writer permits only the owner."""
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)


def _recipe_from_json(data: dict[str, Any]) -> Recipe:
    return Recipe(**{**data, "view": CameraView(**data["view"])})


def draw_shard(folder: Path, index: int, size: Size = (256, 256), sets: int = SETS_PER_SHARD) -> Path:
    """Draw shard `index`, uint8 (6·sets, height, width, 3), unless it exists; return the path of its .npy file."""
    path = folder / f"pictures-{index:04d}.npy"
    if path.exists():
        return path
    cv2.setNumThreads(1)
    recipes, images = [], []
    for seed in range(index * sets, (index + 1) * sets):
        group = random_set(seed)
        buffer = trace_recipe(group[0], size)
        recipes += group
        images += [render_recipe(buffer, recipe, size) for recipe in group]
    lines = "\n".join(json.dumps(asdict(recipe)) for recipe in recipes)
    write_stream_atomic(path.with_suffix(".jsonl"), lambda file: file.write(lines.encode()))
    write_stream_atomic(path, lambda file: np.save(file, np.stack(images)))
    return path


def draw_shards(
    folder: Path, indices: Sequence[int], workers: int, size: Size = (256, 256)
) -> Iterator[Path]:
    """Draw the missing shards in parallel processes and yield their paths; size is (height, width)."""
    # Fresh processes: a fork would inherit the locks of OpenCV's and torch's threads.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(draw_shard, [folder] * len(indices), indices, [size] * len(indices))


def read_recipes(folder: Path) -> list[Recipe]:
    """Return the recipes of all finished shards, in the order of the images."""
    lines: list[str] = []
    for path in sorted(folder.glob("pictures-*.npy")):
        lines += path.with_suffix(".jsonl").read_text().splitlines()
    return [_recipe_from_json(json.loads(line)) for line in lines]


class ShardedImages:
    """All images of a folder as one sequence of uint8 (h, w, 3), read from disk on access."""

    def __init__(self, folder: Path) -> None:
        self.shards = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("pictures-*.npy"))]
        self.ends = np.cumsum([len(shard) for shard in self.shards])

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        shard = int(np.searchsorted(self.ends, index, side="right"))
        first = 0 if shard == 0 else int(self.ends[shard - 1])
        return np.asarray(self.shards[shard][index - first])


Rgb = NDArray[np.uint8]

Random = np.random.Generator


def _random_color(random: Random) -> NDArray[np.float64]:
    return random.uniform(0, 255, 3)


def _random_stripes(size: int, random: Random) -> NDArray[np.float64]:
    y, x = np.mgrid[0:size, 0:size]
    a, pitch = random.uniform(0, np.pi), random.uniform(6, 40)
    wave = np.sin((x * np.cos(a) + y * np.sin(a)) * 2 * np.pi / pitch + random.uniform(0, 6))
    if random.random() < 0.3:
        wave = wave * np.sin((-x * np.sin(a) + y * np.cos(a)) * 2 * np.pi / pitch)
    share = np.clip(0.5 + wave * random.uniform(0.5, 8), 0, 1)[..., None]
    return np.asarray(_random_color(random) * share + _random_color(random) * (1 - share))


def _random_clouds(size: int, random: Random) -> NDArray[np.float64]:
    image = np.zeros((size, size, 3))
    cells = int(random.integers(2, 6))
    strength = random.uniform(40, 110)
    while cells <= size // 4:
        rough = random.normal(0, strength, (cells, cells, 3))
        image += cv2.resize(rough, (size, size), interpolation=cv2.INTER_CUBIC)
        cells, strength = cells * 2, strength * random.uniform(0.35, 0.6)
    return image + _random_color(random)


def _random_shapes(size: int, random: Random) -> NDArray[np.generic]:
    image = np.ascontiguousarray(np.clip(_random_clouds(size, random) * 0.5 + 60, 0, 255).astype(np.uint8))
    for _ in range(int(random.integers(2, 12))):
        color = _random_color(random).tolist()
        points = random.uniform(-0.2, 1.2, (int(random.integers(3, 6)), 2)) * size
        middle = (int(points[0, 0]), int(points[0, 1]))
        kind = random.integers(4)
        if kind == 0:
            cv2.fillPoly(image, [points.astype(np.int32)], color, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(image, middle, int(random.uniform(3, size / 3)), color, -1, cv2.LINE_AA)
        elif kind == 2:
            cv2.polylines(
                image, [points.astype(np.int32)], False, color, int(random.integers(2, 7)), cv2.LINE_AA
            )
        else:
            text = "".join(chr(int(c)) for c in random.integers(48, 122, 5))
            cv2.putText(
                image, text, middle, 0, random.uniform(0.4, 1.6), color, int(random.integers(2, 4)), 16
            )
    return image


def random_texture(size: int, random: Random) -> Rgb:
    """Return a random image of stripes, clouds or shapes, uint8 RGB (size, size, 3)."""
    kind = (_random_stripes, _random_clouds, _random_shapes, _random_shapes)[int(random.integers(4))]
    return np.asarray(np.clip(kind(size, random), 0, 255), np.uint8)


def recolor(image: Rgb, random: Random) -> Rgb:
    """Change hue, saturation, brightness and contrast of an image (h, w, 3) at random."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + random.uniform(0, 256)) % 256
    hsv[..., 1] = np.clip(hsv[..., 1] * random.uniform(0.3, 1.5), 0, 255)
    turned = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB_FULL).astype(np.float32)
    changed = 255 * (turned / 255) ** random.uniform(0.6, 1.6) * random.uniform(0.8, 1.1)
    return np.asarray(np.clip(changed + random.uniform(-15, 15, 3), 0, 255), np.uint8)
