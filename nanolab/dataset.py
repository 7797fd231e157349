"""Training images on disk: shards of drawn images with their recipes, written atomically."""

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

from nanolab.recipes import Recipe, paint, random_set, see
from nanolab.view import View

Size = tuple[int, int]
SETS_PER_SHARD = 125  # six images each


def write_whole(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file under a temporary name, then rename it: an interrupted run leaves no partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as file:
        write(file)
    draft.replace(path)


def readable(folder: Path) -> None:
    """Make the .safetensors files in a folder readable for everyone; their writer permits only the owner."""
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)


def _recipe(data: dict[str, Any]) -> Recipe:
    return Recipe(**{**data, "view": View(**data["view"])})


def draw_shard(folder: Path, index: int, size: Size = (256, 256), sets: int = SETS_PER_SHARD) -> Path:
    """Draw shard `index`, uint8 (6·sets, height, width, 3), unless it exists; return the path of its .npy file."""
    path = folder / f"pictures-{index:04d}.npy"
    if path.exists():
        return path
    cv2.setNumThreads(1)
    recipes, images = [], []
    for seed in range(index * sets, (index + 1) * sets):
        group = random_set(seed)
        buffer = see(group[0], size)
        recipes += group
        images += [paint(buffer, recipe, size) for recipe in group]
    lines = "\n".join(json.dumps(asdict(recipe)) for recipe in recipes)
    write_whole(path.with_suffix(".jsonl"), lambda file: file.write(lines.encode()))
    write_whole(path, lambda file: np.save(file, np.stack(images)))
    return path


def draw_all(folder: Path, indices: Sequence[int], workers: int, size: Size = (256, 256)) -> Iterator[Path]:
    """Draw the missing shards in parallel processes and yield their paths; size is (height, width)."""
    # Fresh processes: a fork would inherit the locks of OpenCV's and torch's threads.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(draw_shard, [folder] * len(indices), indices, [size] * len(indices))


def recipes(folder: Path) -> list[Recipe]:
    """Return the recipes of all finished shards, in the order of the images."""
    lines: list[str] = []
    for path in sorted(folder.glob("pictures-*.npy")):
        lines += path.with_suffix(".jsonl").read_text().splitlines()
    return [_recipe(json.loads(line)) for line in lines]


class Pictures:
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
