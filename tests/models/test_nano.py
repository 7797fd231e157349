"""The bundled weights are those that runs name in their journals; the words of their card may change."""

from __future__ import annotations

from animator.models import nano
from animator.runs.repaint import _hash_parts, content_digest

CARD_OF_THE_FIRST_RELEASE = "ef7d24ecbfcb203599703a3f6d913c8f"


def test_the_digest_of_nano_is_that_of_its_weights_with_the_first_card_and_configs(tmp_path):
    folder = nano.weights_folder()
    digests = {
        file.relative_to(folder).as_posix(): content_digest(file)
        for file in folder.rglob("*")
        if file.is_file()
    }
    digests["MODEL_CARD.md"] = CARD_OF_THE_FIRST_RELEASE
    for name in ("text_encoder/config.json", "text_encoder_2/config.json"):
        # The first release named the dtype of the file, half; the film's painter always names its own.
        first = (folder / name).read_text(encoding="utf8").replace('"dtype": "float32"', '"dtype": "float16"')
        (tmp_path / "config.json").write_text(first, encoding="utf8")
        digests[name] = content_digest(tmp_path / "config.json")
    by_path = [[file.relative_to(folder).as_posix()] for file in sorted(folder.rglob("*")) if file.is_file()]
    assert _hash_parts([[name, digests[name]] for [name] in by_path]) == nano.DIGEST
