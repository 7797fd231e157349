"""The file of a training: weights under diffusers' or kohya's names, and a header with its settings.

The header holds kohya's ss_* names, modelspec, and our own settings.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from animator import __version__
from animator.diffusion import single_file
from animator.errors import RunError
from animator.runs.atomic import write_atomic
from animator.training.settings import TrainingSettings

ARCHITECTURE = "stable-diffusion-xl-v1-base"


@dataclass(frozen=True)
class TrainingFacts:
    """Facts about a training that its settings do not contain."""

    captions: Sequence[str]
    sizes: Sequence[tuple[int, ...]]  # height and width of each image as trained on
    prediction: str  # epsilon or v_prediction
    base_hash: str  # see `base_hash`
    steps: int  # steps taken


def adapter_metadata(settings: TrainingSettings, facts: TrainingFacts, name: str) -> dict[str, str]:
    """Return the metadata of a file called `name`: strings only, as safetensors requires.

    The ss_* names are those of train_network.py in kohya's sd-scripts, the others those of modelspec 1.0.0
    (github.com/Stability-AI/ModelSpec).
    """
    learning, data = settings.learning, settings.data
    folder = f"1_{settings.token}"
    known: Mapping[str, object] = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": settings.network.rank,
        # The alpha of the settings is multiplied into the weights, so readers must apply a factor of 1.
        "ss_network_alpha": float(settings.network.rank),
        "ss_network_dropout": settings.network.dropout or None,
        "ss_network_args": {"conv_dim": settings.network.rank} if settings.network.layers == "all" else None,
    }
    if settings.method != "lora":
        known = {}
    known = {
        **known,
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_sd_model_name": Path(settings.model.base).name,
        "ss_new_sd_model_hash": facts.base_hash or None,
        "ss_v2": False,
        "ss_output_name": name,
        "ss_learning_rate": learning.rate,
        "ss_unet_lr": learning.rate,
        "ss_text_encoder_lr": learning.text_rate if settings.network.text_encoders else None,
        "ss_steps": facts.steps,
        "ss_max_train_steps": learning.steps,
        "ss_lr_warmup_steps": learning.warmup,
        "ss_lr_scheduler": learning.schedule,
        "ss_optimizer": learning.optimizer,
        "ss_seed": learning.seed,
        "ss_batch_size_per_device": learning.batch,
        "ss_gradient_accumulation_steps": learning.accumulate,
        "ss_gradient_checkpointing": learning.checkpointing,
        "ss_mixed_precision": {"bfloat16": "bf16", "float32": "no"}.get(settings.model.dtype),
        "ss_max_grad_norm": learning.max_norm,
        "ss_min_snr_gamma": learning.min_snr or None,
        "ss_noise_offset": learning.noise_offset or None,
        "ss_prior_loss_weight": settings.prior.weight,
        "ss_num_train_images": len(facts.captions),
        "ss_num_reg_images": settings.prior.pictures,
        "ss_resolution": f"({settings.resolution}, {settings.resolution})",
        "ss_enable_bucket": data.buckets,
        "ss_bucket_info": _bucket_info(facts.sizes),
        "ss_dataset_dirs": {folder: {"n_repeats": 1, "img_count": len(facts.captions)}},
        "ss_tag_frequency": {folder: _count_tags(facts.captions)},
        "ss_flip_aug": data.flip,
    }
    kind = "lora" if settings.method == "lora" else "textual-inversion"
    spec = {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{ARCHITECTURE}/{kind}",
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        "modelspec.title": settings.file.title or name,
        "modelspec.author": settings.file.author or None,
        "modelspec.license": settings.file.license or None,
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "modelspec.resolution": f"{settings.resolution}x{settings.resolution}",
        "modelspec.trigger_phrase": settings.token,
        "modelspec.prediction_type": {"v_prediction": "v"}.get(facts.prediction, facts.prediction),
        "animator.version": __version__,
        "animator.settings": settings.to_dict(),
        "format": "pt",
    }
    return {key: _metadata_text(value) for key, value in {**known, **spec}.items() if value is not None}


def _metadata_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _bucket_info(sizes: Iterable[tuple[int, ...]]) -> dict[str, object]:
    counted = Counter(sizes).most_common()
    rooms = {str(i): {"resolution": [w, h], "count": n} for i, ((h, w), n) in enumerate(counted)}
    return {"buckets": rooms}


def _count_tags(captions: Iterable[str]) -> dict[str, int]:
    """Count the comma-separated parts of the captions."""
    return dict(Counter(tag.strip() for caption in captions for tag in caption.split(",") if tag.strip()))


def base_hash(base: Path) -> str:
    """Return the SHA-256 of a checkpoint file or of a diffusers folder's UNet weights, '' if neither exists."""
    files = [base] if base.is_file() else sorted((base / "unet").glob("*.safetensors"))
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest() if files else ""


DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}

ENCODER_PREFIXES = {"text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}


def write_adapter(
    file: Path,
    weights: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    dtype: str = "float16",
    layers: int = 0,
) -> Path:
    """Write `weights` to `file` atomically, with mode 644. Raises RunError if it cannot be written.

    With `layers`, the UNet's `layers_per_block`, a LoRA gets kohya's names; with 0, weights keep their names.
    """
    named = to_kohya_names(weights, layers) if layers else weights
    numbers = {name: value.to(DTYPES[dtype]).contiguous() for name, value in named.items()}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, save(numbers, dict(metadata)))
        file.chmod(0o644)
    except OSError as error:
        raise RunError(f"{file} cannot be written: {error.strerror}") from error
    return file


def to_kohya_names(weights: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Return a LoRA under the names of sd-scripts: the original SDXL layout, and an alpha for every layer.

    `layers` is the UNet's `layers_per_block`. Raises ValueError for a layer that layout does not have.
    """
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        part, _, rest = name.partition(".")
        module, _, side = rest.removesuffix(".weight").rpartition(".")
        key = (
            f"lora_unet_{_original_name(module, value, layers)}"
            if part == "unet"
            else f"{ENCODER_PREFIXES[part]}_{module}"
        )
        key = key.replace(".", "_")
        found[f"{key}.{'lora_down' if side == 'lora_A' else 'lora_up'}.weight"] = value
        if side == "lora_A":
            found[f"{key}.alpha"] = torch.tensor(float(value.shape[0]))
    return found


def _original_name(module: str, value: Tensor, layers: int) -> str:
    """Return the name of a UNet module in the original SDXL layout."""
    [name] = single_file.original_unet({f"{module}.weight": value}, layers)
    return name.removeprefix(single_file.UNET_PREFIX).removesuffix(".weight")
