"""Sdxl: load once, paint a frame (txt2img or img2img) with diffusers' own pipelines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import diffusers
import numpy as np
import torch
import transformers
from diffusers import StableDiffusionXLImg2ImgPipeline

from animator.diffusion import differential
from animator.diffusion.checkpoint import Checkpoint, device_for, dtype_for, load_pipeline
from animator.diffusion.control import Controls, Net
from animator.diffusion.inpaint import CHANNELS, Inpaint
from animator.diffusion.ip_adapter import Adapter, IpAdapters
from animator.diffusion.lora import Loras
from animator.diffusion.refiner import Refiner
from animator.diffusion.sampling import Schedulers
from animator.diffusion.text import Texts
from animator.errors import ModelError
from animator.frame import Frame, Image, Mask

_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)

# Loading shows in our own bar.
diffusers.logging.disable_progress_bar()
transformers.logging.disable_progress_bar()


class Sdxl:
    """Paints frames with one SDXL checkpoint and its LoRAs; both pipelines share one set of weights."""

    def __init__(
        self,
        source: Checkpoint,
        width: int,
        height: int,
        loras: Mapping[str, Path],
        controls: Mapping[str, Net] | None = None,
        refiner: tuple[str, float, bool] | None = None,
        adapters: Mapping[str, Adapter] | None = None,
    ) -> None:
        """Load a checkpoint and its LoRAs (name → .safetensors file), for pictures of width x height pixels.

        `controls`: ControlNets by name, for `hinted`. `refiner`: what Refiner takes besides the pipeline.
        `adapters`: IP-Adapters by name.

        Raises ModelError.
        """
        device = device_for(source.device)
        if device.type == "cuda":
            torch.backends.cudnn.deterministic = True  # a resumed film is to have the same bytes
        self.width, self.height = width, height
        self.txt2img = load_pipeline(source, device, dtype_for(source.dtype, device))
        self.img2img = StableDiffusionXLImg2ImgPipeline(**self.txt2img.components, add_watermarker=False)
        self.img2img.set_progress_bar_config(disable=True)
        self.grain = self.txt2img.vae_scale_factor  # pixels to a latent; pictures are painted in whole ones
        self.schedulers = Schedulers(dict(self.txt2img.scheduler.config))
        self.loras = Loras(self.txt2img, loras)
        self.texts = Texts(self.txt2img)
        inpaints = self.txt2img.unet.config.in_channels == CHANNELS
        self.inpaint = Inpaint(self.img2img) if inpaints else None
        if inpaints and controls:
            raise ModelError("control: no ControlNet guides a checkpoint for inpainting; take either away")
        self.controls = Controls(self.txt2img, controls or {})
        self.adapters = IpAdapters(
            self.txt2img, adapters or {}
        )  # after ControlNets, which take the UNet's config
        self.refiner = None if refiner is None else Refiner(self.txt2img, *refiner)

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        """Paint `frame` over `start` (height, width, 3), or from nothing. Raises ModelError for a broken picture."""
        return self.hinted(frame, start, {})

    def within(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        """The same only where `mask` (height, width) is: the more of it, the more of the strength; else `start`."""
        return self.hinted(frame, start, {}, mask)

    def hinted(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image:
        """The same with ControlNets shown `hints` (height, width, 3), by name; see `Frame.control`."""
        if start is None:
            return self._painted(frame, None, hints=hints)
        if frame.painting.strength == 0 or (mask is not None and not mask.any()):
            return start
        painting = self._painted(frame, start, mask, hints)
        return painting if mask is None else differential.seamed(start, painting, mask)

    def _painted(
        self,
        frame: Frame,
        start: Image | None,
        mask: Mask | None = None,
        hints: Mapping[str, Image] = MappingProxyType({}),
    ) -> Image:
        painting = frame.painting
        scales = self.loras.set_scales(frame.loras)
        arguments: dict[str, Any] = {
            **self.texts.arguments(frame.prompt, painting.guidance_scale > 1, scales),
            **self.adapters.arguments(frame.ip_adapter, painting.guidance_scale > 1),
            "guidance_scale": painting.guidance_scale,
            # On the CPU, so that one seed gives one noise whatever the device.
            "generator": (generator := torch.Generator("cpu").manual_seed(frame.seed)),
            "output_type": "np",
        }
        if start is None:
            pipe, (scheduler, steps) = self.txt2img, self.schedulers.fresh(painting)
            arguments |= {"width": _whole(self.width, self.grain), "height": _whole(self.height, self.grain)}
        else:
            pipe, (scheduler, steps) = self.img2img, self.schedulers.over(painting)
            arguments["image"] = self._padded(start)[None].astype(np.float32, order="C") / np.float32(255.0)
        wide_hints = {name: self._padded(hint) for name, hint in hints.items()}
        pipe, scheduler, arguments = self.controls.added(
            pipe, scheduler, arguments | steps, frame, wide_hints
        )
        pipe.scheduler = scheduler
        try:
            with torch.inference_mode():
                wide = None if mask is None else self._padded(mask)
                if self.inpaint is not None:
                    pipe = self.inpaint.pipe
                    pipe.scheduler, arguments = self.inpaint.arguments(scheduler, arguments, wide)
                elif wide is not None:
                    arguments |= differential.arguments(pipe, arguments["image"], wide, generator)
                if self.refiner is not None:
                    painted = self.refiner.painted(pipe, arguments, frame)
                else:
                    painted = pipe(**arguments).images[0]
        except RuntimeError as error:  # CUDA's OutOfMemoryError is one, the CPU's has no name of its own
            if not _OUT_OF_MEMORY.search(str(error)):
                raise
            size = f"{self.width}x{self.height}" if start is None else f"{start.shape[1]}x{start.shape[0]}"
            raise ModelError(
                f"frame {frame.index}: no memory left to paint {size}; try a smaller video.size"
            ) from error
        height, width = (self.height, self.width) if start is None else start.shape[:2]
        return self._picture(painted[:height, :width], frame)

    def _padded(self, image: Image) -> Image:
        """A picture or a mask with its edge repeated up to whole latents."""
        down, right = (_whole(side, self.grain) - side for side in image.shape[:2])
        if not down and not right:
            return image
        return np.asarray(cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)

    def _picture(self, painted: np.ndarray[Any, np.dtype[np.float32]], frame: Frame) -> Image:
        if not np.isfinite(painted).all():
            raise ModelError(
                f"frame {frame.index}: the model painted no picture but NaN; SDXL's own VAE does so in float16:"
                " set model.dtype to bfloat16 or float32"
            )
        # In the order that a picture read from disk has: in another, torch adds the same numbers up differently.
        picture: Image = np.rint(painted * 255.0).astype(np.uint8, order="C")
        return picture


def _whole(side: int, grain: int) -> int:
    """`side` rounded up to a multiple of `grain`, pixels."""
    return -(-side // grain) * grain
