"""Facts about model families: native sizes, text widths, and the settings that few-step models need. Data only.

The settings of few-step models are those of the authors' model cards. All of these models were distilled without
guidance, which would double the painting time and oversaturate the colours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath


@dataclass(frozen=True, slots=True)
class FewStepRecipe:
    """A distillation method, and the painting settings for models made with it."""

    name: str
    samplers: tuple[str, ...]  # suitable ones; the first is the default
    schedule: str
    steps: int  # of a full painting from noise
    guidance: float = 1.0  # highest guidance scale with good results

    def settings(self, steps: int | None = None) -> Mapping[str, object]:
        """Return the defaults of `painting` for this kind; `steps` is the number in the model's name, if any."""
        return {
            "sampler": self.samplers[0],
            "schedule": self.schedule,
            "steps": steps or self.steps,
            "guidance_scale": 1.0,
        }


FEW_STEP_RECIPES = {
    kind.name: kind
    for kind in (
        FewStepRecipe("turbo", ("Euler a", "Euler", "DPM++ SDE"), "sgm_uniform", 4),
        FewStepRecipe("lightning", ("Euler", "DPM++ SDE"), "sgm_uniform", 4),
        FewStepRecipe("lcm", ("LCM",), "automatic", 4, guidance=2.0),
        FewStepRecipe("hyper", ("DDIM", "TCD", "Euler"), "sgm_uniform", 8),
        FewStepRecipe("dmd2", ("LCM",), "automatic", 4),
        FewStepRecipe("nano", ("Euler", "DDIM", "DPM++ 2M"), "automatic", 4),
    )
}

MAX_STEP_RATIO = 2.5  # multiple of a kind's steps above which the image gets worse, not better

_NAME_WORDS = {"turbo": "turbo", "lightning": "lightning", "lcm": "lcm", "hyper": "hyper", "dmd2": "dmd2"}

_WORD_START, _WORD_END = r"(?:^|[^a-z])", r"(?:[^a-z]|$|sd|lora)"


def detect_few_step_kind(name: str) -> tuple[FewStepRecipe, int | None] | None:
    """Return the few-step kind in the name of a file or hub id, and the steps the name gives; None for other names."""
    stem = PurePath(name.replace("\\", "/")).name
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", stem).lower()  # dreamXL_lightningV2
    if stem == "nano-few-steps":
        return FEW_STEP_RECIPES["nano"], None
    for word, kind in _NAME_WORDS.items():
        if re.search(f"{_WORD_START}(?:sdxl)?{word}{_WORD_END}", stem):
            steps = re.search(r"(\d{1,2})[ _-]?steps?", stem)
            return FEW_STEP_RECIPES[kind], int(steps[1]) if steps and int(steps[1]) > 0 else None
    return None


LATENT_SCALE = 8  # pixels per latent, in each direction: painted sizes are multiples of it


def round_to_latents(side: float) -> int:
    """Return the nearest side in pixels that is a whole number of latents, at least one."""
    return max(LATENT_SCALE, round(side / LATENT_SCALE) * LATENT_SCALE)


NATIVE_SIZES = {"nano": 256, "stabilityai/sdxl-turbo": 512}  # side in pixels, by name

SDXL_SIZE = 1024  # side in pixels of every other SDXL model


def native_size(base: str, place: Path) -> int:
    """Return the native side in pixels of the model `base`: by its name, or by the diffusers folder at `place`."""
    if base in NATIVE_SIZES:
        return NATIVE_SIZES[base]
    file = place / "unet" / "config.json"
    try:
        found = json.loads(file.read_bytes())["sample_size"] if file.is_file() else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # loading the model reports it
        return SDXL_SIZE
    return found * LATENT_SCALE if isinstance(found, int) and found > 0 else SDXL_SIZE


# Width of the text embeddings that a model's cross attention reads → the model's name in messages.
FAMILY_BY_TEXT_WIDTH = {768: "SD 1.x", 1024: "SD 2.x", 2048: "SDXL", 1280: "SDXL's refiner", 160: "nano"}

SDXL_TEXT_WIDTH = 2048

SINGLE_ENCODER_WIDTHS = (768, 1024)  # of families with one text encoder, where SDXL has two

UNSUPPORTED_WIDTHS = (
    *SINGLE_ENCODER_WIDTHS,
    1280,
)  # of checkpoints that are recognised, but not painted with

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")

PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin")


def is_pickle(file: str | PurePath) -> bool:
    """Return whether a file is a pickle by its name. Such files can run code and are never loaded."""
    return PurePath(file).suffix.lower() in PICKLE_SUFFIXES
