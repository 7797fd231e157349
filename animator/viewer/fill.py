"""Page templates, and the escaping of values for them: the text in schedule files is untrusted."""

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
    """Return the template `name` with `values`, which must be HTML, in place of its `$names`."""
    text = files(__package__).joinpath("templates", name).read_text(encoding="utf8")
    return Template(text).substitute(values)


def whole(title: str, body: str) -> str:
    """Return `body` as a complete page, which may show what is embedded in it and fetch nothing."""
    return filled("whole.html", title=escape(title), style=style(), body=body)


def fragment(body: str) -> str:
    """Return `body` with its style sheet, as a part of another page such as a notebook."""
    return f"<style>{style()}</style>\n{body}"


def style() -> str:
    """Return the style sheet of all pages."""
    return files(__package__).joinpath("templates", "style.css").read_text(encoding="utf8")


def name() -> str:
    """Return an element id that is unique on the page, within this process."""
    return f"animator-{next(_COUNTER)}-{id(_COUNTER):x}"


def data(value: Any) -> str:
    """Return `value` as JSON that is safe inside a script element: no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def link(kind: str, content: bytes) -> str:
    """Return `content`, of the media type `kind`, as a data URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
