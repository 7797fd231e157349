"""ControlNets: which of them a frame is painted with, and diffusers' pipelines for it, on the same weights."""

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

from animator.diffusion.inpaint import inpaints
from animator.errors import ModelError
from animator.frame import Control, Frame, Image
from animator.models import safetensors as headers

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Net:
    """A ControlNet to load: a hub id, a diffusers folder or a .safetensors file, and its hint's kind for Unions."""

    model: str
    mode: int | None = None


class Controls:
    """The ControlNets of one pipeline, by name. Several of the same model share its weights."""

    def __init__(self, pipe: Any, nets: Mapping[str, Net]) -> None:
        """Load `nets` for `pipe`, where its networks are now. Raises ModelError for one that does not fit it."""
        if nets and inpaints(pipe):
            raise ModelError("control: no ControlNet guides a checkpoint for inpainting; take either away")
        self.pipe = pipe
        models = {net.model: _load(net.model, pipe.unet) for net in nets.values()}
        self.models = {name: models[net.model] for name, net in nets.items()}
        self.modes = {name: net.mode for name, net in nets.items()}
        self.networks = list(models.values())
        self._pipes: dict[tuple[str, ...], Any] = {}
        kinds = {isinstance(model, ControlNetUnionModel) for model in models.values()}
        if len(kinds) > 1:
            raise ModelError(
                "control: a Union model and others cannot guide one film; take either kind alone"
            )
        self.union = kinds == {True}
        for name, mode in self.modes.items() if self.union else ():
            _check_mode(name, mode, self.models[name].config.num_control_type)

    def added(
        self, pipe: Any, scheduler: Any, arguments: Arguments, frame: Frame, hints: Mapping[str, Image]
    ) -> tuple[Any, Any, Arguments]:
        """`pipe`, its scheduler and arguments, or those that paint by `hints` (name → picture, as large as painted).

        A hint of no scale changes nothing at all, so that it costs nothing either.
        """
        active = {name: frame.control[name] for name in hints if shows(frame.control[name])}
        if not active:
            return pipe, scheduler, arguments
        fresh = "image" not in arguments
        # diffusers' pipelines for ControlNets do not know it; a note says so.
        arguments = {name: item for name, item in arguments.items() if name != "guidance_rescale"}
        pictures = [hints[name][None].astype(np.float32, order="C") / np.float32(255.0) for name in active]
        place = "image" if fresh and not self.union else "control_image"
        guidance = self._guidance(active, pictures)
        if not fresh:
            scheduler, arguments = _given(scheduler, arguments)
        return (
            self._pipe(tuple(active), fresh),
            scheduler,
            {**arguments, place: guidance.pop("picture"), **guidance},
        )

    def _guidance(self, active: Mapping[str, Control], pictures: Sequence[Any]) -> Arguments:
        """How much, and over which part of the steps, each of the `active` ControlNets guides."""
        columns = {
            "picture": list(pictures),
            "controlnet_conditioning_scale": [control.scale for control in active.values()],
            "control_guidance_start": [control.start for control in active.values()],
            "control_guidance_end": [control.end for control in active.values()],
        }
        if self.union:
            return {**columns, "control_mode": [self.modes[name] for name in active]}
        return columns if len(active) > 1 else {name: column[0] for name, column in columns.items()}

    def _pipe(self, names: tuple[str, ...], fresh: bool) -> Any:
        key = (*names, str(fresh))
        if key not in self._pipes:
            union, over = "Union" if self.union else "", "" if fresh else "Img2Img"
            kind = getattr(diffusers, f"StableDiffusionXLControlNet{union}{over}Pipeline")
            made = kind(**self.pipe.components, controlnet=self._together(names), add_watermarker=False)
            made.set_progress_bar_config(disable=True)
            self._pipes[key] = made
        return self._pipes[key]

    def _together(self, names: Sequence[str]) -> Any:
        """The models of `names` as the one that diffusers' pipelines ask."""
        models = [self.models[name] for name in names]
        if self.union:  # one takes any number of hints
            same = all(model is models[0] for model in models)
            return models[0] if same else MultiControlNetUnionModel(models)
        return models[0] if len(models) == 1 else MultiControlNetModel(models)


def shows(control: Control) -> bool:
    """Whether it does anything in a painting."""
    return control.scale > 0 and control.start < control.end


class _Given:
    """A scheduler that runs the levels it was given: these img2img pipelines take none as an argument."""

    def __init__(self, scheduler: Any, levels: Mapping[str, Any]) -> None:
        self.scheduler, self.levels = scheduler, levels

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scheduler, name)

    def set_timesteps(self, steps: int, device: Any = None) -> None:  # noqa: ARG002 (a scheduler's shape)
        self.scheduler.set_timesteps(device=device, **self.levels)


def _given(scheduler: Any, arguments: Arguments) -> tuple[Any, Arguments]:
    """The same painting without lists of levels among the arguments."""
    levels = {name: arguments[name] for name in ("timesteps", "sigmas") if arguments.get(name) is not None}
    if not levels:
        return scheduler, arguments
    left = {name: value for name, value in arguments.items() if name not in levels}
    return _Given(scheduler, levels), {**left, "num_inference_steps": len(next(iter(levels.values())))}


def _load(model: str, unet: Any) -> Any:
    """The ControlNet of that name, for `unet`: its config is looked at before its weights. Raises ModelError."""
    path = Path(model)
    options = {"dtype": unet.dtype, "use_safetensors": True}
    try:
        if path.is_file():
            _check(model, {"cross_attention_dim": headers.text_width(path)}, unet)
            return _from_file(path, unet).to(unet.device).eval()
        found = headers.config(path) if path.is_dir() else ControlNetModel.load_config(model)
        _check(model, found, unet)
        kind = ControlNetUnionModel if "num_control_type" in found else ControlNetModel
        return kind.from_pretrained(model, **options).to(unet.device).eval()
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged or foreign model makes diffusers and the hub raise
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"control: {model} cannot be loaded as a ControlNet: {reason}") from error


def _check(model: str, found: Mapping[str, Any], unet: Any) -> None:
    """Refuse a ControlNet of another size. Raises ModelError."""
    why = headers.misfit(found.get("cross_attention_dim"), unet.config.cross_attention_dim)
    if (
        why is None
        and "block_out_channels" in found
        and headers.size_of(found) != headers.size_of(unet.config)
    ):
        why = "made for a UNet of another size; take one for this checkpoint"
    if why is not None:
        raise ModelError(f"control: {model} is {why}")


def _from_file(file: Path, unet: Any) -> Any:
    """A single file holds weights alone: the config is the one its UNet gives."""
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        ControlNetModel.from_unet(unet, load_weights_from_unet=False).save_config(room)
        return ControlNetModel.from_single_file(
            str(file), config=room, local_files_only=True, dtype=unet.dtype
        )


def _check_mode(name: str, mode: int | None, most: int) -> None:
    if mode is None:
        raise ModelError(
            f"control.{name}: a Union model must know what a picture shows; add e.g. 'shows: canny'"
        )
    if mode >= most:
        raise ModelError(f"control.{name}: this Union model knows {most} kinds of hints, and not this one")
