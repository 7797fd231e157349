"""Prompts with weights, chunks and blends → SDXL's embeddings, through compel.

compel's parts are handed its own tree, never its text: its grammar is another one, and no place for strangers' words.
"""

from __future__ import annotations

from typing import Any

import torch
from compel import Compel, ReturnedEmbeddingsType
from compel.prompt_parser import Conjunction, FlattenedPrompt

from animator.diffusion.embedding import Embedding, mean, padded
from animator.models.prompt_syntax import Chunk, Part, Words


class Encoder:
    """A text encoder as compel is to see it: where it computes, and as if it ended `skip` layers earlier."""

    def __init__(self, encoder: Any, device: torch.device, skip: int) -> None:
        # Weights may wait elsewhere for their turn: the encoder's hooks bring them, and its device is where they wait.
        self.encoder, self.device, self.skip = encoder, device, skip

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The encoder's output, with fewer hidden states; what is pooled stays."""
        found = self.encoder(*args, **options)
        if self.skip and found.hidden_states is not None:
            found.hidden_states = found.hidden_states[: -self.skip]
        return found


class Weighted:
    """Encodes with both encoders of one pipeline, as they are now: LoRAs may have changed them since the last text."""

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
        """The embeddings of `words`: as many tokens as its chunks need, (1, n * tokens, width) and (1, width)."""
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
            if missing:  # tokenizers that count differently
                empty = compel.conditioning_provider.empty_z
                parts[i] = torch.cat([parts[i], *[empty] * (missing // empty.shape[1])], dim=1)
        second = self.compels[1]
        text = " ".join(part.text for chunk in chunks for part in chunk.parts)
        pooled = second.conditioning_provider.get_pooled_embeddings([text], device=second.device)
        return Embedding(
            torch.cat(parts, dim=-1).to(self.device, self.dtype), pooled.to(self.device, self.dtype)
        )

    def _meaning(self, compel: Compel, chunks: tuple[Chunk, ...]) -> torch.Tensor:
        """What one encoder makes of all chunks, (1, n * tokens, width)."""
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
    """Whether there is any token in `text`: compel cannot weigh what is none."""
    return bool(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)
