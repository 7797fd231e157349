"""Training of nano's ControlNet of shapes: drawings of products and of random constructions, each with its hint.

The hint is that of `animator/product/hints.py`: normals in camera space, black outside, with black lines along
outlines, depth steps, creases and borders of materials.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPTokenizer

from animator.product.passes import normals_to_rgb
from nanolab.dataset import write_stream_atomic
from nanolab.gbuffer import CameraView, GBuffer, camera_axes, trace_gbuffer
from nanolab.latents import encode_images, load_autoencoder
from nanolab.model import Nano, add_noise, caption_mask, sample_levels
from nanolab.products import PRODUCTS, Product, make_product
from nanolab.recipes import SET_STYLES, SUPERSAMPLING, Recipe, Rgb, render_recipe, with_random_look
from nanolab.shapes import BODY, DARK, LIGHT, STEEL, Placement, Shape, box, capsule, ellipsoid, frustum, ring
from nanolab.tasks import CONTROL_LEVEL_EXPONENT, ControlNetTask, build_controlnet
from nanolab.text import random_caption, token_ids
from nanolab.trainer import device_of

THIN_PRODUCTS = (
    "electric scooter",
    "chair",
    "desk lamp",
)  # drawn twice as often: their outlines are the hardest
CONSTRUCTIONS = 0.4  # share of the sets that show a random construction
SETS_PER_SHARD = 50  # six images each
CREASE = 40.0  # degrees
STEP = 0.04  # relative change of depth between neighbours that is a line
HINTLESS, WORDLESS = 0.1, 0.25  # shares of images trained without a hint, and without words
RATE = 4e-4
SIZE = (256, 256)


def shape_hint(buffer: GBuffer, size: tuple[int, int] = SIZE) -> Rgb:
    """Return the hint of a drawing, RGB uint8 (h, w, 3) of `size` (height, width)."""
    right, up, forward = camera_axes(buffer.view)
    directions = (buffer.normal @ np.stack([right, up, -forward]).T).astype(np.float32)
    mask = buffer.mask.astype(np.float32)
    shown = normals_to_rgb(directions, mask)
    small = cv2.resize(shown, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    ink = cv2.resize(_lines(buffer), size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small * (1 - np.clip(1.3 * ink, 0, 1))[..., None] + 0.5, np.uint8)


def _lines(buffer: GBuffer) -> NDArray[np.float32]:
    """Return 1 on both sides of outlines, depth steps, creases and borders of materials, else 0, (h, w)."""
    label = np.where(buffer.mask, buffer.material, 255).astype(np.int16)
    edges = np.zeros(label.shape, bool)
    for before, after in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        inside = buffer.mask[before] & buffer.mask[after]
        turned = np.einsum("hwi,hwi->hw", buffer.normal[before], buffer.normal[after])
        near, far = (np.where(inside, buffer.depth[side], 1.0) for side in (before, after))
        jump = np.abs(near - far) > STEP * np.minimum(near, far)
        crease = turned < np.cos(np.radians(CREASE))
        marked = (label[before] != label[after]) | (inside & (jump | crease))
        edges[before] |= marked
        edges[after] |= marked
    return edges.astype(np.float32)


def construction(random: np.random.Generator) -> Product:
    """Return two to five random solids that touch or cut one another, standing on the floor."""
    shapes: list[Shape] = []
    for number in range(int(random.integers(2, 6))):
        at = (
            float(random.uniform(-0.3, 0.3)) * bool(number),
            float(random.uniform(0.25, 0.9)),
            float(random.uniform(-0.3, 0.3)) * bool(number),
        )
        turn = tuple(float(random.choice([0, 0, 90, random.uniform(0, 360)])) for _ in range(3))
        material = (BODY, BODY, DARK, LIGHT, STEEL)[int(random.integers(5))] if number else BODY
        cut = number > 0 and random.random() < 0.2
        place = Placement(
            at, (turn[0], turn[1], turn[2]), material, 0.03 * (random.random() < 0.3), bool(cut)
        )
        shapes.append(_random_solid(random, place))
    return Product("object", tuple(shapes))


def _random_solid(random: np.random.Generator, place: Placement) -> Shape:
    a, b, c = (float(random.uniform(0.08, 0.42)) for _ in range(3))
    match int(random.integers(5)):
        case 0:
            return box((a, b, c), place, min(a, b, c) * float(random.uniform(0.05, 0.5)))
        case 1:
            return frustum(a, b, c, place, 0.02)
        case 2:
            return capsule(min(a, 0.2), b, place)
        case 3:
            return ring(max(a, 0.15), min(b, 0.12), place)
        case _:
            return ellipsoid((a, b, c), place)


def shape_view(random: np.random.Generator) -> CameraView:
    """Return a view from any side, low and high, whole, close and partial."""
    close = random.random() < 0.2
    return CameraView(
        azimuth=float(random.uniform(0, 360)),
        elevation=float(random.uniform(-5, 60) if random.random() < 0.5 else random.uniform(5, 28)),
        roll=float(random.normal(0, 10) if random.random() < 0.3 else 0.0),
        scale=float(random.uniform(1.0, 1.5) if close else random.uniform(0.6, 0.98)),
        x=float(random.normal(0, 0.12 if close else 0.03)),
        y=float(random.normal(0, 0.1 if close else 0.03)),
        light=float(random.uniform(-50, -30)),
        height=float(random.uniform(45, 55)),
    )


def draw_shape_shard(
    folder: Path, index: int, size: tuple[int, int] = SIZE, sets: int = SETS_PER_SHARD
) -> Path:
    """Draw shard `index`: images uint8 (6 * sets, h, w, 3), a hint for each set, and captions, unless it exists."""
    path = folder / f"shapes-{index:04d}.npz"
    if path.exists():
        return path
    cv2.setNumThreads(1)
    images, hints, captions = [], [], []
    for seed in range(index * sets, (index + 1) * sets):
        random = np.random.default_rng([seed, 71])
        product, name = _random_product(random)
        recipe = Recipe(name, view=shape_view(random))
        large = int(size[0] * SUPERSAMPLING), int(size[1] * SUPERSAMPLING)
        buffer = trace_gbuffer(product, recipe.view, large)
        hints.append(shape_hint(buffer, size))
        for style in SET_STYLES:
            shown = with_random_look(recipe, style, random)
            images.append(render_recipe(buffer, shown, size))
            words = random_caption(shown, random)
            captions.append(words if product.name != "object" else words.replace(name, "object"))
    said = np.array(json.dumps(captions))
    write_stream_atomic(
        path, lambda file: np.savez(file, images=np.stack(images), hints=np.stack(hints), captions=said)
    )
    return path


def _random_product(random: np.random.Generator) -> tuple[Product, str]:
    """Return a construction or a product, and the name of the product whose looks and words it has."""
    names = [*PRODUCTS, *THIN_PRODUCTS]
    name = names[int(random.integers(len(names)))]
    if random.random() < CONSTRUCTIONS:
        return construction(random), name
    return make_product(name, int(random.integers(1 << 31)), float(random.uniform(0.3, 1.0))), name


def draw_shape_shards(folder: Path, indices: Sequence[int], workers: int) -> Iterator[Path]:
    """Draw the missing shards in parallel processes and yield their paths."""
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(partial(draw_shape_shard, folder), indices)


class ShapeImages:
    """All drawings of a folder as latents, with their hints and captions."""

    def __init__(self, folder: Path, work_folder: Path, device: str = "cpu") -> None:
        """Encode shards that are not encoded yet, with the work folder's autoencoder."""
        vae = load_autoencoder(work_folder).to(device)
        latents, hints = [], []
        self.captions: list[str] = []
        for path in sorted(folder.glob("shapes-*.npz")):
            stored, encoded = np.load(path), path.with_suffix(".latents.npy")
            if not encoded.exists():
                write_stream_atomic(encoded, partial(np.save, arr=encode_images(vae, list(stored["images"]))))
            latents.append(np.load(encoded))
            hints.append(np.repeat(stored["hints"], len(SET_STYLES), axis=0))
            self.captions += json.loads(str(stored["captions"]))
        self.latents, self.hints = np.concatenate(latents), np.concatenate(hints)


class ShapeControlTask(ControlNetTask):
    """Predict v with the shape as a hint; the UNet itself is frozen."""

    def __init__(
        self,
        nano: Nano,
        images: ShapeImages,
        tokenizer: CLIPTokenizer,
        start: Path | None = None,
        batch: int = 12,
    ) -> None:
        """`start`: folder of a ControlNet to go on from."""
        self.nano, self.shapes, self.tokenizer, self.batch = nano, images, tokenizer, batch
        nano.requires_grad_(False)
        net = build_controlnet(nano) if start is None else ControlNetModel.from_pretrained(start).float()
        self.net = net.to(device_of(nano.unet))
        self.model: nn.Module = self.net
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.net.parameters(), RATE, (0.9, 0.98), fused=True)
        ]

    def loss(self, step: int) -> Tensor:
        """Return the mean square error of v over a batch; some images have no hint, some no words."""
        random, device = np.random.default_rng([11, step]), device_of(self.model)
        picked = random.integers(len(self.shapes.captions), size=self.batch)
        hints = self.shapes.hints[picked].astype(np.float32) / 255
        hints *= (random.random(self.batch) >= HINTLESS)[:, None, None, None]
        hint = torch.from_numpy(hints).permute(0, 3, 1, 2).to(device)
        tokens = token_ids(self.tokenizer, [self.shapes.captions[int(i)] for i in picked])
        hold = caption_mask(1 - WORDLESS, self.batch, random, device)
        levels = sample_levels(self.batch, CONTROL_LEVEL_EXPONENT, random)
        given = add_noise(self.shapes.latents[picked], levels, device)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                embeds, pooled = self.nano.text(torch.from_numpy(tokens).to(device))
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self._predict(given.noisy, given.levels, text, hint)
        return (made.float() - given.target).square().mean()


def unseen_constructions(count: int, size: tuple[int, int] = SIZE) -> list[tuple[Rgb, NDArray[np.bool_]]]:
    """Return hint and mask of constructions that no training draws, in front views."""
    found = []
    for seed in range(count):
        random = np.random.default_rng([seed, 977])
        view = replace(shape_view(random), scale=0.8, x=0.0, y=0.0, roll=0.0)
        buffer = trace_gbuffer(construction(random), view, size)
        found.append((shape_hint(buffer, size), buffer.mask))
    return found
