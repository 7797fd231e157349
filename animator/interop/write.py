"""Write settings as the text of a schedule file: short, in documented order, and read back unchanged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import BaseModel

from animator.scene.settings import Settings
from animator.scene.strict import Strict
from animator.scene.variables import escape

WIDTH = 110  # characters of a line
SHORT = 90  # longest mapping that is written on one line, such as {size: 512x512, fps: 15}


class _Dumper(yaml.SafeDumper):
    """YAML dumper whose strings our loader reads back as strings."""

    yaml_implicit_resolvers = Strict.yaml_implicit_resolvers


class _Short(dict[Any, Any]):
    """A mapping that is written on one line."""


_Dumper.add_representer(
    _Short,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True),
)


def schedule(data: dict[str, Any], says: Iterable[str] = ()) -> str:
    """Return `data` as YAML without default values, below the comment lines `says`."""
    ordered = _ordered(without_defaults(data, Settings()), Settings)
    text = yaml.dump(
        {name: _layout(escape(value)) for name, value in ordered.items()},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=WIDTH,
        default_flow_style=False,
    )
    plain = ("".join(char if char.isprintable() else "?" for char in line) for line in says)
    head = "".join(f"# {line}\n" for line in plain)
    return head + (text if ordered else "")


def without_defaults(data: dict[str, Any], section: BaseModel) -> dict[str, Any]:
    """Return `data` without the values that equal the defaults in `section`."""
    kept: dict[str, Any] = {}
    for name, value in data.items():
        default = getattr(section, name, None)
        if isinstance(default, BaseModel) and isinstance(value, dict):
            inner = without_defaults(value, default)
            if inner:
                kept[name] = inner
        elif value != default or isinstance(value, bool) != isinstance(default, bool):
            kept[name] = value
    seed = kept.get("seed")
    if isinstance(seed, dict) and set(seed) == {"start"}:
        kept["seed"] = seed["start"]
    return kept


def _ordered(data: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return `data` in the order in which the settings are documented."""
    rank = {name: at for at, name in enumerate(model.model_fields)}
    result = {}
    for name in sorted(data, key=lambda name: rank.get(name, len(rank))):
        value, field = data[name], model.model_fields.get(name)
        inner = type(field.get_default(call_default_factory=True, validated_data={})) if field else None
        nested = isinstance(value, dict) and inner is not None and issubclass(inner, BaseModel)
        result[name] = _ordered(value, inner) if nested and inner is not None else value
    return result


def _layout(value: Any) -> Any:
    """Put mappings of short plain values on one line each, everything else in blocks."""
    if not isinstance(value, dict):
        return value
    inner = {key: _layout(item) for key, item in value.items()}
    plain = all(isinstance(item, int | float | _Short) or _word(item) for item in inner.values())
    length = sum(len(f"{key}: {item}, ") for key, item in inner.items())
    return _Short(inner) if plain and length <= SHORT else inner


def _word(text: Any) -> bool:
    """Return True for short text that YAML writes without quotes inside braces."""
    return isinstance(text, str) and len(text) <= 60 and not set(text) & set(",:{}[]#&*!|>'\"%@`\n")
