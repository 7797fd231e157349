"""Check a token with the model's tokenizer: known words and words in too many pieces learn badly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

COMMON = 0.75  # share of the vocabulary, which is ordered by frequency, that counts as common words
MANY = 3  # pieces of a word; more learn slowly


def remarks(token: str, kind: str | None, tokenizer: Any) -> Iterator[str]:
    """Yield advice against `token` (which may end in the class `kind`) for a CLIP tokenizer; none if it is good."""
    known = set((kind or "").lower().split())
    rare = [word for word in token.lower().split() if word not in known]
    if not rare:
        yield f"token {token!r} is the class alone; put a rare word before it, such as oue {token}"
    for word in rare:
        pieces = tokenizer.tokenize(word)
        if len(pieces) == 1 and tokenizer.convert_tokens_to_ids(pieces[0]) < COMMON * tokenizer.vocab_size:
            yield f"token: {word!r} is a word the model knows and would unlearn; use a rare one, such as oue"
        elif len(pieces) > MANY:
            spelt = " ".join(piece.removesuffix("</w>") for piece in pieces)
            yield f"token: {word!r} is split into {len(pieces)} pieces ({spelt}); a shorter word is learnt faster"
