"""Encoding of prompts into SDXL's embeddings, cached per distinct text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch

from animator.diffusion.embedding import Embedding, linear, padded, slerp
from animator.diffusion.weighted import Weighted
from animator.errors import ModelError
from animator.frame import Prompt
from animator.models.prompt_syntax import Words, parse

CACHED = 256  # texts; 80 MB at 77 tokens of 2048 numbers in bfloat16


class Texts:
    """Encodes prompts with a pipeline's text encoders and caches the latest embeddings."""

    def __init__(self, pipe: Any, spell: Callable[[str], str] = str) -> None:
        """Wrap `pipe`; `spell` replaces the names of textual inversions in a text by their tokens."""
        self.pipe, self.spell = pipe, spell
        self._cache: OrderedDict[Hashable, Embedding] = OrderedDict()
        layers = [encoder.config.num_hidden_layers for encoder in (pipe.text_encoder, pipe.text_encoder_2)]
        self.most_skipped = min(layers) - 1  # the largest clip_skip: both encoders must have a layer left

    def arguments(
        self, prompt: Prompt, guided: bool, version: Hashable = None, clip_skip: int = 0
    ) -> dict[str, torch.Tensor]:
        """Return the pipeline's arguments for `prompt`, including the negative prompt if painting is `guided`.

        `version` is a cache key for everything else that embeddings depend on, such as LoRA scales in the
        text encoders. `clip_skip`: layers to skip at the end of both encoders, 0: none. Raises ModelError if
        it exceeds the number of layers.
        """
        if clip_skip > self.most_skipped:
            raise ModelError(
                f"painting.clip_skip: {clip_skip}; this model's text encoders allow 0..{self.most_skipped}"
            )

        def encode(text: str) -> Embedding:
            return self._encode(text, version, clip_skip)

        def alike(*found: Embedding) -> list[Embedding]:
            length = max(embedding.tokens.shape[1] for embedding in found)
            same = all(embedding.tokens.shape[1] == length for embedding in found)
            return list(found) if same else [padded(embedding, length, encode("")) for embedding in found]

        words = encode(prompt.text)
        if prompt.weight and prompt.next != prompt.text:
            words, following = alike(words, encode(prompt.next))
            words = self._between(words, following, prompt)
        if not guided:
            return {"prompt_embeds": words.tokens, "pooled_prompt_embeds": words.pooled}
        # SDXL was trained with zeros instead of the empty text for a missing prompt, as its config declares.
        zeros = not prompt.negative and self.pipe.config.force_zeros_for_empty_prompt
        against = Embedding(*map(torch.zeros_like, words)) if zeros else encode(prompt.negative)
        words, against = alike(words, against)
        return {
            "prompt_embeds": words.tokens,
            "pooled_prompt_embeds": words.pooled,
            "negative_prompt_embeds": against.tokens,
            "negative_pooled_prompt_embeds": against.pooled,
        }

    def _between(self, words: Embedding, following: Embedding, prompt: Prompt) -> Embedding:
        if prompt.blend == "slerp":
            return slerp(words, following, prompt.weight, self.pipe.text_encoder.config.hidden_size)
        return linear(words, following, prompt.weight)

    def _encode(self, text: str, version: Hashable, clip_skip: int) -> Embedding:
        key = (text, version, clip_skip)
        if key not in self._cache:
            with torch.inference_mode():
                self._cache[key] = self._read(text, clip_skip)
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]

    def _read(self, text: str, clip_skip: int) -> Embedding:
        """Encode `text` with the pipeline's own method if it is plain and short, else through compel."""
        words = parse(self.spell(text))
        plain = words.plain
        if plain is None or not self._fits(plain):
            return self._weighted(words, clip_skip)
        tokens, _, pooled, _ = self.pipe.encode_prompt(
            prompt=plain,
            device=self.pipe.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
            clip_skip=clip_skip or None,
        )
        return Embedding(tokens, pooled)

    def _weighted(self, words: Words, clip_skip: int) -> Embedding:
        return Weighted(self.pipe, clip_skip)(words)

    def _fits(self, text: str) -> bool:
        """Return True if all of `text` fits into one context window of both text encoders."""
        return all(
            len(tokenizer(text, truncation=False, verbose=False).input_ids) <= tokenizer.model_max_length
            for tokenizer in (self.pipe.tokenizer, self.pipe.tokenizer_2)
        )
