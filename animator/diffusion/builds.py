"""Check that the installed torchvision matches torch; with a mismatch, diffusers cannot be imported."""

from __future__ import annotations

import re
from importlib.util import find_spec

from animator.errors import ModelError

WHEELS = "https://download.pytorch.org/whl"


def check() -> None:
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

        reason = " ".join(str(error).split())[:120]
        raise ModelError(
            f"torchvision does not match torch {torch.__version__} ({reason});"
            f" run: {remedy(torch.__version__)}"
        ) from error


def remedy(torch: str) -> str:
    """Return the pip command that installs the torchvision for a torch version: 0.28 for 2.13, in the same build."""
    version = re.match(r"2\.(\d+)\.", torch)
    wanted = f"torchvision~=0.{int(version[1]) + 15}.0" if version else "torchvision"
    build = torch.partition("+")[2]
    index = f" --index-url {WHEELS}/{build}" if build else ""
    return f"pip install --force-reinstall --no-deps {wanted}{index}"
