"""Description of the device that paints, for reports."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch

from animator.diffusion.loading import device_for


def describe(wanted: str) -> str:
    """Return a description of the device `wanted` (a value of model.device): "NVIDIA H200, torch 2.11".

    Raises ModelError for a device that is not available.
    """
    device = device_for(wanted)
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        cores = torch.get_num_threads()
        name = f"{_processor()}, {cores} core{'' if cores == 1 else 's'}"
    return f"{name}, torch {torch.__version__}"


def _processor() -> str:
    """Return the processor's name; on Linux only /proc/cpuinfo has it."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf8"))
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()
