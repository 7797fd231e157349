"""Trainable adapters: a LoRA on the model's layers, by peft; all other weights are frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor, nn

from animator.training.settings import Settings

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
ALL = [*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut"]
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj"]
NAME = "default"  # name of the adapter in peft


class Learner(Protocol):
    """Trainable part of a model."""

    live: bool  # True if training changes the outputs of the text encoders

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Trainable parameters by name, float32."""

    def rate(self, name: str) -> float:
        """Return the full learning rate of the parameter `name`."""

    def weights(self) -> dict[str, Tensor]:
        """Return the weights to write to a file, float32 on the CPU."""


class Lora:
    """LoRA on the UNet's layers, and with `network.text_encoders` on those of the text encoders."""

    def __init__(self, pipe: Any, settings: Settings) -> None:
        network = settings.network
        self.live, self.learning = network.text_encoders, settings.learning
        self.alpha = network.alpha or float(network.rank)
        self.parts: dict[str, Any] = {"unet": pipe.unet}
        if self.live:
            self.parts |= {"text_encoder": pipe.text_encoder, "text_encoder_2": pipe.text_encoder_2}
        for part in (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2):
            part.requires_grad_(False)
        for name, part in self.parts.items():
            if name == "unet":
                self.on_unet(part, settings)
            else:
                part.add_adapter(_config(settings, TEXT), NAME)
        cast_training_params(list(self.parts.values()))

    @staticmethod
    def on_unet(unet: Any, settings: Settings) -> None:
        """Add the LoRA that `settings` describe to a UNet, and freeze everything else."""
        unet.requires_grad_(False)
        layers = {"attention": ATTENTION, "all": ALL}[settings.network.layers]
        unet.add_adapter(_config(settings, layers), NAME)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return {
            f"{name}.{inner}": parameter
            for name, part in self.parts.items()
            for inner, parameter in part.named_parameters()
            if parameter.requires_grad
        }

    def rate(self, name: str) -> float:
        return self.learning.rate if name.startswith("unet.") else self.learning.text_rate

    def weights(self) -> dict[str, Tensor]:
        """Return `unet.MODULE.lora_A.weight` and `….lora_B.weight` with alpha / rank multiplied in."""
        found = {}
        for name, part in self.parts.items():
            for key, value in get_peft_model_state_dict(part, adapter_name=NAME).items():
                # LoRA files name text encoder layers below text_model; newer transformers leave that out.
                inner = key if name == "unet" or key.startswith("text_model.") else f"text_model.{key}"
                factor = self.alpha / value.shape[1] if ".lora_B." in key else 1.0
                found[f"{name}.{inner}"] = value.detach().float().cpu() * factor
        return found


def _config(settings: Settings, layers: list[str]) -> LoraConfig:
    network = settings.network
    return LoraConfig(
        r=network.rank,
        lora_alpha=network.alpha or network.rank,
        target_modules=layers,
        lora_dropout=network.dropout,
        init_lora_weights="gaussian",
    )
