"""Information about a LoRA from its file's header: kind, base model, ranks, trigger words, training settings.

A .safetensors file begins with eight bytes, the length of a JSON text that lists every tensor with its shape.
Trainers write their settings into the same text (`ss_…` by kohya's scripts, `modelspec.…` by Stability's
standard, `lora_adapter_metadata` by diffusers). Reading it needs no torch, loads no weights and runs no code.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

from animator.errors import ModelError
from animator.models.families import FAMILY_BY_TEXT_WIDTH
from animator.models.safetensors import read_header, read_scalars

MAX_ALPHAS = 5_000  # alphas that are read; a LoRA can change some 2,400 layers of SDXL

_DOWN_WEIGHT = re.compile(r"(?:\.lora_down|\.lora_A(?:\.[^.]+)?|\.lora\.down|_lora\.down)\.weight$")

_KIND_SUFFIXES = {".hada_w1_a": "LoHa", ".lokr_w1": "LoKr", ".lokr_w1_a": "LoKr", ".oft_blocks": "OFT"}

_CROSS_ATTENTION = re.compile(r"attn2[._](?:processor[._])?to_[kv]")

# Names of layers in models that have no UNet as SD and SDXL do.
_TRANSFORMER_KEYS = re.compile(
    r"^(?:base_model\.model\.)?(?:transformer\.|lora_transformer_|lora_unet_(?:double|single|joint)_blocks)"
)

_TRANSFORMER = "a transformer such as Flux or SD 3"

_MODEL_PARTS = (
    ("second text encoder", re.compile(r"lora_te2_|text_encoder_2\.")),
    ("text encoder", re.compile(r"lora_te1?_|text_encoder\.")),
    ("UNet", re.compile(r"")),
)


@dataclass(frozen=True, slots=True)
class LoraInfo:
    """Information in a LoRA file's header. A field is empty or None if the header does not have it."""

    keys: str  # naming scheme of its tensors: kohya, diffusers, peft
    kind: str  # LoRA, DoRA, LoHa, LoKr, OFT
    base: str  # the kind of model it was made for: SDXL, SD 1.x, …
    width: int | None  # of the text embeddings that its cross attention reads
    ranks: tuple[int, ...]  # the most frequent first
    alphas: tuple[float, ...]  # the most frequent first; a layer's effect is multiplied by alpha / rank
    layers: Mapping[str, int]  # UNet, text encoder, second text encoder → number of changed layers
    numbers: int  # count of parameters
    words: TriggerWords  # trigger words and tags
    training: Mapping[str, str]  # the trainer's settings: label for display → value


def read_lora_info(file: Path) -> LoraInfo:
    """Return the information in the header of `file`. Raises ModelError unless it is a LoRA in .safetensors form."""
    if file.suffix != ".safetensors":
        raise ModelError(f"{file}: only .safetensors files are read; others can run code")
    try:
        stat = file.stat()
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror or error}") from error
    return _read_cached(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _read_cached(file: Path, _time: int, _size: int) -> LoraInfo:
    header = read_header(file)
    named = [name for name in header.shapes if name.endswith(".alpha")][:MAX_ALPHAS]
    alphas = Counter(read_scalars(file, set(named))) if named else Counter[float]()
    facts = _make_info(header.shapes, header.metadata, alphas)
    if not facts.layers:
        raise ModelError(f"{file}: not a LoRA: none of its {len(header.shapes):,} tensors changes a layer")
    return facts


def _make_info(
    tensors: Mapping[str, tuple[int, ...]], notes: Mapping[str, str], alphas: Counter[float]
) -> LoraInfo:
    down = {name: shape for name, shape in tensors.items() if _DOWN_WEIGHT.search(name) and shape}
    other = {name: end for name in tensors for end in _KIND_SUFFIXES if name.endswith(end)}
    layers = Counter(_model_part(name) for name in down or other)
    widths = {shape[1] for name, shape in down.items() if _CROSS_ATTENTION.search(name) and len(shape) > 1}
    width = max(widths, default=None)
    kind = next((_KIND_SUFFIXES[end] for end in other.values()), "LoRA")
    if any("dora_scale" in name or "lora_magnitude_vector" in name for name in tensors):
        kind = "DoRA"
    return LoraInfo(
        _key_style(tensors),
        kind,
        _base_model(tensors, width, notes),
        width,
        tuple(rank for rank, _ in Counter(shape[0] for shape in down.values()).most_common()),
        tuple(alpha for alpha, _ in (alphas or _metadata_alphas(notes)).most_common()),
        {part: layers[part] for part, _ in reversed(_MODEL_PARTS) if part in layers},
        sum(prod(shape) for shape in tensors.values()),
        find_trigger_words(notes),
        _training_settings(notes),
    )


def _model_part(name: str) -> str:
    return next(part for part, pattern in _MODEL_PARTS if pattern.search(name))


def _key_style(tensors: Mapping[str, Any]) -> str:
    if any(name.startswith("lora_") for name in tensors):
        return "kohya"
    return "peft" if any(name.startswith("base_model.model.") for name in tensors) else "diffusers"


def _base_model(tensors: Mapping[str, Any], width: int | None, notes: Mapping[str, str]) -> str:
    """Return the base model: from the shapes of layers, else from their names, else from the metadata."""
    if any(_TRANSFORMER_KEYS.match(name) for name in tensors):
        return _TRANSFORMER
    if width is not None:
        return FAMILY_BY_TEXT_WIDTH.get(width, f"a model with text embeddings of width {width}")
    names = ("ss_base_model_version", "modelspec.architecture")
    noted = " ".join(notes.get(name, "") for name in names).lower()
    marks = {"xl": "SDXL", "flux": _TRANSFORMER, "v2": "SD 2.x", "v1": "SD 1.x"}
    if found := next((base for mark, base in marks.items() if mark in noted), ""):
        return found
    return "SDXL" if any("lora_te2_" in name or "text_encoder_2." in name for name in tensors) else ""


def _metadata_alphas(notes: Mapping[str, str]) -> Counter[float]:
    """Count the alphas in the trainer's metadata, for files that have no alpha tensors."""
    found: list[Any] = [notes.get("ss_network_alpha")]
    try:
        kept = json.loads(notes.get("lora_adapter_metadata", "{}"))
        found += [value for name, value in kept.items() if name.endswith("lora_alpha")]
    except (ValueError, AttributeError, RecursionError):
        pass
    return Counter(float(item) for item in found if re.fullmatch(r"\d{1,6}(\.\d{1,9})?", str(item)))


_METADATA_LABELS = {  # metadata name → label, which is also a key of the JSON output
    "modelspec.title": "title",
    "modelspec.author": "author",
    "ss_output_name": "name",
    "ss_sd_model_name": "trained on",
    "ss_base_model_version": "version",
    "modelspec.architecture": "architecture",
    "modelspec.resolution": "resolution",
    "ss_resolution": "resolution",
    "ss_steps": "steps",
    "ss_max_train_steps": "steps",
    "ss_num_epochs": "epochs",
    "ss_num_train_images": "pictures",
    "ss_total_batch_size": "batch",
    "ss_batch_size_per_device": "batch",
    "ss_learning_rate": "learning rate",
    "ss_unet_lr": "UNet's rate",
    "ss_optimizer": "optimizer",
    "ss_lr_scheduler": "rate goes",
    "ss_network_module": "network",
    "ss_network_dropout": "dropout",
    "ss_seed": "seed",
    "ss_prior_loss_weight": "prior weight",
    "ss_min_snr_gamma": "min SNR gamma",
    "ss_mixed_precision": "precision",
    "ss_training_comment": "comment",
    "modelspec.date": "date",
    "modelspec.license": "license",
    "modelspec.description": "description",
}


def _training_settings(notes: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, says in _METADATA_LABELS.items():
        value = " ".join(notes.get(name, "").split())
        if value and value != "None":
            found.setdefault(says, value if len(value) <= 200 else f"{value[:197]}...")
    return found


TRIGGER_SHARE = 0.9  # a word is a trigger if at least this fraction of the captions has it

MAX_TAGS = 20

MAX_TRIGGERS = 10


@dataclass(frozen=True, slots=True)
class TriggerWords:
    """Trigger words of a LoRA, and the commonest tags of its captions."""

    triggers: tuple[str, ...] = ()  # at least one of them belongs in the prompt
    tags: tuple[tuple[str, int], ...] = ()  # the commonest in its captions, with the number of images

    def used_in(self, texts: Iterable[str]) -> bool:
        """Return whether one of `texts` has a trigger word; True if the LoRA has no trigger words."""
        patterns = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.I) for word in self.triggers]
        return not patterns or any(pattern.search(text) for text in texts for pattern in patterns)


def find_trigger_words(notes: Mapping[str, str]) -> TriggerWords:
    """Find trigger words: those the file names, else words of nearly all captions, else names of its folders."""
    tags, images = _tag_counts(notes), _image_counts(notes)
    total = Counter[str]()
    for counts in tags.values():
        total.update(counts)
    said = [word.strip() for word in notes.get("modelspec.trigger_phrase", "").split(",")]
    said += [word.strip() for word in notes.get("ss_trigger_words", "").split(",")]
    if not any(said):
        least = TRIGGER_SHARE * sum(images.values())
        said = [word for word, count in total.most_common(MAX_TRIGGERS) if least and count >= least]
    if not any(said):
        said = [_folder_caption(folder) for folder in images]
    found = tuple(dict.fromkeys(word for word in said if word))[:MAX_TRIGGERS]
    return TriggerWords(found, tuple(total.most_common(MAX_TAGS)))


def _tag_counts(notes: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Return how often each tag occurs in the captions, by folder."""
    found = {}
    for folder, counts in _parse_json_object(notes.get("ss_tag_frequency")).items():
        if isinstance(counts, dict):
            clean = {word.strip(): count for word, count in counts.items() if isinstance(count, int)}
            found[folder] = Counter({word: count for word, count in clean.items() if word})
    return found


def _image_counts(notes: Mapping[str, str]) -> dict[str, int]:
    """Return the number of training images, by folder."""
    folders = _parse_json_object(notes.get("ss_dataset_dirs"))
    counts = {name: entry.get("img_count") for name, entry in folders.items() if isinstance(entry, dict)}
    return {name: count for name, count in counts.items() if isinstance(count, int) and count > 0}


def _folder_caption(folder: str) -> str:
    """Return the caption in the name of a kohya folder, such as `10_oue scooter`, used for images without one."""
    match = re.fullmatch(r"\d+_(.+)", folder)
    return match[1].strip() if match else ""


def _parse_json_object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
