"""Parameter counts of a film's networks, read from file headers before any network is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download

from animator.diffusion.adapters import Adapter
from animator.diffusion.controlnet import Net
from animator.models import safetensors as headers

# Parameters of SDXL base 1.0, counted from its configs, for a hub id whose files are not in the cache yet.
SDXL = {"unet": 2_567_463_684, "vae": 83_653_863, "text_encoder": 123_060_480, "text_encoder_2": 694_659_840}
PREFIXES = {  # tensor names in a single file → network
    "model.diffusion_model.": "unet",
    "first_stage_model.": "vae",
    "conditioner.embedders.0.": "text_encoder",
    "conditioner.embedders.1.": "text_encoder_2",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """Parameter counts of the networks that a film loads beside the checkpoint."""

    stays: int = 0  # ControlNets and the refiner, which stay on the device all the time
    unet: int = 0  # LoRAs and IP-Adapters, which become a part of the UNet
    image_encoder: int = 0
    known: bool = True  # False if some are left out, because their files are not in the cache yet


def checkpoint(base: str, path: Path) -> dict[str, int] | None:
    """Count the parameters of each network of a checkpoint; None if its files are missing or not a checkpoint.

    `base` is a hub id, looked up in the cache, if there is no file or folder at `path`.
    """
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
    ):  # also raised for invalid hub ids; errors in files are reported when they are loaded
        return None
    return found if found["unet"] else None


def beside(
    controls: Iterable[Net], refiner: str | None, adapters: Sequence[Adapter], loras: Iterable[Path]
) -> Beside:
    """Count the parameters of all networks beside the checkpoint; `refiner` is a hub id or a folder.

    A model that several ControlNets share counts once.
    """
    stays = [_network(model) for model in {net.model for net in controls}]
    if refiner is not None:
        texts = _network(refiner, "text_encoder")  # without it, the checkpoint's second encoder is shared
        stays += [_network(refiner, "unet"), *([texts, _network(refiner, "text_encoder_2")] if texts else [])]
    unet = [_network(str(file)) for file in loras]
    unet += [_network(adapter.model, adapter.weights) for adapter in adapters]
    encoder = [_network(adapter.model, adapter.encoder) for adapter in adapters[:1]]  # all adapters share one
    known = None not in (*stays, *unet, *encoder)
    return Beside(_sum(stays), _sum(unet), _sum(encoder), known)


def _sum(found: Iterable[int | None]) -> int:
    return sum(count for count in found if count is not None)


def _network(model: str, inside: str = "") -> int | None:
    """Count the parameters of one network: a .safetensors file, a folder or a hub id, or the path `inside` one.

    None if its files are missing or not weights.
    """
    try:
        place = Path(model) if Path(model).exists() else Path(snapshot_download(model, local_files_only=True))
        return headers.numbers(place / inside) or None
    except (OSError, ValueError):
        return None
