"""Evaluation of a checkpoint: `python -m nanolab.evaluate` writes figures (JSON) and sheets (PNG)."""

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

from animator import animate, load
from animator.models.nano import folder
from animator.scene.presets import shelf
from animator.scene.running import NANO
from nanolab import formats, gallery, judge
from nanolab import metrics as measures
from nanolab import text as captions
from nanolab.dataset import Pictures, recipes
from nanolab.painter import Painter, Settings
from nanolab.recipes import draw

Rgb = NDArray[np.uint8]


def judge_error(room: Path, court: judge.Judge) -> dict[str, float]:
    """Return the classifier's share of right answers per question, on drawn images that it was not trained on."""
    pictures, known = Pictures(room / "pictures"), recipes(room / "pictures")
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
    return gallery.sheet([_label(picture, prompt) for picture, prompt in zip(made, prompts, strict=True)], 8)


def _label(picture: Rgb, prompt: str) -> Rgb:
    head, *rest = prompt.split(", ")
    banded = np.full((picture.shape[0] + 24, picture.shape[1], 3), 255, np.uint8)
    banded[24:] = picture
    for i, line in enumerate((head, ", ".join(rest))):
        cv2.putText(banded, line, (3, 10 + 11 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (0, 0, 0), 1, cv2.LINE_AA)
    return banded


def reveal(weights: Path) -> list[Rgb]:
    """Return the frames (h, w, 3) of schedules/10_reveal.yaml, painted with this checkpoint."""
    scene = load(shelf("schedules") / "10_reveal.yaml", [f"model.base={weights}"])
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
    return gallery.sheet([*made, *near], 8)


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
    unseen = [draw(recipe).image for recipe in measures.requests(32, 5)]
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
        "other sizes": lambda: formats.followed(weights, court),
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
    gallery.save(chosen.out / "prompts.png", random_sheet(painter))
    gallery.save(chosen.out / "film.png", gallery.sheet(reveal(chosen.folder)[::3], 8))
    gallery.save(chosen.out / "neighbours.png", neighbours(painter, chosen.room, settings))
    result = {}
    for name, measure in figures(painter, chosen.folder, chosen.room, chosen.count, settings).items():
        result[name] = measure()
        print(name, json.dumps(result[name]), flush=True)
        (chosen.out / "figures.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
