"""A small image classifier that evaluates the model; it is trained on drawn images and shares no weights with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nanolab.dataset import ShardedImages, read_recipes
from nanolab.photo import BACKDROPS, COLORS
from nanolab.products import PRODUCTS
from nanolab.recipes import COLORED_STYLES, STYLES, Recipe
from nanolab.trainer import StepProgress, TrainingPlan, load_averaged, train

Rgb = NDArray[np.uint8]

QUESTIONS: dict[str, list[str]] = {
    "product": list(PRODUCTS),
    "style": list(STYLES),
    "backdrop": list(BACKDROPS),
    "view": ["front", "three-quarter", "side", "back"],
    "color": list(COLORS),
}
INPUT_SIDE = 96  # pixels of the classifier's input
ROUND_PRODUCTS = ("bottle", "mug")  # looks alike from front, side and back, but for a label or a handle
FACELESS_PRODUCTS = ("headphones",)  # looks alike from front and back


def _view_answer(recipe: Recipe) -> int:
    word = recipe.view.name()
    if recipe.product in ROUND_PRODUCTS or (
        recipe.product in FACELESS_PRODUCTS and word in ("front", "back")
    ):
        return -1
    return QUESTIONS["view"].index(word)


def true_answers(recipe: Recipe) -> dict[str, int]:
    """Return the right answer (index) to every question; -1 where the image cannot show it."""
    shown = recipe.style in COLORED_STYLES
    return {
        "product": QUESTIONS["product"].index(recipe.product),
        "style": QUESTIONS["style"].index(recipe.style),
        "backdrop": QUESTIONS["backdrop"].index(recipe.backdrop) if shown else -1,
        "view": _view_answer(recipe),
        "color": QUESTIONS["color"].index(recipe.color) if shown else -1,
    }


class AttributeClassifier(nn.Module):
    """Image classifier: five convolutions and one linear head per question."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, 96, 128, 160)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.GroupNorm(8, after), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3))
        self.heads = nn.ModuleDict(
            {name: nn.Linear(160 * 9, len(words)) for name, words in QUESTIONS.items()}
        )

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return logits (n, answers) per question for images (n, 3, 96, 96) in -1..1."""
        seen = self.body(pixels)
        return {name: head(seen) for name, head in self.heads.items()}


def to_input_size(image: Rgb) -> Rgb:
    """Resize an RGB image to the classifier's input size, (96, 96, 3)."""
    return np.asarray(cv2.resize(image, (INPUT_SIDE, INPUT_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _augment(image: Rgb, random: np.random.Generator) -> Rgb:
    """Move, mirror, blur and add noise at random, so that the classifier does not rely on fine detail."""
    image = image[:, ::-1] if random.random() < 0.5 else image
    turn = cv2.getRotationMatrix2D(
        (INPUT_SIDE / 2, INPUT_SIDE / 2), random.normal(0, 5), random.uniform(0.85, 1.1)
    )
    turn[:, 2] = turn[:, 2] + random.normal(0, 4, 2)
    image = np.asarray(
        cv2.warpAffine(image, turn, (INPUT_SIDE, INPUT_SIDE), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    soft = cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 1.6)) if random.random() < 0.6 else image
    rough = soft + random.normal(0, random.uniform(0, 9), soft.shape) * random.uniform(0.9, 1.05)
    return np.asarray(np.clip(rough, 0, 255), np.uint8)


def _to_tensor(images: list[Rgb]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


@dataclass(frozen=True)
class LabeledImages:
    """Images of the classifier's input size and their right answers."""

    images: list[Rgb]
    answers: list[dict[str, int]]


def load_labeled(folder: Path, shards: slice) -> LabeledImages:
    """Load and shrink the images of the chosen shards of a folder, with their right answers."""
    images, known = ShardedImages(folder), read_recipes(folder)
    ends = [0, *images.ends.tolist()]
    chosen = [i for first, last in list(itertools.pairwise(ends))[shards] for i in range(first, last)]
    return LabeledImages([to_input_size(images[i]) for i in chosen], [true_answers(known[i]) for i in chosen])


class ClassifierTask:
    """Classify augmented drawn images by all questions."""

    def __init__(self, exam: LabeledImages, batch: int = 48) -> None:
        self.model = AttributeClassifier()
        self.exam, self.batch = exam, batch
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.model.parameters(), 1.5e-3, weight_decay=0.05, fused=True)
        ]

    def loss(self, step: int) -> Tensor:
        """Return the sum of the questions' cross entropies."""
        random = np.random.default_rng([8, step])
        chosen = random.integers(len(self.exam.images), size=self.batch)
        images = [_augment(self.exam.images[int(i)], random) for i in chosen]
        scores = self.model(_to_tensor(images))
        losses = []
        for name, score in scores.items():
            right = torch.tensor([self.exam.answers[int(i)][name] for i in chosen])
            losses.append(functional.cross_entropy(score, right, ignore_index=-1))
        return torch.stack(losses).sum()


def train_classifier(work_folder: Path, steps: int = 5000) -> Iterator[StepProgress]:
    """Train the classifier on all shards but the last two, into `judge.pt`; yields progress."""
    torch.manual_seed(3)
    task = ClassifierTask(load_labeled(work_folder / "pictures", slice(0, -2)))
    yield from train(task, TrainingPlan(steps), work_folder / "judge.pt")


def load_classifier(work_folder: Path) -> AttributeClassifier:
    """Load the trained classifier of a work folder."""
    judge = AttributeClassifier()
    judge.load_state_dict(load_averaged(work_folder / "judge.pt")[0])
    return judge.eval()


@torch.inference_mode()
def classify(classifier: AttributeClassifier, images: list[Rgb]) -> list[dict[str, int]]:
    """Return the classifier's answer (index) to every question, for each of the images (h, w, 3) of any size."""
    found = {
        name: score.argmax(-1).tolist()
        for name, score in classifier(_to_tensor([to_input_size(i) for i in images])).items()
    }
    return [{name: found[name][i] for name in found} for i in range(len(images))]


def answer_accuracy(answers: list[dict[str, int]], right: list[dict[str, int]]) -> dict[str, float]:
    """Return the share of right answers per question (0..1; nan if no image has one)."""
    result = {}
    for name in QUESTIONS:
        hits = [a[name] == r[name] for a, r in zip(answers, right, strict=True) if r[name] >= 0]
        result[name] = float(np.mean(hits)) if hits else float("nan")
    return result


def color_by_hue(image: Rgb) -> str:
    """Return the product's colour name by a rule: the median hue of saturated pixels, or white or black.

    It is meant for plain backdrops only, which have no hue of their own.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    strength = np.hypot(lab[..., 1] - 128, lab[..., 2] - 128)
    vivid = strength > 26
    if vivid.mean() < 0.02:
        dark = (lab[..., 0] < 70).mean()
        return "black" if dark > 0.08 else "white"
    seen = np.median(lab[vivid], axis=0)
    names = [name for name in COLORS if name not in ("white", "black")]
    table = np.array([[COLORS[name] for name in names]], np.uint8)
    known = cv2.cvtColor(table, cv2.COLOR_RGB2LAB).astype(np.float32)[0]
    apart = np.abs(_hue_angle(known) - _hue_angle(seen[None]))
    apart = np.minimum(apart, 2 * np.pi - apart) + 0.004 * np.abs(known[:, 0] - seen[0])
    return names[int(apart.argmin())]


def _hue_angle(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.arctan2(lab[:, 2] - 128, lab[:, 1] - 128), np.float32)
