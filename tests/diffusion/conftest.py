"""Fixtures: a painter and frames for the small checkpoint, and LoRAs in diffusers' and kohya's keys."""

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Frame, Painting, Prompt


@pytest.fixture(scope="session")
def sdxl(checkpoint: Path) -> SDXLPainter:
    return SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {})


@pytest.fixture
def frame():
    """A function that makes a frame to paint, with few steps and little guidance."""

    def make(seed=7, prompt=Prompt("a red chair", next="a red chair"), loras=None, **painting):
        return Frame(
            0,
            seed,
            prompt,
            painting=Painting(**{"steps": 4, "guidance_scale": 3.0, **painting}),
            loras=loras or {},
        )

    return make


@pytest.fixture(scope="session")
def lora(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on the UNet's attention, in diffusers' keys, strong enough to change the image visibly."""
    unet = StableDiffusionXLPipeline.from_pretrained(checkpoint, local_files_only=True).unet
    random = torch.Generator().manual_seed(1)
    weights = {}
    for name, module in unet.named_modules():
        if name.endswith(("to_q", "to_v", "to_out.0")):
            down = torch.randn(4, module.in_features, generator=random) * 0.3
            weights[f"unet.{name}.lora_A.weight"] = down
            weights[f"unet.{name}.lora_B.weight"] = (
                torch.randn(module.out_features, 4, generator=random) * 0.3
            )
    file = tmp_path_factory.mktemp("lora") / "diffusers.safetensors"
    save_file(weights, file)
    return file


@pytest.fixture(scope="session")
def kohya(lora: Path) -> Path:
    """The LoRA of `lora` in kohya's keys; its alpha equals its rank, which means a factor of 1."""
    weights = {}
    for name, value in load_file(lora).items():
        module, part = name.removeprefix("unet.").rsplit(".lora_", 1)
        key = f"lora_unet_{module.replace('.', '_')}"
        weights[f"{key}.lora_{'down' if part.startswith('A') else 'up'}.weight"] = value
        weights[f"{key}.alpha"] = torch.tensor(4.0)
    file = lora.with_name("kohya.safetensors")
    save_file(weights, file)
    return file
