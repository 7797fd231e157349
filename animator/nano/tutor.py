"""A tutor: a small classifier of latents, whose marks the UNet learns by. It is not the judge of `evaluate`.

Error of v alone teaches the words for views slowly: whether a speaker shows its cones moves few latents a little.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from animator.nano.drawing import Recipe
from animator.nano.judge import QUESTIONS, truth
from animator.nano.shelves import Library
from animator.nano.training import averaged, place

ASKED = ("product", "view")
BLURS = (0.0, 0.0, 0.6, 1.0, 1.6, 2.4)  # latents; what a UNet sees in strong noise is a blurred picture
HISS = 0.5  # the most noise on the latents, their spread being 1
SOFT = 1.0  # blur of what is marked, latents: by finer marks the UNet learnt to please with flecks
ENOUGH = 0.4  # cross entropy at which a picture is recognised well enough: two in three


class Tutor(nn.Module):
    """Three scales of two convolutions, pooled to 4×4, and one answer per question."""

    def __init__(self, widths: Sequence[int] = (48, 96, 128)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((4, *widths)):
            for given, stride in ((before, 1 if before == 4 else 2), (after, 1)):
                layers += [nn.Conv2d(given, after, 3, stride, 1), nn.GroupNorm(8, after), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.2))
        self.heads = nn.ModuleDict({name: nn.Linear(widths[-1] * 16, len(QUESTIONS[name])) for name in ASKED})

    def forward(self, latents: Tensor) -> dict[str, Tensor]:
        """Scores per question, each (n, answers), of latents (n, 4, h, w) of unit variance."""
        seen = self.body(latents)
        return {name: head(seen) for name, head in self.heads.items()}

    def mark(self, latents: Tensor, recipes: Sequence[Recipe], heard: Sequence[bool]) -> Tensor:
        """How little is recognised of the recipes' layout: each question's mean cross entropy beyond ENOUGH, summed.

        What was not `heard`, because the words were left out, is not asked.
        """
        return self._untold(blurred(latents, SOFT), recipes, heard, ENOUGH)

    def learnt(self, latents: Tensor, recipes: Sequence[Recipe]) -> Tensor:
        """The questions' cross entropies, natural logarithm, summed: what the tutor itself learns by."""
        return self._untold(latents, recipes, [True] * len(recipes), 0.0)

    def _untold(
        self, latents: Tensor, recipes: Sequence[Recipe], heard: Sequence[bool], enough: float
    ) -> Tensor:
        known = [truth(recipe) for recipe in recipes]
        total = latents.new_zeros(())
        for name, scores in self(latents).items():
            right = [answer[name] if asked else -1 for answer, asked in zip(known, heard, strict=True)]
            wanted = torch.tensor(right, device=latents.device)
            errors = functional.cross_entropy(scores.float(), wanted, ignore_index=-1, reduction="none")
            total = total + (errors - enough).clamp(min=0).sum() / (wanted >= 0).sum().clamp(min=1)
        return total


def blurred(latents: Tensor, sigma: float) -> Tensor:
    """Latents (n, 4, h, w) through a Gaussian of so many latents."""
    reach = int(3 * sigma)
    bell = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma * sigma)).to(latents)
    bell = (bell / bell.sum()).repeat(4, 1, 1, 1)
    padded = functional.pad(latents, (reach,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(padded, bell, groups=4), bell.mT, groups=4)


def soften(latents: Tensor, random: np.random.Generator) -> Tensor:
    """Latents (n, 4, h, w) blurred and made noisy by chance, and shifted by up to two."""
    sigma = float(random.choice(BLURS))
    latents = blurred(latents, sigma) if sigma else latents
    hiss = HISS * torch.rand(len(latents), 1, 1, 1) * torch.randn(latents.shape)
    shift = tuple(int(s) for s in random.integers(-2, 3, 2))
    return torch.roll(latents + hiss.to(latents), shift, (2, 3))


class TutorLesson:
    """Tell product and view from softened latents of 256×256."""

    def __init__(self, library: Library, device: str = "cpu", batch: int = 64, part: int = 8) -> None:
        self.model = Tutor().to(device)
        self.shelf, self.batch, self.part = library.large, batch, part
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.model.parameters(), 2e-3, weight_decay=0.05, fused=True)
        ]

    def loss(self, step: int) -> Tensor:
        """The sum of the questions' cross entropies; `part` pictures at a time are softened alike."""
        random = np.random.default_rng([9, step])
        chosen = random.integers(len(self.shelf.recipes), size=self.batch)
        clean = torch.from_numpy(self.shelf.latents[chosen].astype(np.float32)).to(place(self.model))
        soft = torch.cat([soften(part, random) for part in torch.split(clean, self.part)])
        with torch.autocast(clean.device.type, torch.bfloat16):
            return self.model.learnt(soft, [self.shelf.recipes[int(i)] for i in chosen])


def load(room: Path, device: str = "cpu") -> Tutor:
    """The trained tutor, which learns no more."""
    tutor = Tutor()
    tutor.load_state_dict(averaged(room / "tutor.pt")[0])
    return tutor.eval().requires_grad_(False).to(device)
