"""Fixture that writes a file, imports it and loads the resulting schedule file."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from animator import Frame, Scene, loads, timeline
from animator.interop.convert import convert
from animator.scene.parse import parse_document
from tests import lora_files


class Imported(NamedTuple):
    text: str
    notes: list[str]
    scene: Scene
    frames: list[Frame]

    @property
    def data(self) -> dict[str, Any]:
        """The schedule file as plain data; keys are text."""
        return parse_document(self.text, "film.yaml").data

    def noted(self, key: str) -> str:
        """Return the note on a key, or an empty string."""
        return next((note for note in self.notes if f": {key}: " in note), "")


@pytest.fixture
def imported(tmp_path):
    """Return a function that imports text, bytes, or data written as JSON. The folder holds the LoRA the tests name."""
    lora_files.write(tmp_path / "oue_scooter.safetensors", lora_files.anyones())

    def run(content: Any, name: str = "settings.txt") -> Imported:
        file = tmp_path / name
        if isinstance(content, dict | list):
            content = json.dumps(content, indent=4)
        file.write_bytes(content.encode("utf8") if isinstance(content, str) else content)
        text, notes = convert(file, tmp_path)
        scene = loads(text, tmp_path)
        return Imported(
            text, [str(note).replace(f"{tmp_path}/", "") for note in notes], scene, timeline(scene)
        )

    return run
