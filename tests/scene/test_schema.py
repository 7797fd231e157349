"""The JSON Schema for editors."""

from pathlib import Path

import jsonschema
import pytest

from animator.scene.parse import parse_document, read_document
from animator.scene.schema import json_schema

ROOT = Path(__file__).parents[2]
FILES = [*(ROOT / "schedules").glob("*.yaml"), *(ROOT / "presets").glob("*.yaml")]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_schedule_and_preset_is_valid_by_the_schema(file):
    VALIDATOR.validate(read_document(file).data)


@pytest.mark.parametrize(
    "text",
    [
        "motion: {zom: 1}", "motion: {zoom: true}", "motion: {zoom: {0: {val: 1}}}", "prompts: {at: {0: 3}}",
        "video: {frames: many}", "painting: {seed: {behavior: wild}}", "grade: {color: cmyk}", "nonsense: 1",
    ],
)  # fmt: skip
def test_the_schema_refuses_files_that_the_loader_refuses(text):
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(parse_document(text, "f").data)


@pytest.mark.parametrize(
    "text",
    [
        "painting: {seed: 7}", "painting: {seed: {start: 7}}", "motion: {zoom: {0: 1, 2s: {value: t, ease: step}}}",
        "motion: {as: position, angle: 3*t}", "prompts: {at: {0: a}, travel: 0.5s}", "extends: concept-reveal",
        "video: {size: 16:9, duration: 6s}", "events: {reveal: 2s}\nbpm: 120",
    ],
)  # fmt: skip
def test_the_schema_allows_files_that_the_loader_reads(text):
    VALIDATOR.validate(parse_document(text, "f").data)


def test_every_setting_has_a_description():
    def missing(part, path=""):
        for name, inner in part.get("properties", {}).items():
            if "description" not in inner and "$ref" not in inner and "default" not in inner:
                yield f"{path}{name}"

    found = [name for part in (json_schema(), *json_schema()["$defs"].values()) for name in missing(part)]
    assert not found
