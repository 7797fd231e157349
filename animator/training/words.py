"""Encode captions with SDXL's two text encoders; results are cached unless the encoders are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Words:
    """Encoder of captions that uses the pipeline's text encoders and caches the embeddings."""

    def __init__(self, pipe: Any, live: bool) -> None:
        """Use the encoders of `pipe`; with `live` they are trained: nothing is cached, and gradients pass."""
        self.pipe, self.live = pipe, live
        self._known: dict[str, tuple[Tensor, Tensor]] = {}

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return embeddings (n, tokens, width) and pooled embeddings (n, width) of texts; zeros for an empty text."""
        made = [self._one(text) for text in texts]
        return torch.cat([tokens for tokens, _ in made]), torch.cat([pooled for _, pooled in made])

    def _one(self, text: str) -> tuple[Tensor, Tensor]:
        if not text:  # as in SDXL's own training, and in its pipelines for an empty prompt
            tokens, pooled = self._one(" ")
            return torch.zeros_like(tokens), torch.zeros_like(pooled)
        if self.live and text.strip():
            return self._encoded(text)
        if text not in self._known:
            with torch.no_grad():
                self._known[text] = self._encoded(text)
        return self._known[text]

    def _encoded(self, text: str) -> tuple[Tensor, Tensor]:
        tokens, _, pooled, _ = self.pipe.encode_prompt(
            prompt=text,
            device=self.pipe.unet.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return tokens, pooled
