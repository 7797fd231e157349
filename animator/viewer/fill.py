"""The pages' templates, and values that are safe to stand in them: what is written in films comes from strangers."""

from __future__ import annotations

import base64
import itertools
import json
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

_COUNTER = itertools.count(1)


def filled(name: str, **values: str) -> str:
    """The template `name` beside this file, with `values`, which must be HTML, in place of its `$names`."""
    text = files(__package__).joinpath("templates", name).read_text(encoding="utf8")
    return Template(text).substitute(values)


def whole(title: str, body: str) -> str:
    """`body` as a page of its own. It may show what it carries, and fetch nothing."""
    return filled("whole.html", title=escape(title), style=style(), body=body)


def fragment(body: str) -> str:
    """`body` as a part of somebody else's page: a notebook's output."""
    return f"<style>{style()}</style>\n{body}"


def style() -> str:
    return files(__package__).joinpath("templates", "style.css").read_text(encoding="utf8")


def name() -> str:
    """An id that nothing else on the page has, in this process."""
    return f"animator-{next(_COUNTER)}-{id(_COUNTER):x}"


def data(value: Any) -> str:
    """`value` as JSON that may stand inside a script: no text in it can end the script."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def link(kind: str, content: bytes) -> str:
    """`content` of the media type `kind` as an address that carries it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
