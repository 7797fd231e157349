"""What a model's config, or a file's header, says of it before gigabytes are loaded. Knows no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

SDXL_WIDTH = 2048  # of the text that SDXL's networks read; SD 1.5's read 768, SD 2's 1024
KINDS = {768: "SD 1.5", 1024: "SD 2"}
WEIGHTS = (".ckpt", ".pt", ".pth", ".bin")  # pickles, which can run code


def config(folder: Path) -> dict[str, Any]:
    """The config in a diffusers folder: a network's own, or that of a checkpoint's UNet; {} where there is none."""
    for file in (folder / "config.json", folder / "unet" / "config.json"):
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def text_width(source: Path) -> int | None:
    """How wide the text is that the network in a folder or a .safetensors file reads; None where it does not say."""
    if source.is_dir():
        width = config(source).get("cross_attention_dim")
        return width if isinstance(width, int) else None
    try:
        with safe_open(source, framework="np") as opened:
            for name in opened.keys():  # noqa: SIM118 (no dictionary)
                if name.endswith(("attn2.to_k.weight", "to_k_ip.weight")):
                    return int(opened.get_slice(name).get_shape()[1])
    except (OSError, SafetensorError):
        return None
    return None


def misfit(width: int | None, wanted: int | None) -> str | None:
    """Why a network that reads text of `width` does not go with a checkpoint of `wanted`; None where it does."""
    wanted = SDXL_WIDTH if wanted is None else wanted
    if width is None or width == wanted:
        return None
    made = f"made for {KINDS[width]}" if width in KINDS else "made for another model"
    return f"{made}: it reads text {width} wide, this checkpoint's is {wanted}; take one for SDXL"


def size_of(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """What of a UNet's config a ControlNet must share."""
    return (config.get("cross_attention_dim"), tuple(config.get("block_out_channels", ())))
