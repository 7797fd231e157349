"""Encoding of prompts with weights, chunks and blends into SDXL's embeddings, through compel.

compel receives parsed trees and never prompt text, because its grammar differs from ours and would interpret
signs in users' prompts.
"""

from __future__ import annotations

from typing import Any

import torch
from compel import Compel, ReturnedEmbeddingsType
from compel.prompt_parser import Conjunction, FlattenedPrompt

from animator.diffusion.embedding import Embedding, mean, padded
from animator.models.prompt_syntax import Chunk, Part, Words


class Encoder:
    """Text encoder proxy for compel: reports the device it computes on and hides its last `skip` layers."""

    def __init__(self, encoder: Any, device: torch.device, skip: int) -> None:
        # With offloading, the encoder's own device is where its weights wait; hooks move them to `device`.
        self.encoder, self.device, self.skip = encoder, device, skip

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return the encoder's output without its last `skip` hidden states; the pooled output is unchanged."""
        found = self.encoder(*args, **options)
        if self.skip and found.hidden_states is not None:
            found.hidden_states = found.hidden_states[: -self.skip]
        return found


class Weighted:
    """Encodes prompts with both text encoders of a pipeline in their current state.

    Create one per text, because LoRA scales may change the encoders in between.
    """

    def __init__(self, pipe: Any, clip_skip: int = 0) -> None:
        pairs = [(pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)]
        self.device, self.dtype = pipe.device, pipe.text_encoder_2.dtype
        place = pipe._execution_device
        self.compels = [
            Compel(
                tokenizer=tokenizer,
                text_encoder=Encoder(encoder, place, clip_skip),
                returned_embeddings_type=ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
                truncate_long_prompts=False,
                device=place,
            )
            for tokenizer, encoder in pairs
        ]

    def __call__(self, words: Words) -> Embedding:
        """Return the embedding of a parsed prompt of n chunks: tokens (1, n * tokens, width), pooled (1, width)."""
        found = [(weight, self._chunks(chunks)) for weight, chunks in words.blends]
        if len(found) == 1:
            return found[0][1]
        empty = self._chunks((Chunk((Part(""),)),))
        length = max(embedding.tokens.shape[1] for _, embedding in found)
        return mean([(weight, padded(embedding, length, empty)) for weight, embedding in found])

    def _chunks(self, chunks: tuple[Chunk, ...]) -> Embedding:
        parts = [self._meaning(compel, chunks) for compel in self.compels]
        length = max(part.shape[1] for part in parts)
        for i, compel in enumerate(self.compels):
            missing = length - parts[i].shape[1]
            if missing:  # the two tokenizers may count differently
                empty = compel.conditioning_provider.empty_z
                parts[i] = torch.cat([parts[i], *[empty] * (missing // empty.shape[1])], dim=1)
        second = self.compels[1]
        text = " ".join(part.text for chunk in chunks for part in chunk.parts)
        pooled = second.conditioning_provider.get_pooled_embeddings([text], device=second.device)
        return Embedding(
            torch.cat(parts, dim=-1).to(self.device, self.dtype), pooled.to(self.device, self.dtype)
        )

    def _meaning(self, compel: Compel, chunks: tuple[Chunk, ...]) -> torch.Tensor:
        """Return one encoder's embedding of all n chunks, (1, n * tokens, width)."""
        tokenizer = compel.conditioning_provider.tokenizer
        said = [
            [(part.text, part.weight) for part in chunk.parts if _says(tokenizer, part.text)]
            for chunk in chunks
        ]
        prompts = [FlattenedPrompt(parts or [("", 1.0)]) for parts in said]
        tree = Conjunction(prompts, [chunk.weight for chunk in chunks])
        embedding: torch.Tensor = compel.build_conditioning_tensor_for_conjunction(tree)[0]
        return embedding


def _says(tokenizer: Any, text: str) -> bool:
    """Return True if `text` has any token; compel cannot weight a text without tokens."""
    return bool(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)
