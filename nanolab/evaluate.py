"""Evaluation of a checkpoint: `python -m nanolab.evaluate` writes figures (JSON) and sheets (PNG).

Prompt accuracy of a checkpoint at sizes other than 256×256, painted as a schedule paints them.
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
from animator.models.nano import folder
from animator.render.pipeline import painter
from animator.scene.compose import data_folder
from animator.scene.read import NANO
from nanolab import judge, recipes
from nanolab import metrics as measures
from nanolab import text as captions
from nanolab.checkpoint import Painter, Settings
from nanolab.dataset import Pictures, read_recipes
from nanolab.judge import Judge
from nanolab.recipes import draw_recipe

Rgb = NDArray[np.uint8]


def judge_error(room: Path, court: judge.Judge) -> dict[str, float]:
    """Return the classifier's share of right answers per question, on drawn images that it was not trained on."""
    pictures, known = Pictures(room / "pictures"), read_recipes(room / "pictures")
    chosen = range(int(pictures.ends[-3]), len(pictures))
    images = [pictures[i] for i in chosen]
    shares = judge.share(judge.ask(court, images), [judge.truth(known[i]) for i in chosen])
    shares["hue rule"] = measures.hue_share(images, [known[i] for i in chosen])
    return {name: round(value, 4) for name, value in shares.items()}


def random_sheet(painter: Painter, count: int = 64) -> Rgb:
    """Return a sheet (h, w, 3) of random requests, painted with a schedule's defaults and labelled with prompts."""
    settings = Settings(int(NANO["steps"]), NANO["guidance_scale"])
    asked = measures.requests(count, seed=7)
    prompts = [captions.plain(recipe) for recipe in asked]
    made = painter.paint(prompts, range(500, 500 + count), settings)
    return recipes.sheet([_label(picture, prompt) for picture, prompt in zip(made, prompts, strict=True)], 8)


def _label(picture: Rgb, prompt: str) -> Rgb:
    head, *rest = prompt.split(", ")
    banded = np.full((picture.shape[0] + 24, picture.shape[1], 3), 255, np.uint8)
    banded[24:] = picture
    for i, line in enumerate((head, ", ".join(rest))):
        cv2.putText(banded, line, (3, 10 + 11 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (0, 0, 0), 1, cv2.LINE_AA)
    return banded


def reveal(weights: Path) -> list[Rgb]:
    """Return the frames (h, w, 3) of schedules/10_reveal.yaml, painted with this checkpoint."""
    scene = load(data_folder("schedules") / "10_reveal.yaml", [f"model.base={weights}"])
    return [np.asarray(state.shown) for _, state in animate(scene)]


def _tiny(picture: Rgb) -> NDArray[np.float32]:
    small = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).ravel()


def neighbours(painter: Painter, room: Path, settings: Settings) -> Rgb:
    """Return a sheet (h, w, 3) of painted images above their nearest training images (compared at 16×16 pixels)."""
    pictures = Pictures(room / "pictures")
    known = np.stack([_tiny(pictures[i]) for i in range(len(pictures))])
    made = painter.paint([captions.plain(r) for r in measures.requests(8, 11)], range(8), settings)
    near = [pictures[int(((known - _tiny(picture)) ** 2).sum(1).argmin())] for picture in made]
    return recipes.sheet([*made, *near], 8)


def few_steps(weights: Path, court: judge.Judge, count: int) -> dict[str, float]:
    """Return the prompt accuracy of the few-step LoRA in 4 steps, on a quarter of `count` requests."""
    painter = Painter(weights, weights / "few-steps")
    return measures.followed(painter, court, measures.requests(count // 4), Settings(4, 1.0), 300)


def figures(
    painter: Painter, weights: Path, room: Path, count: int, settings: Settings
) -> dict[str, Callable[[], Any]]:
    """Return all measurements as functions, by the name they have in figures.json."""
    court = judge.load(room)
    vae = painter.fresh.vae
    unseen = [draw_recipe(recipe).image for recipe in measures.requests(32, 5)]
    return {
        "judge on true renders": lambda: judge_error(room, court),
        "prompts followed": lambda: measures.followed(painter, court, measures.requests(count), settings),
        "held-out pairs": lambda: measures.followed(painter, court, measures.withheld() * 2, settings, 900),
        "few-step LoRA, 4 steps, no guidance": lambda: few_steps(weights, court, count),
        "vae psnr after round trips": lambda: measures.round_trips(vae, unseen),
        "silhouette IoU": lambda: {
            str(s): round(measures.kept(painter, s, settings), 3) for s in (0.3, 0.5, 0.7)
        },
        "motion kept at 0.35": lambda: measures.motion_kept(painter),
        "silhouette IoU between seeds": lambda: measures.variety(painter, settings),
        "other sizes": lambda: followed(weights, court),
        "seconds": lambda: measures.seconds(painter),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure the checkpoint; print the figures and write them with the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=folder(), help="diffusers folder of the checkpoint")
    parser.add_argument(
        "--room", type=Path, default=Path("nano-room"), help="work folder: images and classifier"
    )
    parser.add_argument("--out", type=Path, default=Path("nano-report"), help="folder for figures and sheets")
    parser.add_argument("--count", type=int, default=504, help="number of prompts to evaluate")
    parser.add_argument("--steps", type=int, default=8, help="sampling steps")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    for progress in judge.learn(chosen.room):
        print(progress, flush=True)
    painter, settings = Painter(chosen.folder), Settings(steps=chosen.steps)
    recipes.save(chosen.out / "prompts.png", random_sheet(painter))
    recipes.save(chosen.out / "film.png", recipes.sheet(reveal(chosen.folder)[::3], 8))
    recipes.save(chosen.out / "neighbours.png", neighbours(painter, chosen.room, settings))
    result = {}
    for name, measure in figures(painter, chosen.folder, chosen.room, chosen.count, settings).items():
        result[name] = measure()
        print(name, json.dumps(result[name]), flush=True)
        (chosen.out / "figures.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

SIDE = 256  # pixels of the square images given to the classifier

SIZES = ("192x256", "256x192", "384x384")


def painted(weights: Path, size: str, prompts: list[str], first: int, hires: float) -> list[Rgb]:
    """Paint each prompt once, uint8 (h, w, 3), with seeds from `first` on.

    `size` is WIDTHxHEIGHT as in a schedule, `hires` the strength of its hires fix (0: off).
    """
    scene = loads(f"model: {{base: {weights.resolve()}}}\nvideo: {{size: {size}, frames: 1}}")
    paint = painter(scene)
    painting = Painting(steps=int(NANO["steps"]), guidance_scale=NANO["guidance_scale"], hires=hires)
    frames = [
        Frame(0, first + i, Prompt(text, "", text), painting=painting) for i, text in enumerate(prompts)
    ]
    return [np.asarray(paint(frame, None)) for frame in frames]


def squared(picture: Rgb) -> Rgb:
    """Fit an image into a square of 256×256 pixels, centred; its edge pixels are repeated to fill the rest."""
    height, width = (side * SIDE // max(picture.shape[:2]) for side in picture.shape[:2])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    filled = cv2.copyMakeBorder(
        small, top, SIDE - height - top, left, SIDE - width - left, cv2.BORDER_REPLICATE
    )
    return np.asarray(filled, np.uint8)


def followed(weights: Path, court: Judge, count: int = 64) -> dict[str, dict[str, float]]:
    """Return the prompt accuracy per question at each size, and at the largest one also without hires fix."""
    asked = measures.requests(count, seed=7)
    prompts, truths = [captions.plain(recipe) for recipe in asked], [judge.truth(recipe) for recipe in asked]
    ways = [(size, size, Painting().hires) for size in SIZES] + [(f"{SIZES[-1]} at once", SIZES[-1], 0.0)]
    found = {}
    for name, size, hires in ways:
        images = [squared(picture) for picture in painted(weights, size, prompts, 500, hires)]
        shares = judge.share(judge.ask(court, images), truths)
        found[name] = {question: round(value, 3) for question, value in shares.items()}
    return found
