"""HTML output for a notebook, which can be saved as a page."""

from __future__ import annotations

from pathlib import Path

from animator.errors import RunError
from animator.runs.atomic import write_whole
from animator.viewer.fill import fragment, whole


class View:
    """HTML that a notebook displays and that `save` writes as a page."""

    def __init__(self, body: str, title: str = "animator") -> None:
        self.body, self.title = body, title

    def _repr_html_(self) -> str:
        return fragment(self.body)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title}: {len(self.body) // 1000} kB>"

    def save(self, file: str | Path) -> Path:
        """Write a self-contained page; return its path. Raises RunError."""
        target = Path(file)
        try:
            write_whole(target, whole(self.title, self.body).encode("utf8"))
        except OSError as error:
            raise RunError(f"{target} cannot be written: {error.strerror}") from error
        return target
