"""Estimate the memory and time of a training from the shapes of the model, without loading its weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from animator.models.families import LATENT_SCALE
from animator.training.adapters import LoraAdapter
from animator.training.settings import TrainingSettings

BYTES_PER_PARAMETER = 16  # bytes per trainable parameter: value, gradient and Adam's two moments, float32
BYTES_PER_PARAMETER_8BIT = 10  # with Adam's moments in 8 bits
STEP_PASSES = 2.0  # passes of a step: one forward, one backward through the frozen model
CHECKPOINTING_PASSES = 1.0  # a second forward pass with gradient checkpointing
EFFICIENCY = 0.4  # share of a device's matrix multiplication speed that a UNet reaches


@dataclass(frozen=True)
class TrainingNeeds:
    """Memory, time per step and number of trainable parameters of a training."""

    memory: float  # peak, in bytes on the device
    seconds: float  # of one step
    trainable: int  # trainable parameters


def estimate_needs(
    config: Path, settings: TrainingSettings, device: torch.device, dtype: torch.dtype
) -> TrainingNeeds:
    """Return the needs of `settings` on a device, with the UNet whose configuration is in the folder `config`.

    Memory counts frozen weights, activations kept for the backward pass and trainable parameters with their
    optimizer state. Time is operations divided by the device's matrix multiplication speed, which is measured
    now. Both are estimates; kernels and allocators differ.
    """
    unet = _meta_unet(config, settings)
    learning = sum(p.numel() for p in unet.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in unet.parameters() if not p.requires_grad)
    checkpointing = settings.learning.checkpointing and device.type != "cpu"
    side = settings.resolution // LATENT_SCALE
    kept, flops = _count_activations(unet, side, checkpointing)
    batch = settings.learning.batch
    size = torch.finfo(dtype).bits / 8
    each = BYTES_PER_PARAMETER_8BIT if settings.learning.optimizer == "adamw8bit" else BYTES_PER_PARAMETER
    memory = frozen * size + learning * each + kept * batch * size / 4
    passes = STEP_PASSES + (CHECKPOINTING_PASSES if checkpointing else 0.0)
    rounds = settings.learning.accumulate * batch * (2 if settings.prior.pictures else 1)
    return TrainingNeeds(
        memory, flops * passes * rounds / (_measure_speed(device, dtype) * EFFICIENCY), learning
    )


def _meta_unet(config: Path, settings: TrainingSettings) -> nn.Module:
    """Return the UNet with its LoRA on the meta device, which allocates no weights."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(str(config)))
        if settings.method == "lora":
            LoraAdapter.add_to_unet(unet, settings)
        else:
            unet.requires_grad_(False)
    shape: nn.Module = unet
    return shape


def _count_activations(unet: Any, side: int, checkpointing: bool) -> tuple[float, float]:
    """Return float32 bytes that one image keeps for the backward pass, and operations of its forward pass."""
    config = unet.config
    text = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    with torch.device("meta"):
        latents = torch.empty(1, config.in_channels, side, side, requires_grad=True)
        tokens = torch.empty(1, 77, config.cross_attention_dim, requires_grad=True)
        added = {"text_embeds": torch.empty(1, text), "time_ids": torch.empty(1, 6)}
        level = torch.empty(1, dtype=torch.long)
    meter = _ActivationMeter(unet)
    with FlopCounterMode(display=False) as flops, meter.record():
        unet(latents, level, encoder_hidden_states=tokens, added_cond_kwargs=added)
    return (meter.entering + meter.largest if checkpointing else meter.kept), float(flops.get_total_flops())


class _ActivationMeter:
    """Meter of the bytes that autograd keeps, in all and per block that gradient checkpointing can recompute."""

    def __init__(self, unet: nn.Module) -> None:
        self.weights = {id(parameter) for parameter in unet.parameters()}
        self.blocks = [m for m in unet.modules() if isinstance(m, ResnetBlock2D | BasicTransformerBlock)]
        self.kept = self.entering = self.largest = 0.0
        self._tensors: dict[int, Tensor] = {}  # kept alive, so that no id is reused
        self._before: dict[nn.Module, float] = {}

    def _pack(self, tensor: Tensor) -> Tensor:
        if id(tensor) not in self.weights and id(tensor) not in self._tensors:
            self._tensors[id(tensor)] = tensor
            self.kept += tensor.numel() * 4.0
        return tensor

    def _enter(self, block: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._before[block] = self.kept
        self.entering += sum(value.numel() * 4.0 for value in inputs if isinstance(value, Tensor))

    def _leave(self, block: nn.Module, inputs: Any, made: Any) -> None:  # noqa: ARG002 (signature of a hook)
        self.largest = max(self.largest, self.kept - self._before[block])

    @contextmanager
    def record(self) -> Iterator[None]:
        hooks = [block.register_forward_pre_hook(self._enter) for block in self.blocks]
        hooks += [block.register_forward_hook(self._leave) for block in self.blocks]
        try:
            with torch.autograd.graph.saved_tensors_hooks(self._pack, lambda tensor: tensor):
                yield
        finally:
            for hook in hooks:
                hook.remove()


def _measure_speed(device: torch.device, dtype: torch.dtype) -> float:
    """Measure the operations per second of matrix multiplication."""
    side = 512 if device.type == "cpu" else 4096
    a = torch.ones(side, side, device=device, dtype=dtype)
    done, began = 0, 0.0
    for turn in range(12):
        if turn == 2:  # the first two load kernels
            _synchronize(device)
            began = time.perf_counter()
        a @ a
        done += turn >= 2
    _synchronize(device)
    return 2.0 * side**3 * done / (time.perf_counter() - began)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
