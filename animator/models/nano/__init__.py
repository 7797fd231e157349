"""The bundled model: SDXL's architecture, small, trained on products we draw ourselves."""

from __future__ import annotations

from pathlib import Path

from animator.errors import ModelError

WEIGHTS = Path(__file__).parent / "weights"
# LoRAs that come along, by the name a schedule gives as their file.
LORAS = {"nano-few-steps": WEIGHTS / "few-steps" / "pytorch_lora_weights.safetensors"}


def folder() -> Path:
    """The bundled model as a diffusers folder. Raises ModelError where a build has left it out."""
    if not (WEIGHTS / "model_index.json").is_file():
        raise ModelError("the bundled model 'nano' is not part of this build; name another as model.base")
    return WEIGHTS
