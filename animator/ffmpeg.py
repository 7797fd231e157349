"""Where ffmpeg is."""

from __future__ import annotations

from animator.errors import ProgramError


def program() -> str:
    """The ffmpeg that imageio-ffmpeg brings along (or IMAGEIO_FFMPEG_EXE names). Raises ProgramError."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ProgramError(f"no ffmpeg: {error}; pip install --force-reinstall imageio-ffmpeg") from error
