"""Paths of the bundled model: a small SDXL, trained on rendered product images."""

from __future__ import annotations

from pathlib import Path

from animator.errors import ModelError

WEIGHTS = Path(__file__).parent / "weights"
# Bundled LoRAs, by the name that a schedule gives as `file`.
BUNDLED_LORAS = {"nano-few-steps": WEIGHTS / "few-steps" / "pytorch_lora_weights.safetensors"}

# Bundled ControlNets, by the name that a schedule gives as `model`.
BUNDLED_CONTROLNETS = {"nano-shape": Path(__file__).parent / "shape-control"}

# Digest of the weights in the journals of runs. New weights need a new one: tests/models/test_nano.py says which.
DIGEST = "e8bba225d0695ff9b970e7ca70dee28e"


def weights_folder() -> Path:
    """Return the diffusers folder of the bundled model. Raises ModelError if the build does not include it."""
    if not (WEIGHTS / "model_index.json").is_file():
        raise ModelError("the bundled model 'nano' is not part of this build; name another as model.base")
    return WEIGHTS
