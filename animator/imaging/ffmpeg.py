"""Locate ffmpeg and list the encoders it was built with."""

from __future__ import annotations

import subprocess
from functools import lru_cache

from animator.errors import ProgramError


def program() -> str:
    """Return ffmpeg's path: IMAGEIO_FFMPEG_EXE, or the binary bundled with imageio-ffmpeg. Raises ProgramError."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ProgramError(
            f"ffmpeg not found: {error}; run: pip install --force-reinstall imageio-ffmpeg"
        ) from error


def encoders() -> frozenset[str]:
    """Return the names of ffmpeg's encoders, or an empty set if it does not list them. Raises ProgramError."""
    return _encoders(program())


@lru_cache(maxsize=4)
def _encoders(ffmpeg: str) -> frozenset[str]:
    command = [ffmpeg, "-hide_banner", "-loglevel", "error", "-encoders"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    # A line is "V....D libx264  libx264 H.264 …", after a legend that ends with a line of dashes.
    lines = said.partition("------")[2].splitlines()
    return frozenset(words[1] for words in map(str.split, lines) if len(words) > 1)
