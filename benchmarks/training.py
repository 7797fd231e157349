"""Benchmark of a training step: seconds and peak GPU memory, beside the estimates of `animator train --check`.

    python -m benchmarks.training --model sdxl     # random weights of SDXL's size; a GPU with 16 GB
    python -m benchmarks.training --model nano     # on any machine

`--like-example` uses the settings of diffusers' train_dreambooth_lora_sdxl.py (rank 4, batch 1, 1024 pixels, no
checkpointing) instead of ours.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel

from animator.diffusion.loading import device_for, dtype_for
from animator.models import nano
from animator.training import estimate, loss
from animator.training.adapters import LoraAdapter
from animator.training.dataset import LatentDataset, LatentItem
from animator.training.loss import TrainingObjective
from animator.training.settings import TrainingSettings, read_settings
from animator.training.train import make_accelerator
from animator.training.trainer import Trainer

# From the configuration of stable-diffusion-xl-base-1.0.
SDXL = {
    "_class_name": "UNet2DConditionModel",
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "attention_head_dim": [5, 10, 20],
    "block_out_channels": [320, 640, 1280],
    "cross_attention_dim": 2048,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 2,
    "projection_class_embeddings_input_dim": 2816,
    "sample_size": 128,
    "transformer_layers_per_block": [1, 2, 10],
    "use_linear_projection": True,
}
EXAMPLE = ["network.rank=4", "learning.batch=1", "data.resolution=1024", "learning.checkpointing=false"]


@dataclass(frozen=True)
class Measured:
    """Measurements of one kind of step."""

    seconds: float  # per step, mean of those after the first two
    peak: float  # peak bytes on a GPU; 0 elsewhere
    expected: estimate.TrainingNeeds


class Texts:
    """Stand-in for the text encoders: captions are encoded only once and cost no time per step."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        config = unet.config
        width = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        self.made = [torch.randn(*shape, device=unet.device, dtype=unet.dtype)
                     for shape in ((1, 77, config.cross_attention_dim), (1, width))]  # fmt: skip

    def encode(self, texts: list[str]) -> tuple[torch.Tensor, ...]:
        return tuple(part.expand(len(texts), *part.shape[1:]) for part in self.made)


def measure(config: dict, settings: TrainingSettings, steps: int = 8) -> Measured:
    """Measure `steps` training steps with a UNet of random weights."""
    device = device_for(settings.model.device)
    dtype = dtype_for(settings.model.dtype, device)
    with tempfile.TemporaryDirectory() as room:
        Path(room, "config.json").write_text(json.dumps(config))
        expected = estimate.estimate_needs(Path(room), settings, device, dtype)
    with torch.device(device):
        unet = UNet2DConditionModel.from_config(config).to(dtype)
    other = torch.nn.Identity()
    pipe = SimpleNamespace(unet=unet, vae=other, text_encoder=other, text_encoder_2=other)
    learner = LoraAdapter(pipe, settings)
    if settings.learning.checkpointing and device.type != "cpu":
        unet.enable_gradient_checkpointing()
    unet.train()
    side = settings.resolution // 8
    sizes = (settings.resolution, settings.resolution, 0, 0, settings.resolution, settings.resolution)
    item = LatentItem(torch.randn(4, side, side), torch.zeros(4, side, side), None, sizes, "a")
    dataset = LatentDataset([item], settings.learning.batch, 0)
    levels = loss.noise_scheduler(DDPMScheduler(beta_schedule="scaled_linear", beta_end=0.012).config)
    objective = TrainingObjective(pipe, Texts(unet), levels, dataset, None, None, settings)
    trainer, began = Trainer(objective, learner, make_accelerator(pipe)), 0.0
    for progress in trainer.steps():
        if device.type == "cuda":
            torch.cuda.synchronize()
        if progress.step == 2:
            began = time.perf_counter()
        if progress.step == steps:
            break
    seconds = (time.perf_counter() - began) / (steps - 2)
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0.0
    return Measured(seconds, peak, expected)


def main() -> None:
    """Print one line per kind of step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["sdxl", "nano"], default="nano", help="size of the UNet")
    parser.add_argument(
        "--like-example", action="store_true", help="use the settings of diffusers' example script"
    )
    chosen = parser.parse_args()
    base = "nano" if chosen.model == "nano" else "stabilityai/stable-diffusion-xl-base-1.0"
    config = (
        UNet2DConditionModel.load_config(nano.weights_folder() / "unet") if chosen.model == "nano" else SDXL
    )
    common = ["token=oue", f"model.base={base}", *(EXAMPLE if chosen.like_example else [])]
    kinds = [[]] if chosen.like_example else [[f"learning.checkpointing={on}"] for on in ("true", "false")]
    for kind in kinds:
        found = measure(config, read_settings(None, [*common, *kind]))
        need = found.expected
        print(
            f"{' '.join(kind) or 'as the example'}: {found.seconds:.3f} s per step (expected {need.seconds:.3f}),"
            f" {found.peak / 1e9:.1f} GB (expected {need.memory / 1e9:.1f})"
        )


if __name__ == "__main__":
    main()
