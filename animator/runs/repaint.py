"""Fingerprints of frames: a hash of everything that a frame's image depends on.

Two films whose frames have equal fingerprints have equal images. A painted frame depends on its row of the
frame table, on the painted frame before it in its shot, on the camera's motion in between, and on the
settings that are not in the table: model, files, colour matching. Inputs that a frame does not use (a mask it
does not name, a LoRA at scale 0, the sound) are not in its fingerprint; neither are a file's location and the
device. Settings that this module does not know count for every painted frame.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from animator.frame import (
    Frame,
    frame_sections,
    frame_values,
    motion_values,
    named_sections,
    setting_fields,
)
from animator.models import nano
from animator.render import views
from animator.render.camera import needs_3d
from animator.render.loop import paint_groups, shots, starts_shot
from animator.scene.parse import is_file, parse_document
from animator.scene.resolve import to_yaml
from animator.scene.scene import Scene
from animator.scene.settings_images import EVERYWHERE
from animator.timeline.compile import scene_clock, timeline
from animator.timeline.mask_expressions import MaskExpression
from animator.timeline.mask_expressions import parse_mask_expression as combined

WHOLE_FILE_BYTES = (
    256 << 20
)  # bytes: files up to this size are hashed whole, larger ones by evenly spread pieces
PIECE_COUNT, PIECE_BYTES = 64, 1 << 20


# By section, settings that change no image or that only some frames use; None: the whole section. The settings in
# the frame table, which are those of the sections of a frame, need no entry.
_NOT_ALWAYS_USED: Mapping[str, set[str] | None] = {
    **dict.fromkeys(("vars", "events", "bpm", "audio", "loras", "cadence", "paint", "cuts", "output")),
    **dict.fromkeys(
        ("views", "views_strength", "views_lead", "masks", "start", "footage", "tween", "stages")
    ),
    "video": {"fps", "frames", "loop"},
    "model": {"device", "loras", "memory", "compile"},
    "prompts": {"at", "common", "negative", "travel", "style", "styles_file", "blend"},
    "motion": {"as", "per", "moves", "shake"},
    "painting": {"seed"},
    "grade": {"color_renew", "palette", "noise_type", "color", "color_by", "color_reference", "color_memory"},
}


def _field_names(section: type) -> set[str]:
    return {field.name for field in setting_fields(section)}


class FrameFingerprints:
    """Fingerprints of frames: `keys` by frame index, and `files`, the digest of every file they read, by path.

    `given`: fingerprints of frames taken over from another film, which are used in place of computed ones.
    """

    def __init__(self, scene: Scene, frames: Sequence[Frame], given: Mapping[int, str] | None = None) -> None:
        self.scene, self._given = scene, given or {}
        self.files: dict[str, str] = {}
        # Sections of a frame's table, and those of them, such as `control`, whose members each guide some frames.
        self._in_table = frame_sections(scene.settings.frame_type)
        self._guides = named_sections(scene.settings.frame_type)
        self._data: dict[str, Any] = parse_document(to_yaml(scene), "resolved.yaml").data
        # A single depth map belongs to the film's first frame, so all motion since then counts.
        before = timeline(scene)[: frames[0].index] if scene.depth_files else []
        rest = {name: self._section_inputs(name, value) for name, value in self._data.items()}
        self._always = [rest, needs_3d(scene, frames), [motion_values(frame.motion) for frame in before]]
        self.keys = {index: key for shot in shots(frames) for index, key in self._shot_keys(shot)}

    def _section_inputs(self, name: str, value: Any) -> Any:
        """Return the part of a section that every painted frame depends on."""
        known = _NOT_ALWAYS_USED.get(name, set())
        if known is None or name in self._guides:
            return None
        if not isinstance(value, dict):
            return self._with_digests(value)
        if name == "model" and value.get("base") == "nano":
            value = {**value, "base": str(nano.weights_folder())}
            self.files[value["base"]] = nano.DIGEST
        if name == "motion" and self.scene.constant_fov is None:
            known = known | {"fov"}  # it is in the table
        if name in self._in_table:
            known = known | _field_names(self._in_table[name])
        return self._with_digests({key: item for key, item in value.items() if key not in known})

    def _shot_keys(self, shot: Sequence[Frame]) -> Iterator[tuple[int, str]]:
        """Yield (frame index, fingerprint) of one shot; each depends on the frames before it."""
        if self.scene.settings.product is not None:
            for frame in shot:
                yield frame.index, self._given.get(frame.index, _hash_parts(self._product_film, frame.index))
            return
        again = views.loop_end_frame(self.scene, shot)
        link = "a shot begins"
        for *between, last in paint_groups([*shot, again] if again else shot):
            way = [[motion_values(frame.motion), asdict(frame.footage)] for frame in (*between, last)]
            link = _hash_parts(link, way, self._painted_inputs(last) if last.diffuse else None)
            if last.diffuse:
                link = self._given.get(last.index, link)
                if last is not again:
                    yield last.index, link
            for frame in between if last.diffuse else (last,):
                own = _hash_parts(
                    link, self._row_inputs(frame), self._data["tween"], self._named_inputs(frame)
                )
                yield frame.index, self._given.get(frame.index, own)

    @cached_property
    def _product_film(self) -> str:
        """Hash of a whole film of a 3D product: key paintings are chosen and painted by all of its frames."""
        rows = [[self._row_inputs(frame), self._named_inputs(frame)] for frame in timeline(self.scene)]
        return _hash_parts(self._always, rows)

    def _painted_inputs(self, frame: Frame) -> Any:
        """Return the inputs of a painted frame, besides the painted frame before it."""
        return [
            self._row_inputs(frame),
            self._named_inputs(frame),
            self._always,
            self._color_inputs(frame),
            self._view_inputs(frame),
        ]

    def _row_inputs(self, frame: Frame) -> Any:
        """Return the frame's row without settings that change no image: LoRAs at scale 0, and upscaling afterwards."""
        row, loras = frame_values(frame), {name: scale for name, scale in frame.loras.items() if scale}
        guides = {
            section: {name: row[section][name] for name in _active_guides(frame, section)}
            for section in self._guides
        }
        del row["upscale"]
        if frame.stages:
            row["stages"] = list(row["stages"].items())  # they run in this order
        if not self.scene.size.exceeds(self.scene.native_size):
            del row["painting"]["hires"]
        return {**row, "loras": loras, **guides}

    def _named_inputs(self, frame: Frame) -> Any:
        """Return files and settings that the row names: LoRAs, ControlNets, masks, footage, a shot's start image."""
        loras = {name: self._data["model"]["loras"][name] for name, scale in frame.loras.items() if scale}
        sections = [section for section in asdict(frame).values() if isinstance(section, dict)]
        texts = {text for section in sections if isinstance(text := section.get("mask"), str) and text}
        known = [*self.scene.settings.masks, EVERYWHERE]
        named = {name for text in texts for name in _mask_names(combined(text, known))}
        masks = {name: self._data["masks"].get(name) for name in sorted(named)}
        start = (
            self._data.get("start") if starts_shot(frame) and frame.index not in self._view_of_frame else None
        )
        footage = self._data["footage"] if self._uses_footage(frame) else None
        return self._with_digests([loras, masks, start, footage, self._guide_inputs(frame)])

    def _guide_inputs(self, frame: Frame) -> Any:
        """Return models and hint files of the ControlNets and IP-Adapters that guide the frame."""
        return {
            section: {
                name: {k: v for k, v in self._data[section][name].items() if k not in _field_names(curves)}
                for name in _active_guides(frame, section)
            }
            for section, curves in self._guides.items()
        }

    def _uses_footage(self, frame: Frame) -> bool:
        """True if the frame depends on the footage."""
        settings = self.scene.settings
        follows = settings.footage.motion != "none" or settings.grade.color_reference == "footage"
        return settings.footage.file is not None and bool(frame.footage.alpha or follows)

    def _color_inputs(self, frame: Frame) -> Any:
        """Return the settings of `grade`, besides its curves, that the painted frame depends on."""
        grade = self._data["grade"]
        matched = grade["color"] != "none" and frame.grade.color_amount
        names = ("color", "color_by", "color_reference", "color_memory")
        return [
            self._with_digests({name: grade[name] for name in names}) if matched else None,
            grade["palette"] if frame.grade.palette_amount else None,
            grade["noise_type"] if frame.grade.noise else None,
        ]

    def _view_inputs(self, frame: Frame) -> Any:
        """Return the view that the frame begins with or is guided towards, and the motion up to that view."""
        stands = self._view_of_frame.get(frame.index) if starts_shot(frame) else None
        if not frame.ahead.weight:
            return self._with_digests([stands])
        film = timeline(self.scene)
        way = [
            motion_values(film[at % len(film)].motion) for at in range(frame.index + 1, frame.ahead.frame + 1)
        ]  # a loop continues at its beginning
        return self._with_digests([stands, self._view_of_frame.get(frame.ahead.frame), way])

    @cached_property
    def _view_of_frame(self) -> dict[int, str]:
        """File of each view, by frame."""
        if not self.scene.settings.views:
            return {}
        times = scene_clock(self.scene)
        return {
            times.frame(time): str(self.scene.file(("views", time), name))
            for time, name in self.scene.settings.views.items()
        }

    def _with_digests(self, value: Any) -> Any:
        """Return `value` with every file's path replaced by a digest of its content."""
        if isinstance(value, dict):
            return {name: self._with_digests(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._with_digests(item) for item in value]
        if not isinstance(value, str) or not os.path.isabs(value):  # noqa: PTH117 (`value` may be any text)
            return value
        if value not in self.files:
            self.files[value] = content_digest(Path(value))
        return self.files[value]


def _active_guides(frame: Frame, section: str) -> list[str]:
    """Return the ControlNets or IP-Adapters whose scale in the frame is not 0; guides without a scale always count."""
    guides: Mapping[str, Any] = getattr(frame, section)
    return [name for name, guide in guides.items() if getattr(guide, "scale", 1)]


def _mask_names(words: MaskExpression) -> Iterator[str]:
    """Yield the names of the masks that an expression combines."""
    if isinstance(words, str):
        yield words
    else:
        for part in words.operands:
            yield from _mask_names(part)


def content_digest(path: Path) -> str:
    """Return a hash of a file, or of a folder's files and their names; large files are sampled; "gone" if missing."""
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file() and file.name[0] != ".")
        return _hash_parts([[file.relative_to(path).as_posix(), content_digest(file)] for file in inside])
    if not is_file(path):
        return "gone"
    size = path.stat().st_size
    with path.open("rb") as stream:
        if size <= WHOLE_FILE_BYTES:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:32]
        pieces = hashlib.sha256(str(size).encode())
        for number in range(PIECE_COUNT):
            stream.seek(number * (size - PIECE_BYTES) // (PIECE_COUNT - 1))
            pieces.update(stream.read(PIECE_BYTES))
        return pieces.hexdigest()[:32]


def _hash_parts(*parts: Any) -> str:
    written = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode("utf8", "surrogatepass")).hexdigest()[:32]
