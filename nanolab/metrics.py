"""Metrics of a checkpoint: prompt accuracy, autoencoder round trips, silhouettes, motion retained in a film."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from nanolab import judge, text
from nanolab.checkpoint import PipelinePainter, PipelineSettings
from nanolab.gbuffer import CameraView
from nanolab.judge import AttributeClassifier
from nanolab.photo import COLORS
from nanolab.products import PRODUCTS
from nanolab.recipes import HELD_OUT, START_RECIPES, Recipe, draw_recipe, with_random_look
from nanolab.vae import images_to_tensor, round_trip, tensor_to_images

Rgb = NDArray[np.uint8]
VIEW_AZIMUTHS = {"front": 0.0, "three-quarter": 42.0, "side": 90.0, "back": 165.0}


def random_requests(count: int, seed: int = 0) -> list[Recipe]:
    """Return random recipes to paint, cycling through the products; held-out pairs are excluded."""
    random = np.random.default_rng([seed, 99])
    found = []
    for i in range(count):
        azimuth = list(VIEW_AZIMUTHS.values())[random.integers(4)]
        base = Recipe(list(PRODUCTS)[i % len(PRODUCTS)], view=CameraView(azimuth=azimuth))
        style = ("photo", "photo", "marker", "pencil", "clay")[random.integers(5)]
        found.append(with_random_look(base, style, random))
    return found


def held_out_requests() -> list[Recipe]:
    """Return the product and colour pairs excluded from training, as photographs and marker renderings."""
    pairs = sorted(HELD_OUT)
    return [Recipe(p, style=style, color=c) for p, c in pairs for style in ("photo", "marker")]


def prompt_accuracy(
    painter: PipelinePainter,
    classifier: AttributeClassifier,
    asked: Sequence[Recipe],
    settings: PipelineSettings,
    first: int = 0,
) -> dict[str, float]:
    """Return the share of requests painted right (0..1), per question and by the hue rule on plain photographs."""
    prompts = [text.plain_caption(recipe) for recipe in asked]
    images = painter.paint(prompts, range(first, first + len(asked)), settings)
    shares = judge.answer_accuracy(
        judge.classify(classifier, images), [judge.true_answers(recipe) for recipe in asked]
    )
    shares["hue rule"] = hue_accuracy(images, asked)
    return {name: round(value, 4) for name, value in shares.items()}


def hue_accuracy(images: Sequence[Rgb], asked: Sequence[Recipe]) -> float:
    """Return the share of photographs on white or grey whose colour the hue rule confirms; nan without any."""
    plain = [i for i, r in enumerate(asked) if r.style == "photo" and r.backdrop in ("white", "grey")]
    hits = [judge.color_by_hue(images[i]) == asked[i].color for i in plain]
    return float(np.mean(hits)) if hits else float("nan")


def psnr(a: Rgb, b: Rgb) -> float:
    """Return the peak signal-to-noise ratio of two uint8 images, in dB."""
    error = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return float(10 * np.log10(255.0**2 / max(error, 1e-6)))


def round_trip_psnr(
    vae: AutoencoderKL, images: Sequence[Rgb], times: Sequence[int] = (1, 2, 4, 8, 16)
) -> dict[str, float]:
    """Return the mean PSNR (dB) against the originals, by the number of encode-decode round trips."""
    result, done, pixels = {}, 0, images_to_tensor(np.stack(images))
    for count in times:
        pixels, done = round_trip(vae, pixels, count - done), count
        made = tensor_to_images(pixels)
        result[str(count)] = round(float(np.mean([psnr(a, b) for a, b in zip(images, made, strict=True)])), 2)
    return result


def silhouette(image: Rgb) -> NDArray[np.bool_]:
    """Return the mask (h, w) of a coloured product on white: saturated or dark pixels, small gaps closed."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    seen = (np.hypot(lab[..., 1] - 128, lab[..., 2] - 128) > 22) | (lab[..., 0] < 95)
    closed = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)


def mask_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return the intersection over union of two masks (h, w)."""
    return float((a & b).sum() / max((a | b).sum(), 1))


def start_subjects() -> list[Recipe]:
    """Return one coloured product of each kind as a photograph on white, to start img2img from."""
    colors = [name for name in COLORS if name not in ("white", "black")]
    return [
        Recipe(name, color=colors[i % 8], view=CameraView(azimuth=35, scale=0.75), shape=100 + i, seed=i)
        for i, name in enumerate(PRODUCTS)
        if (name, colors[i % 8]) not in HELD_OUT
    ]


def silhouette_iou(painter: PipelinePainter, strength: float, settings: PipelineSettings) -> float:
    """Return the mean IoU of the silhouettes of start images and of their img2img results at `strength`."""
    found = []
    for i, recipe in enumerate(start_subjects()):
        start = draw_recipe(recipe).image
        made = painter.repaint(start, text.plain_caption(recipe), strength, i, settings)
        found.append(mask_iou(silhouette(start), silhouette(made)))
    return float(np.mean(found))


@dataclass(frozen=True)
class SteadyMotion:
    """Motion of the whole image per frame: a turn (degrees, clockwise) and a zoom (ratio)."""

    turn: float = 1.0
    zoom: float = 1.01

    def warp(self, image: Rgb) -> Rgb:
        """Return the image (h, w, 3) turned and zoomed about its centre; edge pixels are repeated."""
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -self.turn, self.zoom)
        moved = cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(moved, np.uint8)


def feedback_film(
    painter: PipelinePainter, start: Rgb, prompts: Sequence[str], strength: float, motion: SteadyMotion
) -> list[Rgb]:
    """Run the feedback loop (warp, img2img) once per prompt; return the frames, beginning with the start image."""
    settings = PipelineSettings(steps=max(round(4 / strength), 4))
    shown = [start]
    for i, prompt in enumerate(prompts):
        shown.append(painter.repaint(motion.warp(shown[-1]), prompt, strength, i, settings))
    return shown


def motion_retained(start: Rgb, end: Rgb, motion: SteadyMotion, frames: int) -> tuple[float, float]:
    """Return the shares of turn and zoom found in the last frame, by the best match of silhouettes (-0.2..1.3)."""
    last = silhouette(end)
    best, found = -1.0, (0.0, 0.0)
    turn, zoom = motion.turn * frames, motion.zoom**frames
    for a in np.linspace(-0.2, 1.3, 16):
        for b in np.linspace(-0.2, 1.3, 16):
            fit = mask_iou(silhouette(SteadyMotion(turn * a, zoom**b).warp(start)), last)
            if fit > best:
                best, found = fit, (float(a), float(b))
    return found


def mean_motion_retained(
    painter: PipelinePainter, frames: int = 24, strength: float = 0.35, count: int = 8
) -> dict[str, float]:
    """Return the mean shares of turn and zoom that a painted film retains, over `count` products."""
    motion, found = SteadyMotion(), []
    for recipe in start_subjects()[:count]:
        start = draw_recipe(replace(recipe, view=replace(recipe.view, scale=0.62))).image
        shown = feedback_film(painter, start, [text.plain_caption(recipe)] * frames, strength, motion)
        found.append(motion_retained(start, shown[-1], motion, frames))
    turn, zoom = np.mean(found, axis=0)
    return {"turn": round(float(turn), 3), "zoom": round(float(zoom), 3)}


def seed_similarity(painter: PipelinePainter, settings: PipelineSettings, seeds: int = 6) -> float:
    """Return the mean silhouette IoU between seeds of one prompt; 1: all seeds give the same silhouette."""
    found = []
    for prompt in (
        "studio photo of a red bottle, white background",
        "studio photo of a blue chair, white background",
    ):
        shapes = [silhouette(p) for p in painter.paint([prompt] * seeds, range(seeds), settings)]
        found += [mask_iou(a, b) for i, a in enumerate(shapes) for b in shapes[i + 1 :]]
    return round(float(np.mean(found)), 3)


def paint_seconds(painter: PipelinePainter) -> dict[str, float]:
    """Measure the median seconds per new image and per img2img frame at 256×256, after one warm-up."""
    start, prompt = draw_recipe(START_RECIPES["mug_photo"]).image, "studio photo of a red mug"
    tasks: dict[str, Callable[[], object]] = {
        "picture, 8 steps, guidance 4": lambda: painter.paint([prompt], [0], PipelineSettings(8, 4.0)),
        "frame, 4 calls, guidance 4": lambda: painter.repaint(
            start, prompt, 0.5, 0, PipelineSettings(8, 4.0)
        ),
        "frame, 4 calls, no guidance": lambda: painter.repaint(
            start, prompt, 0.5, 0, PipelineSettings(8, 1.0)
        ),
    }
    result = {"threads": float(torch.get_num_threads())}
    for name, task in tasks.items():
        task()
        times = []
        for _ in range(5):
            began = time.perf_counter()
            task()
            times.append(time.perf_counter() - began)
        result[name] = round(float(np.median(times)), 4)
    return result
