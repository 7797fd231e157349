"""How many numbers the networks of a film have, from headers alone: what they weigh before any of them is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download

from animator.diffusion.adapters import Adapter
from animator.diffusion.controlnet import Net
from animator.models import safetensors as headers

# Of SDXL base 1.0, for a hub id whose files are not here yet, counted from the networks' configs.
SDXL = {"unet": 2_567_463_684, "vae": 83_653_863, "text_encoder": 123_060_480, "text_encoder_2": 694_659_840}
PREFIXES = {  # of a single file's tensors
    "model.diffusion_model.": "unet",
    "first_stage_model.": "vae",
    "conditioner.embedders.0.": "text_encoder",
    "conditioner.embedders.1.": "text_encoder_2",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """What a film's pictures are painted with beside the checkpoint, in numbers."""

    stays: int = 0  # of ControlNets and the refiner, which are on the device all the time
    unet: int = 0  # of LoRAs and IP-Adapters, which become a part of it
    image_encoder: int = 0
    known: bool = True  # all of it; what a hub id means that is not in the cache yet is left out


def checkpoint(base: str, path: Path) -> dict[str, int] | None:
    """How many numbers each network of a checkpoint has; None where its files are not here, or are none."""
    try:
        if path.is_file():
            found = dict.fromkeys(SDXL, 0)
            for tensor in headers.tensors(path):
                for prefix, network in PREFIXES.items():
                    found[network] += tensor.numbers if tensor.name.startswith(prefix) else 0
        else:
            folder = path if path.is_dir() else Path(snapshot_download(base, local_files_only=True))
            found = {name: headers.numbers(folder / name) for name in SDXL}
    except (
        OSError,
        ValueError,
    ):  # also what is no hub id; what is wrong with files is told when they are loaded
        return None
    return found if found["unet"] else None


def beside(
    controls: Iterable[Net], refiner: str | None, adapters: Sequence[Adapter], loras: Iterable[Path]
) -> Beside:
    """What is loaded beside a checkpoint; `refiner` is its hub id or folder."""
    stays = [_network(model) for model in {net.model for net in controls}]
    if refiner is not None:
        texts = _network(refiner, "text_encoder")  # one with a single encoder takes the checkpoint's
        stays += [_network(refiner, "unet"), *([texts, _network(refiner, "text_encoder_2")] if texts else [])]
    unet = [_network(str(file)) for file in loras]
    unet += [_network(adapter.model, adapter.weights) for adapter in adapters]
    encoder = [_network(adapter.model, adapter.encoder) for adapter in adapters[:1]]  # all share it
    known = None not in (*stays, *unet, *encoder)
    return Beside(_sum(stays), _sum(unet), _sum(encoder), known)


def _sum(found: Iterable[int | None]) -> int:
    return sum(count for count in found if count is not None)


def _network(model: str, inside: str = "") -> int | None:
    """How many numbers a network has: a .safetensors file, or a folder or hub id or what is `inside`.

    None where it is not here, or is none.
    """
    try:
        place = Path(model) if Path(model).exists() else Path(snapshot_download(model, local_files_only=True))
        return headers.numbers(place / inside) or None
    except (OSError, ValueError):
        return None
