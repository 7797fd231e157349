"""Whether torch and torchvision are builds of one kind. Where they are not, diffusers cannot be imported at all."""

from __future__ import annotations

import re
from importlib.util import find_spec

from animator.errors import ModelError

WHEELS = "https://download.pytorch.org/whl"


def check() -> None:
    """Before diffusers is imported: raise ModelError, with the remedy, for a torchvision that cannot be.

    torchvision is none of our libraries; the extras `upscale` and `control` bring it along. Its wheel on PyPI is made
    for torch with CUDA, whose libraries it cannot find beside a torch for CPUs.
    """
    if find_spec("torchvision") is None:
        return
    try:
        import torchvision  # noqa: F401
    except Exception as error:  # a compiled part that is not found shows as any kind
        import torch

        reason = " ".join(str(error).split())[:120]
        raise ModelError(
            f"torchvision is no build for torch {torch.__version__} ({reason}); {remedy(torch.__version__)}"
        ) from error


def remedy(torch: str) -> str:
    """The command that installs the torchvision for this version of torch: 0.28 goes with 2.13, in the same build."""
    version = re.match(r"2\.(\d+)\.", torch)
    wanted = f"torchvision~=0.{int(version[1]) + 15}.0" if version else "torchvision"
    build = torch.partition("+")[2]
    index = f" --index-url {WHEELS}/{build}" if build else ""
    return f"pip install --force-reinstall --no-deps {wanted}{index}"
