"""Textual inversions: words whose embeddings come from a file, for both text encoders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from animator.errors import ModelError
from animator.models.safetensors import ENCODERS

_ALONE = {768: "SD 1.x", 1024: "SD 2.x"}


class Inversions:
    """Textual inversions loaded into one pipeline, by the word that calls them."""

    def __init__(self, pipe: Any, files: Mapping[str, Path]) -> None:
        """Load `files` (word → .safetensors file). Raises ModelError for a file that does not fit the model."""
        self.tokens: dict[str, str] = {}
        for number, (word, file) in enumerate(files.items()):
            vectors = _vectors(word, file)
            # Tokens that no prompt contains, one per vector: diffusers would take `x` and `x_1` for one
            # inversion of two vectors.
            tokens = [f"<animator-{number}-{i}>" for i in range(vectors[0].shape[0])]
            pairs = ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2))
            for vector, (tokenizer, encoder) in zip(vectors, pairs, strict=True):
                _check(word, file, vector, encoder)
                held = [{token: row} for token, row in zip(tokens, vector, strict=True)]
                pipe.load_textual_inversion(held, token=tokens, tokenizer=tokenizer, text_encoder=encoder)
            self.tokens[word] = " ".join(tokens)
        words = "|".join(sorted(map(re.escape, files), key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])") if files else None

    def spell(self, text: str) -> str:
        """Return `text` with each textual inversion's word replaced by its tokens; only whole words count."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self.tokens[match[0]], text)


def _vectors(word: str, file: Path) -> list[torch.Tensor]:
    """Read the vectors for both encoders from `file`, (vectors, width) each, in equal number. Raises ModelError."""
    try:
        held = load_file(file)
    except Exception as error:  # safetensors raises its own exception type, which names the fault
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"embedding {word!r}: {file} cannot be read: {reason}") from error
    for names in ENCODERS:
        if set(names) <= set(held):
            found = [held[name].reshape(-1, held[name].shape[-1]) for name in names]
            if found[0].shape[0] != found[1].shape[0]:
                counts = " and ".join(str(vectors.shape[0]) for vectors in found)
                raise ModelError(
                    f"embedding {word!r}: {file} has {counts} vectors for the two text encoders;"
                    " their numbers must be equal"
                )
            return found
    made = next((_ALONE[t.shape[-1]] for t in held.values() if t.ndim and t.shape[-1] in _ALONE), "")
    told = f" It is made for {made}." if made else ""
    raise ModelError(
        f"embedding {word!r}: {file} does not hold vectors for both of SDXL's text encoders,"
        f" 'clip_l' and 'clip_g'.{told}"
    )


def _check(word: str, file: Path, vectors: torch.Tensor, encoder: Any) -> None:
    width = encoder.get_input_embeddings().weight.shape[-1]
    if vectors.shape[-1] != width:
        raise ModelError(
            f"embedding {word!r}: {file} has vectors of {vectors.shape[-1]} numbers, but the model's text"
            f" encoder expects {width}; use an embedding made for this model"
        )
