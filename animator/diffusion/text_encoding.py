"""Encoding of prompts into SDXL's embeddings: weights, blends, textual inversions and interpolation, with a cache.

compel receives parsed trees and never prompt text, because its grammar differs from ours and would interpret
signs in users' prompts.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from compel import Compel, ReturnedEmbeddingsType
from compel.prompt_parser import Conjunction, FlattenedPrompt
from safetensors.torch import load_file

from animator.diffusion.noise_levels import slerp
from animator.errors import ModelError, one_line
from animator.frame import Prompt
from animator.models.families import FAMILY_BY_TEXT_WIDTH, SINGLE_ENCODER_WIDTHS
from animator.models.prompt_syntax import Chunk, ParsedPrompt, Part, parse_prompt
from animator.models.safetensors import INVERSION_KEYS

CACHE_SIZE = 256  # texts; 80 MB at 77 tokens of 2048 numbers in bfloat16


class PromptEncoder:
    """Encodes prompts with a pipeline's text encoders and caches the latest embeddings."""

    def __init__(self, pipe: Any, spell: Callable[[str], str] = str) -> None:
        """Wrap `pipe`; `spell` replaces the names of textual inversions in a text by their tokens."""
        self.pipe, self.substitute_tokens = pipe, spell
        self._cache: OrderedDict[Hashable, Embedding] = OrderedDict()
        layers = [encoder.config.num_hidden_layers for encoder in (pipe.text_encoder, pipe.text_encoder_2)]
        self.max_clip_skip = min(layers) - 1  # the largest clip_skip: both encoders must have a layer left

    def pipeline_arguments(
        self, prompt: Prompt, guided: bool, version: Hashable = None, clip_skip: int = 0
    ) -> dict[str, torch.Tensor]:
        """Return the pipeline's arguments for `prompt`, including the negative prompt if painting is `guided`.

        `version` is a cache key for everything else that embeddings depend on, such as LoRA scales in the
        text encoders. `clip_skip`: layers to skip at the end of both encoders, 0: none. Raises ModelError if
        it exceeds the number of layers.
        """
        if clip_skip > self.max_clip_skip:
            raise ModelError(
                f"painting.clip_skip: {clip_skip}; this model's text encoders allow 0..{self.max_clip_skip}"
            )

        def encode(text: str) -> Embedding:
            return self._encode(text, version, clip_skip)

        def alike(*found: Embedding) -> list[Embedding]:
            length = max(embedding.tokens.shape[1] for embedding in found)
            same = all(embedding.tokens.shape[1] == length for embedding in found)
            return list(found) if same else [pad(embedding, length, encode("")) for embedding in found]

        words = encode(prompt.text)
        if prompt.weight and prompt.next != prompt.text:
            words, following = alike(words, encode(prompt.next))
            words = self._interpolate(words, following, prompt)
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

    def _interpolate(self, words: Embedding, following: Embedding, prompt: Prompt) -> Embedding:
        if prompt.blend == "slerp":
            return interpolate_spherically(
                words, following, prompt.weight, self.pipe.text_encoder.config.hidden_size
            )
        return interpolate_linearly(words, following, prompt.weight)

    def _encode(self, text: str, version: Hashable, clip_skip: int) -> Embedding:
        key = (text, version, clip_skip)
        if key not in self._cache:
            with torch.inference_mode():
                self._cache[key] = self._encode_uncached(text, clip_skip)
            if len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]

    def _encode_uncached(self, text: str, clip_skip: int) -> Embedding:
        """Encode `text` with the pipeline's own method if it is plain and short, else through compel."""
        words = parse_prompt(self.substitute_tokens(text))
        plain = words.plain_text
        if plain is None or not self._fits_context(plain):
            return CompelEncoder(self.pipe, clip_skip)(words)
        tokens, _, pooled, _ = self.pipe.encode_prompt(
            prompt=plain,
            device=self.pipe.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
            clip_skip=clip_skip or None,
        )
        return Embedding(tokens, pooled)

    def _fits_context(self, text: str) -> bool:
        """Return True if all of `text` fits into one context window of both text encoders."""
        return all(
            len(tokenizer(text, truncation=False, verbose=False).input_ids) <= tokenizer.model_max_length
            for tokenizer in (self.pipe.tokenizer, self.pipe.tokenizer_2)
        )


class Embedding(NamedTuple):
    """Output of SDXL's two text encoders for one text."""

    tokens: torch.Tensor  # (1, tokens, width of both encoders)
    pooled: torch.Tensor  # (1, width of the second encoder's projection)


def pad(embedding: Embedding, length: int, empty: Embedding) -> Embedding:
    """Return `embedding` padded to `length` tokens with the tokens of the `empty` text; it is never shortened."""
    missing = length - embedding.tokens.shape[1]
    if missing <= 0:
        return embedding
    more = [empty.tokens] * -(-missing // empty.tokens.shape[1])
    return Embedding(torch.cat([embedding.tokens, *more], dim=1)[:, :length], embedding.pooled)


def weighted_mean(weighted: Sequence[tuple[float, Embedding]]) -> Embedding:
    """Return the weighted mean of embeddings with the same number of tokens; the weights must sum to 1."""
    tokens = sum(weight * embedding.tokens for weight, embedding in weighted)
    pooled = sum(weight * embedding.pooled for weight, embedding in weighted)
    return Embedding(torch.as_tensor(tokens), torch.as_tensor(pooled))


def interpolate_linearly(one: Embedding, other: Embedding, weight: float) -> Embedding:
    """Interpolate linearly: weight 0 returns `one`, weight 1 returns `other`."""
    return Embedding(*(torch.lerp(a, b, weight) for a, b in zip(one, other, strict=True)))


def interpolate_spherically(one: Embedding, other: Embedding, weight: float, first: int) -> Embedding:
    """Interpolate spherically: each vector rotates at even speed from `one` (weight 0) to `other` (weight 1).

    The first `first` numbers of each token belong to the first text encoder, the rest to the second; the two
    parts rotate separately. Lengths are interpolated linearly.
    """
    left = _slerp_vectors(one.tokens[..., :first], other.tokens[..., :first], weight)
    right = _slerp_vectors(one.tokens[..., first:], other.tokens[..., first:], weight)
    return Embedding(torch.cat([left, right], dim=-1), _slerp_vectors(one.pooled, other.pooled, weight))


def _slerp_vectors(a: torch.Tensor, b: torch.Tensor, weight: float) -> torch.Tensor:
    """Interpolate vectors along the last axis spherically, and their lengths linearly."""
    x, y = a.float(), b.float()
    lengths = [v.norm(dim=-1, keepdim=True).clamp_min(1e-12) for v in (x, y)]
    direction = slerp(x / lengths[0], y / lengths[1], weight, dim=-1)
    return (direction * torch.lerp(lengths[0], lengths[1], weight)).to(a.dtype)


class TextEncoderProxy:
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


class CompelEncoder:
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
                text_encoder=TextEncoderProxy(encoder, place, clip_skip),
                returned_embeddings_type=ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
                truncate_long_prompts=False,
                device=place,
            )
            for tokenizer, encoder in pairs
        ]

    def __call__(self, words: ParsedPrompt) -> Embedding:
        """Return the embedding of a parsed prompt of n chunks: tokens (1, n * tokens, width), pooled (1, width)."""
        found = [(weight, self._encode_chunks(chunks)) for weight, chunks in words.blends]
        if len(found) == 1:
            return found[0][1]
        empty = self._encode_chunks((Chunk((Part(""),)),))
        length = max(embedding.tokens.shape[1] for _, embedding in found)
        return weighted_mean([(weight, pad(embedding, length, empty)) for weight, embedding in found])

    def _encode_chunks(self, chunks: tuple[Chunk, ...]) -> Embedding:
        parts = [self._encode_with(compel, chunks) for compel in self.compels]
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

    def _encode_with(self, compel: Compel, chunks: tuple[Chunk, ...]) -> torch.Tensor:
        """Return one encoder's embedding of all n chunks, (1, n * tokens, width)."""
        tokenizer = compel.conditioning_provider.tokenizer
        said = [
            [(part.text, part.weight) for part in chunk.parts if _has_tokens(tokenizer, part.text)]
            for chunk in chunks
        ]
        prompts = [FlattenedPrompt(parts or [("", 1.0)]) for parts in said]
        tree = Conjunction(prompts, [chunk.weight for chunk in chunks])
        embedding: torch.Tensor = compel.build_conditioning_tensor_for_conjunction(tree)[0]
        return embedding


def _has_tokens(tokenizer: Any, text: str) -> bool:
    """Return True if `text` has any token; compel cannot weight a text without tokens."""
    return bool(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)


class TextualInversions:
    """Textual inversions loaded into one pipeline, by the word that calls them."""

    def __init__(self, pipe: Any, files: Mapping[str, Path]) -> None:
        """Load `files` (word → .safetensors file). Raises ModelError for a file that does not fit the model."""
        self.tokens: dict[str, str] = {}
        for number, (word, file) in enumerate(files.items()):
            vectors = _read_vectors(word, file)
            # Tokens that no prompt contains, one per vector: diffusers would take `x` and `x_1` for one
            # inversion of two vectors.
            tokens = [f"<animator-{number}-{i}>" for i in range(vectors[0].shape[0])]
            pairs = ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2))
            for vector, (tokenizer, encoder) in zip(vectors, pairs, strict=True):
                _require_matching_width(word, file, vector, encoder)
                held = [{token: row} for token, row in zip(tokens, vector, strict=True)]
                pipe.load_textual_inversion(held, token=tokens, tokenizer=tokenizer, text_encoder=encoder)
            self.tokens[word] = " ".join(tokens)
        words = "|".join(sorted(map(re.escape, files), key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])") if files else None

    def substitute_tokens(self, text: str) -> str:
        """Return `text` with each textual inversion's word replaced by its tokens; only whole words count."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self.tokens[match[0]], text)


def _read_vectors(word: str, file: Path) -> list[torch.Tensor]:
    """Read the vectors for both encoders from `file`, (vectors, width) each, in equal number. Raises ModelError."""
    try:
        held = load_file(file)
    except Exception as error:  # safetensors raises its own exception type, which names the fault
        reason = one_line(error, 200)
        raise ModelError(f"embedding {word!r}: {file} cannot be read: {reason}") from error
    for names in INVERSION_KEYS:
        if set(names) <= set(held):
            found = [held[name].reshape(-1, held[name].shape[-1]) for name in names]
            if found[0].shape[0] != found[1].shape[0]:
                counts = " and ".join(str(vectors.shape[0]) for vectors in found)
                raise ModelError(
                    f"embedding {word!r}: {file} has {counts} vectors for the two text encoders;"
                    " their numbers must be equal"
                )
            return found
    made = next(
        (
            FAMILY_BY_TEXT_WIDTH[t.shape[-1]]
            for t in held.values()
            if t.ndim and t.shape[-1] in SINGLE_ENCODER_WIDTHS
        ),
        "",
    )
    origin = f" It is made for {made}." if made else ""
    raise ModelError(
        f"embedding {word!r}: {file} does not hold vectors for both of SDXL's text encoders,"
        f" 'clip_l' and 'clip_g'.{origin}"
    )


def _require_matching_width(word: str, file: Path, vectors: torch.Tensor, encoder: Any) -> None:
    width = encoder.get_input_embeddings().weight.shape[-1]
    if vectors.shape[-1] != width:
        raise ModelError(
            f"embedding {word!r}: {file} has vectors of {vectors.shape[-1]} numbers, but the model's text"
            f" encoder expects {width}; use an embedding made for this model"
        )
