"""Texts about frames: the recipe in a frame's PNG (A1111's "parameters" and our own JSON), and tables of frames."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from animator.frame import Frame, frame_values
from animator.models import samplers
from animator.render.loop import starts_shot
from animator.scene.scene import Scene

SOFTWARE = "animator 0.1"

RECIPE_KEY = "animator"  # PNG keyword of our JSON; A1111's keyword is "parameters"

FILM_KEY = "animator-film"  # PNG keyword of the film's resolved.yaml


def a1111_parameters(frame: Frame, width: int, height: int, model: str) -> str:
    """Return A1111's "parameters" text: prompt, negative prompt, then one line of `Name: value` pairs."""
    painting = frame.painting
    pairs: dict[str, Any] = {
        "Steps": painting.steps,
        "Sampler": painting.sampler,
        **({} if painting.schedule == samplers.AUTOMATIC else {"Schedule type": painting.schedule}),
        "CFG scale": f"{painting.guidance_scale:g}",
        "Seed": frame.seed,
        **_variation_seed(frame),
        "Size": f"{width}x{height}",
        "Model": json.dumps(model)
        if set(model) & set(',:"')
        else model,  # A1111 quotes a value that contains a separator
        "Denoising strength": f"{painting.strength:g}",
        "Version": SOFTWARE,
    }
    last = ", ".join(f"{name}: {value}" for name, value in pairs.items())
    negative = [f"Negative prompt: {frame.prompt.negative}"] if frame.prompt.negative else []
    return "\n".join([frame.prompt.text, *negative, last])


def _variation_seed(frame: Frame) -> dict[str, Any]:
    if not frame.subseed_strength:
        return {}
    return {"Variation seed": frame.subseed, "Variation seed strength": f"{frame.subseed_strength:g}"}


def frame_row(frame: Frame, fresh: bool) -> dict[str, Any]:
    """Return the settings of `frame` as nested plain data, with the steps and the strength that really run.

    `fresh`: the frame is painted from noise alone, so all its steps run.
    """
    by_model = frame.diffuse and frame.product is None  # frames of a 3D product are drawn from key paintings
    painted = by_model and (fresh or frame.painting.strength > 0)
    steps = (frame.painting.steps if fresh else samplers.effective_steps(frame.painting)) if painted else 0
    level = (1.0 if fresh else frame.painting.strength) if painted else 0.0
    return {**frame_values(frame), "steps_run": steps, "strength_run": level}


def flatten(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested data into columns: {"motion": {"zoom": 1}} becomes {"motion.zoom": 1}."""
    columns: dict[str, Any] = {}
    for name, value in data.items():
        columns |= (
            flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
        )
    return columns


def frame_table_json(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the frame table as a JSON array with one object per line."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    yield "["
    yield ",\n".join(lines)
    yield "]"


def color_summary(drift: Mapping[int, float], palette: Mapping[int, float]) -> Iterator[str]:
    """Yield lines on the distance of a run's colours (ΔE by frame) to their reference and to their palette."""
    for name, facts in (("to the reference", drift), ("to the palette", palette)):
        if len(facts) > 1:
            worst = max(facts, key=lambda frame: facts[frame])
            mean = sum(facts.values()) / len(facts)
            yield f"colours: ΔE {name} {mean:.1f} on average, {facts[worst]:.1f} at most (frame {worst})"


def format_table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the frame table as text: constant columns once, then a line per frame with the others."""
    table = [flatten(row) for row in rows]
    names = list(table[0])
    steady = [name for name in names if name != "index" and all(row[name] == table[0][name] for row in table)]
    yield from (f"{name}: {_format_cell(table[0][name])}" for name in steady)
    yield ""
    moving = [name for name in names if name not in steady]
    moving.sort(key=lambda name: isinstance(table[0][name], str))  # texts last: they are long
    cells = [moving]
    for before, row in zip([{}, *table], table, strict=False):
        # A text is printed where it begins; repeated on every line it would hide the numbers.
        again = {name for name in moving if isinstance(row[name], str) and before.get(name) == row[name]}
        cells.append(["" if name in again else _format_cell(row[name]) for name in moving])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _format_cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


COMPRESS_ABOVE = 1_000  # characters; a longer text is stored compressed

PNG_LEVEL = 1  # zlib compression level: level 6 takes four times as long and saves a tenth


def frame_table_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the frame table as CSV: one line per frame, nested sections as `section.name` columns."""
    flattened = [flatten(dict(row)) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flattened[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flattened)
    return text.getvalue()


def encode_png(image: NDArray[np.uint8], texts: Mapping[str, str]) -> bytes:
    """Encode an RGB or RGBA uint8 image as a PNG with `texts` by keyword. Equal input gives equal bytes."""
    info = PngInfo()
    for key, text in texts.items():
        long = len(text) > COMPRESS_ABOVE
        info.add_text(key, text, zip=long) if text.isascii() else info.add_itxt(key, text, zip=long)
    data = io.BytesIO()
    Pillow.fromarray(image).save(data, "PNG", pnginfo=info, compress_level=PNG_LEVEL)
    return data.getvalue()


def frame_table(scene: Scene, frames: Sequence[Frame]) -> list[dict[str, Any]]:
    """Return the frame table: the settings of each frame as nested data, and the steps that really run."""
    given = scene.settings.start.image is not None
    # A shot that begins with a view (weight 1) is painted over that view, so it does not start from noise.
    return [
        frame_row(
            frame, not given and starts_shot(frame) and frame.ahead.weight < 1 and not frame.footage.alpha
        )
        for frame in frames
    ]
