"""SDXLPainter.

The SDXL painter: loads a checkpoint once and paints frames (txt2img, img2img) with diffusers' own pipelines.

Batching: the arguments of several pipeline calls stacked into those of one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from diffusers import StableDiffusionXLImg2ImgPipeline

from animator.diffusion import images as pictures
from animator.diffusion import images as resident
from animator.diffusion import inpaint, memory, schedulers, unet_patches
from animator.diffusion import unet_patches as tiling
from animator.diffusion.adapters import Adapter, IpAdapters, Loras
from animator.diffusion.controlnet import Controls, Net
from animator.diffusion.gpu.image import Picture, on
from animator.diffusion.inpaint import Inpaint, inpaints
from animator.diffusion.loading import Checkpoint, device_for, dtype_for, read_pipeline
from animator.diffusion.refiner import Refiner
from animator.diffusion.schedulers import Schedulers
from animator.diffusion.text_encoding import Inversions, Texts
from animator.frame import Frame, Image, Mask

# The command line draws its own progress bar while models load.
diffusers.logging.disable_progress_bar()

transformers.logging.disable_progress_bar()


class Sdxl:
    """Paints frames with one SDXL checkpoint and its LoRAs; txt2img and img2img share one set of weights."""

    def __init__(
        self,
        source: Checkpoint,
        width: int,
        height: int,
        loras: Mapping[str, Path],
        embeddings: Mapping[str, Path] | None = None,
        *,
        controls: Mapping[str, Net] | None = None,
        refiner: tuple[str, float, bool] | None = None,
        adapters: Mapping[str, Adapter] | None = None,
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
        more = memory.beside(
            controls.values(), refiner[0] if refiner else None, [*adapters.values()], loras.values()
        )
        plan = memory.planned(source, device, dtype, max(source.pixels, width * height), more)
        memory.tell(plan)
        compiled = unet_patches.compiles(source.compile, device, source.calls, plan.way)
        self.txt2img = read_pipeline(source, dtype)
        self.loras = Loras(self.txt2img, loras)
        spell = Inversions(self.txt2img, embeddings or {}).spell
        self.controls = Controls(self.txt2img, controls)
        self.adapters = IpAdapters(self.txt2img, adapters)  # after ControlNets, which copy the UNet's config
        self.refiner = None if refiner is None else Refiner(self.txt2img, *refiner)
        beside = [*self.controls.networks, *(() if self.refiner is None else self.refiner.networks)]
        for network in (self.txt2img.unet, self.txt2img.vae, *beside):
            tiling.wrap(network, source.tiling)
        memory.place(self.txt2img, plan.way, device, whole=source.tiling != "none")
        for network in beside:
            network.to(device)
        if compiled:
            unet_patches.compile_unet(self.txt2img.unet, device)
        self.img2img = StableDiffusionXLImg2ImgPipeline(**self.txt2img.components, add_watermarker=False)
        self.img2img.set_progress_bar_config(disable=True)
        self.grain = self.txt2img.vae_scale_factor  # pixels per latent; sides are padded to multiples of it
        self.schedulers = Schedulers(dict(self.txt2img.scheduler.config))
        self.texts = Texts(self.txt2img, spell)
        self.inpaint = Inpaint(self.img2img) if inpaints(self.txt2img) else None
        self.device = device
        # Independent of the memory mode: the amount of free memory may differ when a film is resumed.
        stays = device.type == "cuda" and self.inpaint is None
        self.home = str(device) if stays else ""  # device where painted frames may stay; "": the host

    def sized(self, width: int, height: int) -> Sdxl:
        """Return a copy of this painter that paints width x height pixels from nothing and shares all weights."""
        other = copy(self)
        other.width, other.height = width, height
        return other

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        """Paint `frame` over `start` (height, width, 3), or from nothing if it is None.

        Returns an image of the size of `start`, or `start` itself at strength 0. Raises ModelError if the
        model produces NaN or memory does not suffice.
        """
        return self.hinted(frame, start, {})

    def within(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        """Paint `frame` over `start` within `mask` (height, width), 0..255; pixels with mask 0 keep `start`.

        The mask scales the strength of each pixel: 255 paints with all of it. A mask without `start` has no
        effect.
        """
        return self.hinted(frame, start, {}, mask)

    def hinted(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image:
        """Paint `frame` with ControlNets guided by `hints` (name → image of the painted size), and by `mask` if given.

        `Frame.control` gives the scale and the range of steps of each ControlNet by the same names.
        """
        if start is None:
            return self._painted(frame, None, hints=hints)
        if frame.painting.strength == 0 or (mask is not None and not mask.any()):
            return start
        painting = self._painted(frame, start, mask, hints)
        return painting if mask is None else inpaint.seamed(start, painting, mask)

    def kept(self, frame: Frame, start: Picture | Image | None) -> Picture:
        """Paint `frame` over `start` and leave the image on the device; a `start` on the host is copied there.

        The pixels are those of a call of this painter. Not available with a refiner or an inpainting
        checkpoint. An image of NaN raises ModelError once it, or an image derived from it, is copied to the
        host.
        """
        assert (self.refiner, self.inpaint) == (None, None), "these paint images on the host"
        over = None if start is None else on(start, self.device)
        if over is not None and frame.painting.strength == 0:
            return over
        height, width = self._size(over)
        with memory.enough([frame], width, height), torch.inference_mode():
            pipe, arguments = self._asked(frame, over)
            painted = pipe(**{**arguments, "output_type": "pt"}).images
            return resident.from_pipeline_tensor(painted, frame.index, (height, width), over)

    def batch(self, wanted: Sequence[tuple[Frame, Image | None]]) -> list[Image]:
        """Paint frames that differ only in seed and prompt in one pipeline call, and return their images.

        `wanted`: frames, each with its start image, or all with None. Each image equals the one painted
        alone, except for rounding, because a device adds up batches in another order. Frames are painted one
        by one where a call can make only one image, for example with a refiner.
        """
        if wanted[0][1] is not None and wanted[0][0].painting.strength == 0:
            return [start for _, start in wanted if start is not None]
        single = self.inpaint is not None or self.refiner is not None
        if single or any(
            schedulers.changed(frame) for frame, _ in wanted
        ):  # the scheduler changes the noise, and a batch shares one scheduler
            return [self(frame, start) for frame, start in wanted]
        asked = [self._asked(frame, start) for frame, start in wanted]
        pipe, arguments = asked[0][0], stacked([each for _, each in asked])
        if arguments is None:
            return [self(frame, start) for frame, start in wanted]
        return self._pictures(pipe, arguments, [frame for frame, _ in wanted], self._size(wanted[0][1]))

    def _painted(
        self,
        frame: Frame,
        start: Image | None,
        mask: Mask | None = None,
        hints: Mapping[str, Image] = MappingProxyType({}),
    ) -> Image:
        return self._pictures(*self._asked(frame, start, mask, hints), [frame], self._size(start))[0]

    def _asked(
        self,
        frame: Frame,
        start: Picture | Image | None,
        mask: Mask | None = None,
        hints: Mapping[str, Image] = MappingProxyType({}),
    ) -> tuple[Any, dict[str, Any]]:
        """Return the pipeline, prepared to paint `frame`, and the arguments to call it with.

        Everything that depends on a seed or a prompt is in the arguments; the prepared pipeline serves all
        frames of a batch.
        """
        painting = frame.painting
        scales = self.loras.set_scales(frame.loras, frame.lora_blocks)
        arguments: dict[str, Any] = {
            **self.texts.arguments(frame.prompt, painting.guidance_scale > 1, scales, painting.clip_skip),
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
            pipe, (scheduler, steps) = self.txt2img, self.schedulers.fresh(painting)
            width, height = (pictures.whole(side, self.grain) for side in (self.width, self.height))
            arguments |= {"width": width, "height": height}
            arguments |= schedulers.drawn(pipe, frame, width, height, generator)
        else:
            pipe, (scheduler, steps) = self.img2img, self.schedulers.over(painting)
            read: Any = resident.to_pipeline_tensor if isinstance(start, Picture) else pictures.to_pipeline
            arguments["image"] = read(start, self.grain)
        schedulers.give(scheduler, schedulers.changed(frame))
        seen = {name: pictures.padded(hint, self.grain) for name, hint in hints.items()}
        pipe, scheduler, arguments = self.controls.added(pipe, scheduler, arguments | steps, frame, seen)
        pipe.scheduler = scheduler
        wide = None if mask is None else pictures.padded(mask, self.grain)
        with torch.inference_mode():
            if self.inpaint is not None:
                pipe = self.inpaint.pipe
                pipe.scheduler, arguments = self.inpaint.arguments(scheduler, arguments, wide)
            elif wide is not None:
                arguments |= inpaint.arguments(pipe, arguments["image"], wide, generator)
            elif isinstance(start, Picture):
                arguments["image"] = resident.encoded(pipe, arguments["image"], generator)
        return pipe, arguments

    def _pictures(
        self, pipe: Any, arguments: dict[str, Any], frames: Sequence[Frame], size: tuple[int, int]
    ) -> list[Image]:
        """Call the pipeline and return one image, cropped to `size` (height, width), for each of `frames`."""
        height, width = size
        with memory.enough(frames, width, height), torch.inference_mode():
            if self.refiner is not None:
                painted = self.refiner.painted(pipe, arguments, frames[0])[None]
            else:
                painted = pipe(**arguments).images
        return [
            pictures.from_pipeline(picture[:height, :width], frame.index)
            for picture, frame in zip(painted, frames, strict=True)
        ]

    def _size(self, start: Picture | Image | None) -> tuple[int, int]:
        """Return the height and width in pixels of an image painted over `start`."""
        return (self.height, self.width) if start is None else (start.shape[0], start.shape[1])


GENERATOR = "generator"  # a list, one per image: diffusers draws each image's noise from its own generator


def stacked(asked: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the arguments of one call for all of `asked`: tensors and arrays (1, …) are concatenated, the rest kept.

    Returns None if the calls cannot be batched: other arguments differ, shapes differ, or a call has a
    callback or a list of tensors.
    """
    if len({frozenset(arguments) for arguments in asked}) != 1:
        return None
    together: dict[str, Any] = {}
    for name, first in asked[0].items():
        values = [arguments[name] for arguments in asked]
        if name == GENERATOR:
            together[name] = values
        elif isinstance(first, torch.Tensor | np.ndarray):
            if len({tuple(value.shape) for value in values}) != 1:
                return None
            join: Any = torch.cat if isinstance(first, torch.Tensor) else np.concatenate
            together[name] = join(values)
        elif callable(first) or _of_one(first) or any(value != first for value in values):
            return None
        else:
            together[name] = first
    return together


def _of_one(value: Any) -> bool:
    """Return True for a list of tensors, such as the image embeddings of IP-Adapters, which belong to one image."""
    return isinstance(value, list) and any(isinstance(item, torch.Tensor | np.ndarray) for item in value)
