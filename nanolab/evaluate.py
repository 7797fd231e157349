"""Evaluation of a checkpoint: `python -m nanolab.evaluate` writes figures (JSON) and sheets (PNG).

Prompt accuracy is also measured at sizes other than 256×256, painted as a schedule paints them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from animator import animate, load, loads
from animator.frame import Frame, Painting, Prompt
from animator.models.locate import data_folder
from animator.models.nano import weights_folder
from animator.render.pipeline import load_painter
from animator.scene.read import NANO_DEFAULTS
from nanolab import judge, metrics, recipes, text
from nanolab.checkpoint import PipelinePainter, PipelineSettings
from nanolab.dataset import ShardedImages, read_recipes
from nanolab.judge import AttributeClassifier
from nanolab.recipes import draw_recipe

Rgb = NDArray[np.uint8]


def classifier_accuracy(work_folder: Path, classifier: judge.AttributeClassifier) -> dict[str, float]:
    """Return the classifier's share of right answers per question, on drawn images that it was not trained on."""
    stored, known = ShardedImages(work_folder / "pictures"), read_recipes(work_folder / "pictures")
    chosen = range(int(stored.ends[-3]), len(stored))
    images = [stored[i] for i in chosen]
    shares = judge.answer_accuracy(
        judge.classify(classifier, images), [judge.true_answers(known[i]) for i in chosen]
    )
    shares["hue rule"] = metrics.hue_accuracy(images, [known[i] for i in chosen])
    return {name: round(value, 4) for name, value in shares.items()}


def request_sheet(painter: PipelinePainter, count: int = 64) -> Rgb:
    """Return a sheet (h, w, 3) of random requests, painted with a schedule's defaults and labelled with prompts."""
    settings = PipelineSettings(int(NANO_DEFAULTS["steps"]), NANO_DEFAULTS["guidance_scale"])
    asked = metrics.random_requests(count, seed=7)
    prompts = [text.plain_caption(recipe) for recipe in asked]
    made = painter.paint(prompts, range(500, 500 + count), settings)
    return recipes.image_grid(
        [_label_image(image, prompt) for image, prompt in zip(made, prompts, strict=True)], 8
    )


def _label_image(image: Rgb, prompt: str) -> Rgb:
    head, *rest = prompt.split(", ")
    banded = np.full((image.shape[0] + 24, image.shape[1], 3), 255, np.uint8)
    banded[24:] = image
    for i, line in enumerate((head, ", ".join(rest))):
        cv2.putText(banded, line, (3, 10 + 11 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (0, 0, 0), 1, cv2.LINE_AA)
    return banded


def paint_reveal_film(weights: Path) -> list[Rgb]:
    """Return the frames (h, w, 3) of schedules/10_reveal.yaml, painted with this checkpoint."""
    scene = load(data_folder("schedules") / "10_reveal.yaml", [f"model.base={weights}"])
    return [np.asarray(state.shown) for _, state in animate(scene)]


def _thumbnail(image: Rgb) -> NDArray[np.float32]:
    small = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).ravel()


def nearest_images_sheet(painter: PipelinePainter, work_folder: Path, settings: PipelineSettings) -> Rgb:
    """Return a sheet (h, w, 3) of painted images above their nearest training images (compared at 16×16 pixels)."""
    images = ShardedImages(work_folder / "pictures")
    known = np.stack([_thumbnail(images[i]) for i in range(len(images))])
    made = painter.paint([text.plain_caption(r) for r in metrics.random_requests(8, 11)], range(8), settings)
    near = [images[int(((known - _thumbnail(image)) ** 2).sum(1).argmin())] for image in made]
    return recipes.image_grid([*made, *near], 8)


def few_step_accuracy(weights: Path, classifier: judge.AttributeClassifier, count: int) -> dict[str, float]:
    """Return the prompt accuracy of the few-step LoRA in 4 steps, on a quarter of `count` requests."""
    painter = PipelinePainter(weights, weights / "few-steps")
    return metrics.prompt_accuracy(
        painter, classifier, metrics.random_requests(count // 4), PipelineSettings(4, 1.0), 300
    )


def measurements(
    painter: PipelinePainter, weights: Path, work_folder: Path, count: int, settings: PipelineSettings
) -> dict[str, Callable[[], Any]]:
    """Return all measurements as functions, by the name they have in figures.json."""
    court = judge.load_classifier(work_folder)
    vae = painter.txt2img.vae
    unseen = [draw_recipe(recipe).image for recipe in metrics.random_requests(32, 5)]
    return {
        "judge on true renders": lambda: classifier_accuracy(work_folder, court),
        "prompts followed": lambda: metrics.prompt_accuracy(
            painter, court, metrics.random_requests(count), settings
        ),
        "held-out pairs": lambda: metrics.prompt_accuracy(
            painter, court, metrics.held_out_requests() * 2, settings, 900
        ),
        "few-step LoRA, 4 steps, no guidance": lambda: few_step_accuracy(weights, court, count),
        "vae psnr after round trips": lambda: metrics.round_trip_psnr(vae, unseen),
        "silhouette IoU": lambda: {
            str(s): round(metrics.silhouette_iou(painter, s, settings), 3) for s in (0.3, 0.5, 0.7)
        },
        "motion kept at 0.35": lambda: metrics.mean_motion_retained(painter),
        "silhouette IoU between seeds": lambda: metrics.seed_similarity(painter, settings),
        "other sizes": lambda: accuracy_by_size(weights, court),
        "seconds": lambda: metrics.paint_seconds(painter),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure the checkpoint; print the figures and write them with the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=weights_folder(), help="diffusers folder of the checkpoint"
    )
    parser.add_argument(
        "--room", type=Path, default=Path("nano-room"), help="work folder: images and classifier"
    )
    parser.add_argument("--out", type=Path, default=Path("nano-report"), help="folder for figures and sheets")
    parser.add_argument("--count", type=int, default=504, help="number of prompts to evaluate")
    parser.add_argument("--steps", type=int, default=8, help="sampling steps")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    for progress in judge.train_classifier(chosen.room):
        print(progress, flush=True)
    painter, settings = PipelinePainter(chosen.folder), PipelineSettings(steps=chosen.steps)
    recipes.save_png(chosen.out / "prompts.png", request_sheet(painter))
    recipes.save_png(chosen.out / "film.png", recipes.image_grid(paint_reveal_film(chosen.folder)[::3], 8))
    recipes.save_png(chosen.out / "neighbours.png", nearest_images_sheet(painter, chosen.room, settings))
    result = {}
    for name, measure in measurements(painter, chosen.folder, chosen.room, chosen.count, settings).items():
        result[name] = measure()
        print(name, json.dumps(result[name]), flush=True)
        (chosen.out / "figures.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

SQUARE_SIDE = 256  # pixels of the square images given to the classifier

TEST_SIZES = ("192x256", "256x192", "384x384")


def paint_prompts(weights: Path, size: str, prompts: list[str], first: int, hires: float) -> list[Rgb]:
    """Paint each prompt once, uint8 (h, w, 3), with seeds from `first` on.

    `size` is WIDTHxHEIGHT as in a schedule, `hires` the strength of its hires fix (0: off).
    """
    scene = loads(f"model: {{base: {weights.resolve()}}}\nvideo: {{size: {size}, frames: 1}}")
    painter = load_painter(scene)
    painting = Painting(
        steps=int(NANO_DEFAULTS["steps"]), guidance_scale=NANO_DEFAULTS["guidance_scale"], hires=hires
    )
    frames = [
        Frame(0, first + i, Prompt(text, "", text), painting=painting) for i, text in enumerate(prompts)
    ]
    return [np.asarray(painter.paint(frame, None)) for frame in frames]


def pad_to_square(image: Rgb) -> Rgb:
    """Fit an image into a square of 256×256 pixels, centred; its edge pixels are repeated to fill the rest."""
    height, width = (side * SQUARE_SIDE // max(image.shape[:2]) for side in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    top, left = (SQUARE_SIDE - height) // 2, (SQUARE_SIDE - width) // 2
    filled = cv2.copyMakeBorder(
        small, top, SQUARE_SIDE - height - top, left, SQUARE_SIDE - width - left, cv2.BORDER_REPLICATE
    )
    return np.asarray(filled, np.uint8)


def accuracy_by_size(
    weights: Path, classifier: AttributeClassifier, count: int = 64
) -> dict[str, dict[str, float]]:
    """Return the prompt accuracy per question at each size, and at the largest one also without hires fix."""
    asked = metrics.random_requests(count, seed=7)
    prompts, truths = (
        [text.plain_caption(recipe) for recipe in asked],
        [judge.true_answers(recipe) for recipe in asked],
    )
    ways = [(size, size, Painting().hires) for size in TEST_SIZES] + [
        (f"{TEST_SIZES[-1]} at once", TEST_SIZES[-1], 0.0)
    ]
    found = {}
    for name, size, hires in ways:
        images = [pad_to_square(image) for image in paint_prompts(weights, size, prompts, 500, hires)]
        shares = judge.answer_accuracy(judge.classify(classifier, images), truths)
        found[name] = {question: round(value, 3) for question, value in shares.items()}
    return found
