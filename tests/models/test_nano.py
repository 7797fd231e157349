"""The bundled weights are those that runs name in their journals; the words of their card may change."""

from __future__ import annotations

from animator.models import nano
from animator.runs.repaint import _hash_parts, content_digest

CARD_OF_THE_FIRST_RELEASE = "ef7d24ecbfcb203599703a3f6d913c8f"


def test_the_digest_of_nano_is_that_of_its_weights_with_the_first_card():
    folder = nano.weights_folder()
    digests = {
        file.relative_to(folder).as_posix(): content_digest(file)
        for file in folder.rglob("*")
        if file.is_file()
    }
    digests["MODEL_CARD.md"] = CARD_OF_THE_FIRST_RELEASE
    by_path = [[file.relative_to(folder).as_posix()] for file in sorted(folder.rglob("*")) if file.is_file()]
    assert _hash_parts([[name, digests[name]] for [name] in by_path]) == nano.DIGEST
