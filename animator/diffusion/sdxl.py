"""The SDXL painter: loads a checkpoint once and paints frames, also several at a time, by diffusers' own pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from diffusers import StableDiffusionXLImg2ImgPipeline

from animator.diffusion import images, inpaint, memory, noise_levels, unet_patches
from animator.diffusion.adapters import IPAdapterSet, IPAdapterSpec, LoraSet
from animator.diffusion.controlnet import ControlNetSet, ControlNetSpec
from animator.diffusion.gpu.image import DeviceImage, to_device
from animator.diffusion.inpaint import InpaintPipeline, is_inpainting_checkpoint
from animator.diffusion.loading import CheckpointSpec, device_for, dtype_for, load_pipeline
from animator.diffusion.noise_levels import Schedulers
from animator.diffusion.refiner import Refiner
from animator.diffusion.text_encoding import PromptEncoder, TextualInversions
from animator.frame import Frame, Image, Mask
from animator.models.painter import NO_HINTS, Hints, Job, Painter

# The command line draws its own progress bar while models load.
diffusers.logging.disable_progress_bar()

transformers.logging.disable_progress_bar()


class SDXLPainter(Painter):
    """Paints frames with one SDXL checkpoint and its LoRAs; txt2img and img2img share one set of weights."""

    capabilities = frozenset({"mask", "hints", "batch", "device"})

    def __init__(
        self,
        source: CheckpointSpec,
        width: int,
        height: int,
        loras: Mapping[str, Path],
        embeddings: Mapping[str, Path] | None = None,
        *,
        controls: Mapping[str, ControlNetSpec] | None = None,
        refiner: tuple[str, float, bool] | None = None,
        adapters: Mapping[str, IPAdapterSpec] | None = None,
    ) -> None:
        """Load a checkpoint, its LoRAs (name → .safetensors file) and embeddings (word → .safetensors file).

        `width` and `height`: size in pixels of the images painted from nothing. `controls`: ControlNets by
        name. `refiner`: the refiner's hub id or folder, the part of the noise after which it takes over
        (0..1), and True if it refines every painted frame and not only those painted from nothing.
        `adapters`: IP-Adapters by name. Raises ModelError.
        """
        device = device_for(source.device)
        if device.type == "cuda":
            torch.backends.cudnn.deterministic = True  # a resumed film must have the same bytes
        self.width, self.height = width, height
        dtype = dtype_for(source.dtype, device)
        controls, adapters = controls or {}, adapters or {}
        more = memory.count_extra_networks(
            controls.values(), refiner[0] if refiner else None, [*adapters.values()], loras.values()
        )
        plan = memory.plan_memory(source, device, dtype, max(source.pixels, width * height), more)
        memory.log_plan(plan)
        compiled = unet_patches.should_compile(source.compile, device, source.calls, plan.mode)
        self.txt2img = load_pipeline(source, dtype)
        self.loras = LoraSet(self.txt2img, loras)
        spell = TextualInversions(self.txt2img, embeddings or {}).substitute_tokens
        self.controls = ControlNetSet(self.txt2img, controls)
        self.adapters = IPAdapterSet(
            self.txt2img, adapters
        )  # after ControlNets, which copy the UNet's config
        self.refiner = None if refiner is None else Refiner(self.txt2img, *refiner)
        beside = [*self.controls.networks, *(() if self.refiner is None else self.refiner.networks)]
        for network in (self.txt2img.unet, self.txt2img.vae, *beside):
            unet_patches.make_tileable(network, source.tiling)
        memory.apply_plan(self.txt2img, plan.mode, device, whole=source.tiling != "none")
        for network in beside:
            network.to(device)
        if compiled:
            unet_patches.compile_unet(self.txt2img.unet, device)
        self.img2img = StableDiffusionXLImg2ImgPipeline(**self.txt2img.components, add_watermarker=False)
        self.img2img.set_progress_bar_config(disable=True)
        self.pixels_per_latent = (
            self.txt2img.vae_scale_factor
        )  # pixels per latent; sides are padded to multiples of it
        self.schedulers = Schedulers(dict(self.txt2img.scheduler.config))
        self.prompt_encoder = PromptEncoder(self.txt2img, spell)
        self.inpaint = InpaintPipeline(self.img2img) if is_inpainting_checkpoint(self.txt2img) else None
        self.device = device
        # Independent of the memory mode: the amount of free memory may differ when a film is resumed.
        stays = device.type == "cuda" and self.inpaint is None
        self.device_name = str(device) if stays else ""  # device where painted frames may stay; "": the host

    def with_size(self, width: int, height: int) -> SDXLPainter:
        """Return a copy of this painter that paints width x height pixels from nothing and shares all weights."""
        other = copy(self)
        other.width, other.height = width, height
        return other

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        """Paint `frame` over `start`, or from nothing if it is None; pixels with mask 0 keep `start`.

        Returns `start` itself at strength 0 and for an empty mask. A mask without `start` has no effect.
        `Frame.control` gives the scale and the range of steps of each ControlNet by the names of `hints`.
        Raises ModelError if the model produces NaN or memory does not suffice.
        """
        if start is None:
            return self._paint(frame, None, hints=hints)
        if frame.painting.strength == 0 or (mask is not None and not mask.any()):
            return start
        painting = self._paint(frame, start, mask, hints)
        return painting if mask is None else inpaint.composite(start, painting, mask)

    def paint_on_device(self, frame: Frame, start: DeviceImage | Image | None) -> DeviceImage:
        """Paint `frame` over `start` and leave the image on the device; a `start` on the host is copied there.

        The pixels are those of a call of this painter. Not available with a refiner or an inpainting
        checkpoint. An image of NaN raises ModelError once it, or an image derived from it, is copied to the
        host.
        """
        assert (self.refiner, self.inpaint) == (None, None), "these paint images on the host"
        over = None if start is None else to_device(start, self.device)
        if over is not None and frame.painting.strength == 0:
            return over
        height, width = self._size(over)
        with memory.translate_oom([frame], width, height), torch.inference_mode():
            pipe, arguments = self._prepare_call(frame, over)
            painted = pipe(**{**arguments, "output_type": "pt"}).images
            return images.from_pipeline_tensor(painted, frame.index, (height, width), over)

    def paint_batch(self, jobs: Sequence[Job]) -> list[Image]:
        """Paint frames that differ only in seed and prompt in one pipeline call, and return their images.

        `jobs`: frames, each with its start image, or all with None. Each image equals the one painted
        alone, except for rounding, because a device adds up batches in another order. Frames are painted one
        by one where a call can make only one image, for example with a refiner.
        """
        if jobs[0][1] is not None and jobs[0][0].painting.strength == 0:
            return [start for _, start in jobs if start is not None]
        single = self.inpaint is not None or self.refiner is not None
        if single or any(
            noise_levels.noise_transform(frame) for frame, _ in jobs
        ):  # the scheduler changes the noise, and a batch shares one scheduler
            return super().paint_batch(jobs)
        asked = [self._prepare_call(frame, start) for frame, start in jobs]
        pipe, arguments = asked[0][0], stack_arguments([each for _, each in asked])
        if arguments is None:
            return super().paint_batch(jobs)
        return self._run_pipeline(pipe, arguments, [frame for frame, _ in jobs], self._size(jobs[0][1]))

    def _paint(
        self,
        frame: Frame,
        start: Image | None,
        mask: Mask | None = None,
        hints: Hints = NO_HINTS,
    ) -> Image:
        return self._run_pipeline(*self._prepare_call(frame, start, mask, hints), [frame], self._size(start))[
            0
        ]

    def _prepare_call(
        self,
        frame: Frame,
        start: DeviceImage | Image | None,
        mask: Mask | None = None,
        hints: Hints = NO_HINTS,
    ) -> tuple[Any, dict[str, Any]]:
        """Return the pipeline, prepared to paint `frame`, and the arguments to call it with.

        Everything that depends on a seed or a prompt is in the arguments; the prepared pipeline serves all
        frames of a batch.
        """
        painting = frame.painting
        scales = self.loras.set_scales(frame.loras, frame.lora_blocks)
        arguments: dict[str, Any] = {
            **self.prompt_encoder.pipeline_arguments(
                frame.prompt, painting.guidance_scale > 1, scales, painting.clip_skip
            ),
            **self.adapters.arguments(frame.ip_adapter, painting.guidance_scale > 1),
            "guidance_scale": painting.guidance_scale,
            # On the CPU, so that a seed gives the same noise on every device.
            "generator": (generator := torch.Generator("cpu").manual_seed(frame.seed)),
            "output_type": "np",
            "eta": painting.eta,
            "guidance_rescale": painting.guidance_rescale,
        }
        unet_patches.set_freeu(self.txt2img.unet, painting.freeu)
        if start is None:
            pipe, (scheduler, steps) = self.txt2img, self.schedulers.for_text_to_image(painting)
            width, height = (
                images.round_up(side, self.pixels_per_latent) for side in (self.width, self.height)
            )
            arguments |= {"width": width, "height": height}
            arguments |= noise_levels.text_to_image_latents(pipe, frame, width, height, generator)
        else:
            pipe, (scheduler, steps) = self.img2img, self.schedulers.for_image_to_image(painting)
            read: Any = images.to_pipeline_tensor if isinstance(start, DeviceImage) else images.to_pipeline
            arguments["image"] = read(start, self.pixels_per_latent)
        noise_levels.patch_add_noise(scheduler, noise_levels.noise_transform(frame))
        seen = {name: images.pad_to_multiple(hint, self.pixels_per_latent) for name, hint in hints.items()}
        pipe, scheduler, arguments = self.controls.apply(pipe, scheduler, arguments | steps, frame, seen)
        pipe.scheduler = scheduler
        wide = None if mask is None else images.pad_to_multiple(mask, self.pixels_per_latent)
        with torch.inference_mode():
            if self.inpaint is not None:
                pipe = self.inpaint.pipe
                pipe.scheduler, arguments = self.inpaint.arguments(scheduler, arguments, wide)
            elif wide is not None:
                arguments |= inpaint.masked_arguments(pipe, arguments["image"], wide, generator)
            elif isinstance(start, DeviceImage):
                arguments["image"] = images.encode_latents(pipe, arguments["image"], generator)
        return pipe, arguments

    def _run_pipeline(
        self, pipe: Any, arguments: dict[str, Any], frames: Sequence[Frame], size: tuple[int, int]
    ) -> list[Image]:
        """Call the pipeline and return one image, cropped to `size` (height, width), for each of `frames`."""
        height, width = size
        with memory.translate_oom(frames, width, height), torch.inference_mode():
            if self.refiner is not None:
                painted = self.refiner.paint(pipe, arguments, frames[0])[None]
            else:
                painted = pipe(**arguments).images
        return [
            images.from_pipeline(image[:height, :width], frame.index)
            for image, frame in zip(painted, frames, strict=True)
        ]

    def _size(self, start: DeviceImage | Image | None) -> tuple[int, int]:
        """Return the height and width in pixels of an image painted over `start`."""
        return (self.height, self.width) if start is None else (start.shape[0], start.shape[1])


GENERATOR = "generator"  # a list, one per image: diffusers draws each image's noise from its own generator


def stack_arguments(calls: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the arguments of one call for all of `calls`: tensors and arrays (1, …) are concatenated, the rest kept.

    Returns None if the calls cannot be batched: other arguments differ, shapes differ, or a call has a
    callback or a list of tensors.
    """
    if len({frozenset(arguments) for arguments in calls}) != 1:
        return None
    together: dict[str, Any] = {}
    for name, first in calls[0].items():
        values = [arguments[name] for arguments in calls]
        if name == GENERATOR:
            together[name] = values
        elif isinstance(first, torch.Tensor | np.ndarray):
            if len({tuple(value.shape) for value in values}) != 1:
                return None
            join: Any = torch.cat if isinstance(first, torch.Tensor) else np.concatenate
            together[name] = join(values)
        elif callable(first) or _is_tensor_list(first) or any(value != first for value in values):
            return None
        else:
            together[name] = first
    return together


def _is_tensor_list(value: Any) -> bool:
    """Return True for a list of tensors, such as the image embeddings of IP-Adapters, which belong to one image."""
    return isinstance(value, list) and any(isinstance(item, torch.Tensor | np.ndarray) for item in value)
