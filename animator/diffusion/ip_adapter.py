"""IP-Adapters: pictures that a painting is to be like, by diffusers' own loader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from transformers import CLIPVisionModelWithProjection

from animator.diffusion import headers
from animator.errors import ModelError
from animator.frame import Image, Likeness


@dataclass(frozen=True, slots=True)
class Adapter:
    """An IP-Adapter to load: a hub id or a folder, the weights and the image encoder in it, and its picture."""

    model: str
    weights: str  # a .safetensors file, as a path in it
    encoder: str  # a folder in it
    picture: Image


class IpAdapters:
    """The IP-Adapters of one pipeline, by name, and the scales they have now. All share one image encoder."""

    def __init__(self, pipe: Any, adapters: Mapping[str, Adapter]) -> None:
        """Load `adapters` into `pipe`, and encode their pictures when they are wanted. Raises ModelError."""
        self.pipe, self.adapters = pipe, adapters
        self._scales: list[float] | None = None
        self._seen: dict[bool, list[torch.Tensor]] = {}
        for name, adapter in adapters.items():
            width = headers.text_width(Path(adapter.model, adapter.weights))
            if why := headers.misfit(width, pipe.unet.config.cross_attention_dim):
                raise ModelError(f"ip_adapter.{name}: {adapter.weights} is {why}")
        if not adapters:
            return
        try:
            self._load(list(adapters.values()))
        except Exception as error:  # whatever a damaged or foreign file makes diffusers and the hub raise
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"ip_adapter: {', '.join(adapters)} cannot be loaded: {reason}") from error

    def _load(self, adapters: list[Adapter]) -> None:
        pipe, first = self.pipe, adapters[0]
        local = Path(first.model).is_dir()
        encoder = CLIPVisionModelWithProjection.from_pretrained(
            first.model,
            subfolder=first.encoder,
            use_safetensors=True,
            dtype=pipe.unet.dtype,
            local_files_only=local,
        )
        pipe.register_modules(image_encoder=encoder.to(pipe.unet.device).eval())
        places = [PurePosixPath(adapter.weights) for adapter in adapters]
        pipe.load_ip_adapter(
            [adapter.model for adapter in adapters],
            subfolder=[str(place.parent) for place in places],
            weight_name=[place.name for place in places],
            image_encoder_folder=None,
            local_files_only=local,
        )

    def arguments(self, likeness: Mapping[str, Likeness], guided: bool) -> dict[str, Any]:
        """The pipeline's arguments to paint like the pictures, after setting the scale of each."""
        if not self.adapters:
            return {}
        scales = [likeness[name].scale if name in likeness else 0.0 for name in self.adapters]
        if scales != self._scales:
            self.pipe.set_ip_adapter_scale(scales)
            self._scales = scales
        if guided not in self._seen:
            pictures = [[adapter.picture] for adapter in self.adapters.values()]
            with torch.inference_mode():
                self._seen[guided] = self.pipe.prepare_ip_adapter_image_embeds(
                    pictures, None, self.pipe._execution_device, 1, guided
                )
        return {"ip_adapter_image_embeds": self._seen[guided]}
