"""Textual inversion: a word of some vectors for each text encoder; no weight of the model changes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from animator.errors import Place, Problem, SceneError
from animator.training.settings import Settings

KEYS = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}  # as A1111, ComfyUI and diffusers name them


class Word:
    """The vectors of a new word, for both encoders; they begin as those of a known word."""

    live = True

    def __init__(self, pipe: Any, settings: Settings) -> None:
        """Add the word to the pipeline's tokenizers. Raises SceneError for one they cannot take as a word."""
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
                # Old configs mean "the highest number" by this, which a new word would be.
                inner = getattr(encoder, "text_model", encoder)
                encoder.config.eos_token_id = inner.eos_token_id = tokenizer.eos_token_id

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.rows)

    def rate(self, name: str) -> float:  # noqa: ARG002 (a learner's shape)
        return self.learning.rate

    def weights(self) -> dict[str, Tensor]:
        """`clip_l` and `clip_g`: (vectors, width of the encoder)."""
        return {KEYS[name]: rows.detach().float().cpu().clone() for name, rows in self.rows.items()}


class _Inserted:
    """Puts the learnt rows where an embedding was asked for the new numbers."""

    def __init__(self, rows: nn.Parameter, first: int) -> None:
        self.rows, self.first = rows, first

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], found: Tensor) -> Tensor:  # noqa: ARG002
        numbers = inputs[0] - self.first
        learnt = self.rows.to(found)[numbers.clamp(min=0)]
        return torch.where((numbers >= 0)[..., None], learnt, found)


def _refused(token: str) -> str:
    if " " in token:
        return f"a textual inversion is one word; write it as {token.replace(' ', '-')}"
    return f"{token!r} is a word of the model's already; choose another"
