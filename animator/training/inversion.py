"""Textual inversion: train the embedding vectors of a new word in both text encoders, and no model weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from animator.errors import Place, Problem, SceneError
from animator.training.settings import Settings

KEYS = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}  # as A1111, ComfyUI and diffusers name them


class Word:
    """Trainable vectors of a new word in both text encoders, initialised with those of a known word."""

    live = True

    def __init__(self, pipe: Any, settings: Settings) -> None:
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
                raise SceneError([Problem(Place("--token"), (), _refused(token))])
            encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
            embedding = encoder.get_input_embeddings()
            rows = embedding.weight[[start[i % len(start)] for i in range(count)]].detach().float().clone()
            self.rows[name] = nn.Parameter(rows)
            embedding.register_forward_hook(_Inserted(self.rows[name], first))
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
        return {KEYS[name]: rows.detach().float().cpu().clone() for name, rows in self.rows.items()}


class _Inserted:
    """Forward hook of an embedding that returns the trained rows for the token ids of the new word."""

    def __init__(self, rows: nn.Parameter, first: int) -> None:
        self.rows, self.first = rows, first

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], found: Tensor) -> Tensor:  # noqa: ARG002
        numbers = inputs[0] - self.first
        learnt = self.rows.to(found)[numbers.clamp(min=0)]
        return torch.where((numbers >= 0)[..., None], learnt, found)


def _refused(token: str) -> str:
    if " " in token:
        return f"the token of a textual inversion must be one word; write it as {token.replace(' ', '-')}"
    return f"{token!r} is already in the model's vocabulary; choose another word"
