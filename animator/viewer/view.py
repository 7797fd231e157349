"""Something to look at, in a notebook or as a page of its own."""

from __future__ import annotations

from pathlib import Path

from animator.errors import RunError
from animator.runs.atomic import write_whole
from animator.viewer.fill import fragment, whole


class View:
    """HTML that a notebook shows, and that `save` makes a page of."""

    def __init__(self, body: str, title: str = "animator") -> None:
        self.body, self.title = body, title

    def _repr_html_(self) -> str:
        return fragment(self.body)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title}: {len(self.body) // 1000} kB>"

    def save(self, file: str | Path) -> Path:
        """Write it as a page that needs nothing beside it; return its path. Raises RunError."""
        target = Path(file)
        try:
            write_whole(target, whole(self.title, self.body).encode("utf8"))
        except OSError as error:
            raise RunError(f"{target} cannot be written: {error.strerror}") from error
        return target
