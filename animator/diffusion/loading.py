"""Loading of SDXL checkpoints and VAEs from hub ids, folders and .safetensors files, by diffusers' loaders.

It also finds a checkpoint's prediction type (epsilon or v), and checks that torchvision matches torch, without
which diffusers cannot be imported.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, EulerDiscreteScheduler, StableDiffusionXLPipeline
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)

from animator.diffusion.single_file import embedded_config
from animator.errors import ModelError, one_line
from animator.models import families, safetensors
from animator.models.locate import named_path

SDXL_BASE = "stabilityai/stable-diffusion-xl-base-1.0"

_LIBRARIES = {"diffusers", "transformers", None}  # libraries whose classes a checkpoint may name

_ALLOWED_SOURCES = "allowed: nano, a hub id, a diffusers folder or a .safetensors file"


@dataclass(frozen=True, slots=True)
class CheckpointSpec:
    """An SDXL checkpoint to load, with its device, dtype and other ways to run it."""

    base: str  # hub id, diffusers folder or .safetensors file
    folder: Path = Path()  # base of relative paths
    config: Path | None = None  # diffusers folder with the configs for a .safetensors file
    device: str = "auto"  # cuda, mps, cpu
    dtype: str = "auto"  # float32, bfloat16, float16
    vae: str | None = None  # a replacement VAE: alias, hub id, folder or .safetensors file
    prediction: str = "auto"  # epsilon, v_prediction
    tiling: str = "none"  # x, y, both
    memory: str = "auto"  # fast, balanced, low
    compile: str = "auto"  # on, off
    calls: int = 0  # UNet calls in the film per compiled variant, to decide if compiling pays
    pixels: int = 0  # pixel count of the largest image to paint, if larger than the film's frames

    @property
    def path(self) -> Path:
        """The path of the checkpoint if `base` is a folder or a file."""
        return named_path(self.folder, self.base)


def device_for(wanted: str) -> torch.device:
    """Return the device of that name; "auto" takes cuda, else mps, else cpu. Raises ModelError if it is missing."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in here.items() if there))
    if not here[wanted]:
        raise ModelError(
            f"device {wanted!r} is not available on this computer;"
            f" available: {', '.join(n for n, there in here.items() if there)}"
        )
    return torch.device(wanted)


def dtype_for(wanted: str, device: torch.device) -> torch.dtype:
    """Return the dtype of that name; "auto" is float32 on a CPU, bfloat16 on a GPU that has it, else float16."""
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32 if device.type == "cpu" else torch.float16


def load_pipeline(source: CheckpointSpec, dtype: torch.dtype) -> Any:
    """Load a checkpoint's text-to-image pipeline to the CPU. Raises ModelError."""
    options = {"dtype": dtype, "add_watermarker": False}
    try:
        pipe = _load_source(source, options)
        set_prediction(pipe, source.path, source.prediction)
        if source.vae is not None:
            replace_vae(pipe, source.vae, source.folder, dtype)
    except ModelError:
        raise
    except Exception as error:  # diffusers raises many types for damaged or foreign checkpoints
        reason = one_line(error, 300)
        raise ModelError(f"model.base {source.base!r} cannot be loaded as SDXL: {reason}") from error
    pipe.set_progress_bar_config(disable=True)
    if dtype is not torch.float16:
        # SDXL's config makes diffusers cast the VAE to float32 and back for every image. Only float16 needs
        # that, because its range is too small; in bfloat16 and float32 it only costs time.
        pipe.vae.register_to_config(force_upcast=False)
    return pipe


def _is_single_file(path: Path) -> bool:
    """Return whether a checkpoint is a single file by its name; pickles are refused when it is read."""
    return path.suffix == ".safetensors" or families.is_pickle(path)


def _load_source(source: CheckpointSpec, options: dict[str, Any]) -> Any:
    path = source.path
    if path.is_dir():
        return _pipeline_from_folder(path, options)
    if _is_single_file(path):
        return _pipeline_from_file(path, source, options)
    require_existing_source(source)
    return _pipeline_from_hub(source.base, options)


def require_existing_source(source: CheckpointSpec) -> None:
    """Raise ModelError if `source` is neither an existing folder, nor named like a file, nor a hub id."""
    here = source.path.is_dir() or _is_single_file(source.path)
    # "models/sdxl" looks like a hub id, but is a mistyped path if the folder models/ exists.
    if not here and (not families.HUB_ID.fullmatch(source.base) or source.path.parent.is_dir()):
        raise ModelError(f"model.base {source.base!r}: no such folder or file; {_ALLOWED_SOURCES}")


def _pipeline_from_folder(folder: Path, options: dict[str, Any]) -> Any:
    require_sdxl_index(folder)
    return StableDiffusionXLPipeline.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, **options
    )


def require_sdxl_index(folder: Path) -> None:
    """Raise ModelError for a folder that is not an SDXL checkpoint, or whose model_index.json names foreign code."""
    index = folder / "model_index.json"
    if not index.is_file():
        raise ModelError(f"{folder} is not a diffusers folder: it has no model_index.json")
    parts = json.loads(index.read_text(encoding="utf8"))
    kind = parts.get("_class_name", "")
    if not str(kind).startswith("StableDiffusionXL"):
        raise ModelError(
            f"{folder} holds a {kind or 'model of unknown kind'}; only SDXL checkpoints are supported"
        )
    for name, part in parts.items():
        if isinstance(part, list) and part[0] not in _LIBRARIES:
            raise ModelError(
                f"{index}: {name} would load code from {part[0]!r}; allowed: diffusers, transformers"
            )


def _pipeline_from_file(file: Path, source: CheckpointSpec, options: dict[str, Any]) -> Any:
    if file.suffix != ".safetensors":
        raise ModelError(f"{file}: only .safetensors files are loaded; other formats can run code")
    if not file.is_file():
        raise ModelError(f"model.base: no such file: {file}")
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        if source.config is not None:
            config = source.config
        else:
            config = embedded_config(file, Path(room, "config")) or _cached_config(file)
        require_sdxl_index(config)
        load = StableDiffusionXLPipeline.from_single_file
        return load(str(file), config=str(config), local_files_only=True, **options)


def _cached_config(file: Path) -> Path:
    """Return the folder of SDXL's configs and tokenizers in the hub's cache, for a single file of weights only.

    Never uses the network. Raises ModelError, with the command that downloads them, if they are missing.
    """
    try:
        return Path(snapshot_download(SDXL_BASE, local_files_only=True))
    except (LocalEntryNotFoundError, OSError) as error:
        command = f"hf download {SDXL_BASE} --include '*.json' '*.txt'"
        raise ModelError(
            f"{file.name} holds weights only; download SDXL's configs once with: {command}"
            " or set model.config to a diffusers folder"
        ) from error


def _is_offline() -> bool:
    """Return whether the user forbids the hub's network, by the values that huggingface_hub takes for true."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}


def _pipeline_from_hub(name: str, options: dict[str, Any]) -> Any:
    offline = _is_offline()
    wanted = {"use_safetensors": True, "local_files_only": offline, **options}
    try:
        try:
            return StableDiffusionXLPipeline.from_pretrained(name, variant="fp16", **wanted)
        except ValueError:  # no fp16 variant in this repository
            return StableDiffusionXLPipeline.from_pretrained(name, **wanted)
    except (OSError, LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError) as error:
        why = "HF_HUB_OFFLINE is set and the model is not in the cache" if offline else one_line(error, 200)
        raise ModelError(
            f"model.base {name!r}: {why}; with network access, run: hf download {name}"
        ) from error


# Empty marker tensors in single files, written by trainers and read by ComfyUI.
V_PREDICTION_MARKER, ZERO_SNR_MARKER = "v_pred", "ztsnr"


def set_prediction(pipe: Any, file: Path, wanted: str) -> None:
    """Set the prediction type in the scheduler of `pipe`; `file` is the checkpoint, searched for markers if a file.

    `wanted` is "auto" (by the markers, else the checkpoint's config), "epsilon" or "v_prediction". A zero-SNR
    marker also sets zero terminal SNR and trailing steps. Raises ModelError for a damaged file.
    """
    change: dict[str, Any] = {} if wanted == "auto" else {"prediction_type": wanted}
    if file.is_file():
        said = {V_PREDICTION_MARKER, ZERO_SNR_MARKER} & set(safetensors.tensor_shapes(file))
        if V_PREDICTION_MARKER in said and wanted == "auto":
            change["prediction_type"] = "v_prediction"
        if ZERO_SNR_MARKER in said:
            # The last level is pure noise, and only trailing timesteps start there (Lin et al. 2023).
            change |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    if change:
        pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, **change)


# Aliases of the two common choices.
VAE_ALIASES = {"taesdxl": "madebyollin/taesdxl", "fp16-fix": "madebyollin/sdxl-vae-fp16-fix"}

VAE_CLASSES = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}

LATENT_CHANNELS = 4  # of SDXL's latents; SD 3 and FLUX have 16


def replace_vae(pipe: Any, name: str, folder: Path, dtype: torch.dtype) -> None:
    """Replace the VAE of `pipe` by `name`: an alias, a hub id, a folder or a .safetensors file.

    Relative paths start from `folder`. Raises ModelError if it cannot be loaded or belongs to another model.
    """
    name = VAE_ALIASES.get(name, name)
    path = named_path(folder, name)
    try:
        if path.suffix == ".safetensors":
            vae = _vae_from_file(path, pipe.vae, dtype)
        elif path.is_dir():
            vae = _vae_from_folder(path, dtype)
        elif families.is_pickle(path):
            raise ModelError(f"model.vae: {path}: only .safetensors files are loaded; others can run code")
        else:
            vae = _vae_from_hub(name, dtype)
    except ModelError:
        raise
    except Exception as error:  # diffusers raises many types for damaged or foreign files
        raise ModelError(f"model.vae {name!r} cannot be loaded: {one_line(error, 300)}") from error
    _require_matching_latents(vae, pipe.vae, name)
    pipe.register_modules(vae=vae)


def _vae_from_file(file: Path, like: Any, dtype: torch.dtype) -> Any:
    """Load a VAE from a file of weights, with the config of the VAE that it replaces (`like`). Raises ModelError."""
    if not file.is_file():
        raise ModelError(f"model.vae: no such file: {file}")
    try:
        shapes = safetensors.tensor_shapes(file)
    except ModelError as error:
        raise ModelError(f"model.vae: {error}") from error
    sizes = {name.rsplit("first_stage_model.", 1)[-1]: shape for name, shape in shapes.items()}
    entry = sizes.get("decoder.conv_in.weight")
    if entry is None:
        raise ModelError(f"model.vae: {file} does not hold a VAE")
    if entry[1] != LATENT_CHANNELS:
        raise ModelError(
            f"model.vae: {file} has {entry[1]} latent channels; SDXL's VAE has {LATENT_CHANNELS}"
        )
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        like.save_config(room)
        return AutoencoderKL.from_single_file(
            str(file), config=room, local_files_only=True, torch_dtype=dtype
        )


def _vae_from_folder(folder: Path, dtype: torch.dtype) -> Any:
    if not (folder / "config.json").is_file() and (folder / "vae").is_dir():
        folder /= "vae"  # the folder is a whole checkpoint
    if not (folder / "config.json").is_file():
        raise ModelError(f"model.vae: {folder} does not hold a VAE: it has no config.json")
    kind = json.loads((folder / "config.json").read_text(encoding="utf8")).get("_class_name", "")
    if kind not in VAE_CLASSES:
        raise ModelError(f"model.vae: {folder} holds a {kind or 'model of unknown kind'}, not a VAE for SDXL")
    return VAE_CLASSES[kind].from_pretrained(
        folder, use_safetensors=True, local_files_only=True, torch_dtype=dtype
    )


def _vae_from_hub(name: str, dtype: torch.dtype) -> Any:
    offline = _is_offline()
    files = ["config.json", "diffusion_pytorch_model.safetensors", "vae/*"]
    try:
        return _vae_from_folder(
            Path(snapshot_download(name, local_files_only=offline, allow_patterns=files)), dtype
        )
    except (OSError, HFValidationError, LocalEntryNotFoundError, HfHubHTTPError) as error:
        raise ModelError(
            f"model.vae {name!r}: no such folder or file, and it cannot be downloaded from the hub;"
            f" allowed: {', '.join(VAE_ALIASES)}, a hub id, a folder, a .safetensors file;"
            f" with network access, run: hf download {name}"
        ) from error


def _require_matching_latents(vae: Any, own: Any, name: str) -> None:
    """Raise ModelError for a VAE whose latents differ from those of the checkpoint's `own` VAE."""
    if vae.config.latent_channels != own.config.latent_channels:
        count = vae.config.latent_channels
        raise ModelError(
            f"model.vae {name!r} has {count} latent channels; this model's has {LATENT_CHANNELS}"
        )
    # Tiny autoencoders use the UNet's latents directly; only full VAEs scale them.
    scale, wanted = vae.config.scaling_factor, own.config.scaling_factor
    if isinstance(vae, AutoencoderKL) and isinstance(own, AutoencoderKL) and abs(scale - wanted) > 1e-3:
        raise ModelError(
            f"model.vae {name!r} belongs to another model: its latents are scaled by {scale:g},"
            f" this model's by {wanted:g}"
        )


WHEELS = "https://download.pytorch.org/whl"


def require_matching_torchvision() -> None:
    """Raise ModelError, with the command that repairs it, if torchvision is installed but cannot be imported.

    Call it before the first import of diffusers. The animator itself does not need torchvision; the extras
    `upscale` and `control` install it. Its wheel on PyPI is built for torch with CUDA and fails beside a
    torch for CPUs.
    """
    if find_spec("torchvision") is None:
        return
    try:
        import torchvision  # noqa: F401
    except Exception as error:  # a missing compiled part can raise any type
        import torch

        reason = one_line(error, 120)
        raise ModelError(
            f"torchvision does not match torch {torch.__version__} ({reason});"
            f" run: {install_command(torch.__version__)}"
        ) from error


def install_command(torch_version: str) -> str:
    """Return the pip command that installs the torchvision for a torch version: 0.28 for 2.13, in the same build."""
    version = re.match(r"2\.(\d+)\.", torch_version)
    wanted = f"torchvision~=0.{int(version[1]) + 15}.0" if version else "torchvision"
    build = torch_version.partition("+")[2]
    index = f" --index-url {WHEELS}/{build}" if build else ""
    return f"pip install --force-reinstall --no-deps {wanted}{index}"
