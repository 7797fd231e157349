"""LoRAs and IP-Adapters attached to a pipeline, with scales that may change on every frame.

Changing a LoRA's scale neither fuses nor reloads weights.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import CLIPVisionModelWithProjection

from animator.errors import ModelError, one_line
from animator.frame import Image, IPAdapterScale
from animator.models import safetensors


@dataclass(frozen=True, slots=True)
class IPAdapterSpec:
    """An IP-Adapter to load: its repository, the weights and the image encoder in it, and its reference image."""

    model: str  # hub id or folder
    weights: str  # path in `model` of a .safetensors file
    encoder: str  # path in `model` of the image encoder's folder
    image: Image
    takes: str = "whole"  # aspect of the image that guides: "whole", "style" or "layout"


class IPAdapterSet:
    """IP-Adapters of one pipeline by name, with their current scales. All share one image encoder."""

    def __init__(self, pipe: Any, adapters: Mapping[str, IPAdapterSpec]) -> None:
        """Load `adapters` into `pipe`; their images are encoded at first use. Raises ModelError."""
        self.pipe, self.adapters = pipe, adapters
        self._scales: list[float] | None = None
        self._layers: list[frozenset[str]] = []  # per adapter: names of the attention layers that it guides
        self._image_embeds: dict[bool, list[torch.Tensor]] = {}
        for name, adapter in adapters.items():
            width = safetensors.text_width(Path(adapter.model, adapter.weights))
            if why := safetensors.text_width_mismatch(width, pipe.unet.config.cross_attention_dim):
                raise ModelError(f"ip_adapter.{name}: {adapter.weights} is {why}")
            self._layers.append(guided_layers(pipe.unet.attn_processors, adapter.takes))
            if not self._layers[-1]:
                raise ModelError(
                    f"ip_adapter.{name}: this checkpoint has no layers for {adapter.takes}; use takes: whole"
                )
        if not adapters:
            return
        try:
            self._load(list(adapters.values()))
        except Exception as error:  # diffusers and the hub raise many types for damaged or foreign files
            reason = one_line(error, 200)
            raise ModelError(f"ip_adapter: {', '.join(adapters)} cannot be loaded: {reason}") from error

    def _load(self, adapters: list[IPAdapterSpec]) -> None:
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

    def arguments(self, likeness: Mapping[str, IPAdapterScale], guided: bool) -> dict[str, Any]:
        """Set the scale of each adapter (0 if not in `likeness`) and return the pipeline's arguments with the images.

        `guided`: include the unconditional embeddings that classifier-free guidance needs.
        """
        if not self.adapters:
            return {}
        scales = [likeness[name].scale if name in likeness else 0.0 for name in self.adapters]
        if scales != self._scales:
            self._set_scales(scales)
            self._scales = scales
        if guided not in self._image_embeds:
            images = [[adapter.image] for adapter in self.adapters.values()]
            with torch.inference_mode():
                self._image_embeds[guided] = self.pipe.prepare_ip_adapter_image_embeds(
                    images, None, self.pipe._execution_device, 1, guided
                )
        return {"ip_adapter_image_embeds": self._image_embeds[guided]}

    def _set_scales(self, scales: list[float]) -> None:
        """Set each adapter's scale in the layers that it guides, and 0 in all others.

        diffusers' set_ip_adapter_scale also accepts factors by block, but fails for UNets without attention
        in the middle block.
        """
        for name, processor in self.pipe.unet.attn_processors.items():
            if hasattr(processor, "to_k_ip"):
                heard = zip(scales, self._layers, strict=True)
                processor.scale = [scale if name in listening else 0.0 for scale, listening in heard]


def guided_layers(names: Iterable[str], takes: str) -> frozenset[str]:
    """Return the cross-attention layers among `names` that an adapter guides: all, or those of "style" or "layout".

    After InstantStyle (arXiv 2404.02733): in SDXL, up_blocks.0.attentions.1 determines style and
    down_blocks.2.attentions.1 layout. For other UNets the corresponding attentions are used, on the level of
    lowest resolution with cross-attention: the middle one on the way up for style, the last one on the way
    down for layout. The result is empty if there is none.
    """
    reading = [name for name in names if name.endswith("attn2.processor")]
    if takes == "whole":
        return frozenset(reading)
    way = "up" if takes == "style" else "down"
    matches = [re.match(rf"{way}_blocks\.(\d+)\.attentions\.(\d+)\.", name) for name in reading]
    places = sorted({(int(match[1]), int(match[2])) for match in matches if match})
    if not places:
        return frozenset()
    lowest = places[0][0] if way == "up" else places[-1][0]
    level = [place for place in places if place[0] == lowest]
    block, number = level[len(level) // 2] if way == "up" else level[-1]
    return frozenset(
        name for name in reading if name.startswith(f"{way}_blocks.{block}.attentions.{number}.")
    )


TextScales = tuple[tuple[str, float], ...]

BlockFactors = Mapping[str, Mapping[str, float]]  # LoRA name → block → factor of the scale in that block


class LoraSet:
    """LoRAs of one pipeline by name, with their current scales."""

    def __init__(self, pipe: Any, files: Mapping[str, Path]) -> None:
        """Attach `files` (name → file with diffusers or kohya keys). Raises ModelError for one that does not fit."""
        self.pipe = pipe
        # Adapter names become attributes of modules, where "type" or "my.lora" would fail.
        self.adapters = {name: f"lora_{number}" for number, name in enumerate(files)}
        for name, file in files.items():
            adapter = self.adapters[name]
            try:
                with warnings.catch_warnings():
                    # peft warns about every layer whose target it inferred from the file; the file is
                    # correct.
                    warnings.filterwarnings("ignore", "While injecting the PEFT adapters", RuntimeWarning)
                    pipe.load_lora_weights(
                        file.parent, weight_name=file.name, adapter_name=adapter, local_files_only=True
                    )
            except Exception as error:  # diffusers, peft and safetensors each raise their own types
                reason = one_line(error, 200)
                raise ModelError(f"LoRA {name!r}: {file} does not fit this model: {reason}") from error
            if adapter not in _adapter_names(pipe.unet) | self._find_text_encoder_adapters():
                raise ModelError(
                    f"LoRA {name!r}: {file} has no weights for this model; use a LoRA made for SDXL"
                )
        self.text_encoder_adapters = self._find_text_encoder_adapters()
        self._state: object = None  # the scales and factors set last

    def _find_text_encoder_adapters(self) -> set[str]:
        """Return the adapters that have weights in a text encoder."""
        return _adapter_names(self.pipe.text_encoder) | _adapter_names(self.pipe.text_encoder_2)

    def set_scales(self, scales: Mapping[str, float], blocks: BlockFactors | None = None) -> TextScales:
        """Set the scale of every LoRA (name → scale), multiplied by the factors in `blocks` (name → block → factor).

        Returns the scales that act in the text encoders, because embeddings depend on them. Raises ModelError
        for a block that the model does not have.
        """
        factors = {self.adapters[name]: own for name, own in (blocks or {}).items() if name in self.adapters}
        wanted = tuple((self.adapters[name], scale) for name, scale in scales.items())
        state = wanted, repr(sorted((name, sorted(own.items())) for name, own in factors.items()))
        if wanted and state != self._state:
            self._require_known_blocks(factors)
            self.pipe.set_adapters([name for name, _ in wanted], [scale for _, scale in wanted])
            for name, scale in wanted:
                self._set_block_scales(name, scale, factors.get(name, {}))
            self._state = state
        return tuple(
            (name, scale * factors.get(name, {}).get("text", 1.0))
            for name, scale in wanted
            if name in self.text_encoder_adapters
        )

    def _set_block_scales(self, adapter: str, scale: float, factors: Mapping[str, float]) -> None:
        """Set peft's scale of each layer of one adapter, by the block that the layer belongs to.

        diffusers' set_adapters also accepts factors by block, but leaves layers outside attention (a LoRA on
        convolutions) at 1.
        """
        networks = {"": self.pipe.unet, "text": self.pipe.text_encoder, "text_": self.pipe.text_encoder_2}
        for kind, network in networks.items() if factors else ():
            for name, module in network.named_modules():
                if isinstance(module, BaseTunerLayer) and adapter in module.r:
                    block = "text" if kind else _block_name(name)
                    factor = factors.get(block, factors.get(block.partition("_")[0], 1.0))
                    module.set_scale(adapter, scale * factor)

    def _require_known_blocks(self, factors: BlockFactors) -> None:
        unet = self.pipe.unet
        count = {"down": len(unet.down_blocks), "up": len(unet.up_blocks)}
        known = ["mid", "text", *(f"{way}_{i}" for way, most in count.items() for i in range(most)), *count]
        for own in factors.values():
            for block in own:
                if block not in known:
                    raise ModelError(f"loras: this model has no block {block!r}; known: {', '.join(known)}")


def _block_name(layer: str) -> str:
    """Return the block of a UNet layer: `down_blocks.1.attentions.0.…` → "down_1"; "" for layers outside blocks."""
    match = re.match(r"(down|up)_blocks\.(\d+)\.", layer)
    return f"{match[1]}_{match[2]}" if match else "mid" if layer.startswith("mid_block.") else ""


def _adapter_names(network: torch.nn.Module) -> set[str]:
    """Return the names of the peft adapters that have weights in `network`."""
    return {name for module in network.modules() if isinstance(module, BaseTunerLayer) for name in module.r}
