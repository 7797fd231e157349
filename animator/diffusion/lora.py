"""LoRAs attached to a pipeline, with a scale per frame; changing a scale neither fuses nor reloads weights."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from animator.errors import ModelError

Scales = tuple[tuple[str, float], ...]
Factors = Mapping[str, Mapping[str, float]]  # LoRA name → block → factor of the scale in that block


class Loras:
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
                reason = " ".join(str(error).split())[:200]
                raise ModelError(f"LoRA {name!r}: {file} does not fit this model: {reason}") from error
            if adapter not in _adapters(pipe.unet) | self._on_text():
                raise ModelError(
                    f"LoRA {name!r}: {file} has no weights for this model; use a LoRA made for SDXL"
                )
        self.on_text = self._on_text()
        self._state: object = None  # the scales and factors set last

    def _on_text(self) -> set[str]:
        """Return the adapters that have weights in a text encoder."""
        return _adapters(self.pipe.text_encoder) | _adapters(self.pipe.text_encoder_2)

    def set_scales(self, scales: Mapping[str, float], blocks: Factors | None = None) -> Scales:
        """Set the scale of every LoRA (name → scale), multiplied by the factors in `blocks` (name → block → factor).

        Returns the scales that act in the text encoders, because embeddings depend on them. Raises ModelError
        for a block that the model does not have.
        """
        factors = {self.adapters[name]: own for name, own in (blocks or {}).items() if name in self.adapters}
        wanted = tuple((self.adapters[name], scale) for name, scale in scales.items())
        state = wanted, repr(sorted((name, sorted(own.items())) for name, own in factors.items()))
        if wanted and state != self._state:
            self._check(factors)
            self.pipe.set_adapters([name for name, _ in wanted], [scale for _, scale in wanted])
            for name, scale in wanted:
                self._set_blocks(name, scale, factors.get(name, {}))
            self._state = state
        return tuple(
            (name, scale * factors.get(name, {}).get("text", 1.0))
            for name, scale in wanted
            if name in self.on_text
        )

    def _set_blocks(self, adapter: str, scale: float, factors: Mapping[str, float]) -> None:
        """Set peft's scale of each layer of one adapter, by the block that the layer belongs to.

        diffusers' set_adapters also accepts factors by block, but leaves layers outside attention (a LoRA on
        convolutions) at 1.
        """
        networks = {"": self.pipe.unet, "text": self.pipe.text_encoder, "text_": self.pipe.text_encoder_2}
        for kind, network in networks.items() if factors else ():
            for name, module in network.named_modules():
                if isinstance(module, BaseTunerLayer) and adapter in module.r:
                    block = "text" if kind else _block(name)
                    factor = factors.get(block, factors.get(block.partition("_")[0], 1.0))
                    module.set_scale(adapter, scale * factor)

    def _check(self, factors: Factors) -> None:
        unet = self.pipe.unet
        count = {"down": len(unet.down_blocks), "up": len(unet.up_blocks)}
        known = ["mid", "text", *(f"{way}_{i}" for way, most in count.items() for i in range(most)), *count]
        for own in factors.values():
            for block in own:
                if block not in known:
                    raise ModelError(f"loras: this model has no block {block!r}; known: {', '.join(known)}")


def _block(layer: str) -> str:
    """Return the block of a UNet layer: `down_blocks.1.attentions.0.…` → "down_1"; "" for layers outside blocks."""
    match = re.match(r"(down|up)_blocks\.(\d+)\.", layer)
    return f"{match[1]}_{match[2]}" if match else "mid" if layer.startswith("mid_block.") else ""


def _adapters(network: torch.nn.Module) -> set[str]:
    """Return the names of the peft adapters that have weights in `network`."""
    return {name for module in network.modules() if isinstance(module, BaseTunerLayer) for name in module.r}
