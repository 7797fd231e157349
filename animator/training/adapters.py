"""Trainable adapters: a LoRA on the model's layers, by peft, or the embedding vectors of a new word.

All other weights are frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor, nn

from animator.errors import Place, Problem, SceneError
from animator.training.settings import TrainingSettings

ATTENTION_LAYERS = ["to_q", "to_k", "to_v", "to_out.0"]

ALL_LAYERS = [
    *ATTENTION_LAYERS,
    "proj_in",
    "proj_out",
    "ff.net.0.proj",
    "ff.net.2",
    "conv1",
    "conv2",
    "conv_shortcut",
]

TEXT_LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj"]

ADAPTER_NAME = "default"  # name of the adapter in peft


class TrainableAdapter(Protocol):
    """Trainable part of a model."""

    trains_text_encoders: bool  # True if training changes the outputs of the text encoders

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Trainable parameters by name, float32."""

    def rate(self, name: str) -> float:
        """Return the full learning rate of the parameter `name`."""

    def weights(self) -> dict[str, Tensor]:
        """Return the weights to write to a file, float32 on the CPU."""


class LoraAdapter:
    """LoRA on the UNet's layers, and with `network.text_encoders` on those of the text encoders."""

    def __init__(self, pipe: Any, settings: TrainingSettings) -> None:
        network = settings.network
        self.trains_text_encoders, self.learning = network.text_encoders, settings.learning
        self.alpha = network.alpha or float(network.rank)
        self.parts: dict[str, Any] = {"unet": pipe.unet}
        if self.trains_text_encoders:
            self.parts |= {"text_encoder": pipe.text_encoder, "text_encoder_2": pipe.text_encoder_2}
        for part in (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2):
            part.requires_grad_(False)
        for name, part in self.parts.items():
            if name == "unet":
                self.add_to_unet(part, settings)
            else:
                part.add_adapter(_lora_config(settings, TEXT_LAYERS), ADAPTER_NAME)
        cast_training_params(list(self.parts.values()))

    @staticmethod
    def add_to_unet(unet: Any, settings: TrainingSettings) -> None:
        """Add the LoRA that `settings` describe to a UNet, and freeze everything else."""
        unet.requires_grad_(False)
        layers = {"attention": ATTENTION_LAYERS, "all": ALL_LAYERS}[settings.network.layers]
        unet.add_adapter(_lora_config(settings, layers), ADAPTER_NAME)

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
            for key, value in get_peft_model_state_dict(part, adapter_name=ADAPTER_NAME).items():
                # LoRA files name text encoder layers below text_model; newer transformers leave that out.
                inner = key if name == "unet" or key.startswith("text_model.") else f"text_model.{key}"
                factor = self.alpha / value.shape[1] if ".lora_B." in key else 1.0
                found[f"{name}.{inner}"] = value.detach().float().cpu() * factor
        return found


def _lora_config(settings: TrainingSettings, layers: list[str]) -> LoraConfig:
    network = settings.network
    return LoraConfig(
        r=network.rank,
        lora_alpha=network.alpha or network.rank,
        target_modules=layers,
        lora_dropout=network.dropout,
        init_lora_weights="gaussian",
    )


EMBEDDING_KEYS = {
    "text_encoder": "clip_l",
    "text_encoder_2": "clip_g",
}  # as A1111, ComfyUI and diffusers name them


class InversionAdapter:
    """Trainable vectors of a new word in both text encoders, initialised with those of a known word."""

    trains_text_encoders = True

    def __init__(self, pipe: Any, settings: TrainingSettings) -> None:
        """Add the word to the pipeline's tokenizers. Raises SceneError if it has a space or is known already."""
        token, count = settings.token, settings.network.vectors
        self.learning = settings.learning
        self.rows: dict[str, nn.Parameter] = {}
        for part in (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2):
            part.requires_grad_(False)
        names = [
            token,
            *(f"{token}_{number}" for number in range(1, count)),
        ]  # as diffusers' loader names them
        for name, tokenizer in (("text_encoder", pipe.tokenizer), ("text_encoder_2", pipe.tokenizer_2)):
            encoder = getattr(pipe, name)
            start = tokenizer(
                settings.kind or settings.network.start_word, add_special_tokens=False
            ).input_ids
            first = len(tokenizer)
            if " " in token or tokenizer.add_tokens(names) != count:
                raise SceneError([Problem(Place("--token"), (), _token_error(token))])
            encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
            embedding = encoder.get_input_embeddings()
            rows = embedding.weight[[start[i % len(start)] for i in range(count)]].detach().float().clone()
            self.rows[name] = nn.Parameter(rows)
            embedding.register_forward_hook(_InsertRows(self.rows[name], first))
            embedding.weight.requires_grad_(False)
            if encoder.config.eos_token_id == 2:
                # In old configs 2 means "pool at the highest token id", which would now be the new word's.
                inner = getattr(encoder, "text_model", encoder)
                encoder.config.eos_token_id = inner.eos_token_id = tokenizer.eos_token_id

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.rows)

    def rate(self, name: str) -> float:  # noqa: ARG002 (signature of the protocol)
        return self.learning.rate

    def weights(self) -> dict[str, Tensor]:
        """Return `clip_l` and `clip_g`, each (vectors, width of the encoder), float32 on the CPU."""
        return {EMBEDDING_KEYS[name]: rows.detach().float().cpu().clone() for name, rows in self.rows.items()}


class _InsertRows:
    """Forward hook of an embedding that returns the trained rows for the token ids of the new word."""

    def __init__(self, rows: nn.Parameter, first: int) -> None:
        self.rows, self.first = rows, first

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], found: Tensor) -> Tensor:  # noqa: ARG002
        numbers = inputs[0] - self.first
        learnt = self.rows.to(found)[numbers.clamp(min=0)]
        return torch.where((numbers >= 0)[..., None], learnt, found)


def _token_error(token: str) -> str:
    if " " in token:
        return f"the token of a textual inversion must be one word; write it as {token.replace(' ', '-')}"
    return f"{token!r} is already in the model's vocabulary; choose another word"
