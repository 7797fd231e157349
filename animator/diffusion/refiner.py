"""SDXL's refiner: a second model, trained on low noise levels, that finishes what the base model has begun.

Implements the ensemble of expert denoisers of the SDXL paper (Podell et al. 2023, section 2.5), through
diffusers' `denoising_end` and `denoising_start`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline

from animator.diffusion.loading import require_sdxl_index
from animator.errors import ModelError, one_line
from animator.frame import Frame, Prompt
from animator.models.prompt_syntax import Chunk, parse_prompt

AESTHETIC_SCORES = {
    "aesthetic_score": 6.0,
    "negative_aesthetic_score": 2.5,
}  # diffusers' defaults, for the conditions that the refiner was trained with
_EMBEDDING_NAMES = (
    "prompt_embeds",
    "negative_prompt_embeds",
    "pooled_prompt_embeds",
    "negative_pooled_prompt_embeds",
)


class Refiner:
    """Refiner of a base pipeline. Shares its VAE, and its second text encoder if the refiner has no first one."""

    def __init__(self, base: Any, model: str, at: float, every: bool) -> None:
        """Load the refiner `model`, a hub id or a diffusers folder, for the pipeline `base`.

        `at`: part of the noise, 0..1, after which the refiner takes over. `every`: refine every painted
        frame, not only those painted from nothing. Raises ModelError.
        """
        self.base, self.at, self.refines_all = base, float(at), every
        try:
            self.pipe = _load_refiner(base, model)
        except ModelError:
            raise
        except (
            Exception
        ) as error:  # diffusers and the hub raise many types for damaged or foreign checkpoints
            reason = one_line(error, 200)
            raise ModelError(f"model.refiner {model!r} cannot be loaded: {reason}") from error
        self.pipe.set_progress_bar_config(disable=True)
        own = [
            self.pipe.unet,
            None if self.pipe.text_encoder_2 is base.text_encoder_2 else self.pipe.text_encoder_2,
        ]
        self.networks = [network for network in (*own, self.pipe.text_encoder) if network is not None]
        self._cached: tuple[Any, dict[str, torch.Tensor]] = (None, {})

    def paint(self, pipe: Any, arguments: dict[str, Any], frame: Frame) -> Any:
        """Paint `frame` with `pipe` and `arguments`, the last noise levels with the refiner.

        Returns floats (height, width, 3), 0..1. The base paints alone if the refiner would get no noise
        level, or does not apply to this painting pass.
        """
        first, last = self._count_levels(pipe, arguments)
        nothing = not first and "image" not in arguments  # no latents to hand over
        if not last or nothing or not self._applies_to(pipe, arguments):
            return pipe(**arguments).images[0]
        shared = {
            name: arguments[name]
            for name in (
                "guidance_scale",
                "generator",
                "num_inference_steps",
                "timesteps",
                "sigmas",
                "output_type",
            )
            if name in arguments
        }
        self.pipe.scheduler = pipe.scheduler
        words = self._embeddings(frame.prompt, arguments["guidance_scale"] > 1)
        if not first:  # so little noise that the refiner does all steps
            rest = {name: arguments[name] for name in ("image", "strength")}
            return self.pipe(**shared, **words, **AESTHETIC_SCORES, **rest).images[0]
        latents = pipe(**{**arguments, "output_type": "latent"}, denoising_end=self.at).images
        return self.pipe(
            **shared, **words, **AESTHETIC_SCORES, image=latents, denoising_start=self.at
        ).images[0]

    def _applies_to(self, pipe: Any, arguments: dict[str, Any]) -> bool:
        """Return True if the refiner applies: not with masks, ControlNets or inpainting checkpoints."""
        plain = isinstance(pipe, StableDiffusionXLPipeline | StableDiffusionXLImg2ImgPipeline)
        masked = "callback_on_step_end" in arguments
        return plain and not masked and (self.refines_all or "image" not in arguments)

    def _count_levels(self, pipe: Any, arguments: dict[str, Any]) -> tuple[int, int]:
        """Count the noise levels that the base paints and those that the refiner paints."""
        levels = {
            name: arguments[name] for name in ("timesteps", "sigmas") if arguments.get(name) is not None
        }
        scheduler = pipe.scheduler
        if levels:
            scheduler.set_timesteps(**levels)
            found = scheduler.timesteps
        else:
            steps = arguments["num_inference_steps"]
            scheduler.set_timesteps(steps)
            skipped = steps - min(int(steps * arguments.get("strength", 1.0)), steps)
            found = scheduler.timesteps[skipped * scheduler.order :]
        cutoff = round((1 - self.at) * scheduler.config.num_train_timesteps)
        last = int((found < cutoff).sum())
        return len(found) - last, last

    def _embeddings(self, prompt: Prompt, guided: bool) -> dict[str, torch.Tensor]:
        """Return the refiner's embeddings of a prompt, interpolated to its next text; caches the last ones."""
        key = (prompt, guided)
        if self._cached[0] != key:
            words = self._encode_blends(prompt.text, prompt.negative, guided)
            if prompt.weight and prompt.next != prompt.text:
                following = self._encode_blends(prompt.next, prompt.negative, guided)
                words = {
                    name: torch.lerp(value, following[name], prompt.weight) for name, value in words.items()
                }
            self._cached = key, words
        return self._cached[1]

    def _encode_blends(self, text: str, negative: str, guided: bool) -> dict[str, torch.Tensor]:
        """Encode a prompt text without its weights; blends are mixed by their shares."""
        blends = parse_prompt(text).blends
        found = [(share, self._encode(_plain_text(chunks), negative, guided)) for share, chunks in blends]
        return {
            name: torch.stack([share * words[name] for share, words in found]).sum(0) for name in found[0][1]
        }

    def _encode(self, text: str, negative: str, guided: bool) -> dict[str, torch.Tensor]:
        found = self.pipe.encode_prompt(
            prompt=text,
            negative_prompt=_plain_text(parse_prompt(negative).blends[0][1]) or None,
            device=self.base._execution_device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
        )
        return {name: value for name, value in zip(_EMBEDDING_NAMES, found, strict=True) if value is not None}


def _plain_text(chunks: Sequence[Chunk]) -> str:
    return " ".join(part.text for chunk in chunks for part in chunk.parts if part.weight)


def _load_refiner(base: Any, model: str) -> Any:
    options: dict[str, Any] = {"vae": base.vae, "dtype": base.unet.dtype, "add_watermarker": False}
    if (folder := Path(model)).is_dir():
        require_sdxl_index(folder)
        options["local_files_only"] = True
    config = StableDiffusionXLImg2ImgPipeline.load_config(model, local_files_only=folder.is_dir())
    if config.get("text_encoder", [None, None])[1] is None:
        options["text_encoder_2"], options["tokenizer_2"] = base.text_encoder_2, base.tokenizer_2
    pipe = StableDiffusionXLImg2ImgPipeline.from_pretrained(model, use_safetensors=True, **options)
    width = pipe.unet.config.cross_attention_dim
    read = pipe.text_encoder_2.config.hidden_size
    if pipe.text_encoder is None and width != read:
        raise ModelError(
            f"model.refiner {model!r} expects text embeddings {width} wide, but this checkpoint's second"
            f" text encoder produces {read}; use a refiner made for this checkpoint"
        )
    return pipe
