"""Prompts → SDXL's embeddings, computed once per distinct text."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, NamedTuple

import torch

from animator.frame import Prompt

logger = logging.getLogger(__name__)

CACHED = 256  # texts; at 77 tokens of 2048 numbers in bf16 that is 80 MB


class Embedding(NamedTuple):
    """What SDXL's two text encoders make of one text."""

    tokens: torch.Tensor  # (1, tokens, width of both encoders)
    pooled: torch.Tensor  # (1, width of the second encoder's projection)


class Texts:
    """Encodes texts with a pipeline's encoders and remembers the latest ones."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self._cache: OrderedDict[Hashable, Embedding] = OrderedDict()
        self._looked_at: set[str] = set()  # by text alone: a LoRA's scale changes what is read, not how much

    def arguments(self, prompt: Prompt, guided: bool, version: Hashable = None) -> dict[str, torch.Tensor]:
        """The pipeline's arguments for `prompt`; with the negative prompt when painting is `guided`.

        `version` stands for all else that embeddings depend on, such as the scales of LoRAs on the encoders.
        """
        words = self._encode(prompt.text, version)
        if prompt.weight and prompt.next != prompt.text:
            following = self._encode(prompt.next, version)
            words = Embedding(
                *(torch.lerp(a, b, prompt.weight) for a, b in zip(words, following, strict=True))
            )
        arguments = {"prompt_embeds": words.tokens, "pooled_prompt_embeds": words.pooled}
        if guided:
            against = self._negative(prompt.negative, words, version)
            arguments |= {
                "negative_prompt_embeds": against.tokens,
                "negative_pooled_prompt_embeds": against.pooled,
            }
        return arguments

    def _negative(self, text: str, like: Embedding, version: Hashable) -> Embedding:
        """SDXL was trained with zeros, not with the empty text, in place of no prompt; its config says so."""
        if not text and self.pipe.config.force_zeros_for_empty_prompt:
            return Embedding(*map(torch.zeros_like, like))
        return self._encode(text, version)

    def _tell_what_is_cut(self, text: str) -> None:
        """A model reads a fixed number of tokens; what comes behind them paints nothing."""
        if text in self._looked_at:
            return
        self._looked_at.add(text)
        tokenizer = self.pipe.tokenizer
        read = tokenizer.model_max_length - 2  # without begin and end
        tokens = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
        if len(tokens) > read:
            words = tokenizer.decode(tokens[read:])
            logger.warning(
                "a prompt of %d tokens: the model reads %d; not painted: %r", len(tokens), read, words
            )

    def _encode(self, text: str, version: Hashable) -> Embedding:
        key = (text, version)
        if key not in self._cache:
            self._tell_what_is_cut(text)
            with torch.inference_mode():
                tokens, _, pooled, _ = self.pipe.encode_prompt(
                    prompt=text,
                    device=self.pipe.device,
                    num_images_per_prompt=1,
                    do_classifier_free_guidance=False,
                )
            self._cache[key] = Embedding(tokens, pooled)
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]
