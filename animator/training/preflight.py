"""Checks before training (`--check`): a report in lines, the token's pieces, a sheet of the images to be learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from PIL import Image as Pillow
from transformers import CLIPTokenizer

from animator.diffusion.loading import device_for
from animator.diffusion.single_file import embedded_config
from animator.runs.cost import format_duration
from animator.training.photos import Photo, survey_photos, training_sheet
from animator.training.settings import TrainingSettings
from animator.training.train import base_model, training_dtype


def preflight(photos: Sequence[Photo], settings: TrainingSettings, file: Path) -> Iterator[str]:
    """Yield lines on the photos, their problems, and the memory and time needed; write the sheet to `file`."""
    found = survey_photos(photos, settings)
    yield from found.lines
    with TemporaryDirectory(prefix="animator-") as room:
        config = _model_config(settings, Path(room))
        if config is None or not (config / "tokenizer").is_dir():
            yield f"{settings.model.base} is not downloaded yet: token, memory and time are not checked"
        else:
            tokenizer = CLIPTokenizer.from_pretrained(config / "tokenizer")
            yield from (f"note: {line}" for line in token_advice(settings.token, settings.kind, tokenizer))
            yield _needs_line(config, settings)
    yield from (f"note: {note}" for note in found.notes)
    file.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(training_sheet(found.views)).save(file)
    yield f"images to be learnt: {file}"


def _model_config(settings: TrainingSettings, temporary: Path) -> Path | None:
    """Return the folder with the base model's configurations, or None if it is not on this machine."""
    model: Any = settings.model
    path = Path(base_model(settings))
    if model.config is not None:
        return Path(model.config)
    if path.is_dir():
        return path
    if path.is_file():
        return embedded_config(path, temporary / "config")
    try:
        return Path(snapshot_download(model.base, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None


def _needs_line(config: Path, settings: TrainingSettings) -> str:
    from animator.training.estimate import estimate_needs

    device = device_for(settings.model.device)
    found = estimate_needs(config / "unet", settings, device, training_dtype(settings, device))
    seconds = found.seconds * settings.learning.steps
    return (
        f"{settings.learning.steps} steps on {device.type}: {format_duration(seconds)} "
        f"and {found.memory / 1e9:.1f} GB;"
        f" {found.trainable:,} trainable parameters"
    )


COMMON_SHARE = 0.75  # share of the vocabulary, which is ordered by frequency, that counts as common words

MAX_PIECES = 3  # pieces of a word; more learn slowly


def token_advice(token: str, kind: str | None, tokenizer: Any) -> Iterator[str]:
    """Yield advice against `token` (which may end in the class `kind`) for a CLIP tokenizer; none if it is good."""
    known = set((kind or "").lower().split())
    rare = [word for word in token.lower().split() if word not in known]
    if not rare:
        yield f"token {token!r} is the class alone; put a rare word before it, such as oue {token}"
    for word in rare:
        pieces = tokenizer.tokenize(word)
        if (
            len(pieces) == 1
            and tokenizer.convert_tokens_to_ids(pieces[0]) < COMMON_SHARE * tokenizer.vocab_size
        ):
            yield f"token: {word!r} is a word the model knows and would unlearn; use a rare one, such as oue"
        elif len(pieces) > MAX_PIECES:
            spelt = " ".join(piece.removesuffix("</w>") for piece in pieces)
            yield f"token: {word!r} is split into {len(pieces)} pieces ({spelt}); a shorter word is learnt faster"
