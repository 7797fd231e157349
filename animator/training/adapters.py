"""What learns: a LoRA on the model's layers, by peft; everything else of the model stays as it is."""

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
NAME = "default"  # peft's name of the adapter that learns


class Learner(Protocol):
    """The part of a model that learns."""

    live: bool  # whether what the text encoders say changes

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """What learns, by name, float32."""

    def rate(self, name: str) -> float:
        """The full learning rate of a parameter."""

    def weights(self) -> dict[str, Tensor]:
        """What a file is written of, float32 on the CPU."""


class Lora:
    """A LoRA on the UNet's layers, and on those of the text encoders where these learn too."""

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
        """Give a UNet the LoRA that `settings` describe, the only part of it that learns."""
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
        """`unet.MODULE.lora_A.weight` and `….lora_B.weight`; alpha is counted in: a scale of 1 is 1 anywhere."""
        found = {}
        for name, part in self.parts.items():
            for key, value in get_peft_model_state_dict(part, adapter_name=NAME).items():
                # Released text encoders name their layers below text_model; newer transformers leave that out.
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
