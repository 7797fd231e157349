"""Memory plan: estimate the needs of a film's networks before loading, choose an offload mode, explain a shortage."""

from __future__ import annotations

import logging
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download

from animator.diffusion.adapters import IPAdapterSpec
from animator.diffusion.controlnet import ControlNetSpec
from animator.diffusion.loading import CheckpointSpec, device_for, require_existing_source
from animator.errors import ModelError
from animator.frame import Frame
from animator.models import safetensors

# Parameters of SDXL base 1.0, counted from its configs, for a hub id whose files are not in the cache yet.
SDXL_PARAMETERS = {
    "unet": 2_567_463_684,
    "vae": 83_653_863,
    "text_encoder": 123_060_480,
    "text_encoder_2": 694_659_840,
}

NETWORK_PREFIXES = {  # tensor names in a single file → network
    "model.diffusion_model.": "unet",
    "first_stage_model.": "vae",
    "conditioner.embedders.0.": "text_encoder",
    "conditioner.embedders.1.": "text_encoder_2",
}


@dataclass(frozen=True, slots=True)
class ExtraNetworks:
    """Parameter counts of the networks that a film loads beside the checkpoint."""

    always_on_device: int = 0  # ControlNets and the refiner, which stay on the device all the time
    unet: int = 0  # LoRAs and IP-Adapters, which become a part of the UNet
    image_encoder: int = 0
    complete: bool = True  # False if some are left out, because their files are not in the cache yet


def count_checkpoint(base: str, path: Path) -> dict[str, int] | None:
    """Count the parameters of each network of a checkpoint; None if its files are missing or not a checkpoint.

    `base` is a hub id, looked up in the cache, if there is no file or folder at `path`.
    """
    try:
        if path.is_file():
            found = dict.fromkeys(SDXL_PARAMETERS, 0)
            for name, shape in safetensors.tensor_shapes(path).items():
                for prefix, network in NETWORK_PREFIXES.items():
                    found[network] += prod(shape) if name.startswith(prefix) else 0
        else:
            folder = path if path.is_dir() else Path(snapshot_download(base, local_files_only=True))
            found = {name: safetensors.count_parameters(folder / name) for name in SDXL_PARAMETERS}
    except (
        OSError,
        ValueError,
        ModelError,
    ):  # also raised for invalid hub ids; errors in files are reported when they are loaded
        return None
    return found if found["unet"] else None


def count_extra_networks(
    controls: Iterable[ControlNetSpec],
    refiner: str | None,
    adapters: Sequence[IPAdapterSpec],
    loras: Iterable[Path],
) -> ExtraNetworks:
    """Count the parameters of all networks beside the checkpoint; `refiner` is a hub id or a folder.

    A model that several ControlNets share counts once.
    """
    stays = [_count_network(model) for model in {net.model for net in controls}]
    if refiner is not None:
        texts = _count_network(
            refiner, "text_encoder"
        )  # without it, the checkpoint's second encoder is shared
        stays += [
            _count_network(refiner, "unet"),
            *([texts, _count_network(refiner, "text_encoder_2")] if texts else []),
        ]
    unet = [_count_network(str(file)) for file in loras]
    unet += [_count_network(adapter.model, adapter.weights) for adapter in adapters]
    encoder = [
        _count_network(adapter.model, adapter.encoder) for adapter in adapters[:1]
    ]  # all adapters share one
    known = None not in (*stays, *unet, *encoder)
    return ExtraNetworks(_sum_known(stays), _sum_known(unet), _sum_known(encoder), known)


def _sum_known(found: Iterable[int | None]) -> int:
    return sum(count for count in found if count is not None)


def _count_network(model: str, inside: str = "") -> int | None:
    """Count the parameters of one network: a .safetensors file, a folder or a hub id, or the path `inside` one.

    None if its files are missing or not weights.
    """
    try:
        place = Path(model) if Path(model).exists() else Path(snapshot_download(model, local_files_only=True))
        return safetensors.count_parameters(place / inside) or None
    except (OSError, ValueError, ModelError):
        return None


def describe_device(wanted: str) -> str:
    """Return a description of the device `wanted` (a value of model.device): "NVIDIA H200, torch 2.11".

    Raises ModelError for a device that is not available.
    """
    device = device_for(wanted)
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        cores = torch.get_num_threads()
        name = f"{_processor_name()}, {cores} core{'' if cores == 1 else 's'}"
    return f"{name}, torch {torch.__version__}"


def _processor_name() -> str:
    """Return the processor's name; on Linux only /proc/cpuinfo has it."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf8"))
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


logger = logging.getLogger(__name__)


# Activations of the widest layers, in numbers per pixel: the VAE's decoder holds 256 channels at full
# resolution four times (input, normalised, output, kernel workspace); the UNet somewhat more than half of
# that.
DECODE_VALUES_PER_PIXEL, DENOISE_VALUES_PER_PIXEL = 1024, 600

VAE_TILE_SIDE = 512  # side in pixels of the VAE's tiles in mode "low"

USABLE_SHARE = 0.9  # usable part of the free memory; the rest is left to libraries and other programs

LOG_FROM_BYTES = 1e9  # bytes; a "fast" plan that needs less is not logged

MODES = ("fast", "balanced", "low")  # memory modes, in falling order of need

NO_EXTRA_NETWORKS = ExtraNetworks()

OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The chosen memory mode, the estimated needs of all modes, and the free memory."""

    mode: str  # one of WAYS
    needs: Mapping[str, float]  # mode → estimated bytes
    free: float  # bytes on the device
    device: str
    complete: bool = True  # False if files are missing: SDXL's size is assumed, missing extras are left out

    def __str__(self) -> str:
        """Return the plan as one line for the log."""
        there = "" if self.complete else "about "
        need, free = self.needs[self.mode] / 1e9, self.free / 1e9
        of = f"of the {free:.1f} GB free " if free < float("inf") else ""
        line = f"memory: {self.mode} needs {there}{need:.1f} GB {of}on {self.device}"
        if self.needs[self.mode] > self.free * USABLE_SHARE:
            return f"{line}, and may not fit; a smaller video.size or model.vae: taesdxl takes less"
        return line


def plan_memory(
    source: CheckpointSpec,
    device: torch.device,
    dtype: torch.dtype,
    pixels: int,
    extras: ExtraNetworks = NO_EXTRA_NETWORKS,
) -> MemoryPlan:
    """Plan the memory to paint images of `pixels` pixels in `dtype`: in the mode of `source`, or the first that fits.

    `count_extra_networks` counts the networks loaded in addition. On a CPU, "auto" is always "fast".
    Reads file headers
    only. Raises ModelError for a missing checkpoint.
    """
    require_existing_source(source)
    own, size = count_checkpoint(source.base, source.path), dtype.itemsize
    found = {**(own or SDXL_PARAMETERS), "image_encoder": extras.image_encoder}
    found["unet"] += extras.unet
    weights = {name: count * size for name, count in found.items()}
    decoding, denoising = pixels * DECODE_VALUES_PER_PIXEL * size, pixels * DENOISE_VALUES_PER_PIXEL * size
    tile = min(pixels, VAE_TILE_SIDE**2) * DECODE_VALUES_PER_PIXEL * size
    biggest = max(weights.values())
    needs = {
        "fast": sum(weights.values()) + max(decoding, denoising),
        "balanced": biggest
        + weights["vae"]
        + max(min(pixels, 1024**2) * DECODE_VALUES_PER_PIXEL * size, denoising),
        "low": weights["vae"] + biggest / size / 20 + max(tile, denoising),  # 8-bit layers, a few at a time
    }
    if device.type == "cpu":  # networks cannot be offloaded from the CPU
        needs["balanced"] = sum(weights.values()) + max(tile, denoising)
        needs["low"] = needs["balanced"] - weights["unet"] * (1 - 1 / size)
    needs = {way: need + extras.always_on_device * size for way, need in needs.items()}
    free = _free_bytes(device)
    # Free memory on a CPU changes by the minute; a film's pixels must not depend on it.
    fitting = [way for way in MODES if needs[way] <= free * USABLE_SHARE or device.type == "cpu"]
    way = source.memory if source.memory != "auto" else (fitting or [MODES[-1]])[0]
    return MemoryPlan(way, needs, free, device.type, complete=own is not None and extras.complete)


def _free_bytes(device: torch.device) -> float:
    """Return the free bytes on a CUDA device, else the machine's available memory (infinite if unknown)."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return float(meminfo["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # only Linux has this file
        return float("inf")


def log_plan(plan: MemoryPlan) -> None:
    """Log the plan, unless its mode is "fast" and the need is small."""
    if plan.mode != "fast" or plan.needs[plan.mode] > LOG_FROM_BYTES:
        logger.info("%s", plan)


def apply_plan(pipe: Any, mode: str, device: torch.device, whole: bool) -> None:
    """Move the networks of `pipe` to `device` in the memory mode `mode`.

    `whole`: do not tile the VAE. Tiles are blended at their edges, which would break a tileable image.
    """
    if mode != "fast" and not whole:
        pipe.vae.enable_slicing()
        pipe.vae.enable_tiling()
        if mode == "low":
            factor = pipe.vae_scale_factor
            pipe.vae.tile_sample_min_size, pipe.vae.tile_latent_min_size = (
                VAE_TILE_SIDE,
                VAE_TILE_SIDE // factor,
            )
    if mode == "low":  # 8-bit floats for storage only; computing with them would need another library
        pipe.unet.enable_layerwise_casting(torch.float8_e4m3fn, compute_dtype=pipe.unet.dtype)
    if mode == "fast" or device.type == "cpu":
        pipe.to(device)
    elif mode == "balanced":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_group_offload(
            device, offload_type="leaf_level", use_stream=device.type == "cuda", exclude_modules=["vae"]
        )
        pipe.vae.to(device)


@contextmanager
def translate_oom(frames: Sequence[Frame], width: int, height: int) -> Iterator[None]:
    """Turn out-of-memory errors inside the context into ModelError, for painting `frames` of width x height pixels."""
    try:
        yield
    except RuntimeError as error:  # the base class of CUDA's OutOfMemoryError, and the CPU allocator's type
        if not OUT_OF_MEMORY.search(str(error)):
            raise
        what = f"frame {frames[0].index}: out of memory while painting"
        if len(frames) > 1:
            raise ModelError(f"{what} {len(frames)} images at once; use a smaller --batch") from error
        raise ModelError(f"{what} {width}x{height} pixels; use a smaller video.size") from error
