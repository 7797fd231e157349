"""Write the file of a training: weights under diffusers' or kohya's names, and a metadata header."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from animator.diffusion import layout
from animator.errors import RunError
from animator.runs.atomic import write_whole

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
ENCODERS = {"text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}


def write(
    file: Path,
    weights: Mapping[str, Tensor],
    header: Mapping[str, str],
    dtype: str = "float16",
    layers: int = 0,
) -> Path:
    """Write `weights` to `file` atomically, with mode 644. Raises RunError if it cannot be written.

    With `layers`, the UNet's `layers_per_block`, a LoRA gets kohya's names; with 0, weights keep their names.
    """
    named = kohya(weights, layers) if layers else weights
    numbers = {name: value.to(DTYPES[dtype]).contiguous() for name, value in named.items()}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, save(numbers, dict(header)))
        file.chmod(0o644)
    except OSError as error:
        raise RunError(f"{file} cannot be written: {error.strerror}") from error
    return file


def kohya(weights: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Return a LoRA under the names of sd-scripts: the original SDXL layout, and an alpha for every layer.

    `layers` is the UNet's `layers_per_block`. Raises ValueError for a layer that layout does not have.
    """
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        part, _, rest = name.partition(".")
        module, _, side = rest.removesuffix(".weight").rpartition(".")
        key = (
            f"lora_unet_{_released(module, value, layers)}"
            if part == "unet"
            else f"{ENCODERS[part]}_{module}"
        )
        key = key.replace(".", "_")
        found[f"{key}.{'lora_down' if side == 'lora_A' else 'lora_up'}.weight"] = value
        if side == "lora_A":
            found[f"{key}.alpha"] = torch.tensor(float(value.shape[0]))
    return found


def _released(module: str, value: Tensor, layers: int) -> str:
    """Return the name of a UNet module in the original SDXL layout."""
    [name] = layout.unet({f"{module}.weight": value}, layers)
    return name.removeprefix(layout.UNET).removesuffix(".weight")
