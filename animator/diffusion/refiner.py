"""A refiner: a second SDXL, trained for the last of the noise, that takes a painting over from the first.

The ensemble of expert denoisers of the SDXL paper (Podell et al. 2023, section 2.5), through diffusers'
`denoising_end` and `denoising_start`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline

from animator.diffusion.loading import check_index
from animator.errors import ModelError
from animator.frame import Frame, Prompt
from animator.models.prompt_syntax import Chunk, parse

SCORES = {
    "aesthetic_score": 6.0,
    "negative_aesthetic_score": 2.5,
}  # diffusers' own; the refiner was trained with them
_EMBEDDINGS = (
    "prompt_embeds",
    "negative_prompt_embeds",
    "pooled_prompt_embeds",
    "negative_pooled_prompt_embeds",
)


class Refiner:
    """The refiner of a base pipeline: they share the VAE, and the second text encoder where it has only that."""

    def __init__(self, base: Any, model: str, at: float, every: bool) -> None:
        """`model`: a hub id or a diffusers folder; `at`: the part of the noise after which it takes over, 0..1.

        `every`: it refines every painting, and not only those from nothing. Raises ModelError.
        """
        self.base, self.at, self.every = base, float(at), every
        try:
            self.pipe = _load(base, model)
        except ModelError:
            raise
        except (
            Exception
        ) as error:  # whatever a damaged or foreign checkpoint makes diffusers and the hub raise
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"model.refiner {model!r} cannot be loaded: {reason}") from error
        self.pipe.set_progress_bar_config(disable=True)
        own = [
            self.pipe.unet,
            None if self.pipe.text_encoder_2 is base.text_encoder_2 else self.pipe.text_encoder_2,
        ]
        self.networks = [network for network in (*own, self.pipe.text_encoder) if network is not None]
        self._known: tuple[Any, dict[str, torch.Tensor]] = (None, {})

    def painted(self, pipe: Any, arguments: dict[str, Any], frame: Frame) -> Any:
        """What `pipe` paints with `arguments`, its last noise by the refiner; (height, width, 3), 0..1."""
        first, last = self._split(pipe, arguments)
        nothing = not first and "image" not in arguments  # to hand over
        if not last or nothing or not self._wanted(pipe, arguments):
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
        words = self._words(frame.prompt, arguments["guidance_scale"] > 1)
        if not first:  # so little noise that all of it is the refiner's
            rest = {name: arguments[name] for name in ("image", "strength")}
            return self.pipe(**shared, **words, **SCORES, **rest).images[0]
        latents = pipe(**{**arguments, "output_type": "latent"}, denoising_end=self.at).images
        return self.pipe(**shared, **words, **SCORES, image=latents, denoising_start=self.at).images[0]

    def _wanted(self, pipe: Any, arguments: dict[str, Any]) -> bool:
        """Whether it refines this painting: those by a mask, a ControlNet or for inpainting are the base's alone."""
        plain = isinstance(pipe, StableDiffusionXLPipeline | StableDiffusionXLImg2ImgPipeline)
        masked = "callback_on_step_end" in arguments
        return plain and not masked and (self.every or "image" not in arguments)

    def _split(self, pipe: Any, arguments: dict[str, Any]) -> tuple[int, int]:
        """How many of the painting's noise levels are the base's, and how many the refiner's."""
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

    def _words(self, prompt: Prompt, guided: bool) -> dict[str, torch.Tensor]:
        """The refiner's own embeddings of the prompt, as far as it has travelled; the last ones are remembered."""
        key = (prompt, guided)
        if self._known[0] != key:
            words = self._encoded(prompt.text, prompt.negative, guided)
            if prompt.weight and prompt.next != prompt.text:
                following = self._encoded(prompt.next, prompt.negative, guided)
                words = {
                    name: torch.lerp(value, following[name], prompt.weight) for name, value in words.items()
                }
            self._known = key, words
        return self._known[1]

    def _encoded(self, text: str, negative: str, guided: bool) -> dict[str, torch.Tensor]:
        """The embeddings of a prompt's words, without their weights: blended texts are mixed."""
        blends = parse(text).blends
        found = [(share, self._read(_plain(chunks), negative, guided)) for share, chunks in blends]
        return {
            name: torch.stack([share * words[name] for share, words in found]).sum(0) for name in found[0][1]
        }

    def _read(self, text: str, negative: str, guided: bool) -> dict[str, torch.Tensor]:
        found = self.pipe.encode_prompt(
            prompt=text,
            negative_prompt=_plain(parse(negative).blends[0][1]) or None,
            device=self.base._execution_device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
        )
        return {name: value for name, value in zip(_EMBEDDINGS, found, strict=True) if value is not None}


def _plain(chunks: Sequence[Chunk]) -> str:
    return " ".join(part.text for chunk in chunks for part in chunk.parts if part.weight)


def _load(base: Any, model: str) -> Any:
    options: dict[str, Any] = {"vae": base.vae, "dtype": base.unet.dtype, "add_watermarker": False}
    if (folder := Path(model)).is_dir():
        check_index(folder)
        options["local_files_only"] = True
    config = StableDiffusionXLImg2ImgPipeline.load_config(model, local_files_only=folder.is_dir())
    if config.get("text_encoder", [None, None])[1] is None:
        options["text_encoder_2"], options["tokenizer_2"] = base.text_encoder_2, base.tokenizer_2
    pipe = StableDiffusionXLImg2ImgPipeline.from_pretrained(model, use_safetensors=True, **options)
    width = pipe.unet.config.cross_attention_dim
    read = pipe.text_encoder_2.config.hidden_size
    if pipe.text_encoder is None and width != read:
        raise ModelError(
            f"model.refiner {model!r} reads text {width} wide, and this checkpoint's second encoder writes {read};"
            " take the refiner of this base"
        )
    return pipe
