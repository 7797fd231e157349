"""The token, as the model's tokenizer reads it: a word it knows already, or one in too many pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

COMMON = (
    0.75  # share of a vocabulary, most frequent first as byte pairs are learnt, that counts as common words
)
MANY = 3  # pieces of a word


def remarks(token: str, kind: str | None, tokenizer: Any) -> Iterator[str]:
    """What speaks against `token` (which may end in the class) with this CLIP tokenizer; nothing where it is good."""
    known = set((kind or "").lower().split())
    rare = [word for word in token.lower().split() if word not in known]
    if not rare:
        yield f"token {token!r} is the class alone; put a rare word before it, such as oue {token}"
    for word in rare:
        pieces = tokenizer.tokenize(word)
        if len(pieces) == 1 and tokenizer.convert_tokens_to_ids(pieces[0]) < COMMON * tokenizer.vocab_size:
            yield f"token: {word!r} is a word the model knows, and would unlearn; take a rare one, such as oue"
        elif len(pieces) > MANY:
            spelt = " ".join(piece.removesuffix("</w>") for piece in pieces)
            yield f"token: {word!r} is read in {len(pieces)} pieces ({spelt}); a shorter word is learnt faster"
