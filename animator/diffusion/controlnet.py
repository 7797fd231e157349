"""ControlNets: loading, and diffusers' ControlNet pipelines on the weights of the base pipeline."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
from diffusers import ControlNetModel, ControlNetUnionModel, MultiControlNetModel
from diffusers.models.controlnets.multicontrolnet_union import MultiControlNetUnionModel

from animator.diffusion.inpaint import is_inpainting_checkpoint
from animator.errors import ModelError, one_line
from animator.frame import Control, Frame, Image
from animator.models import safetensors

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ControlNetSpec:
    """A ControlNet to load."""

    model: str  # hub id, diffusers folder or .safetensors file
    mode: int | None = None  # number of the hint's kind, for Union models only


class ControlNetSet:
    """ControlNets of one pipeline by name. Those of the same model share its weights."""

    def __init__(self, pipe: Any, nets: Mapping[str, ControlNetSpec]) -> None:
        """Load `nets` (name → ControlNet) on the device of the UNet of `pipe`. Raises ModelError for a misfit."""
        if nets and is_inpainting_checkpoint(pipe):
            raise ModelError(
                "control: ControlNets cannot be used with an inpainting checkpoint; remove one of them"
            )
        self.pipe = pipe
        models = {net.model: _load_controlnet(net.model, pipe.unet) for net in nets.values()}
        self.models = {name: models[net.model] for name, net in nets.items()}
        self.modes = {name: net.mode for name, net in nets.items()}
        self.networks = list(models.values())
        self._pipes: dict[tuple[str, ...], Any] = {}
        kinds = {isinstance(model, ControlNetUnionModel) for model in models.values()}
        if len(kinds) > 1:
            raise ModelError(
                "control: a Union ControlNet cannot be combined with other kinds in one film;"
                " use one kind only"
            )
        self.union = kinds == {True}
        for name, mode in self.modes.items() if self.union else ():
            _require_union_mode(name, mode, self.models[name].config.num_control_type)

    def apply(
        self, pipe: Any, scheduler: Any, arguments: Arguments, frame: Frame, hints: Mapping[str, Image]
    ) -> tuple[Any, Any, Arguments]:
        """Return the pipeline, scheduler and arguments that paint `frame` guided by `hints`.

        `hints`: name → image of the painted size. Everything is returned unchanged if no ControlNet is
        active, so that scale 0 changes no pixel and costs no time.
        """
        active = {name: frame.control[name] for name in hints if is_active(frame.control[name])}
        if not active:
            return pipe, scheduler, arguments
        fresh = "image" not in arguments
        # diffusers' ControlNet pipelines lack this argument; the schedule's advice mentions it.
        arguments = {name: item for name, item in arguments.items() if name != "guidance_rescale"}
        images = [hints[name][None].astype(np.float32, order="C") / np.float32(255.0) for name in active]
        place = "image" if fresh and not self.union else "control_image"
        guidance = self._guidance_arguments(active, images)
        if not fresh:
            scheduler, arguments = _move_levels_to_scheduler(scheduler, arguments)
        return (
            self._pipeline_for(tuple(active), fresh),
            scheduler,
            {**arguments, place: guidance.pop("picture"), **guidance},
        )

    def _guidance_arguments(self, active: Mapping[str, Control], images: Sequence[Any]) -> Arguments:
        """Return the arguments for the active ControlNets: hints, scales, and start and end as parts of the steps."""
        columns = {
            "picture": list(images),
            "controlnet_conditioning_scale": [control.scale for control in active.values()],
            "control_guidance_start": [control.start for control in active.values()],
            "control_guidance_end": [control.end for control in active.values()],
        }
        if self.union:
            return {**columns, "control_mode": [self.modes[name] for name in active]}
        return columns if len(active) > 1 else {name: column[0] for name, column in columns.items()}

    def _pipeline_for(self, names: tuple[str, ...], fresh: bool) -> Any:
        key = (*names, str(fresh))
        if key not in self._pipes:
            union, over = "Union" if self.union else "", "" if fresh else "Img2Img"
            kind = getattr(diffusers, f"StableDiffusionXLControlNet{union}{over}Pipeline")
            made = kind(**self.pipe.components, controlnet=self._combined_model(names), add_watermarker=False)
            made.set_progress_bar_config(disable=True)
            self._pipes[key] = made
        return self._pipes[key]

    def _combined_model(self, names: Sequence[str]) -> Any:
        """Return the models of `names` as the single ControlNet that diffusers' pipelines expect."""
        models = [self.models[name] for name in names]
        if self.union:  # a single Union model accepts any number of hints
            same = all(model is models[0] for model in models)
            return models[0] if same else MultiControlNetUnionModel(models)
        return models[0] if len(models) == 1 else MultiControlNetModel(models)


def is_active(control: Control) -> bool:
    """Return True if a ControlNet with these settings affects a painting pass."""
    return control.scale > 0 and control.start < control.end


class _FixedLevelsScheduler:
    """Scheduler wrapper with fixed noise levels, because ControlNet img2img pipelines accept no list of levels."""

    def __init__(self, scheduler: Any, levels: Mapping[str, Any]) -> None:
        self.scheduler, self.levels = scheduler, levels

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scheduler, name)

    def set_timesteps(self, steps: int, device: Any = None) -> None:  # noqa: ARG002 (diffusers' signature)
        self.scheduler.set_timesteps(device=device, **self.levels)


def _move_levels_to_scheduler(scheduler: Any, arguments: Arguments) -> tuple[Any, Arguments]:
    """Move lists of noise levels from the arguments into the scheduler; return scheduler and arguments."""
    levels = {name: arguments[name] for name in ("timesteps", "sigmas") if arguments.get(name) is not None}
    if not levels:
        return scheduler, arguments
    left = {name: value for name, value in arguments.items() if name not in levels}
    return _FixedLevelsScheduler(scheduler, levels), {
        **left,
        "num_inference_steps": len(next(iter(levels.values()))),
    }


def _load_controlnet(model: str, unet: Any) -> Any:
    """Load the ControlNet `model` in the dtype and on the device of `unet`; its config is checked before its weights.

    Raises ModelError.
    """
    path = Path(model)
    options = {"dtype": unet.dtype, "use_safetensors": True}
    try:
        if path.is_file():
            _require_matching_unet(model, {"cross_attention_dim": safetensors.text_width(path)}, unet)
            return _controlnet_from_file(path, unet).to(unet.device).eval()
        found = safetensors.read_config(path) if path.is_dir() else ControlNetModel.load_config(model)
        _require_matching_unet(model, found, unet)
        kind = ControlNetUnionModel if "num_control_type" in found else ControlNetModel
        return kind.from_pretrained(model, **options).to(unet.device).eval()
    except ModelError:
        raise
    except Exception as error:  # diffusers and the hub raise many types for damaged or foreign models
        reason = one_line(error, 200)
        raise ModelError(f"control: {model} cannot be loaded as a ControlNet: {reason}") from error


def _require_matching_unet(model: str, found: Mapping[str, Any], unet: Any) -> None:
    """Raise ModelError if the config `found` is of a ControlNet for another kind or size of UNet."""
    why = safetensors.text_width_mismatch(found.get("cross_attention_dim"), unet.config.cross_attention_dim)
    if (
        why is None
        and "block_out_channels" in found
        and safetensors.controlnet_signature(found) != safetensors.controlnet_signature(unet.config)
    ):
        why = "made for a UNet of another size; use one made for this checkpoint"
    if why is not None:
        raise ModelError(f"control: {model} is {why}")


def _controlnet_from_file(file: Path, unet: Any) -> Any:
    """Load a ControlNet from a file of weights, with a config derived from `unet`."""
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        ControlNetModel.from_unet(unet, load_weights_from_unet=False).save_config(room)
        return ControlNetModel.from_single_file(
            str(file), config=room, local_files_only=True, dtype=unet.dtype
        )


def _require_union_mode(name: str, mode: int | None, most: int) -> None:
    if mode is None:
        raise ModelError(
            f"control.{name}: a Union ControlNet needs the kind of its hint image; add e.g. 'shows: canny'"
        )
    if mode >= most:
        raise ModelError(
            f"control.{name}: this Union ControlNet supports {most} kinds of hints, but not this one"
        )
