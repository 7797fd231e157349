"""Single-file SDXL checkpoints: a diffusers folder written in the original layout, with its configs in the header."""

import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from animator.diffusion import layout

CONFIG = "animator.config"  # header entry: JSON of {relative path: text}
TEXTS = (".json", ".txt")  # allowed suffixes of config files: a restored folder must hold nothing executable
NETWORKS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}


def write_single_file(folder: Path, file: Path) -> Path:
    """Write the SDXL checkpoint in `folder` (diffusers layout, safetensors) to `file` and return it.

    Weights keep their dtype and every bit; diffusers reads them back with
    `StableDiffusionXLPipeline.from_single_file(str(file), config=str(folder), local_files_only=True)`.
    The header holds the folder's configs and tokenizers; `embedded_config` restores them.
    The same folder gives the same bytes. `file` appears only when complete, with mode 644.

    Raises ValueError if the folder is not a complete SDXL checkpoint, or has a shape that the original
    layout cannot express; OSError from the disk.
    """
    weights = _original(folder)
    # A single entry, because safetensors writes several entries in an order that varies between runs.
    header = {CONFIG: json.dumps(_texts(folder), ensure_ascii=False, sort_keys=True)}
    draft = file.with_name(f".{file.name}.draft")
    try:
        save_file(weights, draft, metadata=header)
        draft.chmod(0o644)  # safetensors leaves mode 600, which other users cannot read
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return file


def embedded_config(file: Path, into: Path) -> Path | None:
    """Restore the configs in the header of `file` into the empty folder `into` and return it.

    Returns None if the header has no configs. Reads only the header, not the weights; `into` is created if
    missing. Raises ValueError for a header that `write_single_file` did not write (not JSON; a name outside
    `into`, or other than a .json or .txt file) and for a folder `into` that is not empty; nothing is written
    then. Raises SafetensorError if `file` is not a safetensors file.
    """
    with safe_open(file, framework="pt") as opened:
        header: dict[str, str] = opened.metadata() or {}
    if CONFIG not in header:
        return None
    texts = _checked(header[CONFIG], file)
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise ValueError(f"{into}: not empty; the config of {file.name} needs a folder of its own")
    for name, text in texts.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    return into


def _original(folder: Path) -> dict[str, Tensor]:
    """Return the weights of all four networks in `folder` under their original names. Raises ValueError."""
    if not (folder / "model_index.json").is_file():
        raise ValueError(f"{folder}: not a diffusers checkpoint, it has no model_index.json")
    layers = _config(folder / "unet")["layers_per_block"]
    if not isinstance(layers, int):
        raise ValueError(f"{folder / 'unet'}: layers_per_block is {layers}; one number is needed")
    parts = {name: _weights(folder / name, stem) for name, stem in NETWORKS.items()}
    width, width_2 = (_config(folder / name)["hidden_size"] for name in ("text_encoder", "text_encoder_2"))
    if width == width_2:
        # diffusers distinguishes the two encoders by width alone; with equal widths it silently loads the
        # first twice.
        raise ValueError(f"{folder}: both text encoders are {width} wide; give them different hidden_size")
    return {
        **layout.unet(parts["unet"], layers),
        **layout.vae(parts["vae"], len(_config(folder / "vae")["down_block_types"])),
        **layout.clip(parts["text_encoder"]),
        **layout.open_clip(parts["text_encoder_2"]),
    }


def _config(part: Path) -> dict[str, Any]:
    path = part / "config.json"
    if not path.is_file():
        raise ValueError(f"{part.parent}: not a whole SDXL checkpoint, it has no {part.name}/config.json")
    config: dict[str, Any] = json.loads(path.read_bytes())
    return config


def _weights(part: Path, stem: str) -> dict[str, Tensor]:
    """Return all tensors of one network, from one file or from the shards listed in its index. Raises ValueError."""
    index = part / f"{stem}.safetensors.index.json"
    names = {f"{stem}.safetensors"}
    if index.is_file():
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    weights: dict[str, Tensor] = {}
    for name in sorted(names):
        if not (part / name).is_file():
            raise ValueError(f"{part}: no {name}; .bin files and fp16 variants are not read")
        weights |= load_file(part / name)
    return weights


def _texts(folder: Path) -> dict[str, str]:
    """Return the text of every config and tokenizer file by its path inside `folder`."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix(): (folder / path).read_bytes().decode()
        for path in files
        if path.suffix in TEXTS
        # Hidden folders are download caches; an index would list shards that the single file replaces.
        and not path.name.endswith(".index.json")
        and not any(part.startswith(".") for part in path.parts)
    }


def _checked(entry: str, file: Path) -> dict[str, bytes]:
    """Return the config texts of an untrusted header entry, by path, as UTF-8 bytes to preserve line ends.

    Raises ValueError for anything but texts under safe names.
    """
    texts = json.loads(entry)  # JSONDecodeError is a ValueError, and so is UnicodeEncodeError below
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{file}: {CONFIG} in the header must map file names to texts")
    for name in texts:
        below = any(str(parent) in texts for parent in PurePosixPath(name).parents)
        if below or not _harmless(name):
            raise ValueError(f"{file}: {name!r} in its {CONFIG} is not a .json or .txt in a folder")
    return {name: text.encode() for name, text in texts.items()}


def _harmless(name: str) -> bool:
    path = PurePosixPath(name)
    outside = path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts
    unwritable = any(sign in "\\\0" or "\ud800" <= sign <= "\udfff" for sign in name)
    strange = unwritable or name != path.as_posix() or path.suffix not in TEXTS
    return not outside and not strange
