"""Prediction type of a checkpoint (epsilon or v), from its config, marker tensors in its file, or the schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import EulerDiscreteScheduler

from animator.models import safetensors as headers

# Empty marker tensors in single files, written by trainers and read by ComfyUI.
SAYS_V, SAYS_ZERO_SNR = "v_pred", "ztsnr"


def set_prediction(pipe: Any, file: Path, wanted: str) -> None:
    """Set the prediction type in the scheduler of `pipe`; `file` is the checkpoint, searched for markers if a file.

    `wanted` is "auto" (by the markers, else the checkpoint's config), "epsilon" or "v_prediction". A zero-SNR
    marker also sets zero terminal SNR and trailing steps. Raises OSError or ValueError for a damaged file.
    """
    change: dict[str, Any] = {} if wanted == "auto" else {"prediction_type": wanted}
    if file.is_file():
        said = {SAYS_V, SAYS_ZERO_SNR} & {tensor.name for tensor in headers.tensors(file)}
        if SAYS_V in said and wanted == "auto":
            change["prediction_type"] = "v_prediction"
        if SAYS_ZERO_SNR in said:
            # The last level is pure noise, and only trailing timesteps start there (Lin et al. 2023).
            change |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    if change:
        pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, **change)
