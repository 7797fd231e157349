"""Small LoRA files of every layout, with the metadata that trainers write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

LAYER = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"


def kohya(width: int = 2048, rank: int = 4, alpha: float = 2.0) -> dict[str, np.ndarray]:
    name = f"lora_unet_{LAYER.replace('.', '_')}"
    return {
        f"{name}.lora_down.weight": np.zeros((rank, width), np.float16),
        f"{name}.lora_up.weight": np.zeros((64, rank), np.float16),
        f"{name}.alpha": np.array(alpha, np.float16),
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": np.zeros((rank, 64), np.float16),
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": np.zeros((64, rank), np.float16),
    }  # fmt: skip


def anyones() -> dict[str, np.ndarray]:
    """Return a LoRA without layers that read a prompt, so that it fits every model."""
    layer = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    return {
        f"{layer}.lora_A.weight": np.zeros((4, 64), np.float16),
        f"{layer}.lora_B.weight": np.zeros((64, 4), np.float16),
    }


def diffusers(width: int = 2048, rank: int = 8) -> dict[str, np.ndarray]:
    return {
        f"unet.{LAYER}.lora_A.weight": np.zeros((rank, width), np.float16),
        f"unet.{LAYER}.lora_B.weight": np.zeros((64, rank), np.float16),
    }


def peft(width: int = 2048, rank: int = 8) -> dict[str, np.ndarray]:
    return {f"base_model.model.{name.removeprefix('unet.')}": v for name, v in diffusers(width, rank).items()}


def write(
    file: Path, weights: Mapping[str, np.ndarray] | None = None, notes: Mapping[str, str] | None = None
) -> Path:
    save_file(dict(kohya() if weights is None else weights), file, dict(notes or {}))
    return file


def notes(**more: object) -> dict[str, str]:
    """Return metadata as kohya's scripts write it: values that are no text become JSON."""
    written = {
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_learning_rate": "0.0001",
        "ss_steps": "1500",
        "ss_tag_frequency": {"10_oue scooter": {"oue scooter": 15, "white background": 14, "side view": 4}},
        "ss_dataset_dirs": {"10_oue scooter": {"n_repeats": 10, "img_count": 15}},
        **more,
    }
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in written.items()}
