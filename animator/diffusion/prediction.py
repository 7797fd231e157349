"""What a checkpoint was trained to predict: noise, or v; said by its config, its own tensors or the schedule file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import EulerDiscreteScheduler

from animator.models import safetensors as headers

# By these names single files say it, though they hold nothing: trainers and ComfyUI agree on them.
SAYS_V, SAYS_ZERO_SNR = "v_pred", "ztsnr"


def set_prediction(pipe: Any, file: Path, wanted: str) -> None:
    """Give the scheduler of `pipe`, which was read from `file` if that is one, what the checkpoint predicts.

    `wanted` is "auto", "epsilon" or "v_prediction". Raises OSError, ValueError for a damaged file.
    """
    change: dict[str, Any] = {} if wanted == "auto" else {"prediction_type": wanted}
    if file.is_file():
        said = {SAYS_V, SAYS_ZERO_SNR} & {tensor.name for tensor in headers.tensors(file)}
        if SAYS_V in said and wanted == "auto":
            change["prediction_type"] = "v_prediction"
        if SAYS_ZERO_SNR in said:
            # Its last level is nothing but noise, which only trailing steps begin with (Lin and others 2023).
            change |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    if change:
        pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, **change)
