"""What .safetensors files hold, read from their headers alone: gigabytes are weighed in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

LONGEST = 100_000_000  # bytes of a header; safetensors' own limit


class Tensor(NamedTuple):
    """One tensor of a file."""

    name: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return prod(self.shape)


def tensors(file: Path) -> Iterator[Tensor]:
    """The tensors of a .safetensors file. Raises ValueError where it is none, OSError from the disk."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 2 <= length <= LONGEST:
            raise ValueError(f"{file} is no .safetensors file")
        header: dict[str, Any] = json.loads(opened.read(length))
    for name, entry in header.items():
        if name != "__metadata__":
            yield Tensor(name, tuple(entry["shape"]))


def numbers(folder: Path) -> int:
    """How many numbers the weights of one network have, which lie in `folder` as diffusers keeps them.

    0 where there are none. A half-size variant beside the full one is the same network.
    """
    plain = [file for file in folder.glob("*.safetensors") if ".fp16" not in file.name]
    return sum(tensor.numbers for file in plain or folder.glob("*.safetensors") for tensor in tensors(file))
